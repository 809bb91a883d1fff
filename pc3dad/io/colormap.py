"""Colours of scores: dark blue over teal to yellow.

Lightness rises evenly along the map, so equal steps of score look equally large and the order survives grey
printing; blue against yellow is told apart with every common form of colour blindness.
"""

import numpy as np
from numpy.typing import NDArray

from pc3dad.types import UInt8Array

ANCHORS = ((20, 24, 82), (33, 63, 121), (27, 109, 131), (44, 156, 130), (138, 195, 100), (247, 223, 68))
RANGE_PERCENTILES = (1.0, 99.9)  # the top is what one looks for, so less of it is cut off than of the bottom


def score_range(scores: NDArray[np.floating]) -> tuple[float, float]:
    """Range of scores (N,) that the colours span by default; single outliers do not flatten the rest.

    Returns:
        The 1st and the 99.9th percentile; (0, 0) without scores.
    """
    if not len(scores):
        return 0.0, 0.0
    low, high = np.percentile(scores, RANGE_PERCENTILES)
    return float(low), float(high)


def colours(scores: NDArray[np.floating], *, low: float, high: float) -> UInt8Array:
    """Colours (N, 3) uint8 of finite scores (N,), linear between the anchors.

    Args:
        scores: higher is more anomalous.
        low: score of the first colour; lower ones get it too.
        high: score of the last colour; higher ones get it too. If it is not above `low`, all get the first.
    """
    span = high - low if high > low else np.inf
    place = np.clip((scores.astype(np.float64) - low) / span, 0.0, 1.0)
    positions = np.linspace(0.0, 1.0, len(ANCHORS))
    channels = [np.interp(place, positions, channel) for channel in zip(*ANCHORS, strict=True)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)
