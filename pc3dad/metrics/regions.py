"""Regions: the connected defects that AU-PRO weighs alike. They depend on the data set, never on a method.

Ids count from 0, in the order of the smallest index that a region contains; -1 is outside. Images connect
pixels, clouds connect points by a reach that follows the local spacing of the scan (docs/metrics.md#regions).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.spatial import cKDTree

from pc3dad.errors import MetricError
from pc3dad.types import BoolArray, Float64Array, Int32Array, PointCloud

IndexArray = NDArray[np.intp]

REVISION = 1
"""Raised whenever a region changes: it is part of every digest."""

OUTSIDE = -1
EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=np.bool_)
FARTHEST = float(np.finfo(np.float32).max)  # of a coordinate: its fourth power is still a float64
MARGIN = 0.05  # of the cloud's extent, around the anomalous points: holds their neighbours in common scans
SLACK = 1 + 1e-9  # the k-d tree proposes pairs, rounded in its own way; squares of distances decide
PAIRS = 1 << 20  # searched at a time, about 60 MB
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd and without pattern: spreads bits over all 64


@dataclass(frozen=True, slots=True)
class RegionParameters:
    """How points of a cloud are joined; results record it.

    Attributes:
        k: the local spacing of a point is the distance to its k-th nearest other point.
        alpha: two points are joined up to this multiple of the larger spacing of both.
        clamp: a spacing counts at most as this multiple of the median spacing of the anomalous points.

    Raises:
        MetricError: one of them is not positive.
    """

    k: int = 6
    alpha: float = 1.5
    clamp: float = 3.0

    def __post_init__(self) -> None:
        if not (self.k >= 1 and 0 < self.alpha < np.inf and 0 < self.clamp < np.inf):
            raise MetricError(f"{self} cannot define regions", hint="use positive numbers")


STANDARD = RegionParameters()
"""Those of every published result."""


def find_regions(
    cloud: PointCloud, mask: BoolArray, *, parameters: RegionParameters = STANDARD, workers: int = 1
) -> Int32Array:
    """Regions of one sample: of its image if the cloud is organised, else of its points.

    Args:
        cloud: the whole scan. Points of a cloud that are not valid belong to no region; missing pixels of an
            image do, and who evaluates leaves them out: a region that they cut in two stays one.
        mask: (N,) bool, anomalous points.
        parameters: of clouds without an image.
        workers: threads.

    Returns:
        (N,) int32, -1 outside.

    Raises:
        MetricError: a length does not fit.
    """
    anomalous = _flags(mask, len(cloud), "anomalous")
    if cloud.grid is None:
        return cloud_regions(cloud.xyz, anomalous, valid=cloud.valid, parameters=parameters, workers=workers)
    return mask_regions(anomalous.reshape(cloud.grid)).ravel()


def mask_regions(mask: BoolArray) -> Int32Array:
    """Connected components of an image; pixels that touch at a corner are connected.

    Args:
        mask: (H, W) bool.

    Returns:
        (H, W) int32, -1 outside.

    Raises:
        MetricError: the mask is no image of booleans.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise MetricError(f"a mask of shape {mask.shape} and type {mask.dtype}", hint="pass (H, W) booleans")
    members = np.flatnonzero(mask)
    if not len(members):
        return np.full(mask.shape, OUTSIDE, dtype=np.int32)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]  # defects are small: ten times faster
    labels, _ = ndimage.label(box, EIGHT_NEIGHBOURS)
    return _numbered(mask.size, members, labels[box]).reshape(mask.shape)


