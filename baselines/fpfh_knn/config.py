"""Options of fpfh_knn."""

from pydantic import Field

from pc3dad.config import Config


class FpfhKnnConfig(Config):
    """Sizes are counted in points, so that they need no unit and follow the resolution of the scan."""

    max_points: int = Field(default=4000, ge=100, le=100_000)
    """Larger clouds are described on so many points; the others take the score of the nearest one."""
    normal_neighbours: int = Field(default=30, ge=3, le=256)
    """Nearest points, itself included, from which a point gets its normal."""
    neighbours: int = Field(default=100, ge=4, le=512)
    """Nearest points, itself included, that the descriptor of a point describes."""
    max_candidates: int = Field(default=50_000, ge=1000, le=200_000)
    """Descriptors, equally many of each training sample, among which the coreset is chosen."""
    coreset: float = Field(default=0.1, gt=0, le=0.5)
    """Share of these candidates that the memory bank keeps."""
    share: float = Field(default=0.01, gt=0, le=1)
    """Share of the highest point scores whose mean is the object score."""
