"""Clouds as the published works keep them: 336 x 336 slots, whatever the number of points was.

Organised clouds are resized, nearest neighbour. Others are reduced by farthest points, or filled up with
points between neighbours (GS-CLIP specification 2.5). Native points are the default of all methods; slots
are for comparison with released code.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pc3dad.geometry import neighbors, sampling
from pc3dad.types import Float32Array, PointCloud, Sample

SIDE = 336
COUNT = SIDE * SIDE
BETWEEN = (0.2, 0.8)  # where new points lie between a point and its neighbour
NEIGHBOURS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """A sample in slots.

    Attributes:
        sample: the same with a cloud of slots.
        source: (M,) int64, for each slot the point of the given cloud whose label it takes.
        home: (N,) int64, for each point of the given cloud the slot whose score it takes; those of points
            that are not valid mean nothing.
    """

    sample: Sample
    source: NDArray[np.int64]
    home: NDArray[np.int64]

    def to_points(self, scores: Float32Array) -> Float32Array:
        """(N,) scores of the given cloud from those of slots (M,)."""
        return scores[self.home]


def to_slots(sample: Sample, rng: np.random.Generator, *, workers: int = 1) -> Slots:
    """Puts a sample into slots.

    Args:
        sample: with at least one valid point.
        rng: draws which new points are kept.
        workers: threads of neighbour searches.
    """
    cloud = sample.cloud
    source, home = _of_grid(cloud.grid) if cloud.grid is not None else (None, None)
    if source is not None and home is not None:
        taken = _take(cloud, source)
        return Slots(replace(sample, cloud=replace(taken, grid=(SIDE, SIDE))), source, home)
    return _of_points(sample, rng, workers)


def _of_grid(grid: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Point of each slot and slot of each point, by the centres of cells."""
    rows, columns = (_cells(SIDE, length) for length in grid)
    source = rows[:, None] * grid[1] + columns
    rows, columns = (_cells(length, SIDE) for length in grid)
    home = rows[:, None] * SIDE + columns
    return source.ravel(), home.ravel()


def _cells(count: int, others: int) -> NDArray[np.int64]:
    """(count,) which of `others` cells the centre of each of `count` cells lies in, along one side."""
    return np.floor((np.arange(count) + 0.5) * others / count).astype(np.int64)


def _of_points(sample: Sample, rng: np.random.Generator, workers: int) -> Slots:
    cloud = sample.cloud
    valid = np.flatnonzero(cloud.valid)
    xyz = cloud.xyz[valid]
    home = np.zeros(len(cloud), np.int64)
    if len(xyz) >= COUNT:
        chosen = np.sort(sampling.farthest_points(xyz, COUNT))
        _, nearest = neighbors.knn(xyz[chosen], xyz, k=1, workers=workers)
        home[valid] = nearest[:, 0]
        source = valid[chosen]
        return Slots(replace(sample, cloud=_take(cloud, source)), source, home)
    starts, ends, shares = _between(xyz, COUNT - len(xyz), rng, workers)
    new = xyz[starts] + shares[:, None] * (xyz[ends] - xyz[starts])
    nearer = valid[np.where(shares <= 0.5, starts, ends)]
    source = np.concatenate([valid, nearer])
    filled = replace(_take(cloud, source), xyz=np.concatenate([xyz, new]).astype(np.float32), normals=None)
    home[valid] = np.arange(len(valid))
    return Slots(replace(sample, cloud=filled), source, home)


def _between(
    xyz: Float32Array, count: int, rng: np.random.Generator, workers: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Float32Array]:
    """Start, end and share of the way of new points, `count` of them, between neighbours."""
    k = min(NEIGHBOURS + 1, len(xyz))
    _, near = neighbors.knn(xyz, xyz, k=k, workers=workers)
    ends = near[:, 1:] if k > 1 else near
    steps = max(1, count // ends.size + 1)
    shares = np.linspace(*BETWEEN, steps) if steps > 1 else np.array([0.5])
    drawn = rng.permutation(ends.size * steps)[:count]
    pair, step = np.divmod(drawn, steps)
    return pair // ends.shape[1], ends.ravel()[pair].astype(np.intp), shares[step].astype(np.float32)


def _take(cloud: PointCloud, rows: NDArray[np.integer]) -> PointCloud:
    """A cloud of some points of another, without its grid."""
    return PointCloud(
        cloud.xyz[rows],
        origin=cloud.origin,
        normals=None if cloud.normals is None else cloud.normals[rows],
        rgb=None if cloud.rgb is None else cloud.rgb[rows],
        valid=cloud.valid[rows],
    )
