"""Sentences and tower are of the sizes of the paper, and learn."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.parts import new_parts, stored_parts
from pc3dad.baselines.align3d.prompts import RoundedPrompts
from pc3dad.context import RunContext
from pc3dad.encoders import image_text
from pc3dad.methods.rendered.prompts import StatePrompts

DEEP_TEXT = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 336, "patch_size": 14, "width": 16, "layers": 24, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 12},
}


@pytest.fixture(scope="module")
def deep():
    """A model as deep as that of the paper, and thin."""
    return image_text.untrained(DEEP_TEXT, seed=0)


def sentences(encoder, kind=StatePrompts, seed=0):
    draws = torch.Generator().manual_seed(seed)
    return kind(encoder, n_context=12, deep_tokens=4, generator=draws)


def test_a_set_of_sentences_has_the_paper_s_number_of_learned_parameters():
    tower = SimpleNamespace(
        context_length=77, width=768, device="cpu", embed=lambda ids: torch.zeros(*ids.shape, 768)
    )
    encoder = SimpleNamespace(text=tower, layout=SimpleNamespace(deep_depth=9))
    prompts = sentences(encoder)
    assert sum(one.numel() for one in prompts.parameters()) == 43_008
    assert prompts.deep.prompts.shape == (8, 4, 768)


@pytest.mark.parametrize("kind", [StatePrompts, RoundedPrompts])
def test_two_sentences_of_77_tokens_become_features_of_unit_length_and_all_of_them_learns(deep, kind):
    prompts = sentences(deep, kind)
    assert prompts.context().shape == (2, 77, 16)
    assert prompts.context.ends.tolist() == [15, 16]
    texts = prompts()
    assert texts.shape == (1, 2, 12)
    torch.testing.assert_close(texts.norm(dim=-1), torch.ones(1, 2))
    (texts * torch.randn(1, 2, 12)).sum().backward()
    assert (prompts.context.context.grad.flatten(1).abs().sum(1) > 0).all()
    assert (prompts.deep.prompts.grad.flatten(1).abs().sum(1) > 0).all()


def test_rounded_sentences_are_nearly_the_same_and_start_alike(deep):
    exact, rounded = sentences(deep), sentences(deep, RoundedPrompts)
    assert torch.equal(exact.deep.prompts, rounded.deep.prompts)
    torch.testing.assert_close(rounded(), exact(), atol=1e-3, rtol=0)
    assert not torch.equal(rounded(), exact())


@torch.no_grad()
def test_the_value_path_adds_19_attention_outputs_to_the_input_of_the_sixth_block(deep):
    tower = deep.vision
    tokens = tower.embed(torch.randn(1, 3, 336, 336, generator=torch.Generator().manual_seed(0)))
    assert tokens.shape == (1, 577, 16)
    found = tower.walk(tokens, taps=range(1, 25), dual_from=deep.layout.dual_from)
    for ordinary, value in zip(found.ordinary[:5], found.value[:5], strict=True):
        assert torch.equal(ordinary, value)
    total = found.value[4]
    for block, ordinary in zip(tower.blocks[5:], found.ordinary[4:], strict=False):
        attention = block.attn
        values = functional.linear(
            block.ln_1(ordinary), attention.in_proj_weight[32:], attention.in_proj_bias[32:]
        )
        heads = values.view(1, 577, 2, 8).transpose(1, 2)
        weights = (heads @ heads.mT / 8**0.5).softmax(dim=-1)
        total = total + attention.out_proj((weights @ heads).transpose(1, 2).flatten(2))
    torch.testing.assert_close(found.value[-1], total, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "render_only", "parts", "second"),
    [
        ({}, False, {"rendered", "aligned", "aligner"}, True),
        ({"prompt_sets": "one"}, False, {"rendered", "aligner"}, True),
        ({"aligner": False}, False, {"rendered", "aligned"}, True),
        ({"aligner": False, "prompt_sets": "one"}, False, {"rendered"}, False),
        ({}, True, {"rendered"}, False),
    ],
)
def test_names_of_learned_tensors_tell_which_modules_there_are(encoder, options, render_only, parts, second):
    config = Align3dConfig(**options)
    made = new_parts(config, encoder, RunContext(), render_only=render_only)
    state = made.state()
    assert {name.partition(".")[0] for name in state} == parts
    again = stored_parts(config, encoder, state)
    assert (again.aligned is not None) == second
    assert again.shared == made.shared
    assert all(torch.equal(value, again.state()[name]) for name, value in state.items())
