"""From the valid points of a scan to the few that the encoder reads."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from pc3dad import seeding
from pc3dad.errors import DataError
from pc3dad.geometry import neighbors, sampling
from pc3dad.types import Float32Array, Float64Array, Sample

Normalise = Literal["unit-ball", "none"]
Start = Literal["per-file", "global-rng", "index0"]

RELEASED_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Normalised:
    """A cloud of N points as the encoder expects it.

    Attributes:
        xyz: (N, 3) float32, (points - centre) / scale.
        centre: (3,) float64, unit of the points.
        scale: largest distance to the centre; 1 for a cloud in a single position.
    """

    xyz: Float32Array
    centre: Float64Array
    scale: float


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """n points of a cloud of N.

    Attributes:
        xyz: (n, 3) float32, normalised, in the order in which they were chosen.
        indices: (n,) which of the valid points they are, each at most once.
    """

    xyz: Float32Array
    indices: NDArray[np.intp]


def normalise(points: NDArray[np.floating]) -> Normalised:
    """Moves the mean of points (N, 3) to 0 and scales the farthest to 1. Any unit will do.

    Raises:
        DataError: there is no point, the shape is another, or a coordinate is not finite.
    """
    xyz = neighbors.checked_xyz(points)
    if len(xyz) == 0:
        raise DataError("a cloud without points has no centre", hint="leave it out or mend the file")
    centre = xyz.mean(axis=0)
    xyz -= centre
    radius = float(np.sqrt((xyz**2).sum(axis=1).max()))
    scale = radius if radius > 0 else 1.0
    return Normalised((xyz / scale).astype(np.float32), centre, scale)


def choose(
    sample: Sample, *, n: int, normalised: Normalise = "unit-ball", start: Start = "per-file"
) -> Subset:
    """Chooses at most `n` valid points of a sample, far from each other; all in some order if it has fewer.

    Args:
        sample: any.
        n: number of points.
        normalised: none: coordinates are those of the file, which then must be about 1 in size.
        start: where the choice begins, see `first`.

    Raises:
        DataError: no point is valid.
    """
    points = sample.cloud.valid_xyz
    if len(points) == 0:
        raise DataError(f"sample {sample.id!r} has no valid point", hint="leave it out or mend the file")
    xyz = normalise(points).xyz if normalised == "unit-ball" else points
    indices = sampling.farthest_points(xyz, min(n, len(xyz)), start=first(len(xyz), start))
    return Subset(xyz[indices], indices)


def first(n: int, start: Start) -> int:
    """Index of the point with which the choice begins, whatever the seed of the run.

    Args:
        n: number of points of the cloud.
        start: per-file: drawn by `n` alone, so that a cloud that is moved or in another unit keeps it;
            index0: the first; global-rng: drawn as the released code does for the first file of a folder.
            There it depends on all files before, which no score may.
    """
    if start == "index0":
        return 0
    if start == "per-file":
        return int(seeding.generator(RELEASED_SEED, "btp start", str(n)).integers(n))
    return int(torch.randint(n, (1,), generator=torch.Generator().manual_seed(RELEASED_SEED)))
