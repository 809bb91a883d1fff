"""Adding a baseline is adding a folder; a broken one is listed with its reason and harms nobody."""

import textwrap
from importlib.metadata import EntryPoint

import pytest

from pc3dad import registry
from pc3dad.config import Config
from pc3dad.errors import ConfigError, DataError
from pc3dad.methods.skeleton import write_skeleton

PLUGIN = """
    from pc3dad.cards import MethodCard
    from pc3dad.config import Config
    from pc3dad.methods.base import BaseMethod
    from pc3dad.types import Prediction, Regime

    CARD = MethodCard(slug="{slug}", title="A method in one file", regime=Regime.TRAINING_FREE,
                      inputs=("xyz",), outputs=("object",), deterministic=True, revision=1,
                      method=":Flat", config=":FlatConfig")

    class FlatConfig(Config):
        level: float = 0.5

    class Flat(BaseMethod[FlatConfig]):
        card = CARD
        def score(self, sample, ctx):
            return Prediction(sample.id, self.config.level)
"""


@pytest.fixture
def plugin(tmp_path):
    def write(name, text=PLUGIN, **words):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).replace("{slug}", words.get("slug", "flat")))
        return path

    return write


def test_built_in_methods_and_data_sets_are_found():
    assert {"random", "curvature"} <= {entry.slug for entry in registry.methods()}
    assert {"synthetic", "eyecandies", "mvtec3d_ad", "folder"} <= {
        entry.slug for entry in registry.datasets()
    }


def test_a_single_file_is_a_plugin(plugin):
    entry = registry.methods([plugin("flat.py")])["flat"]
    method = entry.create(entry.configure({"level": 0.25}))
    assert method.config.level == 0.25


def test_a_folder_with_a_card_is_a_plugin(plugin):
    path = plugin("mine/card.py")
    assert registry.methods([path.parent])["flat"].ready.title == "A method in one file"


def test_a_broken_plugin_is_listed_with_its_reason_and_harms_nobody(plugin):
    catalogue = registry.methods([plugin("broken.py", "1 / 0")])
    assert "ZeroDivisionError" in catalogue["broken"].error
    assert catalogue["random"].card is not None
    with pytest.raises(ConfigError, match=r"'broken' .* is broken: ZeroDivisionError"):
        _ = catalogue["broken"].ready


@pytest.mark.parametrize(
    "text", ["raise SystemExit(3)", "CARD = 3", "import no_such_package_anywhere", "def ("]
)
def test_whatever_a_plugin_does_at_import_is_contained(plugin, text):
    assert registry.methods([plugin("odd.py", text)])["odd"].card is None


def test_a_slug_claimed_twice_names_both_owners(plugin):
    catalogue = registry.methods([plugin("one.py", slug="random")])
    error = catalogue["random"].error
    assert "one.py" in error
    assert "pc3dad.baselines.random" in error


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ConfigError, match="unknown method 'curvatur', did you mean 'curvature'"):
        registry.methods()["curvatur"]


def test_a_missing_plugin_file_is_an_error_of_use(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.py"):
        registry.methods([tmp_path / "absent.py"])


def test_a_wrong_reference_names_the_card(plugin):
    entry = registry.methods([plugin("flat.py", PLUGIN.replace(':Flat"', ':Absent"'))])["flat"]
    with pytest.raises(ConfigError, match="Absent"):
        entry.create(Config())


def test_a_data_set_without_a_folder_says_where_to_get_it():
    entry = registry.datasets()["mvtec3d_ad"]
    with pytest.raises(ConfigError, match=r"mvtec\.com.*CC BY-NC-SA.*--root"):
        entry.open(None, entry.configure({}))


def test_a_folder_that_is_not_the_data_set_is_refused(tmp_path):
    entry = registry.datasets()["mvtec3d_ad"]
    with pytest.raises(DataError):
        entry.open(tmp_path / "absent", entry.configure({}))


def test_a_new_folder_is_found_without_reinstalling(tmp_path, monkeypatch):
    (tmp_path / "laboratory").mkdir()
    (tmp_path / "laboratory" / "__init__.py").touch()
    write_skeleton("brand_new", tmp_path / "laboratory")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "METHOD_FOLDERS", "laboratory")
    entry = registry.methods()["brand_new"]
    assert entry.owner == "laboratory.brand_new.card"
    assert entry.create(entry.configure({})).config.share == 0.01


def test_installed_packages_register_through_entry_points(plugin, monkeypatch):
    monkeypatch.syspath_prepend(plugin("outside.py").parent)
    point = EntryPoint("flat", "outside:CARD", "pc3dad.methods")
    monkeypatch.setattr(registry, "entry_points", lambda *, group: [point] if group == point.group else [])
    assert registry.methods()["flat"].ready.slug == "flat"
