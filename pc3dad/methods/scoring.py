"""Named rules from point scores to one object score. The rule is part of a method, never of the evaluator."""

import math

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import MethodError


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
