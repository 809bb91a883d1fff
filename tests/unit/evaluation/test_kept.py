"""Fits of the user: trained once, then reused by every command that needs the same one."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from pc3dad import registry
from pc3dad.context import RunContext
from pc3dad.errors import ConfigError, DataError, MethodError, WeightsError
from pc3dad.evaluation import kept
from pc3dad.evaluation.bench import run_bench
from pc3dad.evaluation.files import predict_files
from pc3dad.evaluation.plan import plan_fit
from pc3dad.evaluation.spec import DatasetSpec, MethodSpec
from pc3dad.weights import cards

COUNTS = 'with Path(__file__).with_suffix(".fits").open("a") as log: log.write("fit\\n")'
ON_A = DatasetSpec(name="toys", categories=("A",))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without fits."""
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.xyz"
    np.savetxt(path, np.random.default_rng(0).normal(size=(50, 3)))
    return path


@pytest.fixture
def predict(tmp_path, toys, method, scan):
    """Scores the scan with an auxiliary method that counts its trainings; gives the lines for people."""
    plugin = method("aux", regime="AUXILIARY", deterministic=False, fit=COUNTS)

    def run(variant="aux", **options):
        told = []
        words = {"train_on": ON_A, "plugins": [toys, plugin], "tell": told.append} | options
        (result,) = predict_files([scan], variant, out=tmp_path / "out", **words)
        assert result.status == "ok", result.reason
        return told

    run.trainings = lambda: plugin.with_suffix(".fits").read_text().count("fit")
    run.plugin = plugin
    return run


def planned(plugins, training=ON_A, *, seed=0, variant="aux"):
    catalogues = {"methods": registry.methods(plugins), "datasets": registry.datasets(plugins)}
    return plan_fit(MethodSpec(name=variant), training, seed, **catalogues)


def test_the_first_call_trains_and_the_next_one_reuses(predict, home):
    first = predict()
    assert first[0].startswith("training aux on toys:A, once")
    assert first[1].startswith("trained aux on toys:A in ")
    again = predict()
    assert len(again) == 1
    assert again[0].startswith("reusing aux, trained on toys:A in ")
    assert predict.trainings() == 1
    (folder,) = (path for path in (home / "fits").iterdir() if path.is_dir())
    assert str(folder) in again[0]


def test_nobody_trains_for_a_file_that_does_not_exist(predict, toys, tmp_path, home):
    words = {"train_on": ON_A, "plugins": [toys, predict.plugin]}
    (result,) = predict_files([tmp_path / "mistyped.ply"], "aux", out=tmp_path / "out", **words)
    assert (result.status, "mistyped.ply" in result.reason) == ("failed", True)
    assert not predict.plugin.with_suffix(".fits").exists()


@pytest.mark.parametrize(
    "other",
    [
        {"variant": "aux[scale=2]"},
        {"train_on": DatasetSpec(name="toys", categories=("A", "B"))},
        {"train_on": DatasetSpec(name="toys", categories=("A",), set={"colour": True})},
        {"seed": 1},
        {"redo": True},
    ],
)
def test_another_configuration_training_set_or_seed_is_another_fit(predict, other):
    predict()
    assert predict(**other)[0].startswith("training")
    assert predict.trainings() == 2


def test_the_order_of_categories_does_not_matter(predict):
    predict(train_on=DatasetSpec(name="toys", categories=("A", "B")))
    assert predict(train_on=DatasetSpec(name="toys", categories=("B", "A")))[0].startswith("reusing")


def test_without_categories_those_of_the_card_are_trained_on_together(predict):
    assert "toys:A+B" in predict(train_on=DatasetSpec(name="toys"))[0]


def test_a_benchmark_makes_the_same_fit(predict, tmp_path, toys, home):
    predict()
    wanted = {"methods": ["aux"], "datasets": [{"name": "toys", "train": ["A"]}]}
    run_bench(wanted, plugins=[toys, predict.plugin], out=tmp_path / "run")
    (in_run,) = (tmp_path / "run" / "fits").iterdir()
    stored = home / "fits" / in_run.name
    assert json.loads((stored / "fit.json").read_text()) == json.loads((in_run / "fit.json").read_text())
    assert (stored / "state.safetensors").read_bytes() == (in_run / "state.safetensors").read_bytes()


