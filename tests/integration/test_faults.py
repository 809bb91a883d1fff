"""What else may go wrong around a run: odd methods, data sets and files. Nothing odd becomes a number."""

import json
import os

import numpy as np
import pytest

from pc3dad.data import base
from pc3dad.errors import DataError
from pc3dad.evaluation import results
from pc3dad.evaluation.bench import run_bench
from pc3dad.evaluation.stored import evaluate_run, read_run
from pc3dad.io import atomic

ONE = {"name": "toys", "categories": ["A"]}


def values(*methods, **dataset):
    return {"methods": list(methods), "datasets": [{**ONE, **dataset}], "metrics": ["point/auroc"]}


@pytest.fixture
def run(tmp_path, toys, method):
    """Runs methods on one category of toys; further words go to `run_bench`."""
    norm = method("norm")

    def call(*methods, plugins=(), out=tmp_path / "run", dataset=toys, **words):
        return run_bench(values(*(methods or ["norm"])), plugins=[dataset, norm, *plugins], out=out, **words)

    return call


def row(table, variant="norm"):
    return next(item for item in table.rows if (item.variant, item.metric) == (variant, "point/auroc"))


def test_a_failure_that_is_over_leaves_no_hole(tmp_path, run):
    run()
    label = next((tmp_path / "run").glob("labels/*/*.npz"))
    whole = label.read_bytes()
    label.write_bytes(whole[:50])
    assert evaluate_run(tmp_path / "run").failed
    label.write_bytes(whole)
    healed = run()
    assert (healed.reused, healed.failed, row(healed.table).status) == (1, (), "ok")


def test_damaged_labels_are_made_again_by_redo(tmp_path, run):
    run()
    label = next((tmp_path / "run").glob("labels/*/*.npz"))
    label.write_bytes(label.read_bytes()[:50])
    assert run(redo=True).failed == ()
    assert evaluate_run(tmp_path / "run").failed == ()


def test_no_method_can_change_which_points_count(method, run):
    greedy = method("greedy", score="sample.cloud.valid[:5] = False")
    table = run("norm", "greedy", plugins=[greedy]).table
    assert row(table, "greedy").n == row(table).n == 60


def test_a_method_that_keeps_something_unsaved_is_the_same_before_and_after_a_stop(tmp_path, method, run):
    forgetful = method("forgetful", fit="self.shift = 5", score="points += getattr(self, 'shift', 0)")
    first = run("forgetful", plugins=[forgetful])
    for cell in (tmp_path / "run" / "cells").iterdir():
        (cell / "done.json").unlink()
    again = run("forgetful", plugins=[forgetful])
    scores = [prediction_scores(report.folder) for report in (first, again)]
    assert scores[0] == scores[1]


def prediction_scores(folder):
    files = sorted(folder.glob("cells/*/predictions/*.npz"))
    return [np.load(file)["point_scores"].tolist() for file in files]


def test_data_that_change_while_they_are_scored_are_noticed(tmp_path, toys, run):
    """A real data set's fingerprint follows its files; that of this one follows a file beside it."""
    marker = tmp_path / "marker"
    marker.write_text("before")
    text = toys.read_text().replace(
        'return f"{category}-{self.config.model_dump_json()}"',
        f"return __import__('pathlib').Path({str(marker)!r}).read_text()",
    )
    changing = tmp_path / "changing.py"
    change = f"__import__('pathlib').Path({str(marker)!r}).write_text('after'); index = int"
    changing.write_text(text.replace("index = int", change))
    report = run(dataset=changing)
    assert "changed while they were read" in report.failed[0][1]


def test_a_method_may_change_the_working_directory(tmp_path, monkeypatch, method, run):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    wandering = method("wandering", score=f"import os; os.chdir({str(tmp_path / 'elsewhere')!r})")
    report = run("wandering", plugins=[wandering], out=None)
    assert report.failed == ()
    assert (tmp_path / "runs" / "toys" / "metrics.csv").is_file()


@pytest.mark.parametrize("part", ["refs", "load", "truth"])
def test_a_data_set_that_raises_anything_costs_its_cells_only(tmp_path, toys, run, part):
    broken = tmp_path / "broken.py"
    lines = toys.read_text().replace(
        f"def {part}(self, ", f"def {part}(self, *args): raise KeyError('x')\n    def _(self, "
    )
    broken.write_text(lines)
    report = run(dataset=broken)
    assert "KeyError" in report.failed[0][1]
    assert row(report.table).status == "failed"


NOT_UNICODE = os.fsdecode(b"caf\xe9")


