"""Adapters: nothing at first, gradients in both factors, merged as unmerged, saved alone."""

import pytest
import torch

from pc3dad.encoders import image_text
from pc3dad.encoders.lora import LoraSettings, adapted, adapter_tensors, load_adapter, merged
from pc3dad.errors import ConfigError, WeightsError


@pytest.fixture
def trained(ours):
    """A tower whose adapters do something."""
    tower = adapted(ours.vision, LoraSettings(rank=2, alpha=4), seed=0)
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in tower.named_parameters():
            if "lora_B" in name:
                value.normal_(std=0.1, generator=draws)
    return tower


def test_at_first_an_adapted_tower_is_the_tower(ours, images):
    tower = adapted(ours.vision, seed=0)
    with torch.no_grad():  # with gradients, torch computes attention in another order
        assert torch.equal(tower(images).image, ours.vision(images).image)


def test_only_adapters_are_trained_and_the_rest_is_shared(ours):
    tower = adapted(ours.vision, LoraSettings(rank=2), seed=0)
    learned = {name for name, value in tower.named_parameters() if value.requires_grad}
    assert learned == set(adapter_tensors(tower))
    assert sum(value.numel() for value in adapter_tensors(tower).values()) == 6 * 2 * 2 * (64 + 256)
    assert tower.visual.conv1.weight is ours.vision.visual.conv1.weight
    assert not any("lora" in name for name in ours.tensors())


def test_gradients_reach_b_at_once_and_a_after_a_step(ours, images):
    tower = adapted(ours.vision, seed=0).train()
    optimizer = torch.optim.SGD([value for value in tower.parameters() if value.requires_grad], lr=1.0)
    for reached in ("lora_B", "lora_A"):
        optimizer.zero_grad()
        found = tower(
            images, dual_from=2
        )  # the last MLP reaches the class token alone: values come before it
        (found.image.square().sum() + found.patches[0].square().sum()).backward()
        grads = [value.grad.abs().sum() for name, value in tower.named_parameters() if reached in name]
        assert len(grads) == 12
        assert all(grad > 0 for grad in grads)
        optimizer.step()


def test_dropout_acts_in_training_alone(ours, images):
    assert not adapted(ours.vision, seed=0).training
    assert torch.equal(*(adapted(ours.vision, seed=0)(images).image for _ in range(2)))


def test_merged_layers_do_the_same_without_adapters(trained, ours, images):
    plain = merged(trained)
    torch.testing.assert_close(plain(images).image, trained(images).image, atol=1e-5, rtol=0)
    assert not torch.allclose(plain(images).image, ours.vision(images).image, atol=1e-3)
    assert set(plain.state_dict()) == set(ours.vision.state_dict())


def test_merging_leaves_the_shared_weights_alone(trained, ours, theirs):
    merged(trained)
    for name, value in theirs.state_dict().items():
        if name != "logit_scale":
            assert torch.equal(ours.tensors()[name], value)


def test_adapters_are_saved_and_loaded_alone(trained, ours, images):
    other = adapted(ours.vision, LoraSettings(rank=2, alpha=4), seed=1)
    load_adapter(other, adapter_tensors(trained))
    assert torch.equal(other(images).image, trained(images).image)
    with pytest.raises(WeightsError, match=r"missing: .*lora_A"):
        load_adapter(other, {})


def test_the_seed_alone_draws_the_start(ours):
    torch.manual_seed(9)
    before = torch.random.get_rng_state()
    one, same, other = (adapter_tensors(adapted(ours.vision, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("targets", [r".*\.attn", r".*\.out_proj"])
def test_attention_is_refused_with_the_reason(ours, targets):
    with pytest.raises(ConfigError, match="peft's gets no gradient there or adds its update twice"):
        adapted(ours.vision, LoraSettings(targets=targets), seed=0)


def test_other_layers_and_names_that_fit_none_are_refused(ours):
    with pytest.raises(ConfigError, match="no linear layer but Conv2d"):
        adapted(ours.vision, LoraSettings(targets=r".*conv1"), seed=0)
    with pytest.raises(ConfigError, match=r"one is called 'visual.transformer.resblocks.0.mlp.c_fc'"):
        adapted(ours.vision, LoraSettings(targets="fc"), seed=0)


def test_vit_l_gets_as_many_parameters_as_in_gs_clip():
    name = "ViT-L-14-336-quickgelu"
    with torch.device("meta"):  # counted, not computed
        tower = image_text.untrained(name, seed=0, part="image").vision
        learned = adapter_tensors(adapted(tower, seed=0))
    assert sum(value.numel() for value in tower.parameters()) == 304_293_888
    assert sum(value.numel() for value in learned.values()) == 1_966_080
