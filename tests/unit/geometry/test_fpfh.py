"""FPFH: equal to the plain definition and to stored values of Open3D; blind to pose, unit and order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pc3dad.errors import ConfigError, DataError
from pc3dad.geometry import fpfh, neighbors, normals
from pc3dad.testing.golden import Status, run_case


def wavy(n=300, seed=0):
    """Noisy cloud with outward normals that are not quite its own, so that features spread over the bins."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = directions * (1 + 0.2 * rng.normal(size=(n, 1)))
    tilted = directions + 0.3 * rng.normal(size=(n, 3))
    return points, tilted / np.linalg.norm(tilted, axis=1, keepdims=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 60), st.floats(0.1, 3), st.sampled_from([1e-6, 1.0, 1e6]))
def test_equals_the_plain_twin(seed, most, radius, unit):
    points, directions = wavy(60, seed)
    options = {"radius": radius * unit, "max_neighbours": most}
    fast = fpfh.describe(unit * points, directions, **options)
    np.testing.assert_allclose(fast, fpfh.describe_plain(unit * points, directions, **options), atol=1e-3)


def test_rows_are_three_histograms_of_200():
    descriptors = fpfh.describe(*wavy(), radius=0.8)
    assert descriptors.dtype == np.float32
    assert descriptors.shape == (300, 33)
    np.testing.assert_allclose(descriptors.reshape(300, 3, 11).sum(axis=2), 200, rtol=1e-5)


def test_on_a_plane_everything_is_in_the_middle():
    points = np.random.default_rng(0).uniform(size=(100, 3)) * [1, 1, 0]
    descriptors = fpfh.describe(points, np.tile([0.0, 0, 1], (100, 1)), radius=0.5)
    np.testing.assert_allclose(descriptors[:, [5, 16, 27]], 200, rtol=1e-6)
    assert np.count_nonzero(descriptors) == 300


def mixed_signs(directions, seed):
    return directions * np.random.default_rng(seed).choice([-1.0, 1.0], size=(len(directions), 1))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 2), st.booleans(), st.booleans())
def test_a_plane_with_normals_to_both_sides_equals_the_plain_twin(seed, axis, whole, turned):
    """Theta pi and -pi, the last and the first bin, differ by the sign of a zero, or by rounding."""
    points = np.random.default_rng(seed).uniform(-3, 3, size=(40, 3))
    points = points.round() if whole else points
    points[:, axis] = 0
    directions = mixed_signs(np.tile(np.eye(3)[axis], (40, 1)), seed)
    if turned:
        turn = Rotation.random(random_state=seed)
        points, directions = turn.apply(points), turn.apply(directions)
    fast, plain = (call(points, directions, radius=2.6) for call in (fpfh.describe, fpfh.describe_plain))
    np.testing.assert_allclose(fast, plain, atol=1e-3)
    assert not fast[:, 0].any()  # no -pi


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_a_ball_with_normals_to_both_sides_equals_the_plain_twin(seed):
    """Both normals of a pair have the same angle to its line, so rounding errors choose the first point."""
    points = wavy(40, seed)[0]
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    directions = mixed_signs(points, seed)
    fast, plain = (call(points, directions, radius=1.0) for call in (fpfh.describe, fpfh.describe_plain))
    np.testing.assert_allclose(fast, plain, atol=1e-3)


def test_features_of_a_pair_by_hand():
    """The line runs along x; the first normal is at 30 degrees to it, the other at a right angle."""
    points = np.array([[0.0, 0, 0], [2, 0, 0]])
    directions = np.array([[np.cos(np.pi / 6), np.sin(np.pi / 6), 0], [0, np.cos(0.4), np.sin(0.4)]])
    expected = [-np.pi / 3, np.sin(0.4), np.cos(np.pi / 6)]
    for pair in ((0, 1), (1, 0)):
        np.testing.assert_allclose(fpfh.pair_features(points, directions, *pair), expected, atol=1e-12)


def test_pose_unit_and_order_change_nothing():
    points, directions = wavy()
    order = np.random.default_rng(1).permutation(len(points))
    turn = Rotation.random(random_state=1)
    moved = fpfh.describe(
        1000 * turn.apply(points[order]) + [3, -2, 1], turn.apply(directions[order]), radius=800
    )
    np.testing.assert_allclose(moved, fpfh.describe(points, directions, radius=0.8)[order], atol=2e-3)


def test_with_normals_that_turn_with_the_cloud_so_does_everything():
    points = wavy()[0]
    turn = Rotation.random(random_state=3)

    def end_to_end(cloud):
        outwards = normals.estimate(cloud, max_neighbours=20, orientation="outwards")
        return fpfh.describe(cloud, outwards, radius=0.8)

    difference = np.abs(end_to_end(turn.apply(points)) - end_to_end(points))
    assert difference.mean() < 0.01  # normals are rounded to float32, so that a pair may change its bin


