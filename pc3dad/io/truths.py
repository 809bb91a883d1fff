"""Labels of one sample in one small `.npz`: bits per point, no pickle, the same bytes for the same labels.

Regions are kept for the points that they are of only.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import DataError
from pc3dad.io import atomic, npz
from pc3dad.io.scan import shown
from pc3dad.types import BoolArray, Int32Array, Truth

AGAIN = "make them again with bench --redo or data prepare"
EMPTY: Mapping[str, NDArray[Any]] = MappingProxyType({})
REGIONS = {"points": "regions", "shape_points": "shape_regions"}  # labels of points and their regions
UNKNOWN = -1  # of an object label; arrays and names that are unknown are left out


def write_truth(path: Path, truth: Truth, further: Mapping[str, NDArray[Any]] = EMPTY) -> None:
    """Writes labels; what is unknown stays unknown.

    Args:
        path: the file.
        truth: labels.
        further: arrays to keep beside them.

    Raises:
        DataError: the disk refuses, or regions are not of the points that they should be of.
    """
    arrays: dict[str, Any] = {
        "sample_id": npz.pack_text(truth.sample_id),
        "anomalous": np.int8(UNKNOWN if truth.anomalous is None else truth.anomalous),
        "shape_anomalous": np.int8(UNKNOWN if truth.shape_anomalous is None else truth.shape_anomalous),
    }
    for name, of_regions in REGIONS.items():
        bits, regions = getattr(truth, name), getattr(truth, of_regions)
        if bits is not None:
            arrays |= {name: np.packbits(bits), f"n_{name}": np.int64(len(bits))}
        if regions is not None:
            if bits is None or regions.shape != bits.shape or (regions[~bits] >= 0).any():
                raise DataError(f"{truth.sample_id}: {of_regions} are not those of its anomalous points")
            if not np.array_equal(ids := regions[bits].astype(np.int32), regions[bits]):
                raise DataError(f"{truth.sample_id}: {of_regions} are too large for 32 bits")
            arrays[f"ids_of_{of_regions}"] = ids
    arrays |= further
    if truth.defect is not None:
        arrays["defect"] = npz.pack_text(truth.defect)
    atomic.write_npz(path, arrays, compressed=False)  # the same bytes with every build of zlib


def read_truth(path: Path) -> Truth:
    """Inverse of `write_truth`.

    Raises:
        DataError: the file is missing or damaged.
    """
    return read_labels(path)[0]


def read_labels(path: Path) -> tuple[Truth, Mapping[str, NDArray[Any]]]:
    """Labels and all arrays of the file, those that were kept beside them included.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        file = npz.read_arrays(path)
        points, shape_points = _bits(file, "points"), _bits(file, "shape_points", like="points")
        truth = Truth(
            npz.unpack_text(file["sample_id"]),
            anomalous=_flag(file["anomalous"]),
            points=points,
            shape_points=shape_points,
            shape_anomalous=_flag(file["shape_anomalous"]),
            regions=_regions(file, "regions", points),
            shape_regions=_regions(file, "shape_regions", shape_points),
            defect=npz.unpack_text(file["defect"]) if "defect" in file else None,
        )
    except DataError as error:
        raise DataError(f"cannot read labels, {error.message}", hint=AGAIN) from error
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"cannot read labels {path}: {shown(error)}", hint=AGAIN) from error
    return truth, file


def _flag(value: NDArray[Any]) -> bool | None:
    if int(value) not in (UNKNOWN, 0, 1):
        raise ValueError(f"label {int(value)}")
    return None if value == UNKNOWN else bool(value)


def _bits(file: Mapping[str, NDArray[Any]], name: str, *, like: str = "") -> BoolArray | None:
    if name not in file:
        return None
    bits = npz.unpack_bits(file[name], file[f"n_{name}"])
    if f"n_{like}" in file and len(bits) != int(file[f"n_{like}"]):
        raise ValueError(f"{len(bits)} {name} for {int(file[f'n_{like}'])} {like}")
    return bits


def _regions(file: Mapping[str, NDArray[Any]], name: str, points: BoolArray | None) -> Int32Array | None:
    if f"ids_of_{name}" not in file:
        return None
    if points is None:
        raise ValueError(f"{name} without their points")
    ids = file[f"ids_of_{name}"]
    if ids.shape != (int(points.sum()),) or ids.dtype.kind != "i":
        raise ValueError(f"{name} as {ids.dtype} of shape {ids.shape}")
    regions = np.full(len(points), -1, dtype=np.int32)
    regions[points] = ids
    return regions
