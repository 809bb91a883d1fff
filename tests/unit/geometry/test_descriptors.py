"""Surface variation: equal to general eigenvalues, blind to pose and unit, defined everywhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pc3dad.geometry import descriptors, neighbors


def bumpy(n=400, seed=0):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-1, 1, size=(n, 2))
    height = 0.2 * np.sin(4 * xy[:, 0]) + 0.02 * rng.normal(size=n)
    return np.column_stack([xy, height]).astype(np.float32)


def variation(points, k=12):
    _, near = neighbors.knn(points, points, k=min(k, len(points)))
    return descriptors.surface_variation(points, near)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1e-12, 1e-3, 1.0, 1e6]), st.floats(0, 1))
def test_equals_the_plain_twin(seed, unit, flatness):
    rng = np.random.default_rng(seed)
    points = (rng.normal(size=(60, 3)) * [1, 1 - 0.99 * flatness, (1 - flatness) ** 2] * unit).astype(
        np.float32
    )
    near = rng.integers(0, 60, size=(40, 9)).astype(np.int32)
    fast, plain = (
        function(points, near)
        for function in (descriptors.surface_variation, descriptors.surface_variation_plain)
    )
    np.testing.assert_allclose(fast, plain, atol=1e-7)


def test_far_from_the_origin_nothing_cancels():
    points = np.round(bumpy().astype(np.float64), 3)
    near = neighbors.knn(points, points, k=12)[1]
    here, there = (descriptors.surface_variation(points + offset, near) for offset in (0.0, 1e6))
    np.testing.assert_allclose(there, here, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_rotation_translation_and_scale_change_nothing(seed):
    points = bumpy(seed=seed).astype(np.float64)
    near = neighbors.knn(points, points, k=12)[1]
    moved = 7 * Rotation.random(random_state=seed).apply(points) + [3, -2, 1]
    np.testing.assert_allclose(
        descriptors.surface_variation(moved, near), descriptors.surface_variation(points, near), atol=1e-7
    )


def test_order_of_points_changes_nothing():
    points = bumpy()
    order = np.random.default_rng(1).permutation(len(points))
    np.testing.assert_allclose(variation(points[order]), variation(points)[order], atol=1e-7)


def test_chunks_change_nothing(monkeypatch):
    points = bumpy()
    whole = variation(points)
    monkeypatch.setattr(descriptors, "CHUNK", 100)
    np.testing.assert_array_equal(variation(points), whole)


LINE = np.arange(30)[:, None] * np.array([[1.0, 2.0, -1.0]])
PLANE = np.random.default_rng(0).normal(size=(30, 2)) @ np.array([[1.0, 2, 0], [0, 1, 3]])


@pytest.mark.parametrize(
    "points", [PLANE, LINE, np.ones((30, 3)), np.ones((1, 3))], ids=["plane", "line", "copies", "one point"]
)
def test_flat_clouds_have_none(points):
    np.testing.assert_allclose(variation(points), 0, atol=1e-7)


def test_equal_spread_has_a_third():
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    np.testing.assert_allclose(variation(axes), 1 / 3, atol=1e-7)


def test_a_curved_surface_has_more_than_a_flat_one():
    rng = np.random.default_rng(0)
    sphere = rng.normal(size=(2000, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    small, large = (np.median(variation(sphere, k)) for k in (10, 40))
    assert 0 < small < large < 0.05


def test_contrast_is_nothing_on_a_plane_and_most_at_the_foot_of_a_bump():
    rng = np.random.default_rng(0)
    xyz = np.column_stack([rng.uniform(-1, 1, (4000, 2)), np.zeros(4000)])
    distance = np.hypot(xyz[:, 0], xyz[:, 1])
    assert descriptors.variation_contrast(xyz).max() < 1e-6
    xyz[:, 2] = 0.2 * np.maximum(1 - distance / 0.2, 0)
    contrast = descriptors.variation_contrast(xyz)
    assert contrast[distance < 0.25].mean() > 20 * contrast[distance > 0.5].mean()


@pytest.mark.parametrize("n", [1, 2, 10])
def test_clouds_smaller_than_a_neighbourhood_have_no_contrast(n):
    xyz = np.random.default_rng(1).normal(size=(n, 3))
    assert np.array_equal(descriptors.variation_contrast(xyz), np.zeros(n, np.float32))
