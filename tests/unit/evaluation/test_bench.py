"""The main job on toys: protocols, reuse, isolation of failures, portable run folders."""

import json
import shutil

import pytest

from pc3dad.errors import ConfigError
from pc3dad.evaluation.bench import run_bench
from pc3dad.runs import rows


def values(*methods, **dataset):
    return {"methods": list(methods), "datasets": [{"name": "toys", **dataset}]}


def calls(plugin):
    log = plugin.with_suffix(".calls")
    return log.read_text().split() if log.exists() else []


def cells(report, metric="object/auroc", **words):
    found = [row for row in report.table.rows if row.metric == metric]
    return [row for row in found if all(getattr(row, key) == value for key, value in words.items())]


def test_a_training_free_method_scores_every_category(tmp_path, toys, method):
    plugin = method("norm")
    report = run_bench(values("norm"), plugins=[toys, plugin], out=tmp_path / "run")
    assert [row.category for row in cells(report)] == ["A", "B", "C"]
    assert all(row.value == 1.0 for row in cells(report, "point/auroc"))
    assert {row.metric for row in report.table.rows} >= {
        "resources/seconds",
        "resources/peak_bytes",
        "point/f1max",
    }
    assert (report.computed, report.reused, report.failed) == (3, 0, ())


def test_one_vs_rest_trains_one_model_per_auxiliary_category_and_never_scores_it(tmp_path, toys, method):
    plugins = [toys, method("aux", regime="AUXILIARY"), method("free")]
    report = run_bench(values("aux", "free"), plugins=plugins, out=tmp_path / "run")
    scored = [(row.train, row.category) for row in cells(report, method="aux")]
    assert sorted(scored) == [("toys:A", "B"), ("toys:A", "C"), ("toys:B", "A"), ("toys:B", "C")]
    assert [row.category for row in cells(report, method="free")] == ["A", "B", "C"]


def test_auxiliary_training_sees_the_labelled_test_split(tmp_path, toys, method):
    check = "assert [truth.anomalous for _, truth in train.labelled()] == [False] * 3 + [True] * 3"
    plugins = [toys, method("aux", regime="AUXILIARY", fit=check)]
    report = run_bench(values("aux", train=["A"]), plugins=plugins, out=tmp_path / "run")
    assert report.failed == ()


def test_two_categories_make_one_training_set(tmp_path, toys, method):
    plugins = [toys, method("aux", regime="AUXILIARY"), method("free")]
    report = run_bench(values("aux", "free", train=["A+B"]), plugins=plugins, out=tmp_path / "run")
    assert {(row.method, row.train, row.category) for row in cells(report)} == {
        ("aux", "toys:A+B", "C"),
        ("free", "none", "C"),
    }
    assert report.notes == ("toys: A, B trained on, not scored",)


def test_each_category_in_turn_trains_a_model_that_scores_the_others(tmp_path, toys, method):
    plugins = [toys, method("aux", regime="AUXILIARY")]
    report = run_bench(
        values("aux", train=["each"], categories=["B", "C"]), plugins=plugins, out=tmp_path / "run"
    )
    scored = [(row.train, row.category) for row in cells(report)]
    assert sorted(scored) == [("toys:A", "B"), ("toys:A", "C"), ("toys:B", "C"), ("toys:C", "B")]


def test_a_training_set_or_category_named_twice_counts_once(tmp_path, toys, method):
    plugins = [toys, method("aux", regime="AUXILIARY")]
    asked = values("aux", train=["A+B", "B+A"], categories=["C", "C"])
    assert len(cells(run_bench(asked, plugins=plugins, out=tmp_path / "run"))) == 1


def test_nothing_to_score_is_an_error_of_use(tmp_path, toys, method):
    plugins = [toys, method("aux", regime="AUXILIARY")]
    with pytest.raises(ConfigError, match="nothing to score"):
        run_bench(values("aux", train=["A"], categories=["A"]), plugins=plugins, out=tmp_path / "run")


