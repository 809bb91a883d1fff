"""Nearest neighbours: exact, ordered, and safe on clouds that break trees."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pc3dad.errors import DataError
from pc3dad.geometry import neighbors


def cloud(n, seed=0, dimensions=3):
    return np.random.default_rng(seed).normal(size=(n, dimensions)).astype(np.float32)


def same_as_brute_force(points, queries, k):
    distances, indices = neighbors.knn(points, queries, k=k)
    expected_distances, expected_indices = neighbors.knn_brute_force(points, queries, k=k)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-6)


@pytest.mark.parametrize("k", [1, 7, 40])
def test_equals_brute_force(k):
    same_as_brute_force(cloud(500), cloud(200, seed=1), k)


def test_works_in_descriptor_space():
    same_as_brute_force(cloud(300, dimensions=33), cloud(50, seed=1, dimensions=33), 5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12), st.integers(2, 4))
def test_ties_go_to_the_lowest_index(seed, k, size):
    """Whole-numbered points have many equal distances and many equal positions."""
    points = np.random.default_rng(seed).integers(0, size, size=(60, 3)).astype(np.float32)
    same_as_brute_force(points, points, k)


def test_dtypes_are_small():
    distances, indices = neighbors.knn(cloud(50), cloud(9), k=4)
    assert (distances.dtype, indices.dtype) == (np.float32, np.int32)
    assert distances.shape == indices.shape == (9, 4)


def test_chunks_and_workers_change_nothing(monkeypatch):
    points = cloud(1000)
    whole = neighbors.knn(points, points, k=6)
    monkeypatch.setattr(neighbors, "CHUNK", 50)
    pieces = neighbors.knn(points, points, k=6, workers=2)
    np.testing.assert_array_equal(whole[0], pieces[0])
    np.testing.assert_array_equal(whole[1], pieces[1])


def test_a_mass_of_equal_points_is_quick():
    """In one leaf of a tree, 50 000 equal points would cost 2.5 billion distances."""
    points = np.zeros((50_000, 3), dtype=np.float32)
    points[::2] *= -1  # -0 is the same position
    start = time.process_time()
    distances, indices = neighbors.knn(points, points, k=3)
    assert time.process_time() - start < 10
    assert (indices == [0, 1, 2]).all()
    assert not distances.any()


def test_many_equally_far_points_end():
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1).round(1)
    distances, _ = neighbors.knn(circle, np.zeros((5, 3)), k=3)
    np.testing.assert_allclose(distances, np.sort(np.linalg.norm(circle, axis=1))[:3][None].repeat(5, 0))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_refuses_what_is_not_finite(value, which):
    arrays = [cloud(10), cloud(10)]
    arrays[which][3, 1] = value
    with pytest.raises(DataError, match=("points", "queries")[which]):
        neighbors.knn(*arrays, k=2)


@pytest.mark.parametrize("k", [0, 11])
def test_refuses_more_neighbours_than_points(k):
    with pytest.raises(DataError, match="among 10 points"):
        neighbors.knn(cloud(10), cloud(3), k=k)


def test_refuses_other_dimensions():
    with pytest.raises(DataError, match="points have 3 coordinates, queries have 2"):
        neighbors.knn(cloud(10), cloud(3, dimensions=2), k=1)


def test_no_queries_give_no_rows():
    assert neighbors.knn(cloud(10), np.zeros((0, 3)), k=2)[1].shape == (0, 2)
