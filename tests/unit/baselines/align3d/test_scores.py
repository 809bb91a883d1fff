"""Fusion of two branches, and scores of points and objects."""

import numpy as np
import pytest
import torch

from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.scores import Branch, Fusion, blend, fuse, predict
from pc3dad.methods.rendered.stream import Stream
from pc3dad.render.smoothing import official_grid

EVEN = Fusion(0.5, 0.5, blur_object=True, blur_points=False)


def smooth(values, times):
    for _ in range(times):
        values = official_grid(values)
    return values


@pytest.fixture
def maps():
    """Values of two branches on a grid, with a background."""
    found = np.random.default_rng(0).random((2, 30, 30)).astype(np.float32)
    found[:, :10] = 0
    return found


@pytest.mark.parametrize("blur_object", [False, True])
@pytest.mark.parametrize("blur_points", [False, True])
def test_fusion_gives_what_smoothing_each_branch_first_gives(maps, blur_object, blur_points):
    fusion = Fusion(0.3, 0.8, blur_object, blur_points)
    found = fuse(*maps, (0.2, 0.6), fusion, smooth)
    rendered, aligned = smooth(maps[0], 1), smooth(maps[1], 1)
    points = 0.8 * aligned + 0.2 * rendered
    of_object = 0.3 * aligned + 0.7 * rendered
    np.testing.assert_allclose(found.points, smooth(points, int(blur_points)), atol=1e-6)
    assert found.largest == pytest.approx(smooth(of_object, int(blur_object)).max(), abs=1e-6)
    assert found.views == pytest.approx(0.7 * 0.2 + 0.3 * 0.6)


def test_a_share_of_zero_leaves_the_rendering_branch_alone(maps):
    alone = fuse(*maps, (0.2, 0.6), Fusion(0, 0, blur_object=False, blur_points=False), smooth)
    np.testing.assert_array_equal(alone.points, smooth(maps[0], 1))
    assert alone.views == 0.2
    rendered, aligned = (Branch(torch.tensor(one), torch.tensor([one.mean()])) for one in maps)
    assert torch.equal(blend(rendered, aligned, maps=0, views=0).maps, rendered.maps)
    assert torch.equal(blend(rendered, aligned, maps=1, views=1).views, aligned.views)


def scored(sample, ctx, fusion=EVEN, constants=(0.2, 0.4), **options):
    config = Align3dConfig(**options)
    seen = Stream(config, ctx).look(sample)
    rendered, aligned = (
        Branch(torch.full((9, 32, 32), value), torch.full((9,), value + 0.5)) for value in constants
    )
    return predict(sample, seen, rendered, aligned, fusion, config=config, ctx=ctx)


@pytest.mark.parametrize("smooth_by", ["masked", "none", "neighbours"])
@pytest.mark.parametrize("unseen", ["nearest", "index_neighbour"])
def test_constant_maps_give_their_mean_to_all_valid_points(loaded, ctx, samples, sheet, smooth_by, unseen):
    for sample in (samples[0], sheet):
        found = scored(sample, ctx, smooth=smooth_by, unseen=unseen)
        np.testing.assert_allclose(found.point_scores[sample.cloud.valid], 0.3, rtol=1e-6)
        assert (found.point_scores[~sample.cloud.valid] == 0).all()
        assert found.object_score == pytest.approx(0.3 + 0.8)


@pytest.mark.parametrize(("rule", "expected"), [("points_and_views", 1.1), ("points", 0.3), ("views", 0.8)])
def test_object_scores_by_rule(loaded, ctx, samples, rule, expected):
    assert scored(samples[0], ctx, object_score=rule).object_score == pytest.approx(expected)


def test_released_smoothing_keeps_the_background_between_two_passes(loaded, ctx, sheet):
    twice = Fusion(0.5, 0.5, blur_object=False, blur_points=True)
    found = scored(sheet, ctx, twice, smooth="official_grid")
    expected = smooth(np.where(sheet.cloud.valid, np.float32(0.3), 0).reshape(20, 20), 2).ravel()
    np.testing.assert_allclose(found.point_scores[sheet.cloud.valid], expected[sheet.cloud.valid], atol=1e-6)


def test_released_smoothing_takes_the_order_of_points_for_a_picture(loaded, ctx, samples):
    found = scored(samples[0], ctx, smooth="official_grid").point_scores
    assert found[0] == pytest.approx(0.3, abs=0.02)
    assert found[-1] < 0.29  # the square of 225 has zeros after the 200 points
