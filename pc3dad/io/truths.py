"""Labels of one sample in one small `.npz`: bits per point, no pickle, the same bytes for the same labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import DataError
from pc3dad.io import atomic, npz
from pc3dad.io.scan import shown
from pc3dad.types import BoolArray, Truth

AGAIN = "make them again with bench --redo or data prepare"
UNKNOWN = -1  # of an object label; arrays and names that are unknown are left out


def write_truth(path: Path, truth: Truth) -> None:
    """Writes labels; what is unknown stays unknown.

    Raises:
        DataError: the disk refuses.
    """
    arrays: dict[str, Any] = {
        "sample_id": npz.pack_text(truth.sample_id),
        "anomalous": np.int8(UNKNOWN if truth.anomalous is None else truth.anomalous),
        "shape_anomalous": np.int8(UNKNOWN if truth.shape_anomalous is None else truth.shape_anomalous),
    }
    for name in ("points", "shape_points"):
        if (bits := getattr(truth, name)) is not None:
            arrays |= {name: np.packbits(bits), f"n_{name}": np.int64(len(bits))}
    if truth.regions is not None:
        arrays["regions"] = truth.regions
    if truth.defect is not None:
        arrays["defect"] = npz.pack_text(truth.defect)
    atomic.write_npz(path, arrays, compressed=False)  # the same bytes with every build of zlib


def read_truth(path: Path) -> Truth:
    """Inverse of `write_truth`.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        file = npz.read_arrays(path)
        return Truth(
            npz.unpack_text(file["sample_id"]),
            anomalous=_flag(file["anomalous"]),
            points=_bits(file, "points"),
            shape_points=_bits(file, "shape_points"),
            shape_anomalous=_flag(file["shape_anomalous"]),
            regions=file.get("regions"),
            defect=npz.unpack_text(file["defect"]) if "defect" in file else None,
        )
    except DataError as error:
        raise DataError(f"cannot read labels, {error.message}", hint=AGAIN) from error
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"cannot read labels {path}: {shown(error)}", hint=AGAIN) from error


def _flag(value: NDArray[Any]) -> bool | None:
    return None if value == UNKNOWN else bool(value)


def _bits(file: Mapping[str, NDArray[Any]], name: str) -> BoolArray | None:
    if name not in file:
        return None
    return npz.unpack_bits(file[name], file[f"n_{name}"])
