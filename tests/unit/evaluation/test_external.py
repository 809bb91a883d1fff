"""Scores that somebody made without pc3dad: evaluated as those of any method, refused in one sentence."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from pc3dad.errors import ConfigError, DataError
from pc3dad.evaluation import results
from pc3dad.evaluation.bench import run_bench
from pc3dad.evaluation.external import evaluate_scores, run_folder
from pc3dad.evaluation.stored import compare_runs, evaluate_run
from pc3dad.metrics import auroc
from pc3dad.runs import store
from pc3dad.runs.plan import read_plan
from pc3dad.runs.rows import Status
from pc3dad.types import Regime

N = 30
FAST = {"bootstrap": {"replicates": 0}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Truth of two categories and scores of two methods; the folder is the working directory."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for category in ("A", "B"):
        for number in range(4):
            bad = number < 2
            labels = (np.arange(N) < 4) & bad
            arrays = {"xyz": rng.normal(size=(N, 3)), "labels": labels, "object_label": int(bad)}
            save(f"truth/{category}/{number}", **arrays)
            for name in ("one", "two"):
                scores = labels + rng.normal(size=N)
                save(f"{name}/{category}/{number}", point_scores=scores, object_score=scores.max())
    return tmp_path


def save(name, **arrays):
    path = Path(f"{name}.npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


def evaluate(*names, **options):
    options = {"settings": FAST, **options}
    scores = {name: Path(name) for name in names or ("one",)}
    return evaluate_scores(scores, Path("truth"), out=options.pop("out", Path("run")), **options)


def values(found, metric):
    return {(row.variant, row.category): row.value for row in found.table.rows if row.metric == metric}


def stored(name, category, key):
    return [np.load(f"{name}/{category}/{number}.npz")[key] for number in range(4)]


def test_values_are_those_of_the_metrics_on_the_arrays(folder):
    found = evaluate("one", "two")
    assert (found.evaluated, found.failed) == (4, ())
    points = values(found, "point/auroc")
    objects = values(found, "object/auroc")
    for (name, category), value in points.items():
        labels = np.concatenate(stored("truth", category, "labels"))
        scores = np.concatenate(stored(name, category, "point_scores"))
        assert value == pytest.approx(auroc(scores, labels), abs=1e-12)
        whole = np.array(stored(name, category, "object_score"))
        assert objects[name, category] == pytest.approx(auroc(whole, [1, 1, 0, 0]), abs=1e-12)


def test_every_row_says_what_was_seen_and_that_nobody_knows_how_scores_reached_the_points(folder):
    rows = evaluate().table.rows
    assert {row.seen for row in rows} == {"nothing"}
    assert {row.propagation for row in rows if row.metric.startswith("point")} == {"external"}
    rows = evaluate(regime=Regime.FEW_SHOT).table.rows
    assert {row.seen for row in rows} == {"normal samples"}
    assert not {"resources/seconds", "resources/peak_bytes"} & {row.metric for row in rows}


def test_the_run_folder_is_one_like_any_other(folder):
    first = evaluate("one", "two", settings={"bootstrap": {"replicates": 20}})
    shutil.rmtree("truth")
    shutil.rmtree("one")
    again = evaluate_run(Path("run"))
    assert again.table.rows == first.table.rows
    assert Path("run/metrics.csv").is_file()
    assert Path("run/report/index.html").is_file()
    assert json.loads(Path("run/run.json").read_text())["status"] == "done"
    assert len(compare_runs([Path("run")], metrics=["point/auroc"]).comparisons[0].standings) == 2


def test_the_default_folder_names_truth_and_methods(folder):
    scores = {"mine": Path("one"), "two": Path("two")}
    evaluate_scores(scores, Path("truth"), settings=FAST)
    assert run_folder(scores, Path("truth")) == Path("runs/truth-mine+two")
    assert Path("runs/truth-mine+two/run.json").is_file()


def test_a_linked_folder_has_the_name_of_the_link(folder):
    Path("latest").symlink_to("truth", target_is_directory=True)
    assert run_folder({"mine": Path("one")}, Path("latest")) == Path("runs/latest-mine")
    assert run_folder({"mine": Path("one")}, Path("truth/A/..")) == Path("runs/truth-mine")


def test_the_same_scores_in_another_form_give_the_same_values(folder):
    for path in Path("one").rglob("*.npz"):
        np.save(f"two/{path.relative_to('one').with_suffix('')}.npy", np.load(path)["point_scores"][:, None])
        Path("two", path.relative_to("one")).unlink()
    found = evaluate("one", "two", settings={**FAST, "metrics": ["point/ap"]})
    points = values(found, "point/ap")
    assert [points["one", name] for name in "AB"] == [points["two", name] for name in "AB"]


def test_images_without_coordinates(folder):
    labels = np.zeros((5, 6), dtype=np.uint8)
    labels[1:3, 2:4] = 255
    labels[4, 0] = 255
    for number in range(2):
        save(f"images/wood/{number}", labels=labels * (number == 0), object_label=int(number == 0))
        save(f"maps/wood/{number}", point_scores=labels.astype(float), object_score=number == 0)
    found = evaluate_scores({"maps": Path("maps")}, Path("images"), settings=FAST, out=Path("run"))
    rows = {row.metric: row for row in found.table.rows}
    assert rows["point/aupro@0.3"].n_regions == 2
    assert rows["point/aupro@0.3"].value < 1 == rows["object/auroc"].value  # the normal one scores as high


def test_importing_again_replaces(folder):
    evaluate("one", "two")
    before = values(evaluate("two", "one"), "point/auroc")
    for path in Path("one").rglob("*.npz"):
        np.savez(path, point_scores=np.zeros(N), object_score=0)
    after = values(evaluate("one"), "point/auroc")
    assert after == {("one", "A"): 0.5, ("one", "B"): 0.5}
    assert before["one", "A"] != 0.5
    assert [cell.variant for cell in read_plan(Path("run")).cells] == ["one", "one"]


def test_results_of_a_benchmark_are_not_replaced(folder):
    values = {"datasets": ["arrays"], "roots": {"arrays": Path("truth")}, "methods": ["random"], **FAST}
    run_bench(values, out=Path("run"))
    with pytest.raises(DataError, match="run holds the results of a benchmark; choose another --out"):
        evaluate()
    evaluate_run(Path("run"))


def test_an_import_is_not_replaced_by_results_of_a_benchmark(folder):
    before = evaluate().table.rows
    values = {"datasets": ["arrays"], "roots": {"arrays": Path("truth")}, "methods": ["random"], **FAST}
    with pytest.raises(DataError, match="run holds imported scores; choose another --out"):
        run_bench(values, out=Path("run"))
    assert evaluate_run(Path("run")).table.rows == before


def test_another_command_may_turn_the_folder_into_a_benchmark_until_it_is_locked(folder, monkeypatch):
    def late(self):
        store.write_run(self.folder, {"status": "running"})
        return locked(self)

    locked = store.RunStore.locked
    monkeypatch.setattr(store.RunStore, "locked", late)
    with pytest.raises(DataError, match="run holds the results of a benchmark"):
        evaluate()


def test_what_is_no_longer_in_the_plan_is_removed(folder):
    evaluate("one", "two")
    shutil.rmtree("one/B")
    evaluate("one")
    (cell,) = read_plan(Path("run")).cells
    kept = {kind: [path.name for path in Path("run", kind).iterdir()] for kind in ("cells", "fits", "labels")}
    assert kept == {"cells": [cell.id], "fits": [cell.fit], "labels": [cell.labels]}


def test_another_source_of_the_same_name_is_refused_unless_the_folder_is_chosen(folder):
    def again(truth="truth", **options):
        return evaluate_scores({"one": Path("one")}, Path(truth), settings=FAST, **options)

    shutil.copytree("truth", "elsewhere/truth")
    first, second = again(), again()
    assert first.table.rows == second.table.rows
    assert str(folder) not in Path("runs/truth-one/run.json").read_text()
    with pytest.raises(DataError, match=r"truth-one holds an import from other folders.*; give --out"):
        again("elsewhere/truth")
    assert again("elsewhere/truth", out=Path("runs/truth-one")).failed == ()


def test_a_report_that_cannot_be_written_is_a_failure_and_the_table_is_returned(folder, monkeypatch):
    def full(*_):
        raise DataError("cannot write metrics.csv: disk full")

    monkeypatch.setattr(results, "publish", full)
    found = evaluate()
    assert found.failed == (("results", "cannot write metrics.csv: disk full."),)
    assert values(found, "point/ap")["one", "A"] is not None
    assert json.loads(Path("run/run.json").read_text())["status"] == "failed"


@pytest.mark.parametrize("out", ["truth/run", "one/A/run", "truth"])
def test_results_do_not_go_among_what_they_are_made_of(folder, out):
    with pytest.raises(ConfigError, match=r"is inside .*; give --out outside of it"):
        evaluate(out=Path(out))
    assert not list(folder.rglob("run.json"))


def test_they_stand_in_one_ranking_with_methods_of_a_benchmark(folder):
    values = {"datasets": ["arrays"], "roots": {"arrays": Path("truth")}, "methods": ["random"], **FAST}
    run_bench(values, out=Path("bench"))
    evaluate()
    found = compare_runs([Path("bench"), Path("run")])
    assert {item.method for item in found.comparisons[0].standings} == {"random", "one"}


def test_any_data_set_gives_the_truth(folder, toys):
    for category in "ABC":
        for index in range(6):
            save(f"scores/{category}/test_{index}", point_scores=np.arange(10.0), object_score=index)
    found = evaluate("scores", dataset="toys[colour=true]", plugins=[toys])
    assert {row.dataset for row in found.table.rows} == {"toys[colour=true]"}
    assert {row.defects for row in found.table.rows} == {"all", "geometry"}
    assert set(values(found, "object/auroc").values()) == {1.0}


def test_metrics_are_those_of_the_levels_that_scores_hold(folder):
    for path in Path("one").rglob("*.npz"):
        np.savez(path, point_scores=np.load(path)["point_scores"])
    for path in Path("two").rglob("*.npz"):
        np.savez(path, object_score=np.load(path)["object_score"])
    assert {row.metric.split("/")[0] for row in evaluate("one").table.rows} == {"point"}
    assert {row.metric.split("/")[0] for row in evaluate("two").table.rows} == {"object"}


def test_a_method_without_point_scores_leaves_them_to_the_others(folder):
    for path in Path("two").rglob("*.npz"):
        np.savez(path, object_score=np.load(path)["object_score"])
    found = evaluate("one", "two")
    assert found.failed == ()
    points = {row.variant: row for row in found.table.rows if row.metric == "point/ap"}
    assert points["one"].status is Status.OK
    assert (points["two"].status, points["two"].reason) == (Status.UNDEFINED, "no_point_scores")


def test_a_method_without_object_scores_has_no_object_metrics_and_the_others_do(folder):
    for path in Path("two").rglob("*.npz"):
        np.savez(path, point_scores=np.load(path)["point_scores"])
    found = evaluate("one", "two")
    objects = {row.variant: row for row in found.table.rows if row.metric == "object/ap"}
    assert objects["one"].status is Status.OK
    assert (objects["two"].status, objects["two"].reason) == (Status.UNDEFINED, "no_object_scores")
    again = evaluate_run(Path("run"), {"policies": {"nan": "worst"}})
    assert {row.reason for row in again.table.rows if row.variant == "two" and row.value is None} == {
        "no_object_scores"
    }


def test_without_any_object_score_there_are_no_object_metrics(folder):
    for path in Path("one").rglob("*.npz"):
        np.savez(path, point_scores=np.load(path)["point_scores"])
    assert {row.metric.split("/")[0] for row in evaluate().table.rows} == {"point"}


def test_settings_of_a_group_change_one_by_one(folder):
    evaluate(settings={**FAST, "policies": {"missing": "worst"}})
    evaluate_run(Path("run"), {"policies": {"nan": "worst"}, "bootstrap": {"replicates": 10}})
    kept = read_plan(Path("run")).evaluation
    assert (kept["policies"]["missing"], kept["policies"]["nan"]) == ("worst", "worst")
    assert kept["bootstrap"] == {"replicates": 10, "seed": 0}


def test_categories_that_nobody_scored_are_named(folder):
    shutil.rmtree("one/A")
    found = evaluate()
    assert {row.category for row in found.table.rows} == {"B"}
    assert read_plan(Path("run")).notes == ("arrays: A not scored",)


def test_a_category_that_one_of_two_methods_scored_is_a_hole_for_the_other(folder):
    shutil.rmtree("one/A")
    found = evaluate("one", "two")
    assert [label for label, _ in found.failed] == ["one seed 0 on arrays/A"]
    assert values(found, "point/ap")["two", "A"] is not None


def test_a_missing_sample_is_a_hole_unless_a_policy_allows_it(folder):
    Path("one/A/1.npz").unlink()
    found = evaluate()
    assert [reason for _, reason in found.failed] == [
        "1: no prediction; mend the method, or choose a policy."
    ]
    assert json.loads(Path("run/run.json").read_text())["status"] == "failed"
    found = evaluate_run(Path("run"), {"policies": {"missing": "worst"}})
    assert found.failed == ()
    assert values(found, "object/auroc")["one", "A"] <= 0.5
    cell = Path("run/cells", read_plan(Path("run")).cells[0].id)
    assert [row["status"] for row in store.read_samples(cell)] == ["ok", "missing", "ok", "ok"]


def test_nan_is_a_hole_unless_a_policy_allows_it(folder):
    save("one/A/1", point_scores=np.full(N, np.nan), object_score=1)
    assert "1: scores that are NaN" in evaluate().failed[0][1]
    found = evaluate(settings={**FAST, "policies": {"nan": "worst"}})
    assert found.failed == ()
    assert {row.policy for row in found.table.rows} == {"nan=worst"}


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"point_scores": np.zeros(7)}, "has 7 point_scores, sample '1' has 30 points"),
        ({"point_scores": np.zeros((5, 6))}, r"point_scores have shape \(5, 6\); expected \(30,\)"),
        ({"object_score": np.int64(2**53 + 1)}, "object_score 9007199254740993 is more than float64 holds"),
        ({"object_score": np.zeros(2)}, r"object_score has shape \(2,\); store one number"),
        ({"point_scores": np.array(["high"] * N)}, "an array of type <U4 is refused; save plain numbers"),
    ],
)
def test_scores_that_do_not_fit_are_a_hole_and_harm_no_other(folder, arrays, words):
    save("one/A/1", **{"point_scores": np.zeros(N), "object_score": 0.0, **arrays})
    found = evaluate("one", "two")
    assert [label for label, _ in found.failed] == ["one seed 0 on arrays/A"]
    assert re.search(words, found.failed[0][1])
    assert found.evaluated == 3


def test_labels_that_cannot_be_read_are_a_hole_for_every_method(folder):
    Path("truth/A/1.npz").write_bytes(b"damaged")
    found = evaluate("one", "two")
    assert len(found.failed) == 2
    assert all("truth/A/1.npz: damaged NumPy archive" in reason for _, reason in found.failed)


def add(name, content=b""):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: save("one/A/07", object_score=1), "one/A has scores of '07', no test sample"),
        (lambda: save("one/C/1", object_score=1), r"one has scores of C, no category .* \(there are: A, B\)"),
        (lambda: save("one/1", object_score=1), "one/1.npz is in no category; move it"),
        (lambda: np.save("one/A/1.npy", np.zeros(N)), "one/A/1.npy and 1.npz are for the same sample"),
        (lambda: add("one/A/1.npz", b"no archive"), "one/A/1.npz: damaged NumPy archive"),
        (lambda: add("one/A/1.npz"), "one/A/1.npz: the file is empty"),
        (lambda: save("one/A/1"), "one/A/1.npz: holds no array; store point_scores, object_score or both"),
        (lambda: save("one/A/1", point_score=0), "'point_score', .* did you mean 'point_scores'"),
        (lambda: save("one/A/1", object_score=0), "one/A/1.npz holds no point_scores but one/A/0.npz does"),
        (lambda: shutil.rmtree("one"), "scores one are not a folder; docs/evaluate_your_scores.md"),
        (lambda: [shutil.rmtree(f"one/{name}") for name in "AB"], "one holds no <category>/<sample id>.npz"),
        (
            lambda: [path.unlink() for path in Path("one").rglob("*.npz")],
            "one holds no <category>/<sample id>",
        ),
        (lambda: shutil.rmtree("truth"), "truth is not a folder"),
    ],
)
def test_files_that_belong_to_no_sample_stop_everything_before_anything_is_written(folder, change, words):
    change()
    with pytest.raises(DataError, match=words):
        evaluate()
    assert not Path("run").exists()


def test_files_of_operating_systems_are_skipped(folder):
    add("one/A/._1.npz", b"junk")
    add("one/A/.DS_Store", b"junk")
    assert evaluate().failed == ()


def test_ids_may_hold_folders_and_extensions(folder):
    root = Path("parts/part/test")
    for name in ("good", "crack"):
        (root / name).mkdir(parents=True)
        np.savetxt(root / name / "1.xyz", np.random.default_rng(1).normal(size=(N, 3)))
        save(f"ids/part/test/{name}/1.xyz", object_score=name == "crack")
    found = evaluate_scores({"ids": Path("ids")}, Path("parts"), dataset="folder", settings=FAST)
    assert values(found, "object/auroc") == {("ids", "part"): 1.0}


def test_truth_is_a_folder_even_of_data_that_needs_none(folder):
    with pytest.raises(DataError, match="truth nowhere is not a folder"):
        evaluate_scores({"one": Path("one")}, Path("nowhere"), dataset="synthetic")


def test_damaged_content_is_a_hole(folder):
    content = bytearray(Path("one/A/1.npz").read_bytes())
    content[len(content) // 4] ^= 0xFF
    Path("one/A/1.npz").write_bytes(content)
    assert [label for label, _ in evaluate().failed] == ["one seed 0 on arrays/A"]


@pytest.mark.parametrize("name", ["", "chance", "a/b", "a,b", "a[k=1]", "a\nb"])
def test_names_that_would_be_read_as_something_else_are_refused(folder, name):
    with pytest.raises(ConfigError, match="is no name of a method; give --scores NAME=FOLDER"):
        evaluate_scores({name: Path("one")}, Path("truth"))


def test_unknown_settings_are_refused_before_anything_is_written(folder):
    for settings in ({"metrics": ["point/aurok"]}, {"policies": {"nan": "ignore"}}, {"protocols": ["all"]}):
        with pytest.raises(ConfigError):
            evaluate(settings=settings)
    with pytest.raises(ConfigError, match="there are no scores"):
        evaluate_scores({}, Path("truth"))
    assert not Path("run").exists()


def test_a_run_that_is_interrupted_says_so_and_can_be_made_again(folder):
    def stop(label, done, total):
        if label == "reading B":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(progress=stop)
    assert json.loads(Path("run/run.json").read_text())["status"] == "interrupted"
    assert {row.status for row in evaluate_run(Path("run")).table.rows} == {Status.OK, Status.MISSING}
    assert evaluate().failed == ()
