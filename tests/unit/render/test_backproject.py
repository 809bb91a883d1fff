"""Values of points from maps of views."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pc3dad.errors import ConfigError, DataError
from pc3dad.geometry import propagate
from pc3dad.render.backproject import back_project, back_project_plain, repair_visibility, to_points
from pc3dad.render.config import RenderConfig
from pc3dad.render.renderer import render
from pc3dad.types import PointCloud


def _case(seed, *, views=3, points=20, side=4, channels=2, share=0.5):
    rng = np.random.default_rng(seed)
    maps = torch.from_numpy(rng.random((views, channels, side, side)).astype(np.float32))
    pixel = torch.from_numpy(rng.integers(side * side, size=(views, points)).astype(np.int32))
    visible = torch.from_numpy(rng.random((views, points)) < share)
    return maps, pixel, visible


def test_three_views_by_hand():
    maps = torch.tensor(
        [[[[0.0, 1.0], [2.0, 3.0]]], [[[10.0, 11.0], [12.0, 13.0]]], [[[20.0, 21.0], [22.0, 23.0]]]]
    )
    pixel = torch.tensor([[0, 3, 1], [1, 3, 1], [2, 0, 1]])
    visible = torch.tensor([[True, False, False], [True, True, False], [True, False, False]])
    values = back_project(maps, pixel, visible)
    assert values[0, :2].tolist() == [(0 + 11 + 22) / 3, 13]
    assert values[0, 2].isnan()
    assert back_project(maps, pixel, visible, divide_by="all_views")[0].tolist() == pytest.approx(
        [11, 13 / 3, 0]
    )


@settings(deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["visible", "all_views"]))
def test_the_plain_twin_agrees(seed, divide_by):
    case = _case(seed)
    fast, plain = (project(*case, divide_by=divide_by) for project in (back_project, back_project_plain))
    torch.testing.assert_close(fast, plain, equal_nan=True)


@settings(deadline=None)
@given(st.floats(-100, 100, width=32), st.integers(0, 100))
def test_a_constant_map_gives_exactly_that_constant(constant, seed):
    maps, pixel, visible = _case(seed)
    points = np.random.default_rng(seed).random((20, 3))
    if visible.any():
        found = to_points(torch.full_like(maps, constant), pixel, visible, points=points)
        assert (found.values == constant).all()


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_the_order_of_views_changes_only_rounding(seed):
    maps, pixel, visible = _case(seed, views=9)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(9))
    torch.testing.assert_close(
        back_project(maps[order], pixel[order], visible[order]),
        back_project(maps, pixel, visible),
        equal_nan=True,
    )


def test_points_that_no_view_shows_take_the_value_of_the_nearest_one_and_are_counted():
    maps, pixel, visible = _case(0, share=0.2)
    points = np.random.default_rng(1).random((20, 3))
    seen = visible.any(dim=0).numpy()
    assert 0 < seen.sum() < 20
    found = to_points(maps, pixel, visible, points=points)
    assert found.n_filled == (~seen).sum()
    direct = back_project(maps, pixel, visible).numpy()
    for channel in range(2):
        filled = propagate.nearest(points, np.flatnonzero(seen), direct[channel, seen])
        np.testing.assert_array_equal(found.values[channel], filled)


def test_gradients_reach_exactly_the_pixels_that_were_read():
    maps, pixel, visible = _case(0, share=0.2)
    maps.requires_grad_()
    points = np.random.default_rng(1).random((20, 3))
    to_points(maps, pixel, visible, points=points).values.sum().backward()
    read = torch.zeros(3, 16, dtype=torch.bool)
    for view in range(3):
        read[view, pixel[view][visible[view]].long()] = True
    assert torch.isfinite(maps.grad).all()
    assert torch.equal(maps.grad.flatten(2)[:, 0] != 0, read)


def test_a_picture_of_the_cloud_comes_back_to_its_points():
    """Every point reads from its own pixels the colour that it was drawn with."""
    points = np.random.default_rng(0).normal(size=(20_000, 3))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    cloud = PointCloud(points, normals=points, rgb=(points + 1) / 2)
    views = render(cloud, RenderConfig(views="cross", lighting="unlit"), coloured=True)
    maps = views.rgb.permute(0, 3, 1, 2).float() / 255
    found = to_points(maps, views.pixel, views.visible, points=points)
    error = (found.values.T - torch.from_numpy(cloud.rgb)).abs()
    assert error[views.visible.any(dim=0)].mean() < 0.02
    assert found.n_filled == int((~views.visible.any(dim=0)).sum())


def test_indices_go_round_when_visibility_is_repaired_as_released():
    visible = np.zeros((2, 8), bool)
    visible[0, 3] = visible[1, 5] = True
    slots = np.array([10, 11, 12, 13, 17, 18, 19, 20])
    # 10 is 3 before 13 and, going round, 2 behind 18; then each takes over from the one before it or from 13
    expected = [[0, 0, 1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 1, 1, 1, 1]]
    np.testing.assert_array_equal(repair_visibility(visible, slots), np.array(expected, bool))
    assert visible.sum() == 2  # the argument is left alone


def test_repaired_points_are_read_at_their_own_pixels():
    maps, pixel, visible = _case(3, share=0.2)
    points = np.zeros((20, 3))
    repaired = torch.from_numpy(repair_visibility(visible.numpy(), np.arange(20)))
    found = to_points(maps, pixel, visible, points=points, unseen="index_neighbour")
    assert torch.equal(found.values, back_project(maps, pixel, repaired))
    assert found.n_filled == int((~visible.any(dim=0)).sum())


@pytest.mark.parametrize("unseen", ["nearest", "index_neighbour"])
def test_views_that_show_no_point_are_an_error(unseen):
    maps, pixel, visible = _case(0)
    with pytest.raises(DataError, match="no view shows any point"):
        to_points(maps, pixel, visible & False, points=np.zeros((20, 3)), unseen=unseen)
    with pytest.raises(DataError, match="no view shows any point"):
        repair_visibility(np.zeros((2, 3), bool), np.arange(3))


@pytest.mark.parametrize("divide_by", ["visible", "all_views"])
@pytest.mark.parametrize("kind", [torch.uint8, torch.int64, torch.bool])
def test_maps_of_whole_numbers_give_means_with_fractions(kind, divide_by):
    maps, pixel, visible = _case(2)
    whole = (maps * 9).to(kind)
    found = back_project(whole, pixel, visible, divide_by=divide_by)
    assert found.dtype == torch.float32
    assert torch.equal(found.isnan(), back_project(maps, pixel, visible, divide_by=divide_by).isnan())
    torch.testing.assert_close(
        found, back_project(whole.float(), pixel, visible, divide_by=divide_by), equal_nan=True
    )
    torch.testing.assert_close(
        found, back_project_plain(whole, pixel, visible, divide_by=divide_by), equal_nan=True
    )


@pytest.mark.parametrize("unseen", ["nearest", "index_neighbour"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"points": np.zeros((21, 3))}, r"points have shape \(21, 3\).*expected \(20, 3\)"),
        ({"points": np.zeros((19, 3))}, r"points have shape \(19, 3\)"),
        ({"points": np.zeros(20)}, r"points have shape \(20,\)"),
        ({"slots": np.arange(19)}, r"slots of shape \(19,\) and type int64 .* 20 points"),
        ({"slots": np.arange(20.0)}, r"slots of shape \(20,\) and type float64"),
        ({"slots": np.arange(20)[::-1]}, "ascending"),
        ({"slots": np.zeros(20, int)}, "ascending"),
        ({"visible": torch.ones(3, 20)}, "visibility has torch.float32; .*bool"),
        ({"visible": torch.ones(3, 20, dtype=torch.uint8)}, "visibility has torch.uint8; .*bool"),
        ({"visible": torch.ones(20, dtype=torch.bool)}, r"visibility \(20,\)"),
        ({"visible": torch.tensor(True)}, r"visibility \(\)"),
        ({"pixel": torch.zeros(3, 20)}, "pixels .* torch.float32 .*integer"),
        ({"pixel": torch.zeros(3, 20, dtype=torch.bool)}, "pixels .* torch.bool .*integer"),
        ({"pixel": torch.full((3, 20), 16)}, "pixels reach from 16 to 16, a map has 16"),
        ({"pixel": torch.full((3, 20), -1)}, "pixels reach from -1 to -1"),
        ({"maps": torch.zeros(3, 2, 2, 8)}, r"maps of shape \(3, 2, 2, 8\)"),
        ({"maps": torch.zeros(3, 16)}, r"maps of shape \(3, 16\)"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_one_sentence(wrong, message, unseen):
    maps, pixel, visible = _case(0, share=0.2)
    given = {"maps": maps, "pixel": pixel, "visible": visible, "points": np.zeros((20, 3))} | wrong
    with pytest.raises(DataError, match=message):
        to_points(**given, unseen=unseen)


@pytest.mark.parametrize(
    ("visible", "slots", "message"),
    [
        (np.ones((2, 3)), np.arange(3), "visibility of shape .* float64"),
        (np.ones(3, bool), np.arange(3), r"visibility of shape \(3,\)"),
        (np.ones((2, 3), bool), np.arange(4), r"slots of shape \(4,\)"),
        (np.ones((2, 0), bool), np.arange(0), "no view shows any point"),
    ],
)
def test_visibility_that_cannot_be_repaired_is_refused(visible, slots, message):
    with pytest.raises(DataError, match=message):
        repair_visibility(visible, slots)


def test_slots_of_a_small_type_do_not_overflow():
    visible = np.zeros((1, 4), bool)
    visible[0, 3] = True
    wide = np.array([-120, -110, 0, 120])
    small = wide.astype(np.int8)
    np.testing.assert_array_equal(repair_visibility(visible, small), repair_visibility(visible, wide))
    visible = np.array([[True, False, True], [False, False, False], [False, False, True]])
    unsigned = np.array([10, 40, 90], np.uint8)
    np.testing.assert_array_equal(
        repair_visibility(visible, unsigned), repair_visibility(visible, unsigned.astype(int))
    )


def test_shapes_and_options_are_checked():
    maps, pixel, visible = _case(0)
    points = np.zeros((20, 3))
    with pytest.raises(DataError, match=r"do not fit pixels \(3, 20\)"):
        to_points(maps[:2], pixel, visible, points=points)
    with pytest.raises(DataError, match=r"a map has 4$|a map has 4;"):
        to_points(maps[..., :2, :2], pixel, visible, points=points)
    with pytest.raises(ConfigError, match="unseen has no value 'zero'"):
        to_points(maps, pixel, visible, points=points, unseen="zero")
    with pytest.raises(ConfigError, match="divide_by has no value 'points'"):
        to_points(maps, pixel, visible, points=points, divide_by="points")
