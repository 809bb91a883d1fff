"""Methods that learn, as a user meets them: trained once for `predict`, or imported from their authors."""

import os
import sys
import textwrap
import types

import numpy as np
import pytest
import torch

from pc3dad.cli.main import main

CONVERT = """
from pc3dad.encoders.convert import read_checkpoint
from pc3dad.weights.layouts import Layout

def convert(paths, config):
    found = read_checkpoint(paths[0], Layout({"learner.seen": (1,)}), hint="give epoch_<n>.pth")
    return {"seen_": found["learner.seen"]}
"""


class Bomb:
    def __reduce__(self):
        return os.system, ("touch was-run",)


@pytest.fixture
def pc3dad(capsys, monkeypatch, tmp_path):
    """Runs the command in this process, since each new one would import torch again."""

    def run(*words, code=0):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["pc3dad", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        done = capsys.readouterr()
        assert end.value.code == code, done.err
        return types.SimpleNamespace(stdout=done.out, stderr=done.err)

    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path / "home"))
    np.savetxt(tmp_path / "scan.xyz", np.random.default_rng(0).normal(size=(50, 3)))
    return run


@pytest.fixture
def words(method):
    """Options that every call here has."""
    return ["predict", "scan.xyz", "--plugin", method("aux", regime="AUXILIARY"), "-m", "aux"]


def test_it_is_trained_on_the_embedded_parts_once(pc3dad, words):
    first = pc3dad(*words)
    assert "training aux on synthetic:flange, once" in first.stderr
    assert "scan.xyz" in first.stdout
    again = pc3dad(*words)
    assert "training" not in again.stderr
    assert "reusing aux, trained on synthetic:flange in" in again.stderr
    assert "training aux on" in pc3dad(*words, "--redo").stderr
    assert "reusing" not in pc3dad(*words, "--quiet").stderr


def test_the_user_names_another_training_set(pc3dad, words, toys):
    words = [*words, "--plugin", toys, "--train-on"]
    assert "training aux on toys:A+C, once" in pc3dad(*words, "toys:A+C").stderr
    assert "training aux on toys[colour=true]:A, once" in pc3dad(*words, "toys[colour=true]:A").stderr


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--train-on", "synthetic:"], "is not one data set"),
        (["--train-on", "synthetic:flang"], "did you mean 'flange'"),
        (["--train-on", "eyecandies"], "needs a folder"),
        (["--root", "parts"], "--root is the folder of a training set"),
        (["--train-on", "synthetic", "--root", "eyecandies=parts"], "--root names eyecandies"),
        (["--train-on", "synthetic", "--fit", "runs/a/fits/b"], "give --fit or --train-on"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_sentence(pc3dad, words, more, sentence, tmp_path):
    assert sentence in pc3dad(*words, *more, code=2).stderr
    assert not (tmp_path / "home").exists()


@pytest.fixture
def published(method, toys):
    """Options that name the toys and a method whose authors published files."""
    plugin = method("aux", regime="AUXILIARY", fit="raise KeyError('must not be trained')")
    text = plugin.read_text().replace('config=":ToyConfig"', 'config=":ToyConfig", imports=":convert"')
    plugin.write_text(text + textwrap.dedent(CONVERT))
    return ["--plugin", plugin, "--plugin", toys]


def test_a_file_of_the_authors_scores_scans_and_stands_in_a_benchmark(pc3dad, published, tmp_path):
    torch.save({"learner": {"seen": torch.ones(1)}, "epoch": 15}, tmp_path / "epoch_15.pth")
    words = ["methods", "import", "aux", "epoch_15.pth", "--trained-on", "toys:A", *published]
    done = pc3dad(*words)
    folder = done.stdout.strip()
    assert f"next: pc3dad predict SCAN --method 'aux' --fit {folder}" in done.stderr
    assert "scan.xyz" in pc3dad("predict", "scan.xyz", "-m", "aux", "--fit", folder, *published).stdout
    table = pc3dad("bench", "-d", "toys", "-m", "aux,random", "--fit", folder, *published).stdout
    assert "mean of 2 categories" in table
    kept = pc3dad(*words, "--out", "kept").stdout.strip()
    assert (tmp_path / kept / "done.json").is_file()


def test_a_file_that_would_run_code_or_holds_something_else_is_exit_code_3(pc3dad, published, tmp_path):
    torch.save({"learner": Bomb()}, tmp_path / "bomb.pth")
    assert (
        "could run code: nothing of it was run"
        in pc3dad("methods", "import", "aux", "bomb.pth", *published, code=3).stderr
    )
    torch.save({"learner": {"seen": torch.ones(2)}}, tmp_path / "other.pth")
    done = pc3dad("methods", "import", "aux", "other.pth", *published, code=3)
    assert "learner.seen (2,) instead of (1,)" in done.stderr
    assert "give epoch_<n>.pth" in done.stderr
    assert not (tmp_path / "was-run").exists()
    assert not (tmp_path / "home").exists()
