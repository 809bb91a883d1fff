"""`pc3dad predict` with a method that learns: it is trained once, on labelled parts of other kinds."""

import sys
import types

import numpy as np
import pytest

from pc3dad.cli.main import main


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
