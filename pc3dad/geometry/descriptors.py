"""Local descriptors of points, from the indices of their neighbours."""

import numpy as np
from numpy.typing import NDArray

from pc3dad.geometry import neighbors
from pc3dad.types import Float32Array, Float64Array, Int32Array

CHUNK = 1 << 20  # neighbours at a time


def surface_variation(points: NDArray[np.floating], neighbours: Int32Array) -> Float32Array:
    """Surface variation l0 / (l0 + l1 + l2) of neighbourhoods (Pauly, Gross and Kobbelt, 2002).

    l0 <= l1 <= l2 are the eigenvalues of the covariance of a neighbourhood. The value is 0 on a plane and
    1/3 where points spread equally in all directions. It changes neither under rotation, translation and
    scaling nor with the order of neighbours. Neighbourhoods that lie on a plane, on a line or in one
    position have 0.

    Args:
        points: (M, 3), any unit.
        neighbours: (Q, K) int32, indices into `points`.

    Returns:
        (Q,) float32 in [0, 1/3].
    """
    axes = np.ascontiguousarray(points.T, dtype=np.float64)
    variation = np.empty(len(neighbours), dtype=np.float32)
    step = max(1, CHUNK // neighbours.shape[1])
    for start in range(0, len(neighbours), step):
        rows = slice(start, start + step)
        variation[rows] = _smallest_share(axes[:, neighbours[rows]])
    return variation


def variation_contrast(
    points: NDArray[np.floating], *, k: int = 16, context: int = 64, workers: int = 1
) -> Float32Array:
    """|variation - median variation of the surroundings|, which has no unit and needs no scaling.

    Clouds too small for a neighbourhood, lines and single positions get 0 everywhere.

    Args:
        points: (M, 3), any unit.
        k: nearest points, itself included, whose surface variation a point gets.
        context: nearest points, itself included, with whose surface variation a point is compared.
        workers: threads.

    Returns:
        (M,) float32 in [0, 1/3].
    """
    k, context = min(k, len(points)), min(context, len(points))
    _, near = neighbors.knn(points, points, k=max(k, context), workers=workers)
    variation = surface_variation(points, near[:, :k])
    contrast: Float32Array = np.abs(variation - np.median(variation[near[:, :context]], axis=1))
    return contrast


def surface_variation_plain(points: NDArray[np.floating], neighbours: Int32Array) -> Float32Array:
    """Plain twin of `surface_variation` for tests: one neighbourhood at a time, general eigenvalues."""
    variation = np.zeros(len(neighbours), dtype=np.float32)
    for row, indices in enumerate(neighbours):
        patch = points[indices].astype(np.float64)
        patch -= patch.mean(axis=0)
        if (total := float((patch**2).sum())) > 0:
            variation[row] = max(0.0, np.linalg.eigvalsh(patch.T @ patch)[0] / total)
    return variation


def _smallest_share(patches: Float64Array) -> Float64Array:
    """(Q,) smallest eigenvalue of each covariance, divided by the sum of all three.

    The covariance is scaled to trace 1, so that no unit over- or underflows; then q, the mean eigenvalue,
    is 1/3 and the eigenvalues are q + 2 p cos(phi + 2 pi j / 3) with j = 0, 1, 2 (Smith, 1961).

    Args:
        patches: (3, Q, K) float64, coordinates of the neighbours of each query.
    """
    patches = patches - patches.mean(axis=2, keepdims=True)
    extent = np.abs(patches).max(axis=(0, 2))
    x, y, z = patches / np.where(extent > 0, extent, 1)[None, :, None]
    xx, yy, zz, xy, xz, yz = (
        np.einsum("qk,qk->q", first, second)
        for first, second in ((x, x), (y, y), (z, z), (x, y), (x, z), (y, z))
    )
    trace = xx + yy + zz
    total = np.where(trace > 0, trace, 1)  # one position: everything below is 0
    q = trace / total / 3
    xx, yy, zz = xx / total - q, yy / total - q, zz / total - q
    xy, xz, yz = xy / total, xz / total, yz / total
    p = np.sqrt((xx**2 + yy**2 + zz**2 + 2 * (xy**2 + xz**2 + yz**2)) / 6)
    determinant = xx * (yy * zz - yz**2) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    cosine = determinant / np.where(p > 0, 2 * p**3, 1)
    phi = np.arccos(np.clip(cosine, -1, 1)) / 3
    smallest: Float64Array = np.maximum(q + 2 * p * np.cos(phi + 2 * np.pi / 3), 0)
    return smallest
