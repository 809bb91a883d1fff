"""Options of curvature."""

from pydantic import Field

from pc3dad.config import Config


class CurvatureConfig(Config):
    """Sizes are counted in points, so that they need no unit and follow the resolution of the scan."""

    k: int = Field(default=16, ge=4, le=256)
    """Nearest points, itself included, whose surface variation a point gets."""
    context: int = Field(default=64, ge=4, le=512)
    """Nearest points, itself included, with whose surface variation a point is compared."""
    share: float = Field(default=0.01, gt=0, le=1)
    """Share of the highest point scores whose mean is the object score."""
    max_points: int = Field(default=10_000, ge=100, le=500_000)
    """Larger clouds are scored on so many of their points; the others take the score of the nearest one."""
