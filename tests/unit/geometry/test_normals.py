"""Normals: equal to general eigenvectors, move with the cloud, defined for every cloud."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pc3dad.errors import ConfigError, DataError
from pc3dad.geometry import neighbors, normals

EVERYWHERE = {"max_neighbours": 20}


def sphere(n=800, seed=0):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def bumpy(n=500, seed=0):
    """A closed, wavy surface with little symmetry."""
    directions = sphere(n, seed)
    return directions * (1 + 0.2 * np.sin(4 * directions[:, :1]) * np.cos(3 * directions[:, 1:2] + 1))


def assert_equal_up_to_sign(first, second, atol=1e-5):
    cosines = (np.asarray(first, np.float64) * second).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.where(cosines < 0, -first, first), second, atol=atol)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000),
    st.integers(3, 30),
    st.floats(0.2, 3),
    st.sampled_from([1e-6, 1.0, 1e6]),
    st.sampled_from(["up", "nearest"]),
)
def test_equals_the_plain_twin(seed, most, radius, unit, few):
    points = unit * np.random.default_rng(seed).normal(size=(80, 3)) * [1, 1, 0.2]
    options = {"max_neighbours": most, "radius": radius * unit, "few": few}
    fast, plain = normals.estimate(points, **options), normals.estimate_plain(points, **options)
    assert_equal_up_to_sign(fast, plain)


def test_normals_of_a_sphere_point_to_its_centre_or_away():
    points = sphere()
    found = normals.estimate(points, **EVERYWHERE)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert np.abs((found * points).sum(axis=1)).min() > 0.98


def test_normals_of_a_plane_are_exact():
    points = np.random.default_rng(0).uniform(-1, 1, size=(300, 3)) * [1, 1, 0]
    turn = Rotation.random(random_state=0)
    found = normals.estimate(turn.apply(points) + 1000, **EVERYWHERE)
    assert_equal_up_to_sign(found, np.tile(turn.apply([0.0, 0, 1]), (300, 1)), atol=1e-6)


@pytest.mark.parametrize(
    ("orientation", "viewpoint", "side"),
    [
        ("up", None, lambda points: np.array([[0.0, 0, 1]])),
        ("outwards", None, lambda points: points - points.mean(axis=0)),
        ("viewpoint", np.array([9.0, 2, 1]), lambda points: np.array([9.0, 2, 1]) - points),
    ],
)
def test_normals_point_to_the_side_that_was_asked_for(orientation, viewpoint, side):
    points = bumpy()
    found = normals.estimate(points, orientation=orientation, viewpoint=viewpoint, **EVERYWHERE)
    assert ((found * side(points)).sum(axis=1) >= 0).all()
    assert_equal_up_to_sign(found, normals.estimate(points, **EVERYWHERE))


def test_a_normal_at_a_right_angle_to_the_side_stays_as_it_is():
    across = np.array([[1.0, 0, 0], [-1, 0, 0]])
    np.testing.assert_array_equal(normals.orient(np.zeros((2, 3)), across, orientation="up"), across)


def test_normals_move_with_the_cloud():
    points = bumpy()
    order = np.random.default_rng(1).permutation(len(points))
    turn = Rotation.random(random_state=1)
    options = {"max_neighbours": 15, "orientation": "outwards"}
    moved = normals.estimate(1000 * turn.apply(points[order]) + [3, -2, 1], radius=300, **options)
    expected = turn.apply(normals.estimate(points, radius=0.3, **options)[order])
    np.testing.assert_allclose(moved, expected, atol=1e-5)


def test_few_neighbours_have_the_normal_up_or_that_of_the_nearest_points():
    """Ten points on a tilted plane, farther apart than the radius, beside a dense patch."""
    turn = Rotation.from_euler("x", 90, degrees=True)
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(2.0), [0.0]), axis=-1).reshape(-1, 3)
    points = turn.apply(grid)
    options = {"max_neighbours": 6, "radius": 0.5}
    np.testing.assert_array_equal(normals.estimate(points, **options), np.tile(normals.UP, (10, 1)))
    nearest = normals.estimate(points, few="nearest", **options)
    assert_equal_up_to_sign(nearest, np.tile(turn.apply([0.0, 0, 1]), (10, 1)))


def test_on_a_line_normals_cross_it():
    along = np.array([1.0, 2, -1]) / np.sqrt(6)
    points = np.linspace(-1, 1, 50)[:, None] * along
    found = normals.estimate(points, **EVERYWHERE)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found @ along, 0, atol=1e-5)


@pytest.mark.parametrize("few", ["up", "nearest"])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_points_in_one_position_have_the_normal_up(n, few):
    points = np.full((n, 3), 0.1)
    np.testing.assert_array_equal(
        normals.estimate(points, radius=1.0, few=few, **EVERYWHERE), np.tile(normals.UP, (n, 1))
    )


def test_copies_have_the_normal_of_their_original():
    points = bumpy(200)
    found = normals.estimate(np.concatenate([points, points]), max_neighbours=24)
    np.testing.assert_array_equal(found[:200], found[200:])


def test_chunks_and_workers_change_nothing(monkeypatch):
    points = bumpy()
    whole = normals.estimate(points, **EVERYWHERE)
    monkeypatch.setattr(neighbors, "CHUNK", 100)
    np.testing.assert_array_equal(normals.estimate(points, workers=2, **EVERYWHERE), whole)


def test_refuses_what_is_not_finite():
    points = bumpy(20)
    points[4, 1] = np.nan
    with pytest.raises(DataError, match="not finite"):
        normals.estimate(points, **EVERYWHERE)


@pytest.mark.parametrize("shape", [(0, 3), (5, 2), (5,)])
def test_refuses_clouds_of_other_shapes(shape):
    with pytest.raises(DataError):
        normals.estimate(np.zeros(shape), **EVERYWHERE)


@pytest.mark.parametrize(
    "options",
    [
        {"max_neighbours": 2},
        {"few": "farthest"},
        {"orientation": "sideways"},
        {"orientation": "viewpoint"},
        {"viewpoint": np.zeros(3)},
        {"orientation": "viewpoint", "viewpoint": np.zeros(2)},
        {"orientation": "viewpoint", "viewpoint": np.full(3, np.nan)},
    ],
)
def test_refuses_options_that_have_no_meaning(options):
    with pytest.raises(ConfigError):
        normals.estimate(bumpy(20), **EVERYWHERE | options)


def test_refuses_to_turn_normals_of_other_points():
    with pytest.raises(DataError, match="normals have shape"):
        normals.orient(bumpy(20), bumpy(19), orientation="up")


@pytest.mark.parametrize("orientation", ["none", "up", "outwards"])
def test_refuses_to_turn_what_is_not_finite(orientation):
    points, spoilt = bumpy(20), bumpy(20)
    spoilt[4:6] = np.nan
    with pytest.raises(DataError, match="points hold a coordinate that is not finite"):
        normals.orient(spoilt, points, orientation=orientation)
    with pytest.raises(DataError, match="2 of 20 normals are not finite; leave"):
        normals.orient(points, spoilt, orientation=orientation)
