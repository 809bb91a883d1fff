"""Points from meshes, and even subsets of clouds."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pc3dad.errors import DataError
from pc3dad.geometry.sampling import radial_subset, sample_surface

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
