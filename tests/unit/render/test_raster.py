"""The depth buffer against its plain twin, and the closing of holes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import maximum_filter, minimum_filter

from pc3dad.render.cameras import Projected
from pc3dad.render.raster import Mend, deepest_shown, draw, draw_plain

WINDOW = 12


def _points(*rows):
    """Points at u, v, depth."""
    u, v, depth = torch.tensor(rows, dtype=torch.float32).T.contiguous()
    return Projected(u, v, depth)


places = st.floats(-9, WINDOW + 9, width=32)
clouds = st.lists(st.tuples(places, places, st.sampled_from([1.0, 1.5, 2.0, 3.25])), min_size=1, max_size=30)


@given(clouds, st.integers(1, 7))
@settings(deadline=None)
def test_squares_of_any_size_anywhere_are_those_of_the_plain_twin(cloud, size):
    fast, plain = (one(_points(*cloud), size=size, window=WINDOW) for one in (draw, draw_plain))
    assert torch.equal(fast.front, plain.front)
    assert torch.equal(fast.depth, plain.depth)
    assert torch.equal(fast.cell, plain.cell)


def test_the_nearest_point_wins_and_of_equal_ones_the_first():
    drawn = draw(_points((5.5, 5.5, 2), (5.5, 5.5, 1), (5.5, 5.5, 1)), size=1, window=WINDOW)
    assert drawn.front[5, 5] == 1
    assert (drawn.front >= 0).sum() == 1


@pytest.mark.parametrize(("size", "first", "last"), [(1, 5, 5), (2, 5, 6), (3, 4, 6), (4, 4, 7)])
def test_a_square_covers_the_pixels_whose_centres_it_contains(size, first, last):
    columns = (draw(_points((5.7, 5.7, 1)), size=size, window=WINDOW).front >= 0).any(dim=0).nonzero()
    assert (int(columns.min()), int(columns.max())) == (first, last)


@given(clouds, st.integers(1, 5))
@settings(deadline=None)
def test_the_deepest_that_shows_is_looked_for_in_the_whole_square(cloud, size):
    points = _points(*cloud)
    drawn = draw(points, size=size, window=WINDOW)
    for index, found in enumerate(deepest_shown(drawn).tolist()):
        alone = draw(
            Projected(*(x[index : index + 1] for x in (points.u, points.v, points.depth))),
            size=size,
            window=WINDOW,
        )
        square = drawn.depth[alone.front >= 0]
        assert found == (float(square.max()) if len(square) else 0.0)


def test_a_hole_is_closed_with_the_point_beside_it():
    wall = [(x + 0.5, y + 0.5, 1) for x in range(3, 9) for y in range(3, 9) if (x, y) != (5, 5)]
    points = _points(*wall, (5.5, 5.5, 3))
    torn = draw(points, size=1, window=WINDOW)
    mended = draw(points, size=1, window=WINDOW, mend=Mend(reach=1, tolerance=0.1))
    assert torn.depth[5, 5] == 3
    assert mended.depth[5, 5] == 1
    assert torch.equal(torn.front >= 0, mended.front >= 0)


def test_outlines_slanted_walls_and_wide_openings_are_left_as_they_are():
    wall = [
        (x + 0.5, y + 0.5, 1 + 0.3 * x)
        for x in range(2, 11)
        for y in range(2, 11)
        if not (4 < x < 8 and 4 < y < 8)
    ]
    plain, mended = (
        draw(_points(*wall), size=1, window=WINDOW, mend=mend)
        for mend in (None, Mend(reach=1, tolerance=0.01))
    )
    assert torch.equal(plain.front, mended.front)


def test_what_lies_less_than_the_tolerance_behind_is_no_hole():
    wall = [(x + 0.5, y + 0.5, 1) for x in range(3, 9) for y in range(3, 9) if (x, y) != (5, 5)]
    mended = draw(_points(*wall, (5.5, 5.5, 1.05)), size=1, window=WINDOW, mend=Mend(reach=1, tolerance=0.1))
    assert mended.depth[5, 5] == pytest.approx(1.05)


@given(clouds, st.integers(1, 3), st.integers(1, 4))
@settings(deadline=None)
def test_holes_are_those_that_a_morphological_opening_removes(cloud, size, reach):
    points = _points(*cloud)
    torn = draw(points, size=size, window=WINDOW).depth.numpy()
    mended = draw(points, size=size, window=WINDOW, mend=Mend(reach, tolerance=0.3)).depth.numpy()
    wide = np.pad(torn, 2 * reach, constant_values=np.inf)
    near = minimum_filter(wide, 2 * reach + 1, mode="constant", cval=np.inf)
    cover = maximum_filter(near, 2 * reach + 1, mode="constant", cval=np.inf)
    inner = slice(2 * reach, -2 * reach)
    hole = torn > cover[inner, inner] + np.float32(0.3)
    np.testing.assert_array_equal(mended, np.where(hole, near[inner, inner], torn))


def test_points_outside_the_window_draw_nothing():
    drawn = draw(_points((-50, 5, 1), (5, 1e6, 1)), size=3, window=WINDOW)
    assert (drawn.front == -1).all()
    assert torch.isinf(drawn.depth).all()
    np.testing.assert_array_equal(deepest_shown(drawn), 0)
