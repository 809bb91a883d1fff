"""Prompts that tell shape and defects: what stands where, and what learns."""

import pytest
import torch

from pc3dad.baselines.gsclip.defects import DefectOptions
from pc3dad.baselines.gsclip.prompts import GeometryPrompts, PromptOptions, shape_projection
from pc3dad.encoders.prompts import DeepPrompts, tokenize
from pc3dad.errors import ConfigError

START, END, STOP = 49406, 49407, 269  # tokens of start, end and "."


@pytest.fixture
def build(tower, encoder):
    """Makes prompts of these options."""

    def make(**options):
        defects = options.pop("defects", DefectOptions())
        chosen = PromptOptions(deep_depth=3, defects=defects, **options)
        return GeometryPrompts(tower, encoder, chosen, seed=5)

    return make


def after_context(prompts):
    """Tokens of both texts behind 12 tokens of context, up to the end."""
    return [
        ids[13 : end + 1].tolist()
        for ids, end in zip(prompts.context.ids, prompts.context.ends.tolist(), strict=True)
    ]


def test_the_ends_and_what_follows_the_learned_tokens_are_as_released(build):
    prompts = build()
    assert prompts.context.ends.tolist() == [15, 16]
    rests = [prompts.context.ids[0, 14:], prompts.context.ids[1, 15:]]
    assert [len(rest) for rest in rests] == [63, 62]
    assert [rest[:2].tolist() for rest in rests] == [[STOP, END]] * 2
    assert not any(rest[2:].any() for rest in rests)


def test_tokens_of_the_cloud_stand_between_context_and_stop(build):
    prompts = build()
    shape, defects = torch.full((2, 16), 7.0), torch.full((2, 1, 16), 9.0)
    texts = prompts.assemble(shape, defects)
    assert texts.shape == (2, 2, 77, 16)
    assert torch.equal(texts[:, :, 1:13], prompts.context.context.expand(2, -1, -1, -1))
    assert (texts[:, :, 13] == 7).all()
    assert (texts[:, 1, 14] == 9).all()
    stop = prompts.context.words[0, 14]
    assert (texts[:, 0, 14] == stop).all()
    assert (texts[:, 1, 15] == stop).all()


def test_the_order_of_the_paper_puts_the_shape_before_the_context(build):
    prompts = build(order="shape-first", defects=DefectOptions(tokens=2))
    shape, defects = torch.full((2, 16), 7.0), torch.full((2, 2, 16), 9.0)
    texts = prompts.assemble(shape, defects)
    assert (texts[:, :, 1] == 7).all()
    assert torch.equal(texts[:, :, 2:14], prompts.context.context.expand(2, -1, -1, -1))
    assert (texts[:, 1, 14:16] == 9).all()
    assert prompts.context.ends.tolist() == [15, 17]


def test_deep_prompts_leave_the_shape_alone_in_either_order(build, tower, clouds):
    """A deep prompt that equals the context before it changes nothing, so the order decides alone."""
    for order, first in (("context-first", 1), ("shape-first", 2)):
        prompts = build(order=order).eval()
        texts = prompts.assemble(torch.ones(1, 16), torch.ones(1, 1, 16))
        flat, ends = texts.flatten(0, 1), prompts.context.ends
        expected = tower.encode(flat, ends, deep=prompts.deep(), deep_at=first)
        assert torch.equal(prompts.encode(tower, texts)[0], expected)


@pytest.mark.parametrize(
    ("shape", "defect", "normal", "anomalous"),
    [
        (True, True, "X.", "X X."),
        (True, False, "X.", "damaged X."),
        (False, True, "object.", "X object."),
        (False, False, "object.", "damaged object."),
    ],
)
def test_a_token_that_is_left_out_leaves_its_word(build, shape, defect, normal, anomalous):
    prompts = build(shape=shape, defect=defect)
    expected = tokenize([normal, anomalous])
    assert after_context(prompts) == [ids[1 : ids.argmax() + 1].tolist() for ids in expected]


def test_without_tokens_of_the_cloud_no_cloud_is_read_and_texts_are_the_same_for_all(tower):
    options = PromptOptions(deep_depth=3, shape=False, defect=False)
    prompts = GeometryPrompts(tower, None, options, seed=5)
    texts, defects = prompts(tower)
    assert texts.shape == (1, 2, 12)
    assert defects is None
    assert sorted(prompts.state_dict()) == ["context.context", "deep.prompts"]


def test_every_object_has_texts_of_its_own_whatever_is_beside_it(build, tower, clouds):
    prompts = build().eval()
    together = prompts(tower, clouds).features
    assert together.shape == (3, 2, 12)
    torch.testing.assert_close(together.norm(dim=-1), torch.ones(3, 2))
    torch.testing.assert_close(prompts(tower, clouds[1:2]).features[0], together[1], atol=1e-5, rtol=0)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_two_passes_are_identical_in_inference_and_not_in_training(build, tower, clouds):
    prompts = build().eval()
    assert torch.equal(prompts(tower, clouds).features, prompts(tower, clouds).features)
    prompts.train()
    assert not torch.equal(prompts(tower, clouds).features, prompts(tower, clouds).features)


@pytest.mark.parametrize("bank", ["fixed", "gated"])
def test_all_that_can_learn_gets_a_gradient_and_a_fixed_bank_cannot(build, tower, clouds, bank):
    prompts = build(defects=DefectOptions(bank), half=bank == "fixed")
    target = torch.randn(3, 2, 12, generator=torch.Generator().manual_seed(2))
    (prompts(tower, clouds).features * target).sum().backward()
    learned = {name: one.grad for name, one in prompts.named_parameters() if one.requires_grad}
    assert all(gradient is not None for gradient in learned.values())
    assert ("defects.prototypes" in learned) == (bank == "gated")
    for name in ("context.context", "deep.prompts", "shape.0.weight", "defects.project.weight"):
        assert learned[name].abs().sum() > 0
    if bank == "gated":
        assert learned["defects.prototypes"].abs().sum() > 0
    assert all(parameter.grad is None for parameter in tower.parameters())


def test_an_encoder_that_is_not_trained_stays_as_it_is(build, tower, clouds):
    prompts = build(finetune=False).train()
    before = {name: value.clone() for name, value in prompts.encoder.state_dict().items()}
    prompts(tower, clouds).features.sum().backward()
    after = prompts.encoder.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(parameter.grad is None for parameter in prompts.encoder.parameters())
    assert prompts.training


def test_the_same_seed_draws_the_same_and_the_towers_are_no_part_of_the_state(build):
    one, same = build(), build()
    assert all(torch.equal(same.state_dict()[name], value) for name, value in one.state_dict().items())
    assert {name.partition(".")[0] for name in one.state_dict()} == {
        "context",
        "deep",
        "encoder",
        "shape",
        "defects",
    }


def test_sizes_of_the_paper_give_its_numbers_of_parameters():
    def count(module):
        return sum(parameter.numel() for parameter in module.parameters())

    assert count(shape_projection(512, 768)) == 395_520
    assert count(DeepPrompts(9, 4, 768, generator=torch.Generator())) == 24_576


def test_what_cannot_work_is_refused(build, tower):
    with pytest.raises(ConfigError, match="13 deep tokens replace 12 of the context"):
        build(n_deep=13)
    with pytest.raises(ConfigError, match="need a point encoder"):
        GeometryPrompts(tower, None, PromptOptions(deep_depth=3), seed=0)
