"""From scores of some points to a prediction. Rules are part of a method, never of the evaluator."""

import math

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import MethodError
from pc3dad.geometry import propagate, sampling
from pc3dad.types import Float32Array, Prediction, Sample


def top_mean(scores: NDArray[np.floating], *, share: float) -> float:
    """Mean of the highest `share` of the scores, at least one of them.

    Args:
        scores: (M,) scores of valid points.
        share: in (0, 1]; 1 is the mean of all, a tiny value is the maximum.

    Raises:
        MethodError: there is no score, or share is outside (0, 1].
    """
    if len(scores) == 0:
        raise MethodError("an object without a valid point has no object score")
    if not 0 < share <= 1:
        raise MethodError(f"share is {share}, expected a value in (0, 1]")
    count = max(1, math.ceil(share * len(scores)))
    return float(np.partition(scores, len(scores) - count)[-count:].mean(dtype=np.float64))


def subset(sample: Sample, *, n: int) -> tuple[Float32Array, NDArray[np.intp]]:
    """The valid points of a sample (N, 3), and which of them to score: at most `n`, whatever their order.

    Raises:
        MethodError: no point is valid.
    """
    xyz = sample.cloud.valid_xyz
    if len(xyz) == 0:
        raise MethodError(f"sample {sample.id!r} has no valid point", hint="leave it out or mend the file")
    return xyz, sampling.radial_subset(xyz, n=n)


def spread(
    sample: Sample, scored: NDArray[np.intp], scores: Float32Array, *, share: float, workers: int
) -> Prediction:
    """A prediction from scores of a subset: other points take that of the nearest, the object `top_mean`.

    Args:
        sample: what was scored.
        scored: (M,) which of its valid points were, as of `subset`.
        scores: (M,) float32.
        share: of `top_mean`.
        workers: threads of the neighbour search.
    """
    cloud, xyz = sample.cloud, sample.cloud.valid_xyz
    points = np.zeros(len(cloud), dtype=np.float32)
    points[cloud.valid] = propagate.nearest(xyz, scored, scores, workers=workers)
    n_filled = len(xyz) - len(scored)
    return Prediction(
        sample.id,
        object_score=top_mean(scores, share=share),
        point_scores=points,
        propagation="nearest" if n_filled else "native",
        n_filled=n_filled,
    )
