"""`pc3dad compare` from stored runs: ranks and intervals, or one sentence."""

import json

import pytest

from pc3dad.errors import MetricError
from pc3dad.evaluation.bench import run_bench
from pc3dad.evaluation.stored import compare_runs


@pytest.fixture
def bench(tmp_path, toys, method):
    """Runs toy methods on the toy data set into a run folder and returns its path."""

    def run(out, *names, replicates=60, **words):
        plugins = [toys, *(method(name, **words) for name in names)]
        values = {"datasets": ["toys"], "methods": list(names), "bootstrap": {"replicates": replicates}}
        run_bench(values, plugins=plugins, out=tmp_path / out)
        return tmp_path / out

    return run


def test_the_command_compares_methods_of_several_runs(pc3dad, bench):
    runs = [bench("first", "norm", "other"), bench("second", "norm")]
    shown = pc3dad("compare", *runs).stdout
    assert max(map(len, shown.splitlines())) <= 80
    for words in ("O-AUROC (object/auroc, higher is better), 3 categories", "norm (toys, run 2)", "no test"):
        assert words in shown
    words = ("--metrics", "object/ap, point/ap", "-m", "norm", "--json")
    document = json.loads(pc3dad("compare", *runs, *words).stdout)
    assert [item["metric"] for item in document["comparisons"]] == ["object/ap", "point/ap"]
    methods = [standing["method"] for standing in document["comparisons"][0]["standings"]]
    assert methods == ["norm (toys)", "norm (toys, run 2)"]


def test_the_command_refuses_in_one_sentence(pc3dad, bench, tmp_path):
    complaint = pc3dad("compare", bench("run", "norm"), code=2).stderr
    assert "nothing to compare: toys: norm is the only method" in complaint
    assert len(complaint.strip().splitlines()) == 1
    assert "is no run folder" in pc3dad("compare", tmp_path, code=3).stderr


def test_the_same_method_of_two_runs_differs_by_nothing_in_every_draw(bench):
    found = compare_runs([bench("first", "norm"), bench("second", "norm")])
    for item in found.comparisons:
        assert item.standings[0].interval is not None
        assert item.pairs[0].mean_interval == item.pairs[0].median_interval == (0.0, 0.0)
        assert (item.pairs[0].wins, item.pairs[0].ties, item.pairs[0].losses) == (0, 3, 0)


def test_runs_of_other_draws_have_no_intervals(bench):
    found = compare_runs([bench("first", "norm"), bench("second", "norm", replicates=70)])
    assert found.comparisons[0].pairs[0].mean_interval is None
    assert any("no intervals" in note for note in found.comparisons[0].notes)


def test_other_ground_truth_is_refused(bench, toys):
    first = bench("first", "norm")
    toys.write_text(toys.read_text().replace("Split.TEST and index >= 3", "Split.TEST and index >= 2"))
    with pytest.raises(
        MetricError, match=r"norm \(toys\) and norm \(toys, run 2\) .* ground truth of toys/A"
    ):
        compare_runs([first, bench("second", "norm")])


def test_incomplete_results_are_refused_and_can_be_left_out(bench):
    runs = [bench("good", "one", "two"), bench("bad", "wrong", score="raise ValueError('no')")]
    with pytest.raises(
        MetricError, match="incomplete results is refused: wrong seed 0 on toys/A of run toys failed"
    ):
        compare_runs(runs)
    standings = compare_runs(runs, methods=["one", "two"]).comparisons[0].standings
    assert {item.method for item in standings} == {"one", "two"}
