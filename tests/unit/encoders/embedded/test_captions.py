"""Sentences of the embedded encoders say what their meaning is, and the table of tokens knows their words."""

import numpy as np
import pytest
import torch

from pc3dad.data.synthetic.specimen import KINDS
from pc3dad.encoders.embedded import vocabulary
from pc3dad.encoders.embedded.captions import (
    DEFECTIVE,
    KIND_WORDS,
    NORMAL,
    STATE_PROMPTS,
    WITH,
    WITHOUT,
    Meaning,
    compose,
)
from pc3dad.encoders.embedded.families import NOUNS
from pc3dad.encoders.embedded.unseen_kinds import UNSEEN_KINDS
from pc3dad.encoders.prompts import tokenize


def says(sentence, words):
    return any(f" {word} " in f" {sentence.rstrip('.').strip()} " for word in words)


def test_every_kind_of_defect_has_words():
    assert {*KINDS, *UNSEEN_KINDS} <= set(KIND_WORDS)


def test_a_sentence_about_an_intact_thing_names_no_defect():
    rng = np.random.default_rng(0)
    for _ in range(300):
        sentence = compose(Meaning(defective=False, kind="dent", family="cone"), NOUNS, rng)
        assert says(sentence, (*NORMAL, *WITHOUT))
        assert not says(sentence, (*DEFECTIVE, *WITH, *KIND_WORDS["dent"].adjectives))


def test_a_sentence_names_its_kind_and_its_family():
    rng = np.random.default_rng(0)
    words = KIND_WORDS["crack"]
    for _ in range(300):
        sentence = compose(Meaning(defective=True, kind="crack", family="cone"), NOUNS, rng)
        assert says(sentence, (*words.adjectives, *words.phrases))
        assert says(sentence, NOUNS["cone"])


def test_both_states_are_asked_with_equally_many_sentences():
    assert len(STATE_PROMPTS[False]) == len(STATE_PROMPTS[True])


def test_all_words_are_known_and_the_unknown_one_is_none_of_them():
    known = vocabulary.known_tokens(tokenize, NOUNS)
    rng = np.random.default_rng(1)
    families = list(NOUNS)
    sentences = [
        compose(Meaning(bool(rng.random() < 0.5), kind, families[rng.integers(len(families))]), NOUNS, rng)
        for kind in (None, *KIND_WORDS)
        for _ in range(20)
    ]
    assert torch.isin(tokenize(sentences), known).all()
    assert vocabulary.UNKNOWN not in known
    assert len(known) < 1500


def test_rows_of_unknown_words_are_equal_and_known_ones_keep_theirs():
    rows, known, unknown = torch.randn(3, 4), torch.tensor([1, 5, 7]), torch.randn(4)
    table = vocabulary.expand(rows, known, unknown, 9)
    assert torch.equal(table[known], rows)
    assert torch.equal(table[[0, 2, 3, 4, 6, 8]], unknown.expand(6, 4))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_words_are_forgotten_but_start_end_and_padding_stay(share):
    ids = tokenize(["a damaged cone with a crack."] * 64)
    forgotten = vocabulary.forget(ids, share, torch.Generator().manual_seed(0))
    special = torch.isin(ids, torch.tensor(vocabulary.SPECIAL))
    assert torch.equal(forgotten[special], ids[special])
    lost = (forgotten[~special] == vocabulary.UNKNOWN).float().mean()
    assert abs(float(lost) - share) < 0.1
