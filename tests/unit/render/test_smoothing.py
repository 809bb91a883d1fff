"""Smoothing on grids."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pc3dad.errors import DataError
from pc3dad.render.smoothing import masked, official_grid

GRID = (40, 30)


@pytest.fixture
def field():
    rng = np.random.default_rng(0)
    return rng.random(1200, dtype=np.float32), rng.random(1200) < 0.6


def test_a_constant_stays_that_constant_up_to_every_border(field):
    _, valid = field
    smoothed = masked(np.full(1200, 0.3, np.float32), valid, GRID)
    np.testing.assert_allclose(smoothed[valid], 0.3, rtol=1e-6)
    assert (smoothed[~valid] == 0).all()


def test_the_background_is_not_read(field):
    scores, valid = field
    other = np.where(valid, scores, np.nan).astype(np.float32)
    np.testing.assert_array_equal(masked(scores, valid, GRID), masked(other, valid, GRID))


def test_inside_a_full_grid_it_is_a_gaussian_of_four_steps_of_336():
    scores = np.zeros(168 * 168, np.float32)
    scores[84 * 168 + 84] = 1
    smoothed = masked(scores, np.ones(len(scores), bool), (168, 168)).reshape(168, 168)
    np.testing.assert_allclose(smoothed, gaussian_filter(scores.reshape(168, 168), 2.0), atol=1e-7)


def test_as_released_the_background_bleeds_in():
    scores = np.zeros((336, 336))
    scores[:, 100:] = 1
    assert 0.4 < official_grid(scores)[200, 100] < 0.6


def test_lengths_must_fit_the_grid(field):
    scores, valid = field
    with pytest.raises(DataError, match=r"1199 scores and 1200 flags do not fit the grid \(40, 30\)"):
        masked(scores[1:], valid, GRID)
