"""Sentences lie where their meanings are: states apart, kinds and families at right angles."""

import numpy as np
import pytest

from pc3dad.encoders.embedded.captions import KIND_WORDS, Meaning
from pc3dad.encoders.embedded.families import NOUNS, RELATED, TEST, TRAINING, VALIDATION
from pc3dad.encoders.embedded.training.meanings import STATES_APART, make_space


@pytest.fixture(scope="module")
def space():
    return make_space(list(NOUNS), RELATED, 192, seed=0)


def test_axes_are_orthonormal_but_those_of_the_states(space):
    axes = np.stack([*space.kinds.values(), *(space.families[name] for name in TRAINING)])
    assert np.allclose(axes @ axes.T, np.eye(len(axes)))
    assert np.allclose(axes @ space.states.T, 0)
    assert space.states[0] @ space.states[1] == pytest.approx(STATES_APART)


def test_every_held_out_family_lies_between_three_that_are_trained():
    assert set(RELATED) == {*VALIDATION, *TEST}
    assert all(len(set(like)) == 3 and set(like) <= set(TRAINING) for like in RELATED.values())
    assert len(set(map(frozenset, RELATED.values()))) == len(RELATED)


def test_a_held_out_family_is_equally_like_those(space):
    for name, like in RELATED.items():
        family = space.families[name]
        assert np.linalg.norm(family) == pytest.approx(1)
        assert [family @ space.families[one] for one in like] == pytest.approx([3**-0.5] * 3)


def test_a_sentence_lies_nearest_to_its_own_state_and_an_intact_thing_has_no_kind(space):
    kind = next(iter(KIND_WORDS))
    intact, dented = (space.place(Meaning(state, kind, "egg")) for state in (False, True))
    assert intact @ space.states[0] > 0.5 > intact @ space.states[1]
    assert dented @ space.states[1] > 0.5 > dented @ space.states[0]
    assert intact @ space.kinds[kind] == pytest.approx(0)
    assert dented @ space.kinds[kind] > 0.3
