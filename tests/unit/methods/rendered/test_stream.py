"""The frozen stream: one look per sample, the same with and without the cache, and where points are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pc3dad.errors import ConfigError, DataError
from pc3dad.methods.rendered.config import RenderedConfig
from pc3dad.methods.rendered.stream import Stream
from pc3dad.types import PointCloud, Sample


def test_features_and_tables_have_one_row_per_view(loaded, ctx, sample):
    seen = Stream(RenderedConfig(layers=(2, 3)), ctx, kept=("depth",)).look(sample, front=True)
    found = seen.features["shaded"]
    assert found.image.shape == (9, 16)
    assert found.patches.shape == (2, 9, 16, 16)
    assert seen.pictures["depth"].shape == (9, 32, 32)
    assert seen.pixel.shape == seen.visible.shape == (9, 400)
    assert seen.front.shape == (9, 32, 32)
    assert seen.visible.any(0).float().mean() > 0.9


def test_a_sample_is_encoded_once_whatever_it_is_called(loaded, ctx, sample):
    stream = Stream(RenderedConfig(), ctx)
    first = stream.look(sample)
    again = Stream(RenderedConfig(), ctx).look(replace(sample, id="renamed"))
    assert loaded == [9]
    assert torch.equal(first.features["shaded"].patches, again.features["shaded"].patches)


def test_without_the_cache_the_features_are_the_same(loaded, ctx, sample):
    kept = Stream(RenderedConfig(), ctx).look(sample)
    anew = Stream(RenderedConfig(), replace(ctx, cache=False)).look(sample)
    assert loaded == [9, 9]
    assert torch.equal(kept.features["shaded"].patches, anew.features["shaded"].patches)
    assert torch.equal(kept.pixel, anew.pixel)


def test_a_small_memory_budget_encodes_one_view_at_a_time(loaded, ctx, sample):
    Stream(RenderedConfig(), replace(ctx, memory_bytes=1)).look(sample)
    assert loaded == [1] * 9


@pytest.mark.parametrize(("wanted", "angles"), [(1, [0]), (3, [-144, 0, 144]), (9, range(-144, 145, 36))])
def test_fewer_views_are_spread_over_the_list(loaded, ctx, sample, wanted, angles):
    chosen = Stream(RenderedConfig(n_views=wanted), ctx).look(sample)
    named = Stream(RenderedConfig(views=tuple(("x", angle) for angle in angles)), ctx).look(sample)
    assert torch.equal(chosen.pixel, named.pixel)


def test_invalid_points_are_left_out(loaded, ctx, sheet):
    seen = Stream(RenderedConfig(), ctx).look(sheet)
    assert np.array_equal(seen.indices, np.arange(45, 400))


def test_refusals_name_what_is_wrong(loaded, ctx, sample):
    with pytest.raises(ConfigError, match=r"layers=\[4\] do not fit tiny, which has 3"):
        Stream(RenderedConfig(layers=(4,)), ctx)
    with pytest.raises(ConfigError, match="n_views=10, but the list has 9 views"):
        Stream(RenderedConfig(n_views=10), ctx).look(sample)
    with pytest.raises(DataError, match="no photograph"):
        Stream(RenderedConfig(), ctx).photograph(sample)
    with pytest.raises(DataError):
        Stream(RenderedConfig(), ctx).look(Sample("x", "y", PointCloud(np.full((5, 3), np.nan, np.float32))))