def test_a_point_without_neighbours_has_zeros():
    points, directions = wavy(50)
    points[7] += 100
    descriptors = fpfh.describe(points, directions, radius=1.0)
    assert not descriptors[7].any()
    assert np.delete(descriptors, 7, axis=0).any(axis=1).all()


@pytest.mark.parametrize("n", [2, 5, 150])
def test_points_in_one_position_have_100_in_the_middle(n):
    descriptors = fpfh.describe(np.full((n, 3), 0.1), np.tile([0.0, 0, 1], (n, 1)), radius=1.0)
    np.testing.assert_allclose(descriptors[:, [5, 16, 27]], 100, rtol=1e-6)
    assert np.count_nonzero(descriptors) == 3 * n


def test_a_single_point_has_zeros():
    assert not fpfh.describe(np.zeros((1, 3)), np.array([[0.0, 0, 1]]), radius=1.0).any()


def test_a_line_is_described():
    points = np.linspace(0, 1, 40)[:, None] * [1.0, 0, 0]
    descriptors = fpfh.describe(points, np.tile([0.0, 0, 1], (40, 1)), radius=0.2)
    np.testing.assert_allclose(descriptors.sum(axis=1), 600, rtol=1e-5)


def test_copies_are_described_as_in_the_plain_twin():
    points, directions = (np.repeat(array, 3, axis=0) for array in wavy(30))
    fast, plain = (call(points, directions, radius=0.9) for call in (fpfh.describe, fpfh.describe_plain))
    np.testing.assert_allclose(fast, plain, atol=1e-3)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_no_unit_overflows(unit):
    points, directions = wavy(60)
    expected = fpfh.describe(points, directions, radius=0.8)
    scaled = fpfh.describe(points * unit, directions, radius=0.8 * unit)
    np.testing.assert_allclose(scaled, expected, atol=1e-3)


def test_searching_twice_instead_of_keeping_neighbours_changes_nothing(monkeypatch):
    points, directions = wavy()
    kept = fpfh.describe(points, directions, radius=0.8)
    monkeypatch.setattr(fpfh, "KEPT", 0)
    monkeypatch.setattr(neighbors, "CHUNK", 1000)
    np.testing.assert_array_equal(fpfh.describe(points, directions, radius=0.8, workers=2), kept)


def test_patches_take_the_largest_or_the_mean_value():
    descriptors = np.arange(12, dtype=np.float32).reshape(4, 3)
    patches = np.array([[0, 1], [3, 1]])
    np.testing.assert_array_equal(fpfh.pool(descriptors, patches), [[3, 4, 5], [9, 10, 11]])
    np.testing.assert_array_equal(
        fpfh.pool(descriptors, patches, pooling="mean"), [[1.5, 2.5, 3.5], [6, 7, 8]]
    )
    with pytest.raises(ConfigError, match="use max or mean"):
        fpfh.pool(descriptors, patches, pooling="sum")


@pytest.mark.parametrize(
    ("patches", "problem"),
    [
        ([[0, 4]], "patches name points 0 to 4, but there are 4 descriptors; "),
        ([[-1, 3]], "patches name points -1 to 3"),
        (np.zeros((2, 0), dtype=np.int64), r"patches of shape \(2, 0\) and type int64 are no indices"),
        ([0, 1], r"patches of shape \(2,\)"),
        ([[0.0, 1.0]], "type float64"),
    ],
)
@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_refuses_patches_of_other_points_or_of_none(patches, problem, pooling):
    with pytest.raises(DataError, match=problem):
        fpfh.pool(np.zeros((4, 33), dtype=np.float32), np.asarray(patches), pooling=pooling)


def test_no_patches_have_no_descriptors():
    assert fpfh.pool(np.zeros((4, 33), dtype=np.float32), np.zeros((0, 5), dtype=int)).shape == (0, 33)


@pytest.mark.parametrize("spoil", [np.nan, 0.0, 2.0])
def test_refuses_normals_without_length_1(spoil):
    points, directions = wavy(20)
    directions[3] *= spoil
    with pytest.raises(DataError, match="1 of 20 normals do not have length 1; leave points"):
        fpfh.describe(points, directions, radius=1.0)


def test_refuses_points_that_are_not_finite():
    points, directions = wavy(20)
    points[3, 0] = np.inf
    with pytest.raises(DataError, match="not finite"):
        fpfh.describe(points, directions, radius=1.0)


@pytest.mark.parametrize(("points", "directions"), [((5, 3), (4, 3)), ((5, 2), (5, 2)), ((0, 3), (0, 3))])
def test_refuses_shapes_that_do_not_fit(points, directions):
    with pytest.raises(DataError):
        fpfh.describe(np.zeros(points), np.full(directions, np.sqrt(1 / 3)), radius=1.0)


def test_the_golden_case_is_reproduced(test_data):
    result = run_case(test_data / "golden" / "15_btp_fpfh.npz")
    assert result.problems == ()
    assert result.status is Status.PASS
