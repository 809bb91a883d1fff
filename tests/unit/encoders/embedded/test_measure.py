"""Naming is measured beside who says each name as often, but blindly."""

import numpy as np
import pytest
import torch

from pc3dad.encoders.embedded import measure
from pc3dad.encoders.embedded.measure import Scores

NOUNS = {"ball": ("ball",), "box": ("box",), "cone": ("cone",)}


@pytest.fixture(autouse=True)
def encoded(monkeypatch):
    """Sentences lie on the axis of the noun that they name."""
    axes = dict(zip(("ball", "box", "cone"), torch.eye(3), strict=True))

    def encode(encoder, tokenize, sentences):
        return torch.stack([next(axis for noun, axis in axes.items() if noun in one) for one in sentences])

    monkeypatch.setattr(measure, "encode", encode)


def scores(said, true):
    """Items whose feature is the axis of what is said of them."""
    features = np.eye(3, dtype=np.float32)[[list(NOUNS).index(one) for one in said]]
    none = np.zeros(0)
    return Scores(none, none.astype(bool), none, none.astype(bool), features, np.array(true))


def test_all_right_is_one_and_chance_is_that_of_a_guess():
    found = measure.name_shapes(None, None, scores(["ball", "box", "cone"], ["ball", "box", "cone"]), NOUNS)
    assert found == (1.0, pytest.approx(1 / 3))


def test_saying_one_name_only_is_chance_however_often_it_is_right():
    found = measure.name_shapes(None, None, scores(["box"] * 4, ["box", "box", "box", "cone"]), NOUNS)
    assert found.value == found.chance == 0.75


def test_fewer_nouns_make_it_easier():
    asked = scores(["ball", "box"], ["ball", "box"])
    few = {noun: NOUNS[noun] for noun in ("ball", "box")}
    assert measure.name_shapes(None, None, asked, few).value == 1.0
