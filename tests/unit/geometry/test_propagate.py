"""Scores of some points reach all points."""

import numpy as np
import pytest

from pc3dad.errors import DataError
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


# Inverse distances.


def test_idw3_weighs_the_three_nearest_scored_points_by_their_distance():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 4], [9, 9, 9]], dtype=np.float32)
    found = propagate.idw3(points, np.array([1, 2, 3, 4]), np.float32([8, 4, 2, 100]))
    assert found[0] == pytest.approx((8 / 1 + 4 / 2 + 2 / 4) / (1 / 1 + 1 / 2 + 1 / 4))
    assert found[1:].tolist() == [8, 4, 2, 100]


def test_idw3_gives_a_point_on_a_scored_one_its_score():
    points = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=np.float32)
    found = propagate.idw3(points, np.array([1, 2, 3]), np.float32([5, 7, 9]))
    assert found.tolist() == [5, 5, 7, 9]


@pytest.mark.parametrize("n_scored", [1, 2])
def test_idw3_makes_do_with_fewer_scored_points(n_scored):
    points = np.random.default_rng(0).random((6, 3)).astype(np.float32)
    found = propagate.idw3(points, np.arange(n_scored), np.float32([3, 5][:n_scored]))
    assert (found >= 3).all()
    assert (found <= 5).all()


# Maps.


@pytest.mark.parametrize("grid", [(7, 9), (24, 24), (5, 40), (1, 1), (3, 2)])
def test_maps_are_resized_as_torch_does_without_aligned_corners(grid):
    torch = pytest.importorskip("torch")
    scores = np.random.default_rng(0).random((6, 8)).astype(np.float32)
    image = torch.from_numpy(scores)[None, None]
    smooth = torch.nn.functional.interpolate(image, size=grid, mode="bilinear", align_corners=False)
    exact = torch.nn.functional.interpolate(image, size=grid, mode="nearest-exact")
    np.testing.assert_allclose(propagate.bilinear(scores, grid), smooth.numpy().ravel(), atol=1e-6)
    np.testing.assert_array_equal(propagate.nearest_pixel(scores, grid), exact.numpy().ravel())


@pytest.mark.parametrize("resize", [propagate.bilinear, propagate.nearest_pixel])
def test_a_map_of_the_same_size_stays_as_it_is(resize):
    scores = np.random.default_rng(0).random((6, 8)).astype(np.float32)
    np.testing.assert_allclose(resize(scores, (6, 8)), scores.ravel(), atol=1e-7)


@pytest.mark.parametrize("resize", [propagate.bilinear, propagate.nearest_pixel])
@pytest.mark.parametrize(("shape", "grid"), [((0, 3), (2, 2)), ((4,), (2, 2)), ((3, 3), (0, 2))])
def test_what_is_no_map_is_refused(resize, shape, grid):
    with pytest.raises(DataError, match="cannot bring a map"):
        resize(np.zeros(shape, np.float32), grid)


@pytest.mark.parametrize("spread", [propagate.nearest, propagate.idw3])
@pytest.mark.parametrize("scored", [[0], [0, 1, 2], [1, 0], [0, 9], [-1, 0], [1, 1]])
def test_scores_that_do_not_fit_their_points_are_refused(spread, scored):
    with pytest.raises(DataError, match="2 scores do not fit"):
        spread(np.eye(4, 3), np.array(scored), np.float32([5, 7]))
