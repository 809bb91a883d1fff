"""Draws points from surfaces, and fewer points from clouds."""

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import DataError
from pc3dad.geometry import neighbors
from pc3dad.types import Float64Array, PointCloud


def sample_surface(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], *, n: int, rng: np.random.Generator
) -> PointCloud:
    """Draws `n` points, uniformly by area, from a triangle mesh.

    Args:
        vertices: (V, 3), any unit.
        faces: (F, 3) indices into `vertices`. Triangles without area are never drawn.
        n: number of points.
        rng: source of randomness.

    Returns:
        Cloud of `n` points around the centre of the mesh, which is its `origin`, with the unit normals of
        the triangles, outside of a mesh whose faces turn counter-clockwise.

    Raises:
        DataError: a face names a vertex that does not exist, a vertex in use is not finite, or the surface
            has no area.
    """
    if faces.size and not (faces.min() >= 0 and faces.max() < len(vertices)):
        raise DataError(
            f"faces name vertices {faces.min()} to {faces.max()}, but there are {len(vertices)}",
            hint="the mesh is damaged: export it again",
        )
    corners = vertices[faces].astype(np.float64)  # (F, 3 corners, 3)
    if not np.isfinite(corners).all():
        raise DataError("the mesh has a vertex that is not finite", hint="repair the mesh")
    origin = corners.reshape(-1, 3).mean(axis=0) if len(corners) else np.zeros(3)
    corners -= origin
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normals = np.cross(first, second)  # length: twice the area
    areas = np.linalg.norm(normals, axis=1)
    total = areas.sum()
    if not 0 < total < np.inf:
        raise DataError("the mesh has no surface to draw points from", hint="score its vertices instead")
    drawn = rng.choice(len(faces), size=n, p=areas / total)
    along, across = rng.random((2, n, 1))
    folded = along + across > 1  # the far half of the parallelogram is turned back into the triangle
    along, across = np.where(folded, 1 - along, along), np.where(folded, 1 - across, across)
    xyz = corners[drawn, 0] + along * first[drawn] + across * second[drawn]
    return PointCloud(
        xyz.astype(np.float32), origin, normals=(normals[drawn] / areas[drawn, None]).astype(np.float32)
    )


def radial_subset(points: NDArray[np.floating], *, n: int) -> NDArray[np.intp]:
    """Chooses at most `n` points, about evenly: every so manieth in the order of distance to the centre.

    The choice follows the density of the cloud and needs no axes, no random numbers and no order of points,
    so that it turns, moves and grows with the cloud as far as rounding lets it.

    Args:
        points: (M, 3), any unit.
        n: number of points to keep; all are kept if there are fewer.

    Returns:
        (min(n, M),) ascending indices into `points`.

    Raises:
        DataError: the shape does not fit, or a coordinate is not finite.
    """
    xyz = neighbors.checked_xyz(points)
    if len(xyz) <= n:
        return np.arange(len(xyz))
    centred = xyz - xyz.mean(axis=0)
    order = np.argsort((centred**2).sum(axis=1), kind="stable")
    chosen: NDArray[np.intp] = np.sort(order[np.arange(n) * len(xyz) // n])
    return chosen


def farthest_points(points: NDArray[np.floating], count: int, *, start: int = 0) -> NDArray[np.intp]:
    """Chooses points one by one, each as far as possible from those chosen before.

    Exact, in about N log(count) steps: `kernels.farthest`. Distances are computed in float64. Of equally far
    points the one with the lowest index is chosen, and none twice: where fewer positions are left than
    points are wanted, copies follow in the order of their indices.

    Args:
        points: (N, 3), any unit.
        count: how many to choose, 1 to N.
        start: index of the first one.

    Returns:
        (count,) indices into `points` in the order of choice; the first m of them are the choice of m.

    Raises:
        DataError: a shape does not fit, a coordinate is not finite, there are fewer than `count` points,
            none has the index `start`, or one of these is no whole number.
    """
    from pc3dad.geometry import kernels

    xyz = _to_choose_from(points, count, start)
    return kernels.farthest(xyz, neighbors.spatial_order(xyz), count, start)


def farthest_points_plain(points: NDArray[np.floating], count: int, *, start: int = 0) -> NDArray[np.intp]:
    """Plain twin of `farthest_points` for tests: the usual loop over all points."""
    xyz = _to_choose_from(points, count, start)
    distance = np.full(len(xyz), np.inf)
    chosen = np.empty(count, dtype=np.intp)
    for step in range(count):
        chosen[step] = start
        distance = np.minimum(distance, ((xyz - xyz[start]) ** 2).sum(axis=1))
        distance[start] = -1
        start = int(distance.argmax())
    return chosen


def surface_area(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> float:
    """Area of a triangle mesh in square units of its vertices.

    Args:
        vertices: (V, 3), any unit.
        faces: (F, 3) indices into `vertices`.
    """
    corners = vertices[faces].astype(np.float64)  # (F, 3 corners, 3)
    sides = corners[:, 1:] - corners[:, :1]
    return float(np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1).sum() / 2)


def _to_choose_from(points: NDArray[np.floating], count: int, start: int) -> Float64Array:
    """Checked coordinates (N, 3), scaled exactly to about 1 so that their squares do not underflow."""
    xyz = neighbors.checked_xyz(points)
    whole = all(isinstance(number, int | np.integer) for number in (count, start))
    if not (whole and 1 <= count <= len(xyz) and 0 <= start < len(xyz)):
        raise DataError(
            f"cannot choose {count} points, the first of index {start}, from a cloud of {len(xyz)}",
            hint="give whole numbers that the cloud has points for",
        )
    _, exponent = np.frexp(np.abs(xyz).max())
    xyz *= 2.0 ** min(-int(exponent), 1000)  # up to there it is a number itself
    return xyz
