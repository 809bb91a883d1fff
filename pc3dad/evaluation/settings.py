"""How predictions are evaluated: kept in a run folder, and changed without predicting again."""

from pydantic import Field, field_validator

from pc3dad.config import Config
from pc3dad.evaluation.population import Policies, Protocol
from pc3dad.metrics.base import METRICS

DEFAULT_METRICS = tuple(METRICS)


class Bootstrap(Config):
    """Intervals by drawing objects (docs/metrics.md)."""

    replicates: int = Field(default=1000, ge=0, le=10_000)
    """Replicates of point metrics; object metrics take twice as many; 0 means no intervals."""
    seed: int = Field(default=0, ge=0)
    """Seed of the draws; runs that are compared need the same."""


NO_BOOTSTRAP = Bootstrap(replicates=0)


class Settings(Config):
    """Metrics, populations and policies of an evaluation."""

    metrics: tuple[str, ...] = Field(default=DEFAULT_METRICS, min_length=1)
    """Keys of the metrics."""
    protocols: tuple[Protocol, ...] = Field(default=("valid",), min_length=1)
    """Populations of points, each a table of its own; only `valid` is a headline."""
    bootstrap: Bootstrap = Bootstrap()
    """Intervals."""
    policies: Policies = Policies()
    """What to do with input that is refused otherwise."""

    @field_validator("metrics", "protocols")
    @classmethod
    def _refuse_copies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if repeated := sorted({name for name in value if value.count(name) > 1}):
            raise ValueError(f"{', '.join(repeated)} occurs twice")
        return value