def test_names_that_are_not_unicode_are_names_too(tmp_path, method, run):
    scans = tmp_path / NOT_UNICODE / NOT_UNICODE / "test"
    for kind, points in {"good": "0 0 0\n1 1 1\n", "dent": "0 0 0\n5 5 5\n"}.items():
        (scans / kind).mkdir(parents=True)
        (scans / kind / f"{NOT_UNICODE}.xyz").write_text(points)
    asked = {"methods": ["norm"], "datasets": [{"name": "folder", "root": tmp_path / NOT_UNICODE}]}
    report = run_bench(
        {**asked, "metrics": ["object/auroc"]}, plugins=[method("norm")], out=tmp_path / "a" / NOT_UNICODE
    )
    assert (report.failed, report.table.rows[0].value) == ((), 1.0)
    assert evaluate_run(tmp_path / "a" / NOT_UNICODE).failed == ()


def test_a_reason_that_is_not_unicode_is_a_reason_too(method, run):
    raising = method("raising", score=f"raise KeyError({NOT_UNICODE!r})")
    report = run("raising", "norm", plugins=[raising])
    assert [status.status for status in (row(report.table, "raising"), row(report.table))] == ["failed", "ok"]


DAMAGE = {
    "no values": lambda facts: {key: facts[key] for key in ("revision", "settings")},
    "empty values": lambda facts: {**facts, "values": [{}]},
    "other values": lambda facts: {**facts, "values": 3},
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_values_that_are_damaged_are_computed_again(tmp_path, run, damage):
    report = run()
    stored = next((tmp_path / "run").glob("cells/*/metrics.json"))
    stored.write_text(json.dumps(damage(json.loads(stored.read_text()))))
    assert read_run(tmp_path / "run")[1].to_csv() == report.table.to_csv()
    assert run().table.to_csv() == report.table.to_csv()


@pytest.mark.parametrize("text", [b"", b"sample_id\n", b"\xff\xfe", b"seconds,peak_bytes\nx,y\n"])
def test_a_damaged_list_of_samples_is_a_reason(tmp_path, run, text):
    run()
    next((tmp_path / "run").glob("cells/*/samples.csv")).write_bytes(text)
    assert "samples.csv" in evaluate_run(tmp_path / "run").failed[0][1]


def test_a_prediction_that_claims_to_be_huge_is_a_reason(tmp_path, run):
    run()
    path = next((tmp_path / "run").glob("cells/*/predictions/*.npz"))
    with np.load(path) as file:
        arrays = dict(file)
    atomic.write_npz(path, {**arrays, "n_points": np.int64(10**13)})
    assert path.name in evaluate_run(tmp_path / "run").failed[0][1]


@pytest.mark.parametrize(
    "facts", [{"git": 3}, {"device": "x", "packages": [1]}, {"argv": None}, {"status": ["?"]}]
)
def test_a_page_bears_damaged_facts_and_no_settings(tmp_path, run, facts):
    run()
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))
    (tmp_path / "run" / "config.json").unlink()
    runs, table = read_run(tmp_path / "run")
    assert "point/auroc" in table.to_csv()
    assert "P-AUROC" in results.write_page(runs, table).read_text()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"schema": 2, "cells": [{"seed": Infinity}]}'])
def test_damaged_json_is_an_error_of_one_sentence(tmp_path, run, text):
    run()
    (tmp_path / "run" / "plan.json").write_text(text)
    with pytest.raises(DataError, match=r"plan\.json"):
        read_run(tmp_path / "run")


def test_reading_a_table_writes_nothing(tmp_path, run):
    run()
    next((tmp_path / "run").glob("cells/*/metrics.json")).unlink()
    before = sorted((tmp_path / "run").rglob("*"))
    assert row(read_run(tmp_path / "run")[1]).value == 1.0
    assert sorted((tmp_path / "run").rglob("*")) == before


def test_a_run_that_was_killed_is_called_interrupted(tmp_path, run):
    run()
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "status": "running"}))
    runs, table = read_run(tmp_path / "run")
    assert "Status: interrupted" in results.write_page(runs, table).read_text()
    with runs.locked():
        assert "Status: running" in results.write_page(runs, table).read_text()


