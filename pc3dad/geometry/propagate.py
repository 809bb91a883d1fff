"""Brings scores of some points to all points of a cloud."""

import numpy as np
from numpy.typing import NDArray

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
        DataError: no point has a score, or a coordinate is not finite.
    """
    _, closest = neighbors.knn(points[scored], points, k=1, workers=workers)
    spread: Float32Array = scores[closest[:, 0]]
    spread[scored] = scores
    return spread
