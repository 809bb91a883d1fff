"""From patches and sentences to scores of points and objects."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from pc3dad.methods.rendered import maps
from pc3dad.methods.rendered.config import RenderedConfig
from pc3dad.methods.rendered.stream import Stream


@pytest.fixture
def texts():
    return functional.normalize(torch.randn(1, 2, 16, generator=torch.Generator().manual_seed(1)), dim=-1)


def test_both_channels_of_a_map_add_up_to_one(texts):
    patches = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    found = maps.view_maps(patches, texts, 32)
    assert found.shape == (3, 2, 32, 32)
    torch.testing.assert_close(found.sum(1), torch.ones(3, 32, 32))


def test_maps_of_layers_are_averaged(texts):
    patches = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    both = maps.view_maps(patches, texts, 32)
    alone = [maps.view_maps(patches[layer : layer + 1], texts, 32) for layer in (0, 1)]
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)


def test_every_view_may_have_sentences_of_its_own(texts):
    image = torch.randn(3, 16, generator=torch.Generator().manual_seed(2))
    shared = maps.view_logits(image, texts)
    own = maps.view_logits(image, texts.expand(3, -1, -1))
    torch.testing.assert_close(shared, own)


def scored(sample, ctx, config, value=0.25, views=0.5, **options):
    stream = Stream(config, ctx)
    seen = stream.look(sample)
    constant = torch.full((9, 32, 32), value)
    return maps.predict(sample, seen, constant, torch.full((9,), views), config=config, ctx=ctx, **options)


@pytest.mark.parametrize("smooth", ["masked", "none", "neighbours"])
def test_a_constant_map_gives_its_value_to_all_valid_points(loaded, ctx, sample, sheet, smooth):
    for one in (sample, sheet):
        found = scored(one, ctx, RenderedConfig(smooth=smooth))
        np.testing.assert_allclose(found.point_scores[one.cloud.valid], 0.25, rtol=1e-6)
        assert (found.point_scores[~one.cloud.valid] == 0).all()


@pytest.mark.parametrize(
    ("rule", "expected"), [("points_and_views", 0.375), ("points", 0.25), ("views", 0.5)]
)
def test_object_scores_by_rule(loaded, ctx, sample, rule, expected):
    assert scored(sample, ctx, RenderedConfig(object_score=rule)).object_score == pytest.approx(expected)


def test_released_smoothing_takes_the_order_of_points_for_a_picture(loaded, ctx, sheet):
    found = scored(sheet, ctx, RenderedConfig(smooth="official_grid"))
    assert found.point_scores[45] < 0.25  # the missing corner bleeds in
    assert found.point_scores[-1] == pytest.approx(0.25, abs=1e-3)


@pytest.mark.parametrize(
    ("rgb", "points", "score"), [("colour", 0.75, 0.75 + 0.9), ("integrated", 0.5, 0.5 + (0.9 + 0.5) / 2)]
)
def test_the_photograph_counts_alone_or_with_the_views(loaded, ctx, sheet, rgb, points, score):
    photograph = torch.full((32, 32), 0.75), 0.9
    found = scored(sheet, ctx, RenderedConfig(rgb=rgb), photograph=photograph)
    np.testing.assert_allclose(found.point_scores[sheet.cloud.valid], points, rtol=1e-6)
    assert found.object_score == pytest.approx(score)


def test_points_of_a_photograph_are_read_where_they_are_on_the_grid(loaded, ctx, sheet):
    picture = torch.zeros(32, 32)
    picture[16:] = 1  # the lower half
    config = RenderedConfig(rgb="colour", smooth="none")
    found = scored(sheet, ctx, config, photograph=(picture, 0.0)).point_scores.reshape(20, 20)
    assert (found[10:] == 1).all()
    assert (found[:10] == 0).all()
