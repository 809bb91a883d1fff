"""Foreground of organised scans: components of the image and the support plane."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pc3dad.data.organised import (
    PlaneSearch,
    border,
    central_component,
    largest_component,
    without_support_plane,
)

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=7))


def picture(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


def flood(mask: np.ndarray, start: tuple[int, int]) -> np.ndarray:
    """Plain twin: the pixels that a king reaches from `start`."""
    found, todo = np.zeros_like(mask), [start]
    while todo:
        row, column = todo.pop()
        inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
        if inside and mask[row, column] and not found[row, column]:
            found[row, column] = True
            todo += [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return found


def scene(height: int = 80, width: int = 120, tilt: float = 0.1, noise: float = 2e-4, seed: int = 0):
    """A noisy tilted plane with a hemisphere on it, in metres; returns xyz (H, W, 3) and the hemisphere."""
    row, column = np.indices((height, width))
    x, y = (column - width / 2) * 1e-3, (row - height / 2) * 1e-3
    z = 0.55 + tilt * x + np.random.default_rng(seed).normal(0, noise, x.shape)
    height_above = np.sqrt(np.maximum(0.02**2 - x**2 - y**2, 0))
    return np.stack([x, y, z - height_above], axis=-1), height_above > 0.008


@given(MASKS)
def test_components_equal_a_flood_fill(mask):
    starts = np.argwhere(mask)
    components = [flood(mask, tuple(start)) for start in starts]
    largest = max(components, key=lambda c: c.sum(), default=mask)  # max keeps the first of equal ones
    np.testing.assert_array_equal(largest_component(mask), largest)
    centre = (np.array(mask.shape) - 1) / 2
    order = np.argsort(((starts - centre) ** 2).sum(axis=1), kind="stable")
    central = components[order[0]] if len(starts) else mask
    np.testing.assert_array_equal(central_component(mask), central)


def test_pixels_that_touch_at_a_corner_are_connected():
    mask = picture("#..##", ".#...", "..#..")
    np.testing.assert_array_equal(largest_component(mask), picture("#....", ".#...", "..#.."))


def test_the_central_component_is_not_the_largest_one():
    mask = picture("#####", ".....", "..#..", ".....", ".....")
    np.testing.assert_array_equal(
        central_component(mask), picture(".....", ".....", "..#..", ".....", ".....")
    )


def test_border_of_a_small_image_is_all_of_it():
    assert border(15, 30, pixels=10).all()
    assert border(30, 30, pixels=10).sum() == 30 * 30 - 10 * 10


def remove(xyz, valid=None, seed=0, **search):
    valid = np.ones(xyz.shape[:2], bool) if valid is None else valid
    rng = np.random.default_rng(seed)
    return without_support_plane(
        xyz, valid, rng, search=PlaneSearch(**search), border_pixels=10, margin=0.005
    )


@pytest.mark.parametrize("tilt", [0.0, 0.3, -1.0])
@pytest.mark.parametrize("shape", [(80, 120), (120, 80)])
def test_support_plane_goes_and_the_object_stays(tilt, shape):
    xyz, object_mask = scene(*shape, tilt=tilt)
    kept = largest_component(remove(xyz))
    assert kept[object_mask].all()
    assert kept.sum() < 1.3 * object_mask.sum() + 400
    assert not kept[border(*shape, pixels=10)].any()


def test_plane_is_found_although_an_object_covers_a_twentieth_of_the_border():
    xyz, object_mask = scene()
    xyz[:5, 20:70, 2] -= 0.03
    kept = remove(xyz)
    assert kept[object_mask].all()
    assert kept[:5, 20:70].all()
    assert not kept[-10:].any()


def test_missing_pixels_stay_missing_and_do_not_pull_the_plane():
    xyz, object_mask = scene()
    valid = np.random.default_rng(1).random(xyz.shape[:2]) > 0.6
    xyz[~valid] = 0
    kept = remove(xyz, valid)
    assert not (kept & ~valid).any()
    np.testing.assert_array_equal(kept[object_mask], valid[object_mask])


def test_without_enough_border_points_nothing_is_removed():
    xyz, _ = scene()
    valid = ~border(*xyz.shape[:2], pixels=10)
    valid[0, :49] = True
    np.testing.assert_array_equal(remove(xyz, valid), valid)
    valid[0, 49] = True
    assert remove(xyz, valid).sum() < valid.sum()


def test_the_same_generator_gives_the_same_mask():
    xyz, _ = scene()
    np.testing.assert_array_equal(remove(xyz, seed=5), remove(xyz, seed=5))


@given(st.integers(0, 1000))
def test_plane_fit_recovers_a_known_plane(seed):
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    points = rng.normal(size=(200, 3))
    points += (0.7 - points @ normal)[:, None] * normal
    found, offset = PlaneSearch(iterations=20).fit(points, rng)
    sign = np.sign(found @ normal)
    np.testing.assert_allclose(sign * found, normal, atol=1e-9)
    assert sign * offset == pytest.approx(0.7, abs=1e-9)


def test_identical_points_are_no_error():
    normal, offset = PlaneSearch(iterations=5).fit(np.ones((60, 3)), np.random.default_rng(0))
    assert np.ones(3) @ normal == pytest.approx(offset)
