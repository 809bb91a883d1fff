"""Smoothing of point scores, on a grid or among neighbours. Part of a method, never of the evaluator."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pc3dad.errors import DataError
from pc3dad.geometry import neighbors
from pc3dad.types import BoolArray, Float32Array

SIGMA = 4.0  # steps of the published grid
PUBLISHED_SIDE = 336
NEIGHBOURS = 32


def masked(scores: Float32Array, valid: BoolArray, grid: tuple[int, int]) -> Float32Array:
    """Gaussian mean over the valid points of a grid; the background neither gives nor takes.

    Its standard deviation is that of published works, 4 steps of a grid of 336, on this one.

    Args:
        scores: (N,) of all points, row by row; values of points that are not valid are not read.
        valid: (N,).
        grid: (H, W), H * W = N.

    Returns:
        (N,) float32, 0 where not valid.

    Raises:
        DataError: lengths do not fit the grid.
    """
    if not len(scores) == len(valid) == grid[0] * grid[1]:
        raise DataError(f"{len(scores)} scores and {len(valid)} flags do not fit the grid {grid}")
    sigma = SIGMA * max(grid) / PUBLISHED_SIDE
    weights = valid.astype(np.float64)
    values = np.where(valid, scores, 0).astype(np.float64)
    total, weight = (
        gaussian_filter(layer.reshape(grid), sigma, mode="constant").ravel() for layer in (values, weights)
    )
    return np.where(valid, total / np.where(valid, weight, 1), 0).astype(np.float32)


def official_grid(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Smoothing as released: Gaussian over (H, W) slots with mirrored borders, background included.

    For a cloud without a grid the slots are its points in any order, and unrelated ones are averaged.

    Args:
        scores: (H, W), zeros in the background.
    """
    smoothed: NDArray[np.floating] = gaussian_filter(scores, SIGMA)
    return smoothed


def neighbours(scores: Float32Array, points: Float32Array, *, workers: int = 1) -> Float32Array:
    """Gaussian mean over the nearest points in space, for clouds without a grid.

    Its standard deviation is that of published works if their grid spanned the cloud: 4 / 336 of its largest
    side. At most `NEIGHBOURS` points count, the point itself included.

    Args:
        scores: (n,) of points.
        points: (n, 3), any unit.
        workers: threads of the neighbour search.

    Returns:
        (n,) float32.
    """
    side = float(np.ptp(points, axis=0).max(initial=0.0))
    if side == 0:
        return scores.astype(np.float32)
    distances, found = neighbors.knn(points, points, k=min(NEIGHBOURS, len(points)), workers=workers)
    weights = np.exp(-0.5 * (distances / (SIGMA * side / PUBLISHED_SIDE)) ** 2)
    smoothed: Float32Array = ((weights * scores[found]).sum(1) / weights.sum(1)).astype(np.float32)
    return smoothed