def test_a_fit_that_was_cut_short_is_made_anew(predict, home):
    predict()
    (done,) = (home / "fits").glob("*/done.json")
    done.unlink()
    assert predict()[0].startswith("training")


def test_a_damaged_fit_is_one_sentence_that_names_the_way_out(predict, home):
    predict()
    (state,) = (home / "fits").glob("*/state.safetensors")
    state.write_bytes(b"no")
    with pytest.raises(WeightsError, match=r"cannot load .*--redo"):
        predict()
    assert predict(redo=True)[0].startswith("training")


def test_a_training_that_fails_is_one_sentence_and_leaves_no_fit(toys, method, home):
    plugin = method("aux", regime="AUXILIARY", fit="raise KeyError('x')")
    with pytest.raises(MethodError, match="aux cannot be trained on toys:A: KeyError: 'x'"):
        kept.trained(planned([toys, plugin]), RunContext())
    assert not list((home / "fits").glob("*/done.json"))


def test_nothing_to_train_on_is_one_sentence(tmp_path, toys, method):
    toys.write_text(toys.read_text().replace("{Split.TEST: 6, Split.TRAIN: 2}", "{}"))
    with pytest.raises(DataError, match="toys:A has no sample to train on"):
        kept.trained(planned([toys, method("aux", regime="AUXILIARY")]), RunContext())


def test_a_home_that_cannot_be_written_is_one_sentence(predict, home):
    home.write_text("a file in its place")
    with pytest.raises(DataError, match="cannot write"):
        predict()


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        (DatasetSpec(name="toy"), "did you mean 'toys'"),
        (DatasetSpec(name="toys", categories=("D",)), "toys has no category 'D'"),
        (DatasetSpec(name="toys", set={"color": True}), "did you mean 'colour'"),
        (DatasetSpec(name="eyecandies"), "needs a folder"),
    ],
)
def test_a_training_set_that_is_not_there_is_named(predict, training, sentence):
    with pytest.raises(ConfigError, match=sentence):
        predict(train_on=training)


def test_contradictions_are_refused(predict, tmp_path, scan, method):
    with pytest.raises(ConfigError, match="both a stored fit and a training set"):
        predict(fit=tmp_path)
    free = method("free")
    with pytest.raises(ConfigError, match="free is training-free: it is not trained on labelled categories"):
        list(predict_files([scan], "free", out=tmp_path / "out", train_on=ON_A, plugins=[free]))


def test_other_weights_are_another_fit(toys, method, home):
    plugin = method("aux", regime="AUXILIARY")
    text = plugin.read_text().replace("revision=1", 'revision=1, weights=("clip_vit_b_16", "clip_vit_b_32")')
    plugin.write_text(text.replace("scale: float = 1.0", 'encoder: str = "clip_vit_b_16"'))

    def fit_id():
        return planned([toys, plugin]).id

    def put(slug, content):
        for part in cards.get(slug).parts:
            path = home / "weights" / slug / part
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    put("clip_vit_b_16", b"one")
    first = fit_id()
    put("clip_vit_b_32", b"not the encoder of this configuration")
    assert fit_id() == first
    put("clip_vit_b_16", b"another")
    assert fit_id() != first


def test_two_processes_train_once(tmp_path, toys, method):
    """The second one waits for the first, which it finds in the middle of its training."""
    plugin = method("aux", regime="AUXILIARY", fit=f"import time; time.sleep(3)\n        {COUNTS}")
    code = f"""
        from pathlib import Path
        from pc3dad import registry
        from pc3dad.context import RunContext
        from pc3dad.evaluation import kept
        from pc3dad.evaluation.plan import plan_fit
        from pc3dad.evaluation.spec import DatasetSpec, MethodSpec
        plugins = [Path({str(toys)!r}), Path({str(plugin)!r})]
        fit = plan_fit(MethodSpec(name="aux"), DatasetSpec(name="toys"), 0,
                       methods=registry.methods(plugins), datasets=registry.datasets(plugins))
        kept.trained(fit, RunContext(), tell=lambda line: print(line, flush=True))
    """
    words = [sys.executable, "-c", textwrap.dedent(code)]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ) for _ in range(2)]
    told = sorted(child.communicate(timeout=120)[0].split(" ")[0] for child in running)
    assert [child.returncode for child in running] == [0, 0]
    assert plugin.with_suffix(".fits").read_text() == "fit\n"
    assert told[1] in {"training", "waiting"}
