"""Text tower: equal to open_clip's, whole or cut, from ids or from embeddings."""

import pytest
import torch

from pc3dad.encoders import _compat
from pc3dad.errors import DataError


@pytest.fixture(scope="module")
def ids():
    return _compat.open_clip().tokenize(
        ["a damaged object.", "a point cloud of an intact object without any defect", ""]
    )


def close(actual, expected):
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)


def test_features_are_those_of_open_clip_though_texts_are_cut_at_the_last_end(ours, theirs, ids):
    close(ours.text(ids), theirs.encode_text(ids))
    close(ours.text(ids[:1]), theirs.encode_text(ids)[:1])


def test_embeddings_of_words_give_the_features_of_the_words(ours, theirs, ids):
    close(ours.text.encode(ours.text.embed(ids), ids.argmax(dim=-1)), theirs.encode_text(ids))


@pytest.mark.parametrize("first", [1, 3])
def test_deep_prompts_replace_slots_before_each_block_but_the_first(ours, ids, first):
    tower, ends = ours.text, ids.argmax(dim=-1)
    deep = [torch.randn(4, 64, generator=torch.Generator().manual_seed(index)) for index in range(2)]
    x = tower.embed(ids) + tower.text.positional_embedding
    for index, block in enumerate(tower.text.transformer.resblocks):
        if index in (1, 2):
            x = x.clone()
            x[:, first : first + 4] = deep[index - 1]
        x = block(x, attn_mask=tower.text.attn_mask)
    expected = tower.text.ln_final(x)[torch.arange(3), ends] @ tower.text.text_projection
    close(tower.encode(tower.embed(ids), ends, deep=deep, deep_at=first), expected)


def test_gradients_reach_embeddings_and_deep_prompts_through_frozen_blocks(ours, ids):
    learned = ours.text.embed(ids).clone().requires_grad_()
    deep = torch.zeros(2, 64, requires_grad=True)
    ours.text.encode(learned, ids.argmax(dim=-1), deep=[deep]).square().sum().backward()
    assert learned.grad[:, 0].abs().sum() > 0
    assert deep.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in ours.text.parameters())


def test_what_does_not_fit_is_refused(ours, ids):
    embeddings, ends = ours.text.embed(ids), ids.argmax(dim=-1)
    for wrong, deep in (
        (embeddings[:, :4], []),
        (torch.cat([embeddings] * 2, 1), []),
        (embeddings, [embeddings[0]] * 4),
    ):
        with pytest.raises(DataError, match="do not fit 77 slots and 4 blocks"):
            ours.text.encode(wrong, ends, deep=deep)
