"""Scoring a user's own files: which fit may be used, and what a failure says."""

import json
import shutil

import numpy as np
import pytest

from pc3dad.errors import ConfigError, WeightsError
from pc3dad.evaluation.bench import run_bench
from pc3dad.evaluation.files import predict_files


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.xyz"
    np.savetxt(path, np.random.default_rng(0).normal(size=(50, 3)))
    return path


@pytest.fixture
def trained(tmp_path, toys, method):
    """Plug-in of an auxiliary method and the folder of its finished fit."""
    plugin = method("aux", regime="AUXILIARY")
    wanted = {"methods": ["aux"], "datasets": [{"name": "toys", "train": ["A"]}]}
    run_bench(wanted, plugins=[toys, plugin], out=tmp_path / "run")
    return plugin, next((tmp_path / "run" / "fits").iterdir())


def test_a_stored_fit_scores_files(tmp_path, scan, trained):
    plugin, fit = trained
    results = list(predict_files([scan], "aux", out=tmp_path / "out", fit=fit, plugins=[plugin]))
    assert results[0].status == "ok"


@pytest.mark.parametrize("regime", ["ONE_CLASS", "FEW_SHOT"])
def test_a_method_that_learns_from_normal_parts_asks_for_a_fit(tmp_path, scan, method, regime):
    with pytest.raises(ConfigError, match="must be trained"):
        list(predict_files([scan], "normal", out=tmp_path / "out", plugins=[method("normal", regime=regime)]))
    assert not (tmp_path / "out").exists()


def test_a_fit_with_other_options_is_refused(tmp_path, scan, trained):
    plugin, fit = trained
    with pytest.raises(WeightsError, match="scale"):
        list(predict_files([scan], "aux[scale=2]", out=tmp_path / "out", fit=fit, plugins=[plugin]))


def test_an_unfinished_fit_is_refused(tmp_path, scan, trained):
    plugin, fit = trained
    half = shutil.copytree(fit, tmp_path / "half")
    (half / "done.json").unlink()
    with pytest.raises(WeightsError, match="no finished fit"):
        list(predict_files([scan], "aux", out=tmp_path / "out", fit=half, plugins=[plugin]))


def test_a_numpy_score_is_written_as_a_number(tmp_path, scan, method):
    plugin = method("f32", score="return Prediction(sample.id, points.max(), points)")
    (result,) = predict_files([scan], "f32", out=tmp_path / "out", plugins=[plugin])
    assert result.status == "ok"
    stored = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert stored["files"][0]["object_score"] > 0


@pytest.mark.parametrize(("score", "code"), [("raise KeyError('x')", 1), ("raise SystemExit(0)", 1)])
def test_a_failing_method_is_no_missing_file(tmp_path, scan, method, score, code):
    (result,) = predict_files([scan], "bad", out=tmp_path / "out", plugins=[method("bad", score=score)])
    assert (result.status, result.exit_code) == ("failed", code)
    assert "scan.xyz" in result.reason