def test_a_method_that_gets_no_training_sample_says_so(tmp_path, method):
    (tmp_path / "parts" / "part" / "test" / "good").mkdir(parents=True)
    (tmp_path / "parts" / "part" / "test" / "good" / "a.xyz").write_text("0 0 0\n1 1 1\n")
    wanted = {"methods": ["own"], "datasets": [{"name": "folder", "root": tmp_path / "parts"}]}
    report = run_bench(wanted, plugins=[method("own", regime="ONE_CLASS")], out=tmp_path / "run")
    assert "normal samples of the target has no sample to train on" in report.failed[0][1]


def test_cross_dataset_training_excludes_no_category(tmp_path, toys, method):
    plugins = [toys, method("aux", regime="AUXILIARY")]
    report = run_bench(values("aux", train=["synthetic:flange"]), plugins=plugins, out=tmp_path / "run")
    assert [(row.train, row.category) for row in cells(report)] == [
        ("synthetic:flange", category) for category in "ABC"
    ]


def test_a_one_class_method_is_fitted_on_normal_samples_of_each_category(tmp_path, toys, method):
    check = "assert [sample.id for sample in train] == ['train_0', 'train_1']"
    report = run_bench(
        values("own"), plugins=[toys, method("own", regime="ONE_CLASS", fit=check)], out=tmp_path / "run"
    )
    assert report.failed == ()
    assert {row.seen for row in cells(report)} == {"normal samples"}


def test_labels_are_refused_to_a_method_whose_card_does_not_ask_for_them(tmp_path, toys, method):
    plugins = [toys, method("own", regime="ONE_CLASS", fit="list(train.labelled())")]
    report = run_bench(values("own"), plugins=plugins, out=tmp_path / "run")
    assert len(report.failed) == 3
    assert "asked for labels" in report.failed[0][1]


def test_seeds_are_runs_unless_the_method_is_deterministic(tmp_path, toys, method):
    plugins = [toys, method("noisy", deterministic=False), method("fixed")]
    report = run_bench(
        {**values("noisy", "fixed"), "seeds": [0, 1, 2]}, plugins=plugins, out=tmp_path / "run"
    )
    assert sorted({row.seed for row in cells(report, method="noisy")}) == [0, 1, 2]
    assert {row.seed for row in cells(report, method="fixed")} == {0}


def test_finished_cells_are_reused_and_the_table_is_the_same_to_the_bit(tmp_path, toys, method):
    plugin = method("norm")
    first = run_bench(values("norm"), plugins=[toys, plugin], out=tmp_path / "run")
    called = len(calls(plugin))
    again = run_bench(values("norm"), plugins=[toys, plugin], out=tmp_path / "run")
    assert (again.computed, again.reused) == (0, 3)
    assert len(calls(plugin)) == called
    assert again.table.to_csv() == first.table.to_csv()
    assert run_bench(values("norm"), plugins=[toys, plugin], out=tmp_path / "run", redo=True).computed == 3


def test_another_option_is_another_cell(tmp_path, toys, method):
    plugin = method("norm")
    run_bench(values("norm"), plugins=[toys, plugin], out=tmp_path / "run")
    report = run_bench(
        values("norm", "norm[scale=2]"), ["toys.colour=true"], plugins=[toys, plugin], out=tmp_path / "run"
    )
    assert (report.computed, report.reused) == (6, 0)


def test_a_method_that_raises_leaves_a_row_with_the_reason_and_stops_no_other(tmp_path, toys, method):
    raising = method("raising", score="assert sample.category != 'B', 'boom'")
    report = run_bench(
        values("raising", "norm"), plugins=[toys, raising, method("norm")], out=tmp_path / "run"
    )
    assert [row.status for row in cells(report, method="raising")] == ["ok", "failed", "ok"]
    assert "AssertionError: boom" in cells(report, method="raising", category="B")[0].reason
    assert [row.status for row in cells(report, method="norm")] == ["ok"] * 3
    assert "AssertionError" in (tmp_path / "run" / "log.jsonl").read_text()


