"""Normals of points: the direction in which their surroundings extend least."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import ConfigError, DataError
from pc3dad.geometry import neighbors
from pc3dad.types import Float32Array, Float64Array

Few = Literal["up", "nearest"]
"""What a point with fewer than 3 neighbours closer than the radius gets: the normal (0, 0, 1), as in Open3D
and thus in everything that was published with it, or that of its nearest points, however far they are."""

Orientation = Literal["none", "up", "outwards", "viewpoint"]
"""To which side normals point: "none": to either, as the eigenvectors come; "up": along +z; "outwards": away
from the mean of all points; "viewpoint": to the sensor. A normal at a right angle to that stays as it is."""

UP = (0.0, 0.0, 1.0)

Directions = Callable[[Float64Array, neighbors.Neighbourhoods, Float64Array], None]


def estimate(
    points: NDArray[np.floating],
    *,
    max_neighbours: int,
    radius: float = np.inf,
    few: Few = "up",
    orientation: Orientation = "none",
    viewpoint: NDArray[np.floating] | None = None,
    workers: int = 1,
) -> Float32Array:
    """Unit normals from the covariance of neighbourhoods (Hoppe et al., 1992).

    A neighbourhood on a line gets some unit vector across the line; one in a single position gets (0, 0, 1),
    and so does every point of a cloud of fewer than 3. Signs under "none" are repeatable but otherwise
    arbitrary.

    Args:
        points: (N, 3), any unit.
        max_neighbours: at most so many nearest points, the point itself included, at least 3.
        radius: closer than this, in the unit of `points`; by default any distance.
        few: for points with fewer than 3 such neighbours.
        orientation: to which side normals point.
        viewpoint: (3,) position of the sensor in the frame of `points`; for "viewpoint" only.
        workers: threads of the neighbour search.

    Returns:
        (N, 3) float32.

    Raises:
        ConfigError: an option has no such value, or the viewpoint is missing, superfluous or no position.
        DataError: there is no point, a shape does not fit, or a coordinate is not finite.
    """
    from pc3dad.geometry import kernels

    return _estimate(
        kernels.normals,
        points,
        max_neighbours=max_neighbours,
        radius=radius,
        few=few,
        orientation=orientation,
        viewpoint=viewpoint,
        workers=workers,
    )


def estimate_plain(
    points: NDArray[np.floating],
    *,
    max_neighbours: int,
    radius: float = np.inf,
    few: Few = "up",
    orientation: Orientation = "none",
    viewpoint: NDArray[np.floating] | None = None,
) -> Float32Array:
    """Plain twin of `estimate` for tests: one neighbourhood at a time, general eigenvectors."""
    return _estimate(
        _directions_plain,
        points,
        max_neighbours=max_neighbours,
        radius=radius,
        few=few,
        orientation=orientation,
        viewpoint=viewpoint,
        workers=1,
    )


def orient(
    points: NDArray[np.floating],
    normals: NDArray[np.floating],
    *,
    orientation: Orientation,
    viewpoint: NDArray[np.floating] | None = None,
) -> Float32Array:
    """Turns normals over that point to the wrong side.

    Args:
        points: (N, 3), any unit.
        normals: (N, 3).
        orientation: to which side they shall point.
        viewpoint: (3,) position of the sensor in the frame of `points`; for "viewpoint" only.

    Returns:
        (N, 3) float32.

    Raises:
        ConfigError: there is no such orientation, or the viewpoint is missing, superfluous or no position.
        DataError: a shape does not fit, or a coordinate or a normal is not finite.
    """
    _check("orientation", orientation, get_args(Orientation))
    if (viewpoint is None) == (orientation == "viewpoint"):
        raise ConfigError(f"orientation {orientation!r} and viewpoint {viewpoint} do not go together")
    if viewpoint is not None and not (np.shape(viewpoint) == (3,) and np.isfinite(viewpoint).all()):
        raise ConfigError(f"viewpoint {viewpoint} is no position", hint="give three finite coordinates")
    xyz = neighbors.checked_xyz(points)
    if normals.shape != xyz.shape:
        raise DataError(f"normals have shape {normals.shape}, points have {points.shape}")
    if lost := int((~np.isfinite(normals)).any(axis=1).sum()):
        raise DataError(
            f"{lost} of {len(normals)} normals are not finite",
            hint="leave points without a normal out, or estimate normals",
        )
    wanted: NDArray[np.floating] = np.zeros((1, 3))
    if orientation == "up":
        wanted = np.array([UP])
    elif orientation == "outwards":
        wanted = xyz - xyz.mean(axis=0)
    elif viewpoint is not None:
        wanted = viewpoint - xyz
    wrong = (normals * wanted).sum(axis=1, keepdims=True) < 0
    return np.where(wrong, -normals, normals).astype(np.float32)


def _estimate(
    directions: Directions,
    points: NDArray[np.floating],
    *,
    max_neighbours: int,
    radius: float,
    few: Few,
    orientation: Orientation,
    viewpoint: NDArray[np.floating] | None,
    workers: int,
) -> Float32Array:
    """Both twins: they differ in `directions` only, a `kernels.normals`."""
    _check("few", few, get_args(Few))
    if max_neighbours < 3:
        raise ConfigError(f"{max_neighbours} neighbours have no normal", hint="use at least 3")
    xyz = neighbors.checked_xyz(points)
    normals = np.tile(UP, (len(xyz), 1))
    lonely: list[NDArray[np.intp]] = []
    for around in neighbors.neighbourhoods(
        xyz, max_neighbours=max_neighbours, radius=radius, workers=workers
    ):
        directions(xyz, around, normals)
        lonely.append(around.rows[around.counts < 3])
    if few == "nearest":
        for around in neighbors.neighbourhoods(
            xyz, max_neighbours=max_neighbours, chosen=np.concatenate(lonely), workers=workers
        ):
            directions(xyz, around, normals)
    return orient(xyz, normals, orientation=orientation, viewpoint=viewpoint)


def _directions_plain(points: Float64Array, around: neighbors.Neighbourhoods, out: Float64Array) -> None:
    """Plain twin of `kernels.normals`."""
    for row, near, count in zip(*around, strict=True):
        patch = points[near[:count]] - points[near[0]]
        patch -= patch.mean(axis=0)
        if count >= 3 and patch.any():
            out[row] = np.linalg.eigh(patch.T @ patch)[1][:, 0]


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{name} has no value {value!r}", hint=f"use one of {', '.join(known)}")
