"""Pairs of parts: both are made and looked at alike, and the label lies where the defect is."""

import numpy as np
import pytest

from pc3dad.data.synthetic.specimen import KINDS
from pc3dad.encoders.embedded.families import TRAINING
from pc3dad.encoders.embedded.items import GRID, MODALITIES, POINTS, SIZE, VIEWS, make_pair
from pc3dad.encoders.embedded.training.pool import Content, pack
from pc3dad.encoders.embedded.unseen_kinds import UNSEEN_KINDS


@pytest.fixture(scope="module")
def dented():
    return make_pair("rounded_box", TRAINING["rounded_box"], "dent", "dent", 4, seed=0)


def test_shapes_and_types(dented):
    for pictures in dented.pictures:
        assert pictures.shaded.shape == pictures.depth.shape == (VIEWS, SIZE, SIZE)
        assert pictures.colour.shape == (VIEWS, SIZE, SIZE, 3)
        assert pictures.labelled.shape == pictures.filled.shape == (VIEWS, GRID, GRID)
    for clouds in dented.clouds:
        assert clouds.xyz.shape == clouds.rgb.shape == (2, POINTS, 3)
        assert clouds.labelled.shape == (2, POINTS)


def test_only_the_second_of_a_pair_is_labelled(dented):
    intact, defective = dented.pictures
    assert not intact.labelled.any()
    assert defective.labelled.any()
    assert not dented.clouds[0].labelled.any()
    assert dented.clouds[1].labelled.any()


def test_pictures_of_a_pair_differ_most_where_the_label_is(dented):
    intact, defective = dented.pictures
    change = np.abs(defective.depth.astype(int) - intact.depth)
    blocks = change.reshape(VIEWS, GRID, SIZE // GRID, GRID, SIZE // GRID).mean(axis=(2, 4))
    labelled = defective.labelled > 128
    both = (intact.filled == 255) & (defective.filled == 255)
    assert blocks[labelled & both].mean() > 1.5 * blocks[~labelled & both].mean()


def test_clouds_have_centre_0_and_radius_1(dented):
    for clouds in dented.clouds:
        np.testing.assert_allclose(clouds.xyz.mean(axis=1), 0, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(clouds.xyz, axis=2).max(axis=1), 1, atol=1e-5)


def test_equal_numbers_and_seeds_make_equal_pairs_and_others_do_not(dented):
    again = make_pair("rounded_box", TRAINING["rounded_box"], "dent", "dent", 4, seed=0)
    other = make_pair("rounded_box", TRAINING["rounded_box"], "dent", "dent", 4, seed=1)
    assert np.array_equal(again.pictures[1].shaded, dented.pictures[1].shaded)
    assert np.array_equal(again.clouds[1].xyz, dented.clouds[1].xyz)
    assert not np.array_equal(other.clouds[1].xyz, dented.clouds[1].xyz)


def test_a_stain_shows_in_colours_alone():
    stained = make_pair("rounded_box", TRAINING["rounded_box"], "stain", "stain", 1, seed=0)
    assert stained.modalities == ("colour",)
    intact, defective = stained.pictures
    assert np.array_equal(intact.depth, defective.depth)
    assert not np.array_equal(intact.colour, defective.colour)


def test_families_and_kinds_take_turns_until_each_has_met_each():
    content = Content(dict(TRAINING), {kind: kind for kind in KINDS}, 0, seed=0)
    chosen = {content.chosen(number) for number in range(20 * len(TRAINING) * len(KINDS))}
    assert len(chosen) > 0.9 * len(TRAINING) * len(KINDS)
    first = [content.chosen(number)[0] for number in range(len(TRAINING))]
    assert sorted(first) == sorted(TRAINING)


def test_a_shard_says_of_every_picture_what_it_shows(dented):
    content = Content(dict(TRAINING), {kind: kind for kind in KINDS}, 1, seed=0)
    arrays = pack([dented, dented], content)
    assert len(arrays["grey"]) == 2 * VIEWS * 2
    assert len(arrays["colour"]) == 2
    row = int(np.flatnonzero(arrays["grey_modality"] == MODALITIES.index("depth"))[1])
    assert np.array_equal(arrays["grey"][row][1], dented.pictures[1].depth[1])
    assert np.array_equal(arrays["grey_labelled"][row], dented.pictures[1].labelled[1])
    assert list(content.kinds)[arrays["kind"][0]] == "dent"


def test_kinds_that_were_never_trained_make_pairs_too():
    pair = make_pair("prism_block", TRAINING["prism_block"], "pits", UNSEEN_KINDS["pits"], 0, seed=0)
    assert pair.clouds[1].labelled.any()
