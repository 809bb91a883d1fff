"""Regions of unorganised clouds as BTP builds them since May 2026, for `compat.btp_2026_05`."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pc3dad.errors import MetricError
from pc3dad.types import Float64Array, Int32Array

NEIGHBOURS = 6  # of the adaptive radius
RADIUS_SCALE = 2.5
LINKS = 1 << 20  # links between points held at a time, about 60 MB


def btp_regions(
    anomalous_points: ArrayLike, *, radius: float | None = None, min_points: int = 1
) -> Int32Array:
    """Regions of one sample as BTP builds them since May 2026.

    Anomalous points at most `radius` apart are linked; regions are what is connected. Without a radius it is
    `btp_radius`, which grows where few anomalous points were sampled and then joins separate defects. Memory
    is bounded, time grows with the number of links.

    Args:
        anomalous_points: (A, 3) finite coordinates of the anomalous points. BTP takes normalised coordinates
            for sampled points and those of the file for full clouds.
        radius: unit of the coordinates; None or 0 for the adaptive one.
        min_points: smaller regions are left out, unless all are: then all points form one region.

    Returns:
        (A,) region of each point, numbered by the smallest index it contains, -1 for points left out.

    Raises:
        MetricError: points are no (A, 3) finite numbers, or the radius is negative or no number.
    """
    points = _as_points(anomalous_points)
    reach = btp_radius(points) if radius is None or radius == 0 else float(radius)
    if not 0.0 <= reach < np.inf:
        raise MetricError(f"radius {radius} is no length", hint="leave it out for the adaptive radius")
    if reach == 0.0 or not len(points):
        return np.zeros(len(points), dtype=np.int32)
    component = _connect(points, reach)
    sizes = np.bincount(component)
    kept = sizes >= min_points
    if not kept.any():
        return np.zeros(len(points), dtype=np.int32)
    return np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)[component]


def btp_radius(anomalous_points: ArrayLike) -> float:
    """The adaptive radius of BTP: 2.5 times the median distance of anomalous points to their neighbours.

    The neighbours of a point are the 6 nearest anomalous ones, or fewer if there are no more; distances of 0
    are left out.

    Args:
        anomalous_points: see `btp_regions`.

    Returns:
        Radius in the unit of the coordinates; 0 if there are no two different points.

    Raises:
        MetricError: points are no (A, 3) finite numbers.
    """
    points = _as_points(anomalous_points)
    if len(points) < 2:
        return 0.0
    places, copies = np.unique(points, axis=0, return_counts=True)
    # More copies of a position than neighbours would only slow the tree down.
    near = np.repeat(places, np.minimum(copies, NEIGHBOURS + 1), axis=0)
    distances, _ = cKDTree(near).query(places, k=min(NEIGHBOURS + 1, len(points)))
    distances = np.repeat(distances, copies, axis=0)
    apart = distances[distances > 0]
    return RADIUS_SCALE * float(np.median(apart)) if len(apart) else 0.0


def _connect(points: Float64Array, radius: float) -> NDArray[np.intp]:
    """(A,) component of each point, from 0, when points at most `radius` apart are linked."""
    places, place = np.unique(points, axis=0, return_inverse=True)  # copies would multiply the links
    tree = cKDTree(places)
    n_links = tree.query_ball_point(places, radius, return_length=True)
    component: NDArray[np.intp] = np.arange(len(places))
    for rows in np.split(component, np.flatnonzero(np.diff(np.cumsum(n_links) // LINKS)) + 1):
        linked = np.concatenate(tree.query_ball_point(places[rows], radius, return_sorted=False))
        edges = np.repeat(component[rows], n_links[rows]), component[linked.astype(np.intp)]
        links = coo_array((np.ones(len(linked), dtype=np.int8), edges), shape=(len(places), len(places)))
        component = connected_components(links, directed=False)[1][component]
    return _numbered_by_first(component[place.ravel()])


def _numbered_by_first(ids: NDArray[np.intp]) -> NDArray[np.intp]:
    """The same groups, numbered from 0 by the smallest index that each contains."""
    _, first, group = np.unique(ids, return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.intp)
    number[np.argsort(first)] = np.arange(len(first))
    return number[group]


def _as_points(values: ArrayLike) -> Float64Array:
    try:
        points = np.asarray(values)
    except (RuntimeError, TypeError, ValueError) as error:  # ragged lists; tensors on a device
        raise MetricError("points are no array", hint="pass a NumPy array") from error
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "fiu":
        problem = f"points have shape {points.shape} and type {points.dtype}"
        raise MetricError(problem, hint="pass (A, 3) coordinates")
    if not np.isfinite(points).all():
        raise MetricError("a coordinate is not finite", hint="pass valid points only")
    return points.astype(np.float64)
