"""Points from meshes, and even subsets of clouds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pc3dad.errors import DataError
from pc3dad.geometry.sampling import farthest_points, farthest_points_plain, radial_subset, sample_surface

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
CUBE = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ]
)


def rng():
    return np.random.default_rng(0)


def test_points_lie_on_the_cube_and_normals_point_outwards():
    cloud = sample_surface(CORNERS, CUBE, n=3000, rng=rng())
    xyz = cloud.xyz + cloud.origin
    np.testing.assert_allclose(np.abs(xyz - 0.5).max(axis=1), 0.5, atol=1e-6)
    np.testing.assert_allclose((cloud.normals * (xyz - 0.5)).sum(axis=1), 0.5, atol=1e-6)


def test_every_face_gets_points_by_its_area():
    stretched = CORNERS * [1, 2, 4]
    cloud = sample_surface(stretched, CUBE, n=28_000, rng=rng())
    shares = [(np.abs(cloud.normals[:, axis]) > 0.5).mean() for axis in range(3)]
    np.testing.assert_allclose(shares, np.array([8, 4, 2]) / 14, atol=0.01)


def test_points_are_uniform_within_a_triangle():
    cloud = sample_surface(
        np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.array([[0, 1, 2]]), n=20_000, rng=rng()
    )
    xy = (cloud.xyz + cloud.origin)[:, :2]
    assert xy.min() >= -1e-6
    assert xy.sum(axis=1).max() <= 1 + 1e-6
    np.testing.assert_allclose(xy.mean(axis=0), 1 / 3, atol=0.01)
    np.testing.assert_allclose((xy < 0.5).all(axis=1).mean(), 0.5, atol=0.02)


def test_far_away_meshes_keep_their_detail():
    cloud = sample_surface(CORNERS * 1e-3 + 1e6, CUBE, n=500, rng=rng())
    np.testing.assert_allclose(np.ptp(cloud.xyz, axis=0), 1e-3, rtol=0.05)


def test_triangles_without_area_are_never_drawn():
    faces = np.concatenate([[[0, 0, 1], [2, 2, 2]], CUBE])
    cloud = sample_surface(CORNERS, faces, n=500, rng=rng())
    np.testing.assert_allclose(np.linalg.norm(cloud.normals, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("faces", [np.zeros((0, 3), dtype=int), np.array([[0, 0, 1]])], ids=["none", "flat"])
def test_refuses_a_mesh_without_surface(faces):
    with pytest.raises(DataError, match="no surface"):
        sample_surface(CORNERS, faces, n=10, rng=rng())


@pytest.mark.parametrize("corner", [-1, 8])
def test_refuses_vertices_that_do_not_exist(corner):
    with pytest.raises(DataError, match="there are 8"):
        sample_surface(CORNERS, np.array([[0, 1, corner]]), n=10, rng=rng())


def test_refuses_vertices_that_are_not_finite():
    with pytest.raises(DataError, match="not finite"):
        sample_surface(np.where(CORNERS == 1, np.nan, CORNERS), CUBE, n=10, rng=rng())


def test_small_clouds_are_kept_whole():
    np.testing.assert_array_equal(radial_subset(CORNERS, n=8), np.arange(8))


def test_the_subset_is_sorted_and_follows_the_density():
    points = rng().normal(size=(20_000, 3))
    chosen = radial_subset(points, n=2000)
    assert len(chosen) == 2000
    assert (np.diff(chosen) > 0).all()
    half = points[:, 0] > 0.5
    np.testing.assert_allclose(half[chosen].mean(), half.mean(), atol=0.03)


def test_the_subset_moves_with_the_cloud():
    points = rng().normal(size=(500, 3))
    order = rng().permutation(500)
    moved = 4 * Rotation.random(random_state=1).apply(points)[order] + 9
    assert set(order[radial_subset(moved, n=50)]) == set(radial_subset(points, n=50))


@pytest.mark.parametrize("n", [3, 100])
def test_refuses_a_subset_of_what_is_not_finite(n):
    with pytest.raises(DataError, match="not finite; pass valid points only"):
        radial_subset(np.where(CORNERS == 1, np.nan, CORNERS), n=n)


def same_as_plain(points, count, start):
    np.testing.assert_array_equal(
        farthest_points(points, count, start=start), farthest_points_plain(points, count, start=start)
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 300), st.sampled_from([1e-9, 1.0, 1e6]))
def test_farthest_points_equal_the_plain_twin_from_any_start(seed, n, unit):
    points = np.random.default_rng(seed).normal(size=(n, 3)) * unit
    same_as_plain(points, count=1 + seed % n, start=7 * seed % n)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_of_equally_far_points_the_lowest_index_is_chosen(seed, size):
    """Whole-numbered points have many equal distances and many equal positions."""
    points = np.random.default_rng(seed).integers(0, size, size=(200, 3)).astype(np.float32)
    same_as_plain(points, count=200, start=seed % 200)


def test_each_choice_is_the_farthest_from_those_before():
    points = rng().normal(size=(500, 3)) * [1, 1, 0]
    chosen = farthest_points(points, 40, start=3)
    assert chosen[0] == 3
    for step in range(1, 40):
        distances = np.linalg.norm(points[:, None] - points[chosen[:step]], axis=2).min(axis=1)
        assert distances[chosen[step]] == distances.max()


def test_the_first_choices_do_not_depend_on_how_many_follow():
    points = rng().normal(size=(400, 3))
    np.testing.assert_array_equal(farthest_points(points, 300)[:50], farthest_points(points, 50))


def test_no_point_is_chosen_twice_however_many_are_equal():
    points = np.repeat(CORNERS, [40] * 8, axis=0)
    chosen = farthest_points(points, 320)
    assert sorted(chosen) == list(range(320))
    assert len(np.unique(points[chosen[:8]], axis=0)) == 8
    np.testing.assert_array_equal(chosen[8:], np.delete(np.arange(320), chosen[:8]))


def test_a_mass_of_equal_points_costs_no_more_than_others():
    points = np.concatenate([np.zeros((50_000, 3)), rng().normal(size=(100, 3))])
    chosen = farthest_points(points, 20_000, start=60)
    assert set(chosen[:101]) == {60, *range(50_000, 50_100)}
    np.testing.assert_array_equal(chosen[101:161], np.arange(60))


def test_order_rotation_and_unit_of_points_change_no_choice():
    points = rng().normal(size=(600, 3))
    order = rng().permutation(600)
    moved = 1000 * Rotation.random(random_state=2).apply(points[order]) + [5, -4, 3]
    start = int(np.flatnonzero(order == 0)[0])
    np.testing.assert_array_equal(order[farthest_points(moved, 50, start=start)], farthest_points(points, 50))


@pytest.mark.parametrize("unit", [2.0**-1070, 2.0**-565, 2.0**490])  # 1e-322, 1e-170, 3e147
@pytest.mark.parametrize("farthest", [farthest_points, farthest_points_plain])
def test_no_unit_over_or_underflows(farthest, unit):
    points = rng().integers(-9, 9, size=(100, 3))
    np.testing.assert_array_equal(farthest(unit * points, 60), farthest(points, 60))


@pytest.mark.parametrize(("count", "start"), [(0, 0), (9, 0), (3, 8), (3, -1), (3.0, 0), (3, 1.0)])
def test_refuses_choices_that_a_cloud_does_not_have(count, start):
    with pytest.raises(DataError, match="from a cloud of 8"):
        farthest_points(CORNERS, count, start=start)


def test_refuses_farthest_points_of_what_is_not_finite():
    with pytest.raises(DataError, match="not finite"):
        farthest_points(np.where(CORNERS == 1, np.nan, CORNERS), 3)


@pytest.mark.parametrize("shape", [(8,), (8, 2), (2, 4, 3)])
def test_refuses_farthest_points_of_other_shapes(shape):
    with pytest.raises(DataError, match="shape"):
        farthest_points(np.zeros(shape), 1)
