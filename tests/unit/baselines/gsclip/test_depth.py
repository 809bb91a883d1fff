"""The depth tower: what is drawn, what learns, and that batches change nothing."""

import pytest
import torch

from pc3dad.baselines.gsclip.config import GsClipConfig
from pc3dad.baselines.gsclip.depth import depth_tower, encode
from pc3dad.encoders import image_text

SMALL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 3, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 8, "width": 8, "heads": 2, "layers": 1},
}
PLENTY = 2**30


@pytest.fixture
def encoder():
    return image_text.untrained(SMALL, seed=0, part="image", dual_from=1)


@pytest.fixture
def pictures():
    return torch.randint(255, (5, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def features(tower, encoder, pictures, *, layer=3, budget=PLENTY):
    return encode(tower, encoder, pictures, layer=layer, budget=budget)


def test_it_starts_as_the_image_tower(encoder, pictures):
    tower = depth_tower(encoder, GsClipConfig(), seed=0).eval()
    for ours, plain in zip(
        features(tower, encoder, pictures), features(encoder.vision, encoder, pictures), strict=True
    ):
        assert torch.equal(ours, plain)


def test_without_adapters_it_is_the_image_tower(encoder):
    assert depth_tower(encoder, GsClipConfig(lora=False), seed=0) is encoder.vision


def test_a_random_tower_follows_its_seed_and_leaves_the_image_tower_alone(encoder, pictures):
    before = features(encoder.vision, encoder, pictures)[0]
    config = GsClipConfig(depth_init="random", lora=False)
    one, same, other = (depth_tower(encoder, config, seed=seed).eval() for seed in (1, 1, 2))
    found = features(one, encoder, pictures)[0]
    assert torch.equal(found, features(same, encoder, pictures)[0])
    assert not torch.equal(found, features(other, encoder, pictures)[0])
    assert torch.equal(before, features(encoder.vision, encoder, pictures)[0])


@pytest.mark.parametrize(("targets", "layers"), [("c_fc", 3), ("c_fc+c_proj", 6)])
def test_adapters_learn_in_single_precision_whatever_the_tower_has(encoder, pictures, targets, layers):
    encoder.to(dtype=torch.bfloat16)
    tower = depth_tower(encoder, GsClipConfig(lora_targets=targets), seed=0).train()
    learned = {name: one for name, one in tower.named_parameters() if one.requires_grad}
    assert len(learned) == 2 * layers
    assert {one.dtype for one in learned.values()} == {torch.float32}
    image, patches = features(tower, encoder, pictures)
    assert image.dtype == patches.dtype == torch.float32
    (image.sum() + patches.sum()).backward()
    assert all(one.grad.any() for name, one in learned.items() if "lora_B" in name)


def test_batches_that_a_small_budget_makes_change_no_gradient(encoder, pictures):
    found = []
    for budget in (PLENTY, 1):
        tower = depth_tower(encoder, GsClipConfig(lora_dropout=0), seed=0).train()
        image, patches = features(tower, encoder, pictures, budget=budget)
        (image.square().sum() + patches.square().sum()).backward()
        found.append([one.grad for one in tower.parameters() if one.requires_grad])
    for together, alone in zip(*found, strict=True):
        torch.testing.assert_close(together, alone)


def test_patches_are_read_only_if_they_are_wanted(encoder, pictures):
    with torch.no_grad():
        image, patches = features(encoder.vision, encoder, pictures, layer=None)
        torch.testing.assert_close(image, features(encoder.vision, encoder, pictures)[0])
    assert patches.shape == (5, 0, 16)


def test_a_photograph_is_resized(encoder):
    colours = torch.zeros(1, 20, 30, 3, dtype=torch.uint8)
    assert features(encoder.vision, encoder, colours)[1].shape == (1, 16, 16)
