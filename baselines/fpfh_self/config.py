"""Options of fpfh_self."""

from pydantic import Field

from pc3dad.config import Config


class FpfhSelfConfig(Config):
    """Sizes are counted in points, so that they need no unit and follow the resolution of the scan."""

    max_points: int = Field(default=4000, ge=100, le=100_000)
    """Larger clouds are scored on so many of their points; the others take the score of the nearest one."""
    normal_neighbours: int = Field(default=30, ge=3, le=256)
    """Nearest points, itself included, from which a point gets its normal."""
    neighbours: int = Field(default=100, ge=4, le=512)
    """Nearest points, itself included, that the descriptor of a point describes."""
    references: int = Field(default=1000, ge=10, le=2000)
    """Descriptors, from all over the part, with which every descriptor is compared."""
    common: float = Field(default=0.02, gt=0, le=0.2)
    """Share of the part that has to look alike for a shape to be common."""
    share: float = Field(default=0.01, gt=0, le=1)
    """Share of the highest point scores whose mean is the object score."""
