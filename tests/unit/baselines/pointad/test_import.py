"""Checkpoints of PointAD's authors: a stand-in with their layout, and files that must be refused."""

import pytest
import torch

from pc3dad.baselines.pointad.config import PointAdConfig
from pc3dad.baselines.pointad.official import convert
from pc3dad.errors import ConfigError, WeightsError

CONFIG = PointAdConfig(encoder="clip_vit_l_14_336")


@pytest.fixture
def learner():
    """What the authors' prompt learner stores, with their sizes."""
    draws = torch.Generator().manual_seed(0)

    def tensor(*shape):
        return torch.randn(*shape, generator=draws)

    state = {}
    for kind in ("pos", "neg"):
        state |= {
            f"ctx_{kind}": tensor(1, 1, 12, 768),
            f"token_prefix_{kind}": tensor(1, 1, 1, 768),
            f"token_suffix_{kind}": tensor(1, 1, 64, 768),
            f"tokenized_prompts_{kind}": torch.ones(1, 1, 77, dtype=torch.int64),
        }
    for index in range(8):
        state[f"compound_prompts_text.{index}"] = tensor(4, 768)
        state[f"compound_prompt_projections.{index}.weight"] = tensor(896, 768)
        state[f"compound_prompt_projections.{index}.bias"] = tensor(896)
    return state


@pytest.fixture
def save(tmp_path):
    def write(learner, name="epoch_15.pth"):
        torch.save({"prompt_learner": learner}, tmp_path / name)
        return tmp_path / name

    return write


def test_contexts_and_deep_prompts_get_our_names_and_the_rest_is_dropped(learner, save):
    found = convert([save(learner)], CONFIG)
    assert sorted(found) == ["prompts.context.context", "prompts.deep.prompts"]
    context, deep = found["prompts.context.context"], found["prompts.deep.prompts"]
    assert (context.shape, deep.shape) == ((2, 12, 768), (8, 4, 768))
    torch.testing.assert_close(context[0], learner["ctx_pos"][0, 0])  # normal first
    torch.testing.assert_close(context[1], learner["ctx_neg"][0, 0])
    torch.testing.assert_close(deep[7], learner["compound_prompts_text.7"])


def test_unused_tensors_may_be_missing(learner, save):
    kept = {name: value for name, value in learner.items() if name.startswith(("ctx", "compound_prompts_"))}
    assert len(convert([save(kept)], CONFIG)) == 2


def test_every_tensor_that_does_not_fit_is_listed(learner, save):
    del learner["ctx_neg"], learner["compound_prompts_text.3"]
    learner["ctx_pos"] = torch.zeros(1, 1, 16, 768)
    learner["adapter.weight"] = torch.zeros(2)
    with pytest.raises(WeightsError) as caught:
        convert([save(learner)], CONFIG)
    for words in (
        "missing: prompt_learner.ctx_neg, prompt_learner.compound_prompts_text.3",
        "unexpected: prompt_learner.adapter.weight",
        "ctx_pos (1, 1, 16, 768) instead of (1, 1, 12, 768)",
        "give one epoch_<n>.pth of PointAD",
    ):
        assert words in str(caught.value)


def test_nan_is_refused(learner, save):
    learner["ctx_pos"][0, 0, 0, 0] = torch.nan
    with pytest.raises(WeightsError, match=r"NaN or infinity in prompt_learner\.ctx_pos"):
        convert([save(learner)], CONFIG)


def test_another_encoder_and_another_number_of_files_are_refused(learner, save):
    path = save(learner)
    with pytest.raises(ConfigError, match=r"pointad\[encoder=clip_vit_l_14_336\]"):
        convert([path], PointAdConfig())
    with pytest.raises(WeightsError, match="of another shape"):
        convert([path], PointAdConfig(encoder="clip_vit_b_16"))
    with pytest.raises(ConfigError, match="2 files are given"):
        convert([path, path], CONFIG)
