"""Image tower: the ordinary path is open_clip's, the value path is that of a plain loop over heads."""

import pytest
import torch

from pc3dad.encoders.vision import VisionTower
from pc3dad.errors import ConfigError, DataError


def close(actual, expected, tolerance=1e-5):
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=0)


def intermediates(theirs, images, taps):
    found = theirs.visual.forward_intermediates(
        images, indices=[tap - 1 for tap in taps], normalize_intermediates=True, output_fmt="NLC"
    )
    return [tokens @ theirs.visual.proj for tokens in found["image_intermediates"]]


@pytest.mark.parametrize("dual_from", [None, 0, 2, 6])
def test_the_class_token_is_that_of_open_clip_with_and_without_a_value_path(ours, theirs, images, dual_from):
    close(ours.vision(images, dual_from=dual_from).image, theirs.encode_image(images))


def test_patches_after_any_block_are_those_of_open_clip(ours, theirs, images):
    patches = ours.vision(images, taps=[2, 4, 6]).patches
    for actual, expected in zip(patches, intermediates(theirs, images, [2, 4, 6]), strict=True):
        close(actual, expected)


def value_path(visual, tokens, start):
    """The recursion, head by head."""
    value = None
    for index, block in enumerate(visual.transformer.resblocks):
        if index == start:
            value = tokens
        if index >= start:
            attention, width = block.attn, tokens.shape[-1]
            inputs = block.ln_1(tokens)
            v = inputs @ attention.in_proj_weight[2 * width :].T + attention.in_proj_bias[2 * width :]
            heads = []
            for head in v.chunk(attention.num_heads, dim=-1):
                weights = (head @ head.transpose(1, 2) / head.shape[-1] ** 0.5).softmax(dim=-1)
                heads.append(weights @ head)
            value = value + attention.out_proj(torch.cat(heads, dim=-1))
        tokens = block(tokens)
    return value


@pytest.mark.parametrize("start", [0, 3])
def test_the_value_path_adds_attention_of_values_to_values_and_no_mlp(ours, images, start):
    tower = ours.vision
    expected = value_path(tower.visual, tower.embed(images), start)
    close(tower.walk(tower.embed(images), taps=[6], dual_from=start).value[0], expected)
    close(tower(images, taps=[6], dual_from=start).patches[0], tower.project(expected)[:, 1:])


def test_before_it_begins_the_value_path_is_the_ordinary_one(ours, images):
    tokens = ours.vision.walk(ours.vision.embed(images), taps=[3, 4], dual_from=3)
    assert torch.equal(tokens.value[0], tokens.ordinary[0])
    assert not torch.allclose(tokens.value[1], tokens.ordinary[1], atol=1e-2)


def test_features_do_not_depend_on_the_rest_of_the_batch(ours, images):
    alone = ours.vision(images[:1], dual_from=2)
    together = ours.vision(images, dual_from=2)
    close(together.image[:1], alone.image)
    close(together.patches[0][:1], alone.patches[0])


@torch.no_grad()
def test_a_memory_budget_cuts_the_batch_and_changes_nothing(ours, images):
    sizes = []
    hook = ours.vision.visual.conv1.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    small = ours.vision(images, taps=[2, 6], dual_from=2, budget=1)
    hook.remove()
    whole = ours.vision(images, taps=[2, 6], dual_from=2)
    assert sizes == [1] * len(images)
    close(small.image, whole.image)
    for actual, expected in zip(small.patches, whole.patches, strict=True):
        close(actual, expected)


def test_gradients_reach_every_block_along_both_paths(ours, images):
    tower = ours.vision.requires_grad_(True)
    tower(images, dual_from=2).patches[0].square().mean().backward()
    for block in tower.blocks:
        assert block.attn.in_proj_weight.grad.abs().sum() > 0


def test_under_autocast_and_in_bfloat16_features_stay_near(ours, images):
    exact = ours.vision(images, dual_from=2).patches[0]
    with torch.autocast("cpu", torch.bfloat16):
        near = ours.vision(images, dual_from=2).patches[0]
    converted = ours.to(dtype=torch.bfloat16).vision(images, dual_from=2).patches[0]
    for found in (near, converted):
        assert torch.nn.functional.cosine_similarity(found.float(), exact, dim=-1).min() > 0.99


@pytest.mark.gpu
def test_all_devices_give_the_same_features(ours, images):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    expected = ours.vision(images, dual_from=2)
    found = ours.to("cuda").vision(images.cuda(), dual_from=2)
    close(found.image.cpu(), expected.image, 1e-4)
    close(found.patches[0].cpu(), expected.patches[0], 1e-4)


@pytest.mark.parametrize("positions", ["bicubic-antialias", "bilinear"])
def test_other_sizes_get_interpolated_positions_and_the_table_stays(ours, images, positions):
    tower = VisionTower(ours.vision.visual, positions=positions)
    before = tower.visual.positional_embedding.clone()
    larger = torch.nn.functional.interpolate(images, (64, 80))
    assert tower(larger).patches[0].shape == (3, 8 * 10, 32)
    assert torch.equal(tower.visual.positional_embedding, before)
    assert tower.place((6, 6)) is tower.visual.positional_embedding


def test_positions_are_interpolated_as_open_clip_does_on_loading(ours, theirs, config):
    from open_clip.model import resize_pos_embed

    larger = type(theirs)(**{**config, "vision_cfg": {**config["vision_cfg"], "image_size": 72}})
    state = theirs.state_dict()
    resize_pos_embed(state, larger)
    close(ours.vision.place((9, 9)), state["visual.positional_embedding"], 0)


def test_refusals_say_what_fits(ours, images):
    with pytest.raises(DataError, match=r"\(3, 3, 47, 48\) do not fit patches of 8 x 8"):
        ours.vision(images[:, :, 1:])
    for wrong in ({"taps": []}, {"taps": [0]}, {"taps": [7]}, {"taps": [6], "dual_from": 7}):
        with pytest.raises(ConfigError, match="do not fit 6 blocks"):
            ours.vision.walk(ours.vision.embed(images), **wrong)
