"""The encoders that travel with the package: there, small, as their card says, and in one space."""

import pytest
import torch

from pc3dad.encoders.embedded import measure, tiny
from pc3dad.encoders.named import load_image_text, load_points
from pc3dad.encoders.prompts import tokenize
from pc3dad.io import digest
from pc3dad.weights import cards, store


@pytest.fixture(scope="module")
def encoder():
    return load_image_text("tiny").encoder


@pytest.fixture(scope="module")
def tower():
    return load_points("tiny").encoder


def test_both_files_are_those_of_the_card_and_fit_into_24_mb():
    files = {file.name: file for file in cards.get("tiny").files}
    paths = [tiny.folder() / name for name in (tiny.IMAGE_TEXT, tiny.POINTS)]
    assert sum(path.stat().st_size for path in paths) <= 24e6
    for path in paths:
        assert (digest.of_file(path), path.stat().st_size) == (
            files[path.name].sha256,
            files[path.name].bytes,
        )


def test_they_are_found_in_the_package_without_any_folder_of_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path))
    for part in cards.get("tiny").parts:
        assert store.locate(cards.get("tiny"), part=part).place == "package"


def test_sizes_are_read_off_the_encoder(encoder, tower):
    layout = encoder.layout
    assert (layout.image_size, layout.grid, layout.embed_dim, layout.depth) == (224, 14, 192, 8)
    assert tower.config.width == layout.embed_dim == 192


@pytest.mark.parametrize("noun", ["part", "flange", "doohickey"])
def test_sentences_of_either_state_are_apart_whatever_they_speak_of(encoder, noun):
    def encoded(*words):
        return measure.encode(encoder, tokenize, [f"a {word} {noun}." for word in words])

    normal, defective = encoded("flawless", "intact", "normal"), encoded("damaged", "broken", "defective")
    within = torch.cat([normal[:1] @ normal[1:].T, defective[:1] @ defective[1:].T])
    assert float(within.min()) > float((normal @ defective.T).max()) + 0.3


def test_pictures_and_clouds_and_sentences_share_a_space(encoder, tower):
    draws = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 255, (2, 224, 224), generator=draws, dtype=torch.uint8)
    towards = measure.direction(encoder, tokenize)
    looked = measure.look(encoder, towards, pictures)
    ball = torch.nn.functional.normalize(torch.randn(1, 500, 3, generator=draws), dim=-1)
    read, members = measure.read(tower, towards, torch.cat([ball, torch.full_like(ball, 0.5)], dim=-1))
    assert looked.features.shape[1] == read.features.shape[1] == len(towards)
    assert looked.patches.shape == (2, 196)
    assert members.shape[:2] == read.patches.shape
    assert all(torch.isfinite(one).all() for one in (*looked, *read))
