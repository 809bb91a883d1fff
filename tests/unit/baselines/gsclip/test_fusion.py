"""Fusion of pictures and depth images: the released one is linear, the working one starts as nothing."""

import pytest
import torch
from torch.nn import functional

from pc3dad.baselines.gsclip.fusion import Fusion, FusionOptions, ViewFeatures

RELEASED = FusionOptions(tokens="cls", head="linear", residual=False, normalise=False, scale=False)
TOKENS = ("cls", "cls+patch", "views")


def drawn(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def stream(seed, *, objects=2, views=3, patches=4, width=8):
    return ViewFeatures(
        drawn(objects, views, width, seed=seed), drawn(objects, views, patches, width, seed=100 + seed)
    )


def build(width=8, **options):
    return Fusion(width, FusionOptions(**options), seed=3)


def trained(**options):
    """As after training: no layer is zero."""
    fusion = build(**options)
    with torch.no_grad():
        for index, parameter in enumerate(fusion.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=index) * 0.5)
    return fusion


def unit(features):
    return functional.normalize(features, dim=-1)


def test_the_released_fusion_is_a_linear_layer_on_depth_and_picture():
    fusion, pictures, depth = Fusion(8, RELEASED, seed=3), stream(1), stream(2)
    fused = fusion(pictures, depth)
    both = torch.cat([unit(depth.image), unit(pictures.image)], dim=-1)
    torch.testing.assert_close(fused.image, fusion.head(both), atol=1e-5, rtol=0)
    assert torch.equal(fused.patches, pictures.patches)
    fused.image.square().sum().backward()
    for layer in (fusion.key_rendered, fusion.key_depth):
        assert layer.weight.grad.abs().max() < 1e-6


@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_a_residual_fusion_starts_with_the_features_of_the_pictures(tokens, head):
    pictures = stream(1)
    fused = build(tokens=tokens, head=head)(pictures, stream(2))
    torch.testing.assert_close(unit(fused.image), unit(pictures.image))
    torch.testing.assert_close(unit(fused.patches), unit(pictures.patches))


@pytest.mark.parametrize("value", ["cross", "self"])
@pytest.mark.parametrize("scale", [True, False])
def test_both_streams_are_weighed_by_one_matrix(value, scale):
    fusion = build(value=value, scale=scale)
    pictures, depth = drawn(2, 5, 8, seed=1), drawn(2, 5, 8, seed=2)
    products = fusion.key_rendered(pictures) @ fusion.key_depth(depth).mT / (8**0.5 if scale else 1)
    first, second = (depth, pictures) if value == "cross" else (pictures, depth)
    expected = products.softmax(dim=-1) @ first, products.mT.softmax(dim=-1) @ second
    torch.testing.assert_close(fusion.attend(pictures, depth), expected)


@pytest.mark.parametrize("tokens", TOKENS)
def test_objects_are_fused_apart(tokens):
    fusion, pictures, depth = trained(tokens=tokens), stream(1), stream(2)
    together = fusion(pictures, depth)
    alone = fusion(ViewFeatures(*(one[1:] for one in pictures)), ViewFeatures(*(one[1:] for one in depth)))
    torch.testing.assert_close(alone.image, together.image[1:])
    torch.testing.assert_close(alone.patches, together.patches[1:])


@pytest.mark.parametrize("tokens", TOKENS)
def test_the_order_of_views_and_the_length_of_features_do_not_matter(tokens):
    fusion, pictures, depth = trained(tokens=tokens), stream(1), stream(2)
    order = [2, 0, 1]
    moved = fusion(
        ViewFeatures(*(9 * one[:, order] for one in pictures)),
        ViewFeatures(*(one[:, order] for one in depth)),
    )
    expected = fusion(pictures, depth)
    torch.testing.assert_close(moved.image, expected.image[:, order])
    torch.testing.assert_close(unit(moved.patches), unit(expected.patches[:, order]))


def test_patches_are_fused_only_if_they_are_named():
    pictures, depth = stream(1), stream(2)
    for tokens in TOKENS:
        fused = trained(tokens=tokens)(pictures, depth)
        assert fused.image.shape == (2, 3, 8)
        assert torch.equal(fused.patches, pictures.patches) == (tokens != "cls+patch")


def test_a_longer_sequence_teaches_the_keys_and_the_depth_stream():
    fusion, depth = trained(), stream(2)
    depth.image.requires_grad_()
    fused = fusion(stream(1), depth)
    (fused.image.sum() + fused.patches.square().sum(dim=-1).mean() + fused.patches.sum()).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in fusion.parameters())
    assert depth.image.grad.abs().sum() > 0


def test_what_comes_out_has_unit_length_if_that_is_wanted():
    pictures, depth = stream(1), stream(2)
    ones = trained()(pictures, depth).image.norm(dim=-1)
    torch.testing.assert_close(ones, torch.ones_like(ones))
    assert (trained(normalise=False)(pictures, depth).image.norm(dim=-1) - 1).abs().min() > 1e-3


def test_sizes_of_the_paper_give_its_number_of_parameters():
    fusion = Fusion(768, RELEASED, seed=0)
    assert sum(parameter.numel() for parameter in fusion.parameters()) == 2_361_600