def test_failures_are_never_cached(tmp_path, toys, method):
    run_bench(values("norm"), plugins=[toys, method("norm", score="1 / 0")], out=tmp_path / "run")
    mended = tmp_path / "mended"
    mended.mkdir()
    plugin = shutil.copy(method("norm"), mended / "norm.py")
    report = run_bench(values("norm"), plugins=[toys, plugin], out=tmp_path / "run")
    assert (report.computed, report.failed) == (3, ())


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("points = points[:3]", "shape"),
        ("return Prediction(sample.id, 0.0, points * np.nan)", "not finite"),
        ("return Prediction(sample.id, float('nan'), points)", "object score"),
        ("return Prediction('other', 0.0, points)", "'other'"),
        ("return Prediction(sample.id, 0.0)", "no point scores"),
    ],
)
def test_a_broken_prediction_is_named(tmp_path, toys, method, code, reason):
    report = run_bench(values("bad"), plugins=[toys, method("bad", score=code)], out=tmp_path / "run")
    assert len(report.failed) == 3
    assert reason in report.failed[0][1]


def test_a_fit_that_fails_fails_its_cells_once_each_without_a_retry(tmp_path, toys, method):
    plugin = method(
        "aux", regime="AUXILIARY", fit="CALLS.write_text(CALLS.exists() * 'again '); raise ValueError"
    )
    report = run_bench(values("aux", train=["A"]), plugins=[toys, plugin], out=tmp_path / "run")
    assert len(report.failed) == 2
    assert plugin.with_suffix(".calls").read_text() == ""


def test_a_sample_that_cannot_be_read_fails_its_cell_but_the_others_are_predicted(tmp_path, toys, method):
    plugin = method("norm")
    report = run_bench(values("norm", set={"unreadable": 1}), plugins=[toys, plugin], out=tmp_path / "run")
    assert len(report.failed) == 3
    assert "1 of 6 samples cannot be read, first test_1 is damaged" in report.failed[0][1]
    assert len(calls(plugin)) == 15
    table = next((tmp_path / "run" / "cells").rglob("samples.csv")).read_text()
    assert "test_1,failed" in table


def test_defects_without_a_change_of_shape_are_a_population_of_their_own(tmp_path, toys, method):
    report = run_bench(
        values("norm", set={"colour": True}), plugins=[toys, method("norm")], out=tmp_path / "run"
    )
    everything = cells(report, category="A", defects="all")[0]
    geometry = cells(report, category="A", defects="geometry")[0]
    assert (everything.n, everything.n_positive) == (6, 3)
    assert (geometry.n, geometry.n_positive) == (5, 2)


def test_a_run_folder_holds_no_absolute_path_and_can_be_moved(tmp_path, toys, method):
    plugins = [toys, method("norm")]
    first = run_bench(values("norm"), plugins=plugins, out=tmp_path / "run")
    text = "".join(
        path.read_text() for path in (tmp_path / "run").rglob("*") if path.suffix in (".json", ".csv")
    )
    assert str(tmp_path) not in text
    (tmp_path / "run").rename(tmp_path / "moved")
    again = run_bench(values("norm"), plugins=plugins, out=tmp_path / "moved")
    assert again.reused == 3
    assert rows.from_csv((tmp_path / "moved" / "metrics.csv").read_text()) == list(first.table.rows)


def test_the_resolved_configuration_is_stored_as_plain_data(tmp_path, toys, method):
    run_bench(values("norm[scale=3]"), plugins=[toys, method("norm")], out=tmp_path / "run")
    stored = json.loads((tmp_path / "run" / "config.json").read_text())
    assert stored["methods"] == {"norm[scale=3]": {"scale": 3.0}}
    assert stored["datasets"]["toys"] == {"unreadable": -1, "colour": False}
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "done"


def test_all_wrong_names_are_reported_at_once_before_data_is_read(tmp_path):
    wrong = {"methods": ["curvatur", "random[x=1]"], "datasets": ["synthetik"], "metrics": ["point/aurok"]}
    wrong["roots"] = {"eyecandis": tmp_path}
    with pytest.raises(ConfigError) as caught:
        run_bench(wrong, out=tmp_path / "run")
    for word in ("'curvature'", "random.x", "'synthetic'", "point/auroc", "'eyecandies'"):
        assert word in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        ({"categories": ["D"]}, "no category 'D'"),
        ({"train": ["D"]}, "no category 'D'"),
        ({"train": ["nowhere:A"]}, "nowhere"),
        ({"train": ["toys:"]}, "names no category"),
    ],
)
def test_wrong_categories_are_errors_of_use(tmp_path, toys, method, dataset, reason):
    with pytest.raises(ConfigError, match=reason):
        run_bench(values("norm", **dataset), plugins=[toys, method("norm")], out=tmp_path / "run")


