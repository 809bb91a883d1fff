"""The colours of scores: order survives in grey, and the range is robust."""

import numpy as np

from pc3dad.io.colormap import ANCHORS, colours, score_range


def lightness(rgb):
    """CIE L* of (N, 3) sRGB colours."""
    values = np.asarray(rgb) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16


def test_lightness_rises_evenly():
    steps = np.diff(lightness(colours(np.linspace(0, 1, 11), low=0, high=1)))
    assert steps.min() > 0.7 * steps.mean()
    assert steps.max() < 1.4 * steps.mean()


def test_the_ends_of_the_range_get_the_ends_of_the_map():
    shown = colours(np.array([-5.0, 0.0, 1.0, 7.0]), low=0, high=1)
    assert shown.tolist() == [list(ANCHORS[0])] * 2 + [list(ANCHORS[-1])] * 2


def test_equal_scores_get_the_first_colour():
    assert colours(np.full(3, 0.5), low=0.5, high=0.5).tolist() == [list(ANCHORS[0])] * 3


def test_the_default_range_ignores_single_outliers():
    scores = np.concatenate([np.linspace(0, 1, 10_000), [1e9]])
    low, high = score_range(scores)
    assert 0 < low < 0.02
    assert 0.99 < high <= 1
    assert score_range(scores[:0]) == (0, 0)
