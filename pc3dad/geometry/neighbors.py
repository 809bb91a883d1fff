"""Exact nearest neighbours on a k-d tree, in bounded memory and in a defined order."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import DataError
from pc3dad.types import Float32Array, Float64Array, Int32Array

CHUNK = 1 << 20  # neighbours at a time
TIES = 8  # a tie is followed through at most this many times k candidates
LARGEST = 1e150  # coordinates whose squares can still be added up
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd and without pattern: spreads bits over all 64


class Neighbourhoods(NamedTuple):
    """Neighbours of some points of a cloud; K is the largest number that any of them may have.

    Attributes:
        rows: (C,) the points.
        near: (C, K) int32, their neighbours by distance, equal ones by index; only the first `counts` hold.
        counts: (C,) int32, how many each has, at least 1: a point is a neighbour of itself.
    """

    rows: NDArray[np.intp]
    near: Int32Array
    counts: Int32Array


def knn(
    points: NDArray[np.floating], queries: NDArray[np.floating], *, k: int, workers: int = 1
) -> tuple[Float32Array, Int32Array]:
    """The `k` nearest points of every query; a query that is one of the points finds itself first.

    Neighbours are sorted by distance, equal ones by index. Distances are computed in float64. Where far more
    points than `k` are equally far (the centre of a sphere), which of them are returned is repeatable but
    otherwise arbitrary.

    Args:
        points: (M, D), any unit.
        queries: (Q, D), same unit.
        k: number of neighbours, 1 to M.
        workers: threads.

    Returns:
        distances (Q, k) float32 and indices (Q, k) int32 into `points`.

    Raises:
        DataError: a shape does not fit, a coordinate is not finite, or there are fewer than `k` points.
    """
    base = _coordinates(points, "points")
    wanted = base if queries is points else _coordinates(queries, "queries")
    if base.shape[1] != wanted.shape[1]:
        raise DataError(f"points have {base.shape[1]} coordinates, queries have {wanted.shape[1]}")
    if not 1 <= k <= len(base):
        raise DataError(f"cannot find {k} neighbours among {len(base)} points", hint="ask for fewer")
    distances = np.empty((len(wanted), k), dtype=np.float32)
    indices = np.empty((len(wanted), k), dtype=np.int32)
    for rows, far, found in _search(base, wanted, k=k, radius=np.inf, workers=workers):
        distances[rows], indices[rows] = far, found
    return distances, indices


def neighbourhoods(
    points: NDArray[np.floating],
    *,
    max_neighbours: int,
    radius: float = np.inf,
    chosen: NDArray[np.intp] | None = None,
    workers: int = 1,
) -> Iterator[Neighbourhoods]:
    """The nearest points of every point that are closer than `radius`, at most `max_neighbours` of them.

    Some thousand points at a time that lie close together, so that neighbours of a large cloud need never
    be held all at once. Order and ties: `knn`.

    Args:
        points: (N, 3), any unit.
        max_neighbours: the point itself included; a cloud may have fewer points.
        radius: unit of `points`.
        chosen: points whose neighbours are wanted, by default all.
        workers: threads.

    Yields:
        Neighbourhoods of all chosen points, each point once.

    Raises:
        DataError: a shape does not fit, a coordinate is not finite, there is no point, or `radius` or
            `max_neighbours` is not positive.
    """
    base = _coordinates(points, "points")
    if not (radius > 0 and max_neighbours > 0 and len(base)):
        raise DataError(
            f"cannot find {max_neighbours} neighbours within {radius} among {len(base)} points",
            hint="radius and number of neighbours must be positive, and the cloud must have a point",
        )
    wanted = np.arange(len(base)) if chosen is None else chosen
    k = min(max_neighbours, len(base))
    for rows, distances, found in _search(base, base[wanted], k=k, radius=radius, workers=workers):
        counts = np.isfinite(distances).sum(axis=1, dtype=np.int32)
        yield Neighbourhoods(wanted[rows], found.astype(np.int32), counts)


def knn_brute_force(
    points: NDArray[np.floating], queries: NDArray[np.floating], *, k: int
) -> tuple[Float32Array, Int32Array]:
    """Plain twin of `knn` for tests: all Q x M distances, sorted."""
    difference = queries[:, None].astype(np.float64) - points[None].astype(np.float64)
    distances = np.sqrt((difference**2).sum(axis=2))
    indices = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, indices, axis=1).astype(np.float32), indices.astype(np.int32)


def checked_xyz(points: NDArray[np.floating]) -> Float64Array:
    """(N, 3) float64 copy of the coordinates of a cloud.

    Raises:
        DataError: the shape is another, or a coordinate is not finite or too large.
    """
    if points.shape[1:] != (3,):
        raise DataError(f"points have shape {points.shape}, expected (number, 3)")
    return _coordinates(points, "points")


def _coordinates(array: NDArray[np.floating], name: str) -> Float64Array:
    """(M, D) float64, checked. Adding 0 turns -0 into 0, so that equal positions have equal bits."""
    if array.ndim != 2 or array.shape[1] == 0:
        raise DataError(f"{name} have shape {array.shape}, expected (number, coordinates)")
    if not np.isfinite(array).all():
        raise DataError(f"{name} hold a coordinate that is not finite", hint="pass valid points only")
    coordinates = np.ascontiguousarray(array, dtype=np.float64) + 0.0
    if np.abs(coordinates).max(initial=0) > LARGEST:
        raise DataError(
            f"{name} hold a coordinate of {np.abs(coordinates).max():.0e}", hint="use a larger unit"
        )
    return coordinates


def _without_surplus_copies(base: Float64Array, k: int) -> NDArray[np.intp]:
    """Sorted indices of all points but those that have `k` copies of lower index.

    Such a point never is among the `k` nearest. A scan with a million points at (0, 0, 0) would otherwise
    put all of them into one leaf of the tree, and every query would read all of them.
    """
    key = np.zeros(len(base), dtype=np.uint64)
    for column in base.T:
        key = (key ^ np.ascontiguousarray(column).view(np.uint64)) * MULTIPLIER
        key ^= key >> np.uint64(29)
    order = np.argsort(key, kind="stable")
    position = np.arange(len(base))
    first = np.ones(len(base), dtype=np.bool_)
    first[1:] = (base[order[1:]] != base[order[:-1]]).any(axis=1)
    copies = position - np.maximum.accumulate(np.where(first, position, 0))
    kept: NDArray[np.intp] = np.sort(order[copies < k])
    return kept


def spatial_order(points: NDArray[np.floating]) -> NDArray[np.intp]:
    """Indices such that consecutive points lie close together: a large search then runs 2.5 times faster."""
    from scipy.spatial import cKDTree

    order: NDArray[np.intp] = cKDTree(points, balanced_tree=False, compact_nodes=False).indices
    return order


def _search(
    base: Float64Array, wanted: Float64Array, *, k: int, radius: float, workers: int
) -> Iterator[tuple[NDArray[np.intp], Float64Array, NDArray[np.intp]]]:
    """Rows of `wanted` some thousand at a time, with distances and indices (rows, k) of their neighbours.

    Where fewer than `k` are closer than `radius`, distances are infinite and indices the number of points.
    """
    kept = _without_surplus_copies(base, k)
    from scipy.spatial import cKDTree

    tree = cKDTree(base[kept])
    kept = np.append(kept, len(base))
    order = spatial_order(wanted)
    step = max(1, CHUNK // k)
    for start in range(0, len(wanted), step):
        rows = order[start : start + step]
        distances, found = _query(tree, wanted[rows], k=k, ask=k + 1, radius=radius, workers=workers)
        yield rows, distances, kept[found]


def _query(
    tree: Any, queries: Float64Array, *, k: int, ask: int, radius: float, workers: int
) -> tuple[Float64Array, NDArray[np.intp]]:
    """Asks for more than `k`, so that a tie across the border is seen; follows it with twice as many."""
    ask = min(ask, tree.n)
    distances, indices = tree.query(
        queries, k=np.arange(1, ask + 1), distance_upper_bound=radius, workers=workers
    )
    repeated = (distances[:, 1:] == distances[:, :-1]) & (distances[:, 1:] < np.inf)
    tied = np.flatnonzero(repeated.any(axis=1))
    order = np.lexsort((indices[tied], distances[tied]))
    indices[tied] = np.take_along_axis(indices[tied], order, axis=1)
    distances, border, indices = distances[:, :k], distances[:, -1], indices[:, :k]
    if k < ask < min(tree.n, TIES * k):
        cut = np.flatnonzero((distances[:, -1] == border) & (border < np.inf))
        if len(cut):
            distances[cut], indices[cut] = _query(
                tree, queries[cut], k=k, ask=2 * ask, radius=radius, workers=workers
            )
    return distances, indices