def test_a_method_that_must_be_trained_says_so_when_there_is_no_training_set(tmp_path, method):
    aux = method("aux", regime="AUXILIARY")
    wanted = {"methods": ["aux"], "datasets": [{"name": "folder", "root": tmp_path / "parts"}]}
    (tmp_path / "parts" / "part" / "test" / "good").mkdir(parents=True)
    (tmp_path / "parts" / "part" / "test" / "good" / "a.xyz").write_text("0 0 0\n1 1 1\n")
    with pytest.raises(ConfigError, match="aux must be trained"):
        run_bench(wanted, plugins=[aux], out=tmp_path / "run")


def test_names_that_tell_the_label_never_reach_a_method(tmp_path, toys, method):
    """The toy ids are numbered, normal samples first: a method that reads them would be perfect."""
    plugin = method("reader", score="return Prediction(sample.id, float('_' in sample.id), points)")
    report = run_bench(values("reader"), plugins=[toys, plugin], out=tmp_path / "run")
    assert {row.value for row in cells(report)} == {0.5}
    table = next((tmp_path / "run" / "cells").rglob("samples.csv")).read_text()
    assert "test_5,ok" in table


def test_a_one_class_method_with_one_seed_is_one_run(tmp_path, toys, method):
    report = run_bench(values("own"), plugins=[toys, method("own", regime="ONE_CLASS")], out=tmp_path / "run")
    mean = report.table.pivot(report.table.groups()[0]).of_all("own", "object/auroc")
    assert (mean.n_runs, mean.n_categories, mean.spread) == (1, 3, None)


def test_cells_of_a_fit_that_was_made_again_are_not_reused(tmp_path, toys, method):
    plugins = [toys, method("aux", regime="AUXILIARY")]
    first = run_bench(values("aux", train=["A"]), plugins=plugins, out=tmp_path / "run")
    assert first.computed == 2
    shutil.rmtree(next((tmp_path / "run" / "fits").iterdir()))
    assert run_bench(values("aux", train=["A"]), plugins=plugins, out=tmp_path / "run").computed == 2


def test_a_method_that_calls_exit_fails_its_cells_only(tmp_path, toys, method):
    plugins = [toys, method("leaving", score="raise SystemExit(0)"), method("norm")]
    report = run_bench(values("leaving", "norm"), plugins=plugins, out=tmp_path / "run")
    assert len(report.failed) == 3
    assert {row.status for row in cells(report, method="norm")} == {"ok"}


def test_a_root_given_besides_the_file_wins(tmp_path, method):
    for name, count in (("one", 1), ("two", 2)):
        (tmp_path / name / "part" / "test" / "good").mkdir(parents=True)
        for index in range(count):
            path = tmp_path / name / "part" / "test" / "good" / f"{index}.xyz"
            path.write_text(f"0 0 0\n1 1 {index}\n")
    wanted = {"methods": ["norm"], "datasets": [{"name": "folder", "root": tmp_path / "one"}]}
    wanted["roots"] = {"folder": tmp_path / "two"}
    report = run_bench(wanted, plugins=[method("norm")], out=tmp_path / "run")
    assert cells(report)[0].n == 2


def test_damaged_metrics_are_computed_again(tmp_path, toys, method):
    plugins = [toys, method("norm")]
    first = run_bench(values("norm"), plugins=plugins, out=tmp_path / "run")
    for path in (tmp_path / "run" / "cells").rglob("metrics.json"):
        path.write_text("{}")
    assert (
        run_bench(values("norm"), plugins=plugins, out=tmp_path / "run").table.to_csv()
        == first.table.to_csv()
    )
