"""pc3dad: compare zero-shot 3D anomaly detectors on point clouds, point by point and number by number."""

from pc3dad.types import PointCloud, Prediction, Sample, Split, Truth

__version__ = "0.1.0"

__all__ = ["PointCloud", "Prediction", "Sample", "Split", "Truth", "__version__"]