def cloud_regions(
    points: NDArray[np.floating],
    anomalous: BoolArray,
    *,
    valid: BoolArray | None = None,
    parameters: RegionParameters = STANDARD,
    workers: int = 1,
) -> Int32Array:
    """Connected components of the anomalous points of a cloud.

    With h the distance of an anomalous point to its 6th nearest other valid point, at most 3 times the median
    h, two anomalous points are joined iff their distance is at most 1.5 times the larger h. Squares of
    float64 distances are compared, so that ties of coordinates on a grid are exact. A cloud of fewer than 7
    valid points has one region. Points of equal position are always in the same region.

    Args:
        points: (N, 3) float32 or float64, any unit.
        anomalous: (N,) bool.
        valid: (N,) bool, None for all. Points with a coordinate that is not finite never are.
        parameters: other values than 6, 3 and 1.5.
        workers: threads.

    Returns:
        (N,) int32, -1 for points that are normal or not valid.

    Raises:
        MetricError: a shape does not fit, or a coordinate is beyond the range of float32.
    """
    base, members, among_valid = _population(points, anomalous, valid)
    if len(base) <= parameters.k or not len(members):
        return _numbered(len(points), members, np.zeros(len(members), dtype=np.intp))
    places, place = _places(base[among_valid])
    spacing = _spacing(base, places, k=parameters.k, workers=workers)
    reach = _reach(spacing, spacing[place], parameters)
    return _numbered(len(points), members, _components(places, reach, workers=workers)[place])


def cloud_regions_brute_force(
    points: NDArray[np.floating],
    anomalous: BoolArray,
    *,
    valid: BoolArray | None = None,
    parameters: RegionParameters = STANDARD,
) -> Int32Array:
    """Plain twin of `cloud_regions` for tests: all distances, then one region after the other is flooded."""
    base, members, among_valid = _population(points, anomalous, valid)
    regions = np.full(len(points), OUTSIDE, dtype=np.int32)
    if len(base) <= parameters.k or not len(members):
        regions[members] = 0
        return regions
    squared = _squared_length(base[among_valid, None] - base[None])
    spacing = np.sort(squared, axis=1)[:, parameters.k]  # the nearest is the point itself
    reach = _reach(spacing, spacing, parameters)
    joined = squared[:, among_valid] <= np.maximum(reach[:, None], reach)
    count = 0
    for start in range(len(members)):
        if regions[members[start]] == OUTSIDE:
            front = [start]
            while front:
                point = front.pop()
                regions[members[point]] = count
                front += [
                    int(other)
                    for other in np.flatnonzero(joined[point])
                    if regions[members[other]] == OUTSIDE
                ]
            count += 1
    return regions


def stack_regions(parts: Sequence[NDArray[np.integer]]) -> NDArray[np.int64]:
    """Region ids of several samples as one array in which no two samples share a region.

    >>> stack_regions([np.array([0, -1, 1]), np.array([-1, 0])])
    array([ 0, -1,  1, -1,  2])

    Args:
        parts: one (n_i,) array of ids per sample, -1 outside.

    Returns:
        (sum of n_i,) int64.

    Raises:
        MetricError: a part is no list of integers from -1 on.
    """
    stacked: list[NDArray[np.int64]] = []
    count = 0
    for part in map(np.asarray, parts):
        if part.ndim != 1 or part.dtype.kind not in "iu" or (part < OUTSIDE).any():
            problem = f"sample {len(stacked)} has regions of shape {part.shape} and type {part.dtype}"
            raise MetricError(problem, hint="pass one integer per point, -1 outside regions")
        inside = part != OUTSIDE
        ids, index = np.unique(part[inside], return_inverse=True)
        stacked.append(np.full(len(part), OUTSIDE, dtype=np.int64))
        stacked[-1][inside] = count + index
        count += len(ids)
    return np.concatenate([np.empty(0, dtype=np.int64), *stacked])


