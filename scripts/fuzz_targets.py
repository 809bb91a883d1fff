"""What is fuzzed: every kind of file that pc3dad reads, its contract, and where such a file lies.

The contract: a reader returns a valid result, or raises `DataError` with one printable sentence that names
the file and says what to do. It never allocates what only a header claims.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import fuzz_inputs
import numpy as np

from pc3dad.data.base import SampleRef
from pc3dad.data.labels import read_labels
from pc3dad.errors import DataError
from pc3dad.io.clouds import read_scan
from pc3dad.io.images import read_levels, read_mask, read_rgb
from pc3dad.io.scan import Scan
from pc3dad.io.truths import read_truth
from pc3dad.types import PointCloud, Split, Truth

LONGEST = 1000  # characters of an error
CLOUD = PointCloud(fuzz_inputs.POINTS, grid=fuzz_inputs.GRID)


class BreachError(Exception):
    """A reader broke the contract."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file.

    Attributes:
        path: where the file lies, below a folder of its own.
        read: reads it; `require_valid` checks what it returns.
        beside: files that must lie there too, by path.
    """

    path: str
    read: Callable[[Path], Any]
    beside: Mapping[str, bytes] = field(default_factory=dict)


def make_place(kind: Kind, folder: Path) -> Path:
    """Writes what must lie beside the file; returns where the file goes."""
    for name, content in kind.beside.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    path = folder / kind.path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def read_or_refuse(kind: Kind, path: Path) -> Any | DataError:
    """What the reader returns, or the error with which it refuses the file.

    Raises:
        BreachError: the result is not valid, or the error is no printable sentence that names the file.
        Exception: whatever else the reader raised, which breaks the contract too.
    """
    try:
        result = kind.read(path)
    except DataError as error:
        sentence = str(error)
        clear = sentence.isprintable() and len(sentence) < LONGEST and error.hint
        if str(path.parent) not in sentence or not clear:
            raise BreachError(f"no clear sentence that names the file: {sentence[:300]!r}") from error
        if _ran_out_of_memory(error):
            raise BreachError("so small a file used up the memory") from error
        return error
    require_valid(result)
    return result


def require_valid(result: Any) -> None:
    """Raises `BreachError` if what a reader returned contradicts itself."""
    match result:
        case Scan():
            require_valid(result.cloud)
            if result.faces is not None:
                _require(result.faces.dtype == np.int32 and result.faces.shape[1:] == (3,), "type of faces")
                _require(0 <= result.faces.min() <= result.faces.max() < len(result.cloud), "corners")
        case PointCloud():
            _require(bool(result.valid.any() and np.isfinite(result.valid_xyz).all()), "valid points")
            _require(bool(np.isfinite(result.origin).all()), "origin")
            if result.rgb is not None:
                _require(bool(((result.rgb >= 0) & (result.rgb <= 1)).all()), "colours")
            if result.normals is not None:
                length = np.linalg.norm(result.normals, axis=1)
                _require(bool(((length == 0) | (abs(length - 1) < 1e-5)).all()), "length of normals")
        case np.ndarray():
            _require(result.dtype.kind in "biuf" and bool(np.isfinite(result).all()), "numbers")
        case Truth():
            _require(result.points is None or result.points.dtype == np.bool_, "labels")
        case None:
            raise BreachError("nothing returned")


def _require(good: bool, what: str) -> None:
    if not good:
        raise BreachError(f"wrong result: {what}")


def _ran_out_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


# Some readers are private to a data set, or need its folders, so they are called through it.
SAMPLE = SampleRef("Lollipop", Split.TEST, "test_public_00")
SAMPLE_FILE = "Lollipop/test_public/data/00_"


def _eyecandies(path: Path, method: str, *arguments: Any) -> Any:
    from pc3dad.data.eyecandies import Eyecandies, EyecandiesConfig

    return getattr(Eyecandies(path.parents[3], EyecandiesConfig()), method)(SAMPLE, *arguments)


def _class_ids(path: Path, method: str = "_colour_levels") -> Any:
    from pc3dad.data.mvtec3d_ad import Mvtec3dAd, Mvtec3dAdConfig

    return getattr(Mvtec3dAd(path.parents[1], Mvtec3dAdConfig()), method)("bagel")


def _meta(path: Path) -> Any:
    from pc3dad.data.prerendered_index import read_meta

    return read_meta(path)


def _indices(path: Path) -> Any:
    from pc3dad.data.views import read_indices

    return read_indices(path.parent)


def _btp(path: Path) -> Any:
    from pc3dad.data.btp_npz import BtpNpz, BtpNpzConfig

    loader = BtpNpz(path.parents[2], BtpNpzConfig())
    (ref,) = loader.refs("cup", Split.TEST)
    require_valid(loader.truth(ref))
    return loader.load(ref).cloud


def _prediction(path: Path) -> Any:
    from pc3dad.runs.store import read_prediction

    stored = read_prediction(path.parents[1], "a")
    scores = None if stored.prediction is None else stored.prediction.point_scores
    _require(scores is None or scores.shape == stored.valid.shape, "as many scores as points")
    _require(
        stored.grid is None or stored.grid[0] * stored.grid[1] == len(stored.valid), "a grid of all points"
    )
    return stored


def _labels(path: Path) -> Any:
    return read_labels(path, CLOUD)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        **{name: Kind(f"a.{name}", read_scan) for name in ("pcd", "ply", "stl", "obj", "xyz", "pts")},
        **{name: Kind(f"a.{name}", read_scan) for name in ("npz", "npy", "tiff")},
        **{f"labels.{name}": Kind(f"a.{name}", _labels) for name in ("txt", "npz", "npy")},
        "btp.npz": Kind("cup/test/cup_bulge_0.npz", _btp),
        "mask.png": Kind("a.png", read_mask),
        "levels.png": Kind("a.png", read_levels),
        "depth.png": Kind("a.png", read_scan, {"camera.json": fuzz_inputs.CAMERA}),
        "rgb.png": Kind("a.png", read_rgb),
        "metadata.yaml": Kind(
            f"{SAMPLE_FILE}metadata.yaml", lambda path: _eyecandies(path, "_read_yaml", "metadata.yaml")
        ),
        "limits.yaml": Kind(
            f"{SAMPLE_FILE}info_depth.yaml",
            lambda path: _eyecandies(path, "_depth"),
            {f"{SAMPLE_FILE}depth.png": fuzz_inputs.LARGE_DEPTH},
        ),
        "pose.txt": Kind(f"{SAMPLE_FILE}pose.txt", lambda path: _eyecandies(path, "_pose")),
        "class_ids.json": Kind("bagel/class_ids.json", _class_ids, {"bagel/test/a.txt": b""}),
        "camera.json": Kind(
            "camera.json",
            lambda path: read_scan(path.with_name("a.png")),
            {"a.png": fuzz_inputs.SMALL_DEPTH},
        ),
        "meta.json": Kind("all_meta.json", _meta),
        "indices.npy": Kind("nonzero_indices.npy", _indices),
        "prediction.npz": Kind("predictions/a.npz", _prediction),
        "truth.npz": Kind("a.npz", read_truth),
    }
)