def test_a_benchmark_that_is_stopped_at_once_leaves_no_table_of_the_one_before(tmp_path, monkeypatch, run):
    run()

    def stop(path, data):
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic, "write_bytes", stop)
    with pytest.raises(KeyboardInterrupt):
        run("random")
    monkeypatch.undo()
    left = {path.name for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert not left & {"metrics.csv", "plan.json", "index.html"}


def test_holes_of_different_training_sets_are_told_apart(tmp_path, toys, method):
    raising = method("raising", regime="AUXILIARY", score="raise KeyError('x')")
    asked = {"methods": ["raising"], "datasets": [{"name": "toys", "categories": ["C"], "train": ["A", "B"]}]}
    report = run_bench(asked, plugins=[toys, raising], out=tmp_path / "run")
    assert len(report.failed) == len(evaluate_run(tmp_path / "run").failed) == 2


def test_planning_takes_each_fingerprint_once(tmp_path, toys, method):
    """A fingerprint walks all files of a category: once per sample or variant would take minutes."""
    count = tmp_path / "count"
    head = "def fingerprint(self, category):"
    note = f"with open({str(count)!r}, 'a') as log: log.write('x')"
    text = toys.read_text().replace(head, f"{head}\n        {note}")
    counting = tmp_path / "counting.py"
    counting.write_text(text)
    plugins = [
        counting,
        method("aux", regime="AUXILIARY", deterministic=False),
        method("other", regime="AUXILIARY"),
    ]
    asked = {"methods": ["aux", "other", "aux[scale=2.0]"], "datasets": ["toys"], "seeds": [0, 1, 2]}
    run_bench(asked, plugins=plugins, out=tmp_path / "run")
    planned = count.read_text().count("x")
    count.write_text("")
    run_bench(asked, plugins=plugins, out=tmp_path / "run")
    assert count.read_text().count("x") == 3 < planned


def test_a_failed_fit_keeps_no_model_in_memory(tmp_path, method, run):
    note = tmp_path / "alive"
    hold = "global KEPT; import weakref; model = np.zeros(9).view(type('M', (np.ndarray,), {})); "
    hold += "np.model_ref = weakref.ref(model); raise KeyError('x')"
    look = (
        f"import gc; gc.collect(); open({str(note)!r}, 'w').close() if np.model_ref() is not None else None"
    )
    failing, looking = method("failing", fit=hold), method("looking", fit=look)
    try:
        assert len(run("failing", "looking", plugins=[failing, looking]).failed) == 1
    finally:
        del np.model_ref
    assert not note.exists()


def test_scores_that_are_no_real_numbers_are_refused_when_they_are_returned(method, run):
    odd = method("odd", score="points = points * 1j; return Prediction(sample.id, 1.0, points)")
    report = run("odd", plugins=[odd])
    assert "point scores of type complex" in report.failed[0][1]


def test_eval_keeps_the_reason_of_a_failure_that_it_cannot_mend(tmp_path, toys, run):
    broken = tmp_path / "broken.py"
    broken.write_text(
        toys.read_text().replace(
            "def truth(self, ref):", "def truth(self, ref):\n        raise KeyError('x')"
        )
    )
    reason = run(dataset=broken).failed[0][1]
    assert "KeyError" in reason
    assert evaluate_run(tmp_path / "run").failed[0][1] == reason


def test_eval_of_a_killed_run_calls_it_interrupted(tmp_path, run):
    run()
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "status": "running"}))
    evaluate_run(tmp_path / "run")
    assert "Status: interrupted" in (tmp_path / "run" / "report" / "index.html").read_text()


def test_every_spelling_of_a_variant_has_its_settings_on_the_page(tmp_path, run):
    run("norm", "norm[scale=1.0]")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["methods"].keys() == {
        "norm",
        "norm[scale=1.0]",
    }


@pytest.fixture
def parts(tmp_path, method):
    """Two categories of a user's own parts, and a benchmark of them."""
    for category in ("bolt", "nut"):
        for kind, points in {"good": "0 0 0\n1 1 1\n", "dent": "0 0 0\n5 5 5\n"}.items():
            folder = tmp_path / "parts" / category / "test" / kind
            folder.mkdir(parents=True)
            (folder / "a.xyz").write_text(points)
    asked = {"methods": ["norm"], "datasets": [{"name": "folder", "root": tmp_path / "parts"}]}
    norm = method("norm")
    return tmp_path / "parts", lambda: run_bench(asked, plugins=[norm], out=tmp_path / "run")


def test_a_category_whose_files_cannot_be_listed_costs_its_own_cells_only(monkeypatch, parts):
    root, bench = parts
    fingerprint = base.fingerprint_files

    def refuse(card, config, folder, files):
        files = list(files)
        if any("nut" in path.parts for path in files):
            raise PermissionError(13, "Permission denied", str(root / "nut"))
        return fingerprint(card, config, folder, files)

    monkeypatch.setattr("pc3dad.data.folder.fingerprint_files", refuse)
    report = bench()
    assert {item.category: item.status for item in report.table.rows} == {"bolt": "ok", "nut": "failed"}
    assert "Permission denied" in report.failed[0][1]


def test_a_category_that_breaks_the_layout_is_a_note_and_a_hole(parts):
    root, bench = parts
    (root / "nut" / "gt" / "dent").mkdir(parents=True)
    for suffix in (".txt", ".csv"):
        (root / "nut" / "gt" / "dent" / f"a{suffix}").write_text("0\n1\n")
    report = bench()
    assert any("nut" in note and "same scan" in note for note in report.notes)
    assert {item.category: item.status for item in report.table.rows if item.metric == "object/auroc"} == {
        "bolt": "ok",
        "nut": "failed",
    }
