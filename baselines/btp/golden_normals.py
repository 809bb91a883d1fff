"""Signs of normals as the reference has them, for golden data alone.

Normals of BTP's training targets are not oriented: they point to where the solver of Open3D leaves them. It
is the one that Eberly describes ("A Robust Eigensolver for 3x3 Symmetric Matrices", Geometric Tools): an
eigenvector from a cross product of rows, another one in the plane across it, the third as their product.
"""

from math import acos, cos, pi, sqrt
from typing import cast

import numpy as np

from pc3dad.geometry import neighbors
from pc3dad.types import Float32Array, Float64Array


def signed(
    points: Float32Array, normals: Float32Array, *, radius: float, max_neighbours: int
) -> Float32Array:
    """Normals (N, 3) of points (N, 3), turned over where the reference has them the other way round.

    Args:
        points: any unit.
        normals: of any sign.
        radius: within which neighbours were looked for.
        max_neighbours: at most so many.
    """
    xyz, turned = points.astype(np.float64), normals.copy()
    for rows, near, counts in neighbors.neighbourhoods(xyz, radius=radius, max_neighbours=max_neighbours):
        for row, members, count in zip(rows, near, counts, strict=True):
            patch = xyz[members[:count]]
            mean = patch.mean(axis=0)
            covariance = patch.T @ patch / count - np.outer(mean, mean)
            if count >= 3 and smallest_direction(covariance) @ normals[row] < 0:
                turned[row] = -normals[row]
    return turned


def smallest_direction(matrix: Float64Array) -> Float64Array:
    """Eigenvector (3,) of the smallest eigenvalue of a symmetric matrix (3, 3) that is not 0."""
    scaled = matrix / matrix.max()
    middle = np.trace(scaled) / 3
    rest = scaled - middle * np.eye(3)
    size = sqrt((rest * rest).sum() / 6)
    half = float(np.clip(np.linalg.det(rest / size) / 2, -1, 1))
    angle = acos(half) / 3
    largest, smallest = 2 * cos(angle), 2 * cos(angle + 2 * pi / 3)
    values = middle + size * np.array([smallest, -largest - smallest, largest])
    if half < 0:  # the smallest eigenvalue stands apart
        return _apart(scaled, values[0])
    third = _apart(scaled, values[2])
    return cast("Float64Array", np.cross(_across(scaled, third, values[1]), third))


def _apart(matrix: Float64Array, value: float) -> Float64Array:
    """Eigenvector of an eigenvalue that stands apart: the longest cross product of two rows."""
    rows = matrix - value * np.eye(3)
    products = [np.cross(rows[one], rows[two]) for one, two in ((0, 1), (0, 2), (1, 2))]
    longest = max(products, key=lambda product: float(product @ product))
    return cast("Float64Array", longest / np.linalg.norm(longest))


def _across(matrix: Float64Array, known: Float64Array, value: float) -> Float64Array:
    """Eigenvector of the middle eigenvalue, at a right angle to a known one."""
    x, y, z = known
    u: Float64Array = np.array([-z, 0, x] if abs(x) > abs(y) else [0, z, -y])
    u = u / np.linalg.norm(u)
    v = np.cross(known, u)
    uu, uv, vv = (float(one) for one in (u @ matrix @ u - value, u @ matrix @ v, v @ matrix @ v - value))
    if max(abs(uu), abs(uv), abs(vv)) == 0:
        return u
    if abs(uu) >= abs(vv):
        s, t = _rotation(uv, uu)
        return s * u - t * v
    s, t = _rotation(uv, vv)
    return t * u - s * v


def _rotation(off: float, on: float) -> tuple[float, float]:
    """(off, on) of length 1, the larger of them positive."""
    if abs(on) >= abs(off):
        ratio = off / on
        scale = 1 / sqrt(1 + ratio**2)
        return ratio * scale, scale
    ratio = on / off
    scale = 1 / sqrt(1 + ratio**2)
    return scale, ratio * scale
