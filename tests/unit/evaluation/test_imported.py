"""Files of authors become a stored fit that `predict` uses; what does not fit leaves nothing behind."""

import json
import textwrap

import numpy as np
import pytest

from pc3dad.errors import ConfigError, DataError, MethodError, WeightsError
from pc3dad.evaluation.files import predict_files
from pc3dad.evaluation.imported import import_fit

CONVERT = """
import torch
from pc3dad.errors import WeightsError

def convert(paths, config):
    if not paths[0].is_file():
        raise WeightsError(f"cannot read {paths[0]}")
    if paths[0].suffix == ".odd":
        raise KeyError("x")
    return {"seen_": torch.tensor([len(paths)])}
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without fits."""
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def plugins(toys, method):
    """Toy data set and a method whose authors published files."""
    plugin = method("aux", regime="AUXILIARY")
    text = plugin.read_text().replace('config=":ToyConfig"', 'config=":ToyConfig", imports=":convert"')
    plugin.write_text(text + textwrap.dedent(CONVERT))
    return [toys, plugin]


@pytest.fixture
def published(tmp_path):
    path = tmp_path / "epoch_15.pth"
    path.write_bytes(b"published")
    return path


def test_the_fit_tells_where_it_is_from_and_scores_files(tmp_path, plugins, published, home):
    folder = import_fit("aux[scale=2]", [published], trained_on="toys:B+A", plugins=plugins)
    assert folder.parent == home / "fits"
    facts = json.loads((folder / "fit.json").read_text())
    assert (facts["method"], facts["config"], facts["train"]) == ("aux", {"scale": 2.0}, "toys:A+B")
    assert facts["imported"][0]["name"] == "epoch_15.pth"
    assert len(facts["imported"][0]["sha256"]) == 64
    scan = tmp_path / "scan.xyz"
    np.savetxt(scan, np.random.default_rng(0).normal(size=(50, 3)))
    options = {"out": tmp_path / "out", "fit": folder, "plugins": plugins}
    assert next(predict_files([scan], "aux[scale=2]", **options)).status == "ok"
    with pytest.raises(WeightsError, match="give the options of that fit"):
        next(predict_files([scan], "aux", **options))


def test_equal_files_are_imported_once_and_others_stand_beside_them(plugins, published):
    first = import_fit("aux", [published], plugins=plugins)
    made = (first / "done.json").read_text()
    assert import_fit("aux", [published], plugins=plugins) == first
    assert (first / "done.json").read_text() == made
    assert import_fit("aux[scale=2]", [published], plugins=plugins) != first
    published.write_bytes(b"another one")
    assert import_fit("aux", [published], plugins=plugins) != first


def test_a_folder_that_exists_is_never_touched(tmp_path, plugins, published):
    kept = tmp_path / "mine"
    kept.mkdir()
    (kept / "thesis.txt").write_text("all of it")
    with pytest.raises(DataError, match=r"mine exists; choose another --out"):
        import_fit("aux", [published], out=kept, plugins=plugins)
    assert (kept / "thesis.txt").read_text() == "all of it"
    assert (import_fit("aux", [published], out=tmp_path / "new", plugins=plugins) / "done.json").is_file()


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        ({"method": "aux[scale=no]"}, ConfigError, "aux.scale"),
        ({"method": "curvature"}, ConfigError, "nothing reads files of curvature; train it instead"),
        ({"files": ["absent.pth"]}, WeightsError, "cannot read"),
        ({"files": ["x.odd"]}, MethodError, "aux cannot read these files: KeyError"),
        ({"trained_on": "toy:A"}, ConfigError, "did you mean 'toys'"),
        ({"trained_on": "toys"}, ConfigError, "--trained-on toys names no category"),
        ({"trained_on": "mvtec3d_ad:carot"}, ConfigError, "did you mean 'carrot'"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_leaves_nothing(
    tmp_path, plugins, published, home, words, kind, message
):
    (tmp_path / "x.odd").touch()
    files = [tmp_path / name for name in words.pop("files", [published.name])]
    with pytest.raises(kind, match=message):
        import_fit(words.pop("method", "aux"), files, plugins=plugins, **words)
    assert not home.exists()


def test_a_method_that_cannot_read_the_result_gets_no_fit(plugins, published, home):
    text = plugins[1].read_text()
    plugins[1].write_text(
        text + "\n\ndef load(self, folder):\n    raise ValueError('no')\n\nToy.load = load\n"
    )
    with pytest.raises(MethodError, match="aux cannot read these files: ValueError: no"):
        import_fit("aux", [published], plugins=plugins)
    assert not list(home.glob("fits/*/done.json"))
