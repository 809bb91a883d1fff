"""Options of random."""

from pc3dad.config import Config


class RandomConfig(Config):
    """There is nothing to choose; the seed is that of the run."""
