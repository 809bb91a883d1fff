"""pc3dad: compare zero-shot 3D anomaly detectors on point clouds, point by point and number by number."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pc3dad.evaluation.bench import run_bench
    from pc3dad.io.clouds import read_cloud
    from pc3dad.io.ply import write_ply
    from pc3dad.runs.table import ResultTable
    from pc3dad.types import PointCloud, Prediction, Sample, Truth

__version__ = "0.1.0"

__all__ = [
    "PointCloud",
    "Prediction",
    "ResultTable",
    "Sample",
    "Truth",
    "__version__",
    "read_cloud",
    "run_bench",
    "write_ply",
]

_HOMES = {
    "PointCloud": "types",
    "Prediction": "types",
    "ResultTable": "runs.table",
    "Sample": "types",
    "Truth": "types",
    "read_cloud": "io.clouds",
    "run_bench": "evaluation.bench",
    "write_ply": "io.ply",
}


def __getattr__(name: str) -> Any:
    """Imports a public name on first use, so that `import pc3dad` and `--help` cost nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pc3dad' has no attribute {name!r}")
    return getattr(import_module(f"pc3dad.{_HOMES[name]}"), name)
