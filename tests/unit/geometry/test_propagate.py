"""Scores of some points reach all points."""

import numpy as np

from pc3dad.geometry import propagate


def test_every_point_takes_the_score_of_its_nearest_scored_point():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [9, 0, 0], [10, 0, 0]])
    spread = propagate.nearest(points, np.array([0, 3]), np.array([5, 7], dtype=np.float32))
    np.testing.assert_array_equal(spread, [5, 5, 7, 7])


def test_of_two_equally_near_points_the_lower_wins():
    points = np.array([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]])
    spread = propagate.nearest(points, np.array([0, 2]), np.array([5, 7], dtype=np.float32))
    assert spread[1] == 5


def test_scored_points_keep_their_own_score():
    """Also when another scored point lies in the same place."""
    spread = propagate.nearest(np.zeros((3, 3)), np.array([0, 2]), np.array([5, 7], dtype=np.float32))
    np.testing.assert_array_equal(spread, [5, 5, 7])
