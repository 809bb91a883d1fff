"""Tokens of sentences, learned tokens, ensembles."""

import pytest
import torch

from pc3dad.encoders.prompts import DeepPrompts, LearnedContext, encode_texts, ensemble, tokenize
from pc3dad.errors import DataError


def generator():
    return torch.Generator().manual_seed(0)


def test_tokens_are_those_of_clip():
    ids = tokenize(["Damaged object.", "defective .", ""])
    assert ids.shape == (3, 77)
    assert ids.dtype == torch.int64
    assert ids[:, :6].tolist() == [
        [49406, 13568, 14115, 269, 49407, 0],
        [49406, 4148, 9313, 269, 49407, 0],
        [49406, 49407, 0, 0, 0, 0],
    ]


def test_a_text_that_just_fits_is_taken_and_a_longer_one_refused_instead_of_cut():
    assert tokenize(["part " * 75])[0, 76] == 49407
    with pytest.raises(DataError, match="more than 77 tokens"):
        tokenize(["good", "part " * 76])


def test_texts_get_features_of_unit_length(ours, theirs):
    texts = ["normal .", "damaged object."]
    expected = theirs.encode_text(tokenize(texts), normalize=True)
    torch.testing.assert_close(encode_texts(ours.text, texts), expected, atol=1e-5, rtol=0)


def test_in_an_ensemble_each_text_counts_the_same():
    features = torch.tensor([[10.0, 0.0], [0.0, 0.1]])
    torch.testing.assert_close(ensemble(features), torch.tensor([0.5, 0.5]).sqrt())


def test_a_context_that_equals_the_placeholders_gives_the_text_with_placeholders(ours):
    learned = LearnedContext(ours.text, ["object.", "damaged object."], 3, generator=generator())
    with torch.no_grad():
        learned.context.copy_(ours.text.embed(tokenize(["X"])[:, 1]).expand(2, 3, -1))
    features = ours.text.encode(learned(), learned.ends)
    expected = ours.text(tokenize(["X X X object.", "X X X damaged object."]))
    torch.testing.assert_close(features, expected, atol=1e-5, rtol=0)


def test_the_context_alone_is_learned_and_saved(ours):
    learned = LearnedContext(ours.text, ["object."], 4, generator=generator())
    assert list(learned.state_dict()) == ["context"]
    assert learned.context.std().item() == pytest.approx(0.02, rel=0.2)
    ours.text.encode(learned(), learned.ends).sum().backward()
    assert learned.context.grad.abs().sum() > 0


def test_deep_prompts_reach_one_block_less_than_their_depth(ours):
    deep = DeepPrompts(4, 2, 64, generator=generator())
    assert [tuple(prompt.shape) for prompt in deep()] == [(2, 64)] * 3
    assert DeepPrompts(1, 2, 64, generator=generator())() == ()
    learned = LearnedContext(ours.text, ["object."], 3, generator=generator())
    ours.text.encode(learned(), learned.ends, deep=deep()).sum().backward()
    assert (deep.prompts.grad.abs().sum(dim=(1, 2)) > 0).all()


def test_rounding_to_half_precision_rounds_gradients_too():
    deep = DeepPrompts(2, 1, 8, generator=generator(), half=True)
    (prompt,) = deep()
    assert torch.equal(prompt, deep.prompts[0].half().float())
    (prompt * 1.0001).sum().backward()
    assert (deep.prompts.grad == 1).all()  # 1.0001 has no half-precision number of its own