def region_digest(cloud: PointCloud, mask: BoolArray, *, parameters: RegionParameters = STANDARD) -> str:
    """Hexadecimal sha256 of the valid positions, the labels and the parameters: what regions are made from.

    Args:
        cloud: the whole scan; only its valid points count, relative to its origin.
        mask: (N,) bool, anomalous points.
        parameters: of clouds without an image.

    Raises:
        MetricError: a length does not fit.
    """
    height, width = cloud.grid or (0, 0)
    joined = f"{parameters.k}/{parameters.alpha}/{parameters.clamp}"
    digest = hashlib.sha256(f"{REVISION}/{len(cloud)}/{height}x{width}/{joined}/".encode())
    for flags in (_flags(mask, len(cloud), "anomalous"), cloud.valid):
        digest.update(np.packbits(flags).tobytes())
    digest.update(cloud.valid_xyz.astype("<f4", copy=False).tobytes())
    return digest.hexdigest()


def _flags(flags: BoolArray, n: int, name: str) -> BoolArray:
    if flags.shape != (n,) or flags.dtype != np.bool_:
        problem = f"{name} has shape {flags.shape} and type {flags.dtype} for {n} points"
        raise MetricError(problem, hint="pass one boolean per point")
    return flags


def _population(
    points: NDArray[np.floating], anomalous: BoolArray, valid: BoolArray | None
) -> tuple[Float64Array, IndexArray, IndexArray]:
    """Valid positions (M, 3) float64; indices of anomalous ones among all points, and among the valid."""
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind != "f":
        raise MetricError(
            f"points of shape {points.shape} and type {points.dtype}", hint="pass (N, 3) floats"
        )
    _flags(anomalous, len(points), "anomalous")
    finite = np.isfinite(points)
    counted: BoolArray = finite[:, 0] & finite[:, 1] & finite[:, 2]  # all(axis=1) takes ten times longer
    if valid is not None:
        counted &= _flags(valid, len(points), "valid")
    base = points if counted.all() else points[counted]
    if len(base) and max(base.max(), -base.min()) > FARTHEST:
        raise MetricError("a coordinate is beyond the range of float32", hint="mark what no scan measured")
    positions = np.ascontiguousarray(base, dtype=np.float64)
    return positions, np.flatnonzero(anomalous & counted), np.flatnonzero(anomalous[counted])


def _places(points: Float64Array) -> tuple[Float64Array, IndexArray]:
    """Distinct positions (U, 3), and which one each point has: copies would make pairs without number.

    Places that lie close together follow each other, which makes large searches faster.
    """
    order, starts = _by_position(points)
    distinct = points[order[starts]]
    spatial = cKDTree(distinct, balanced_tree=False, compact_nodes=False).indices
    rank = np.empty(len(distinct), dtype=np.intp)
    rank[spatial] = np.arange(len(distinct))
    place = np.empty(len(points), dtype=np.intp)
    place[order] = rank[np.cumsum(starts) - 1]
    return distinct[spatial], place


def _by_position(points: Float64Array) -> tuple[IndexArray, BoolArray]:
    """An order that puts equal positions side by side, and where in this order another position begins.

    Two positions of one hash may alternate, and -0 has another hash than 0: some copies then count as
    positions of their own, which lie 0 apart and so in one region.
    """
    key = np.zeros(len(points), dtype=np.uint64)
    for column in points.T:
        key = (key ^ np.ascontiguousarray(column).view(np.uint64)) * MULTIPLIER
        key ^= key >> np.uint64(29)
    order = np.argsort(key)
    starts = np.ones(len(points), dtype=np.bool_)
    ordered = points[order]
    differs = ordered[1:] != ordered[:-1]
    starts[1:] = differs[:, 0] | differs[:, 1] | differs[:, 2]
    return order, starts


def _spacing(base: Float64Array, places: Float64Array, *, k: int, workers: int) -> Float64Array:
    """(U,) float64: square of the distance of each place to its k-th nearest other point of `base`."""
    margin = MARGIN * max(float(np.ptp(column)) for column in base.T)
    near = np.ones(len(base), dtype=np.bool_)
    for axis in range(3):
        column = base[:, axis]
        low, high = places[:, axis].min() - margin, places[:, axis].max() + margin
        near &= (column >= low) & (column <= high)
    inner = np.count_nonzero(near)
    if k < inner < len(base) // 2:
        spacing = _kth_nearest(base[near], places, k=k, workers=workers)
        if spacing.max() < (0.99 * margin) ** 2:  # what was cut off is farther than any neighbour
            return spacing
    return _kth_nearest(base, places, k=k, workers=workers)


