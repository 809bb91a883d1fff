"""The families of shapes: closed bodies of a workpiece's size; no category of the data set is among them."""

from functools import cache
from itertools import cycle

import numpy as np
import pytest
from manifold3d import Error, Manifold

from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.parts import PARTS
from pc3dad.data.synthetic.samples import damage
from pc3dad.data.synthetic.specimen import KINDS
from pc3dad.encoders.embedded.families import NOUNS, TEST, TRAINING, VALIDATION

ALL = {**TRAINING, **VALIDATION, **TEST}
SEEDS = (0, 1)
PLACES = ("rounded_box", "channel", "vase", "ring")
SOME = 8  # every so many families, where one need not look at all
each_family = pytest.mark.parametrize("family", ALL)


@cache
def made(family: str, seed: int) -> Manifold:
    return ALL[family](np.random.default_rng(seed))


def words(nouns: tuple[str, ...]) -> set[str]:
    return {word for noun in nouns for word in noun.replace("-", " ").split()}


def test_there_are_enough_families_and_none_in_two_registries():
    assert len(TRAINING) >= 44
    assert (len(VALIDATION), len(TEST)) == (6, 8)
    assert len(ALL) == len(TRAINING) + len(VALIDATION) + len(TEST)


def test_no_family_has_the_name_or_a_noun_of_a_category_of_the_data_set():
    for family in ALL:
        assert not set(PARTS) & set(family.split("_"))
    for family in TRAINING:
        assert not set(PARTS) & words(NOUNS[family])


def test_every_family_has_nouns_of_its_own():
    assert set(NOUNS) == set(ALL)
    every = [noun for nouns in NOUNS.values() for noun in nouns]
    assert len(every) == len(set(every))
    assert all(2 <= len(nouns) <= 4 for nouns in NOUNS.values())
    assert all(noun == noun.lower() for noun in every)


def test_no_noun_of_a_family_kept_for_checks_is_part_of_a_training_noun():
    trained = set().union(*(words(NOUNS[family]) for family in TRAINING))
    kept = {noun for family in (*VALIDATION, *TEST) for noun in NOUNS[family]}
    assert not trained & kept


@each_family
def test_a_shape_is_one_closed_body_on_the_ground_of_the_right_size(family):
    for seed in SEEDS:
        body = made(family, seed)
        low, high = np.array(body.bounding_box()).reshape(2, 3)
        assert body.status() == Error.NoError
        assert len(body.decompose()) == 1
        assert body.volume() > 0
        assert 40 <= (high - low).max() <= 160
        assert low[2] == pytest.approx(0, abs=1e-9)
        assert body.num_tri() <= 20_000


@each_family
def test_two_seeds_give_two_shapes(family):
    sizes = [made(family, seed).surface_area() for seed in SEEDS]
    assert abs(sizes[0] / sizes[1] - 1) > 1e-4


@pytest.mark.parametrize("family", list(ALL)[::SOME])
def test_the_same_seed_gives_the_same_shape(family):
    first, again = made(family, 0).to_mesh64(), ALL[family](np.random.default_rng(0)).to_mesh64()
    np.testing.assert_array_equal(first.vert_properties, again.vert_properties)
    np.testing.assert_array_equal(first.tri_verts, again.tri_verts)


@pytest.mark.parametrize(("kind", "family"), list(zip(KINDS, cycle(PLACES), strict=False)))
def test_there_is_a_place_for_every_kind_of_defect(kind, family):
    specimen = damage(ALL[family], kind, SyntheticConfig(), (family, kind), tries=3)
    assert 1 <= len(specimen.defects) <= 2


def test_registries_cannot_be_changed():
    with pytest.raises(TypeError):
        TRAINING["ring"] = TEST["ring"]
