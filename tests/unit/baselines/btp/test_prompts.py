"""Texts: the tokens of the released code, and learned ones."""

import torch

from pc3dad.baselines.btp.prompts import TEXTS, Prompts
from pc3dad.encoders.prompts import encode_texts, tokenize


def test_texts_have_the_published_tokens():
    def ids(name):
        return [[int(one) for one in row if one] for row in tokenize(TEXTS[name])]

    assert ids("fixed-empty") == [[49406, 5967, 269, 49407], [49406, 4148, 9313, 269, 49407]]
    assert ids("fixed-object") == [
        [49406, 5967, 14115, 269, 49407],
        [49406, 4148, 9313, 14115, 269, 49407],
    ]


def test_fixed_texts_have_nothing_to_learn(tower):
    prompts = Prompts(tower, TEXTS["fixed-empty"], n_context=0, seed=0)
    assert not list(prompts.parameters())
    assert not prompts.state_dict()
    torch.testing.assert_close(prompts(tower), encode_texts(tower, TEXTS["fixed-empty"]))


def test_learned_tokens_stand_before_the_words_and_change_with_a_step(tower):
    prompts = Prompts(tower, TEXTS["learnable"], n_context=4, seed=0)
    assert prompts.context.context.shape == (2, 4, tower.width)
    before = prompts.context.context.detach().clone()
    features = prompts(tower)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(2))
    (features[0] @ features[1]).backward()
    torch.optim.AdamW(prompts.parameters(), lr=0.1).step()
    assert not torch.equal(prompts.context.context, before)
    assert not torch.equal(prompts(tower), features)