def _kth_nearest(base: Float64Array, places: Float64Array, *, k: int, workers: int) -> Float64Array:
    order, starts = _by_position(base)
    rank = np.arange(len(order))
    copies = rank - np.maximum.accumulate(np.where(starts, rank, 0))
    kept = base[order[copies <= k]]  # more copies of one position would only fill a leaf of the tree
    tree = cKDTree(kept, balanced_tree=False)
    _, indices = tree.query(places, k=[k + 1], workers=workers)  # each finds itself first
    return _squared_length(kept[indices[:, 0]] - places)


def _squared_length(vectors: Float64Array) -> Float64Array:
    """Written out, so that every distance is rounded in the same way."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    squared: Float64Array = x * x + y * y + z * z
    return squared


def _reach(spacing: Float64Array, of_points: Float64Array, parameters: RegionParameters) -> Float64Array:
    """Squares of the reach, from squares of the spacing; `of_points` holds that of every anomalous point."""
    middle: Float64Array = np.sort(of_points)[[(len(of_points) - 1) // 2, len(of_points) // 2]]
    # ((a + b) / 2)^2 from a^2 and b^2, exact for a = b
    median = (middle[0] + middle[1] + 2 * np.sqrt(middle[0] * middle[1])) / 4
    reach: Float64Array = parameters.alpha**2 * np.minimum(spacing, parameters.clamp**2 * median)
    return reach


def _components(places: Float64Array, reach: Float64Array, *, workers: int) -> IndexArray:
    """(U,) component of each place, from 0; `reach` is squared. Memory is bounded: pairs come in blocks."""
    tree = cKDTree(places, balanced_tree=False)
    radius = np.sqrt(reach) * SLACK
    component = np.arange(len(places))
    for rows in _blocks(tree, radius, workers=workers):
        found = tree.query_ball_point(places[rows], radius[rows], workers=workers, return_sorted=False)
        left = np.repeat(rows, [len(indices) for indices in found])
        right = np.fromiter(chain.from_iterable(found), dtype=np.intp, count=len(left))
        joined = _squared_length(places[left] - places[right]) <= reach[left]
        edges = component[left[joined]], component[right[joined]]
        size = 1 + int(component.max())
        graph = sparse.coo_array((np.ones(len(edges[0]), dtype=np.int8), edges), shape=(size, size))
        component = sparse.csgraph.connected_components(graph, directed=False)[1][component]
    return component


def _blocks(tree: Any, radius: Float64Array, *, workers: int) -> Iterator[IndexArray]:
    """Runs of places with about `PAIRS` pairs each.

    An isolated place beside a dense cluster reaches all of it, so the number of places says nothing.
    """
    counts = tree.query_ball_point(tree.data, radius, workers=workers, return_length=True)
    cuts = 1 + np.flatnonzero(np.diff(np.cumsum(counts) // PAIRS))
    yield from np.split(np.arange(len(counts)), cuts)


def _numbered(n: int, members: IndexArray, components: NDArray[np.integer]) -> Int32Array:
    """(n,) int32: components (M,), any numbers from 0, renumbered by the smallest of their `members`."""
    regions = np.full(n, OUTSIDE, dtype=np.int32)
    if len(members):
        first = np.full(1 + int(components.max()), len(members))
        first[components[::-1]] = np.arange(len(members))[::-1]  # of equal ones the last is kept
        number = np.empty(len(first), dtype=np.int32)
        number[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
        regions[members] = number[components]
    return regions
