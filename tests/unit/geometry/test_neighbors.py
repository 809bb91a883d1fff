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


def gathered(points, **options):
    """Neighbours of every point as a list."""
    lists = {}
    for rows, near, counts in neighbors.neighbourhoods(points, **options):
        for row, indices, count in zip(rows, near, counts, strict=True):
            assert row not in lists
            lists[int(row)] = indices[:count].tolist()
    return [lists[row] for row in sorted(lists)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 90), st.floats(0.05, 3))
def test_neighbourhoods_hold_the_nearest_points_closer_than_the_radius(seed, most, radius):
    points = cloud(80, seed=seed)
    distances, indices = neighbors.knn_brute_force(points, points, k=min(most, 80))
    expected = [row[far < radius].tolist() for far, row in zip(distances, indices, strict=True)]
    assert gathered(points, max_neighbours=most, radius=radius) == expected


def test_neighbourhoods_without_a_radius_are_the_nearest_points():
    points = cloud(100)
    assert gathered(points, max_neighbours=7) == neighbors.knn(points, points, k=7)[1].tolist()


def test_neighbourhoods_of_chosen_points_only():
    points = cloud(100)
    chosen = np.array([3, 60, 7])
    everything = gathered(points, max_neighbours=7)
    some = gathered(points, max_neighbours=7, chosen=chosen)
    assert some == [everything[row] for row in sorted(chosen)]


def test_neighbourhoods_exclude_the_radius_itself_and_break_ties_by_index():
    line = np.array([[2.0, 0, 0], [0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 0]])
    assert gathered(line, max_neighbours=5, radius=1.0)[1] == [1, 4]
    assert gathered(line, max_neighbours=3, radius=1.5)[1] == [1, 4, 2]


def test_chunks_change_no_neighbourhood(monkeypatch):
    points = cloud(500)
    whole = gathered(points, max_neighbours=9, radius=0.5)
    monkeypatch.setattr(neighbors, "CHUNK", 70)
    assert gathered(points, max_neighbours=9, radius=0.5, workers=2) == whole


@pytest.mark.parametrize(("n", "most", "radius"), [(0, 3, 1.0), (9, 0, 1.0), (9, 3, 0.0), (9, 3, np.nan)])
def test_refuses_neighbourhoods_that_cannot_be(n, most, radius):
    with pytest.raises(DataError, match=f"among {n} points"):
        next(iter(neighbors.neighbourhoods(cloud(n), max_neighbours=most, radius=radius)))


def test_refuses_coordinates_whose_squares_overflow():
    with pytest.raises(DataError, match="1e\\+200; use a larger unit"):
        neighbors.knn(np.full((3, 3), 1e200), cloud(2), k=1)
