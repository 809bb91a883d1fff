"""Core types. N is the number of points of one file, missing ones included; arrays keep length and order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import DataError

BoolArray = NDArray[np.bool_]
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Int32Array = NDArray[np.int32]
UInt8Array = NDArray[np.uint8]

PROPAGATIONS = ("native", "nearest", "idw3", "bilinear", "nearest-pixel")
"""How scores may reach every point (`geometry.propagate`); "native" if each point has a score of its own."""


class Split(StrEnum):
    """Part of a data set. Auxiliary training uses the labelled `test` split of other categories."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    UNLABELLED = "unlabelled"


class Regime(StrEnum):
    """What a method may see before it scores the target category; it decides what `fit` receives."""

    AUXILIARY = "auxiliary"
    ONE_CLASS = "one-class"
    FEW_SHOT = "few-shot"
    TRAINING_FREE = "training-free"
    TRANSDUCTIVE = "transductive"

    @property
    def trains(self) -> bool:
        """Whether `fit` receives samples."""
        return self not in (Regime.TRAINING_FREE, Regime.TRANSDUCTIVE)

    @property
    def seen(self) -> str:
        """What was seen of the target category. One ranking table holds only methods with the same answer."""
        if self in (Regime.ONE_CLASS, Regime.FEW_SHOT):
            return "normal samples"
        return "whole test set" if self is Regime.TRANSDUCTIVE else "nothing"


@dataclass(frozen=True, slots=True, eq=False)
class PointCloud:
    """One scan, in the file's point order and unit.

    Attributes:
        xyz: (N, 3) float32, file unit, relative to `origin`. Missing points hold non-finite values or zeros.
        origin: (3,) float64, file unit. `xyz + origin` are the coordinates of the file.
        normals: (N, 3) float32, unit length, or None.
        rgb: (N, 3) float32 in [0, 1], or None.
        valid: (N,) bool, False where the sensor measured nothing or the data set says background. None on
            construction means: valid where all three coordinates are finite.
        grid: (H, W) with H * W == N when the cloud is an organised image in row-major order, or None.

    Raises:
        DataError: a shape does not fit.
    """

    xyz: Float32Array
    origin: Float64Array = field(default_factory=lambda: np.zeros(3))
    normals: Float32Array | None = None
    rgb: Float32Array | None = None
    valid: BoolArray = None  # type: ignore[assignment]  # filled in __post_init__, never None afterwards
    grid: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        xyz = _array(self.xyz, np.float32, "xyz", (-1, 3))
        n = len(xyz)
        object.__setattr__(self, "xyz", xyz)
        object.__setattr__(self, "origin", _array(self.origin, np.float64, "origin", (3,)))
        for name in ("normals", "rgb"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, _array(value, np.float32, name, (n, 3)))
        finite = _finite_rows(xyz)
        given = cast("BoolArray | None", self.valid)
        valid = finite if given is None else _array(given, np.bool_, "valid", (n,)) & finite
        object.__setattr__(self, "valid", valid)
        if self.grid is not None and self.grid[0] * self.grid[1] != n:
            raise DataError(f"grid {self.grid} does not match {n} points")

    def __len__(self) -> int:
        return len(self.xyz)

    @property
    def valid_xyz(self) -> Float32Array:
        """(M, 3) float32: the valid points only, in file order, relative to `origin`."""
        return np.take(self.xyz, np.flatnonzero(self.valid), axis=0)  # 4 times faster than by the mask


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What a method sees. It has no label, so a test label cannot leak.

    Attributes:
        id: unique within its data set and category. Methods must not read meaning into it (the contract
            tests it).
        category: kind of part.
        cloud: the scan.
        image: (H, W, 3) uint8 photograph aligned with an organised cloud, or None.
    """

    id: str
    category: str
    cloud: PointCloud
    image: UInt8Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What the evaluator sees. None means unknown, which is not the same as normal.

    Attributes:
        sample_id: id of the sample.
        anomalous: object label, from the metadata of the data set and never from points.
        points: (N,) bool, True on anomalous points.
        shape_points: (N,) bool, the part of `points` whose defect changes the shape (not only the colour or
            the shading); None means all of `points`.
        shape_anomalous: object label of the population `geometry`; None means the same as `anomalous`.
        regions: (N,) int32, region of each anomalous point, -1 outside: instances where the data set ships
            them, else found from `points` (`metrics.regions`); None if they were not looked for yet.
        defect: name of the defect kind; "good" for a normal sample.
        shape_regions: (N,) int32, regions of `shape_points`; None if there are none of their own.
    """

    sample_id: str
    anomalous: bool | None = None
    points: BoolArray | None = None
    shape_points: BoolArray | None = None
    shape_anomalous: bool | None = None
    regions: Int32Array | None = None
    defect: str | None = None
    shape_regions: Int32Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a method returns for one sample. Higher is more anomalous; no range is promised.

    Attributes:
        sample_id: id of the sample.
        object_score: finite float; None only in scores that were made elsewhere (`evaluation.external`).
        point_scores: (N,) float32, N of the whole cloud; values of points that are not valid are ignored.
            None if the method's card lists no point output.
        propagation: how scores reached every point, one of `PROPAGATIONS`.
        n_filled: number of points that had no score of their own and were filled.
        extras: further numbers or arrays worth keeping, never read by the evaluator.
    """

    sample_id: str
    object_score: float | None
    point_scores: Float32Array | None = None
    propagation: str = "native"
    n_filled: int = 0
    extras: Mapping[str, Any] = field(default_factory=dict)


def _finite_rows(xyz: Float32Array) -> BoolArray:
    """(N,) bool. Column by column: `all(axis=1)` over three columns takes longer than reading the file."""
    finite = np.isfinite(xyz)
    return np.ones(len(xyz), np.bool_) if finite.all() else finite[:, 0] & finite[:, 1] & finite[:, 2]


def _array(value: Any, dtype: type, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Converts to a contiguous array and checks its shape; -1 in `shape` stands for any length."""
    array: NDArray[Any] = np.ascontiguousarray(value, dtype=dtype)
    fits = array.ndim == len(shape) and all(
        want in (-1, got) for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        expected = "(" + ", ".join("N" if want == -1 else str(want) for want in shape) + ")"
        raise DataError(f"{name} has shape {array.shape}, expected {expected}")
    return array
