"""What views are aligned with, and training data without it."""

from dataclasses import replace

import pytest
import torch

from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.guidance import GuidedStream, pair_of
from pc3dad.errors import MethodError
from pc3dad.methods.rendered.stream import Stream
from pc3dad.types import PointCloud


def test_every_view_is_aligned_with_its_coloured_view(loaded, ctx, samples):
    seen = GuidedStream(Align3dConfig(), ctx).look(samples[0])
    pair = pair_of(seen)
    assert pair.grey.image.shape == pair.coloured.image.shape == (9, 16)
    assert pair.grey.patches.shape == pair.coloured.patches.shape == (1, 9, 16, 16)
    assert not torch.allclose(pair.grey.image, pair.coloured.image, atol=1e-3)


def test_grey_views_are_those_of_all_methods_and_not_encoded_again(loaded, ctx, samples):
    before = Stream(Align3dConfig(), ctx).look(samples[0]).features["shaded"]
    encoded = len(loaded)
    after = GuidedStream(Align3dConfig(), ctx).look(samples[0]).features["shaded"]
    assert torch.equal(before.image, after.image)
    assert len(loaded) == encoded + 1  # coloured ones


def test_lighting_changes_coloured_views_alone(loaded, ctx, samples):
    lit, unlit = (
        GuidedStream(Align3dConfig(rgb_lighting=light), ctx).look(samples[0]).features
        for light in ("lit", "unlit")
    )
    assert torch.equal(lit["shaded"].image, unlit["shaded"].image)
    assert not torch.equal(lit["rgb"].image, unlit["rgb"].image)


def test_the_photograph_is_the_guide_of_the_view_of_the_camera(loaded, ctx, sheet):
    seen = GuidedStream(Align3dConfig(guidance="photo_0deg"), ctx).look(sheet)
    pair = pair_of(seen)
    assert pair.coloured.image.shape == (1, 16)
    grey = Stream(Align3dConfig(), ctx).look(sheet).features["shaded"].image
    expected = grey[2]  # of cross-turned, 0 degrees
    torch.testing.assert_close(pair.grey.image[0], expected / expected.norm())


@pytest.mark.parametrize(
    ("guidance", "what"), [("coloured_renders", "colours"), ("photo_0deg", "photograph")]
)
def test_training_samples_without_colours_are_refused_with_a_hint(loaded, ctx, sheet, guidance, what):
    bare = replace(sheet, cloud=PointCloud(sheet.cloud.xyz, grid=(20, 20)), image=None)
    with pytest.raises(MethodError, match=f"training sample 'sheet' has no {what}") as caught:
        GuidedStream(Align3dConfig(guidance=guidance), ctx).look(bare)
    assert "no_rgb=render_only" in str(caught.value)
    assert loaded == []
