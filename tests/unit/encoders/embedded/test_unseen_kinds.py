"""Kinds of defects kept for the test: they move the surface visibly, and what is labelled has moved."""

import numpy as np
import pytest

from pc3dad.data.synthetic.specimen import KINDS, make_specimen
from pc3dad.encoders.embedded.families import TRAINING
from pc3dad.encoders.embedded.unseen_kinds import UNSEEN_KINDS
from pc3dad.seeding import generator

POINTS = 20_000
each_kind = pytest.mark.parametrize("kind", UNSEEN_KINDS.values(), ids=UNSEEN_KINDS)


def drawn(kind, family, seed=0):
    rng = generator(seed, kind.name, family)
    specimen = make_specimen(TRAINING[family](rng), kind, 1, rng, smallest=0.005)
    return specimen.draw(POINTS, rng)


def test_they_are_called_like_no_kind_of_the_data_set():
    assert not set(UNSEEN_KINDS) & set(KINDS)
    assert all(kind.name == name for name, kind in UNSEEN_KINDS.items())


@each_kind
@pytest.mark.parametrize("family", ["rounded_box", "channel"])
def test_a_defect_takes_a_visible_share_and_only_what_moved_is_labelled(kind, family):
    surface = drawn(kind, family)
    labelled = surface.regions >= 0
    moved = np.linalg.norm(surface.points.xyz - surface.intact, axis=1)
    assert 0.001 < labelled.mean() < 0.1
    assert (moved[labelled] > 0.1).all()


@each_kind
def test_the_same_seed_gives_the_same_defect(kind):
    one, again = (drawn(kind, "wedge") for _ in range(2))
    np.testing.assert_array_equal(one.points.xyz, again.points.xyz)
    np.testing.assert_array_equal(one.regions, again.regions)


def test_a_ridge_stands_out_and_pits_go_in():
    for name, sign in (("ridge", 1), ("pits", -1)):
        surface = drawn(UNSEEN_KINDS[name], "tile")
        labelled = surface.regions >= 0
        way = (surface.points.xyz - surface.intact)[labelled]
        outward = (way * surface.points.normals[labelled]).sum(axis=1)
        assert np.mean(sign * outward > 0) > 0.9
