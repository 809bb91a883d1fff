"""Brings scores of some points, or of a smaller map, to all points of a cloud (docs/metrics.md)."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from pc3dad.errors import DataError
from pc3dad.geometry import neighbors
from pc3dad.types import Float32Array


def nearest(
    points: NDArray[np.floating], scored: NDArray[np.integer], scores: Float32Array, *, workers: int = 1
) -> Float32Array:
    """Every point takes the score of its nearest scored point; scored points keep their own.

    Args:
        points: (N, 3), any unit.
        scored: (M,) ascending indices of the points that have a score; of two equally near ones
            the lower wins.
        scores: (M,) float32.
        workers: threads.

    Returns:
        (N,) float32.

    Raises:
        DataError: no point has a score, a coordinate is not finite, or scores and indices do not fit.
    """
    _require(len(points), scored, scores)
    _, closest = neighbors.knn(points[scored], points, k=1, workers=workers)
    spread: Float32Array = scores[closest[:, 0]]
    spread[scored] = scores
    return spread


def idw3(
    points: NDArray[np.floating], scored: NDArray[np.integer], scores: Float32Array, *, workers: int = 1
) -> Float32Array:
    """Every point takes the mean of its 3 nearest scored points, weighted by 1 / distance.

    Scored points keep their own score, and a point that lies on a scored one takes that score. With fewer
    than 3 scored points all of them are used. Arguments, result and errors: `nearest`.
    """
    _require(len(points), scored, scores)
    distances, closest = neighbors.knn(points[scored], points, k=min(3, len(scored)), workers=workers)
    on_it = distances[:, :1] == 0
    weights = np.where(on_it, distances == 0, 1 / np.where(distances == 0, 1, distances.astype(np.float64)))
    weights[on_it[:, 0], 1:] = 0  # of several at distance 0 the first
    spread: Float32Array = ((weights * scores[closest]).sum(axis=1) / weights.sum(axis=1)).astype(np.float32)
    spread[scored] = scores
    return spread


def bilinear(scores: Float32Array, grid: tuple[int, int]) -> Float32Array:
    """Resizes a map to the grid of an organised cloud; pixel centres at halves, corners not aligned.

    Args:
        scores: (h, w) float32.
        grid: (H, W).

    Returns:
        (H * W,) float32, row by row.

    Raises:
        DataError: the map or the grid is empty.
    """
    rows, columns = _centres(scores, grid)
    resized = map_coordinates(
        scores.astype(np.float64), np.meshgrid(rows, columns, indexing="ij"), order=1, mode="nearest"
    )
    return np.asarray(resized, dtype=np.float32).ravel()


def nearest_pixel(scores: Float32Array, grid: tuple[int, int]) -> Float32Array:
    """As `bilinear`, but every pixel takes the score of the map's pixel that its centre lies in."""
    rows, columns = (np.floor(places + 0.5).astype(np.int64) for places in _centres(scores, grid))
    return np.ascontiguousarray(scores[rows[:, None], columns[None, :]]).ravel()


def _require(n_points: int, scored: NDArray[np.integer], scores: Float32Array) -> None:
    fits = scored.ndim == 1 and scored.shape == scores.shape
    ordered = fits and (np.diff(scored) > 0).all()
    if not ordered or (len(scored) and not (scored[0] >= 0 and scored[-1] < n_points)):
        problem = f"{scores.size} scores do not fit {scored.size} indices into {n_points} points"
        raise DataError(problem, hint="pass one score for each index, indices ascending")


def _centres(scores: Float32Array, grid: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the centres of the grid's rows and columns lie among those of the map."""
    if scores.ndim != 2 or not scores.size or min(grid) < 1:
        raise DataError(f"cannot bring a map of shape {scores.shape} to {grid[0]} x {grid[1]} pixels")
    first, second = (
        (np.arange(wanted) + 0.5) * size / wanted - 0.5
        for size, wanted in zip(scores.shape, grid, strict=True)
    )
    return first, second
