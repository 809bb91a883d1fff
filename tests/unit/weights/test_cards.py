"""Cards of weights: complete, honest about what is unknown, and safe to follow."""

import re
import subprocess
import sys

import pytest

from pc3dad.errors import ConfigError
from pc3dad.weights.cards import CARDS, get


def test_slugs_are_unique_and_the_default_tower_is_there():
    slugs = [card.slug for card in CARDS]
    assert len(set(slugs)) == len(slugs)
    assert get("clip_vit_l_14_336").architecture == "ViT-L-14-336-quickgelu"


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(ConfigError, match="did you mean 'clip_vit_b_16'"):
        get("clip_vit_b16")


def test_looking_for_weights_and_downloading_them_loads_nothing_heavy():
    code = "import sys, pc3dad.weights.fetch, pc3dad.weights.store as store\n"
    code += "from pc3dad.weights.cards import CARDS\nfor card in CARDS: store.look_up(card)\n"
    code += "print({'torch', 'huggingface_hub', 'open_clip', 'safetensors', 'scipy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.slug)
def test_every_card_says_where_the_file_is_and_how_large(card):
    first = card.files[0]
    assert card.packaged or (first.address.startswith("https://") and card.source.startswith("https://"))
    assert first.bytes or first.size
    assert all(file.address or file.hub for file in card.files) or card.packaged


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.slug)
def test_a_file_that_holds_code_has_a_whole_digest(card):
    for file in card.files:
        assert file.form != "torchscript" or len(file.sha256) == 64
        assert file.sha256 or any("digest" in note for note in card.notes)


def test_openai_names_the_digest_in_the_address():
    for card in CARDS:
        for file in card.files:
            if "openaipublic" in file.address:
                assert re.search(r"/([0-9a-f]{64})/", file.address)[1] == file.sha256


def test_openai_models_name_their_activation():
    assert all(card.architecture.endswith("-quickgelu") for card in CARDS if card.tag == "openai")
