"""Stored fits in a benchmark: they are scored without training, and not on what they have seen."""

import json
import shutil

import pytest

from pc3dad.errors import ConfigError, WeightsError
from pc3dad.evaluation.bench import run_bench

FAST = {"bootstrap": {"replicates": 0}, "metrics": ["object/auroc"]}
COUNTS = 'with Path(__file__).with_suffix(".fits").open("a") as log: log.write("fit\\n")'


@pytest.fixture
def plugins(toys, method):
    return [toys, method("aux", regime="AUXILIARY", fit=COUNTS), method("normal", regime="ONE_CLASS")]


@pytest.fixture
def bench(tmp_path, plugins):
    """Runs a benchmark on the toys in a folder of that name."""

    def run(name, *fits, methods=("aux",), **options):
        values = {**FAST, "methods": methods, "datasets": ["toys"], "fits": fits}
        return run_bench(values, plugins=plugins, out=tmp_path / name, **options)

    return run


@pytest.fixture
def stored(tmp_path, bench):
    """Fits on A and on B, by category."""
    bench("first")
    found = {}
    for folder in (tmp_path / "first" / "fits").iterdir():
        found[json.loads((folder / "fit.json").read_text())["train"][-1]] = folder
    return found


def scored(report):
    """Training set and category of each cell."""
    return sorted({(row.train, row.category) for row in report.table.rows})


def trainings(tmp_path):
    return (tmp_path / "aux.fits").read_text().count("fit")


@pytest.mark.parametrize("limit", [None, 120.0], ids=["here", "in a process of its own"])
def test_it_scores_what_it_has_not_seen_without_training(tmp_path, bench, stored, limit):
    report = bench("second", stored["A"], time_limit=limit)
    assert scored(report) == [("toys:A", "B"), ("toys:A", "C")]
    assert not report.failed
    assert trainings(tmp_path) == 2
    (copied,) = (tmp_path / "second" / "fits").iterdir()
    assert (copied / "state.safetensors").read_bytes() == (stored["A"] / "state.safetensors").read_bytes()
    assert str(tmp_path) not in (tmp_path / "second" / "config.json").read_text()
    assert bench("second", stored["A"]).reused == 2


def test_scores_are_those_of_the_run_that_trained_it(tmp_path, bench, stored):
    def values(report):
        rows = (row for row in report.table.rows if row.metric == "object/auroc")
        return {(row.train, row.category): row.value for row in rows}

    assert values(bench("second", stored["A"], stored["B"])) == values(bench("first"))


def test_other_methods_are_scored_on_the_same_categories(bench, stored, method):
    report = bench("second", stored["A"], methods=["aux", "normal"])
    assert {row.category for row in report.table.rows if row.method == "normal"} == {"B", "C"}
    assert "toys: A trained on, not scored" in report.notes


def test_methods_without_a_stored_fit_are_trained_as_always(tmp_path, bench, stored):
    report = bench("second", stored["A"], methods=["aux", "aux[scale=2]"])
    assert trainings(tmp_path) == 4
    assert {row.train for row in report.table.rows if row.variant == "aux"} == {"toys:A"}


def test_a_fit_that_does_not_tell_what_it_has_seen_is_noted(tmp_path, bench, stored):
    facts = json.loads((stored["A"] / "fit.json").read_text())
    (stored["A"] / "fit.json").write_text(json.dumps(facts | {"train": "unknown"}))
    report = bench("second", stored["A"])
    assert [category for _, category in scored(report)] == ["A", "B", "C"]
    assert "aux: a fit does not tell what it has seen" in report.notes[0]


def test_fits_that_do_not_belong_are_refused(tmp_path, bench, stored):
    with pytest.raises(ConfigError, match="is a fit of aux, which is not compared"):
        bench("second", stored["A"], methods=["normal"])
    with pytest.raises(WeightsError, match=r"has config .*scale.*; give the options of that fit"):
        bench("second", stored["A"], methods=["aux[scale=2]"])
    copy = shutil.copytree(stored["A"], tmp_path / "copy")
    with pytest.raises(ConfigError, match="copy was trained on toys:A as another one of aux"):
        bench("second", stored["A"], copy)
    with pytest.raises(WeightsError, match="is no finished fit"):
        bench("second", tmp_path)
    bench("third", methods=["normal"])
    with pytest.raises(ConfigError, match="normal is trained on each category anew"):
        bench("second", next((tmp_path / "third" / "fits").iterdir()), methods=["normal"])
