"""Cards of data sets: light to import, true to the loaders and to the inventories."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from pc3dad import registry
from pc3dad.cli.data import app
from pc3dad.config import Config
from pc3dad.data import manifests
from pc3dad.data.cards import ANOMALY_SHAPENET, CARDS, EYECANDIES, MVTEC3D_AD, REAL3D_AD

PUBLIC = (EYECANDIES, MVTEC3D_AD)
DOWNLOADED = (ANOMALY_SHAPENET, EYECANDIES, MVTEC3D_AD, REAL3D_AD)


def test_importing_cards_imports_nothing_heavy():
    code = "import sys, pc3dad.data.cards; print(*{n.split('.')[0] for n in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"scipy", "PIL", "tifffile", "yaml", "torch"} & set(loaded)


def test_slugs_are_unique_and_sorted():
    slugs = [card.slug for card in CARDS]
    assert slugs == sorted(set(slugs))


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.slug)
def test_cards_name_a_loader_and_a_configuration_whose_fields_are_described(card):
    entry = registry.datasets()[card.slug]
    assert issubclass(entry.config_class, Config)
    assert all(field.description for field in entry.config_class.model_fields.values())
    loader = entry.load(card.dataset)
    assert loader.card is card
    assert all(hasattr(loader, name) for name in ("categories", "refs", "load", "truth", "fingerprint"))


@pytest.mark.parametrize("card", PUBLIC, ids=lambda card: card.slug)
def test_categories_are_those_of_the_inventory(card):
    assert sorted(card.categories) == sorted(manifests.read(card.slug)["categories"])
    assert set(card.auxiliary) < set(card.categories)
    assert len(card.auxiliary) == 3


def test_auxiliary_categories_are_those_of_the_published_protocols():
    """1.12"""
    assert MVTEC3D_AD.auxiliary == ("carrot", "cookie", "dowel")
    assert EYECANDIES.auxiliary == ("Confetto", "LicoriceSandwich", "PeppermintCandy")


def told(*words: str, command: str = "info") -> str:
    """What `data info` prints at 80 columns."""
    done = CliRunner().invoke(app, [command, *words], env={"COLUMNS": "80"}, standalone_mode=False)
    assert done.exception is None
    return done.stdout


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.slug)
def test_info_fits_80_columns(card):
    long = [line for line in told(card.slug).splitlines() if len(line) > 80]
    assert all(" " not in line.strip() for line in long), "only words longer than a line may cross it"


@pytest.mark.parametrize("command", ["info", "prepare"])
@pytest.mark.parametrize("card", DOWNLOADED, ids=lambda card: card.slug)
def test_address_size_counts_and_traps_are_told_before_a_download(card, command):
    """1.10: nothing is fetched."""
    text = " ".join(told(card.slug, command=command).split())
    for sentence in (card.licence, card.source, card.download, card.size, card.counts, *card.notes):
        assert sentence in text
    assert card.size


def test_sizes_are_those_that_the_owners_publish():
    assert "3.6 GB" in ANOMALY_SHAPENET.size
    assert ANOMALY_SHAPENET.download.startswith("https://huggingface.co/")
    assert "11.6 GB" in MVTEC3D_AD.size
    assert "2.4 GB" in EYECANDIES.size
    assert "not published" in REAL3D_AD.size


@pytest.mark.parametrize("card", PUBLIC, ids=lambda card: card.slug)
def test_info_tells_where_data_come_from_and_what_is_done_to_them(card):
    """1.10: address, size, licence and expected layout; nothing is fetched."""
    text = " ".join(told(card.slug).split())
    for sentence in (card.licence, card.source, card.counts, *card.notes, *card.published):
        assert sentence in text
    assert "expected layout <" in text
    assert "what published works do to it - " in text
    assert card.published


def test_info_counts_what_is_there(tmp_path):
    (tmp_path / "tire" / "test" / "cut" / "gt").mkdir(parents=True)
    (tmp_path / "tire" / "test" / "cut" / "gt" / "000.png").write_bytes(b"x")
    lines = [line.split() for line in told("mvtec3d_ad", "--root", str(tmp_path)).splitlines()]
    assert lines[-2:] == [
        ["found", "train", "validation", "test", "unlabelled"],
        ["tire", "0", "0", "1", "0"],
    ]
    plain = json.loads(told("mvtec3d_ad", "--root", str(tmp_path), "--json"))
    assert plain["found"]["tire"]["test"] == 1
    assert plain["card"]["published"] == list(MVTEC3D_AD.published)


def test_published_totals_follow_from_the_inventory_of_each_category():
    inventory = manifests.read("mvtec3d_ad")
    categories = inventory["categories"].values()
    assert inventory["totals"] == {
        "train": sum(one["train_good"] for one in categories),
        "validation": sum(one["validation_good"] for one in categories),
        "test_good": sum(one["test"]["good"] for one in categories),
        "test_anomalous": sum(sum(one["test"].values()) - one["test"]["good"] for one in categories),
    }
