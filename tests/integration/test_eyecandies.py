"""The main job on real scans (skipped without them)."""

import math

import pytest

from pc3dad.evaluation.bench import run_bench


@pytest.fixture(scope="module")
def report(test_data, tmp_path_factory):
    values = {
        "methods": ["random", "curvature"],
        "seeds": list(range(10)),
        "datasets": [{"name": "eyecandies", "root": test_data / "data" / "eyecandies"}],
        "metrics": ["object/auroc", "point/auroc", "point/aupro@0.3"],
        "bootstrap": {"replicates": 0},  # one seed has intervals below
    }
    return run_bench(values, out=tmp_path_factory.mktemp("runs") / "eyecandies")


def chance_interval(n, n_positive, runs):
    """99 % interval of the mean AUROC of a scorer that knows nothing (Mann-Whitney, normal approximation)."""
    n_negative = n - n_positive
    deviation = math.sqrt((n + 1) / (12 * n_positive * n_negative) / runs)
    return 0.5 - 2.576 * deviation, 0.5 + 2.576 * deviation


@pytest.mark.parametrize("defects", ["all", "geometry"])
@pytest.mark.parametrize("metric", ["object/auroc", "point/auroc"])
def test_random_scores_stay_within_their_chance_interval(report, defects, metric):
    rows = [
        row
        for row in report.table.rows
        if (row.method, row.defects, row.metric) == ("random", defects, metric)
    ]
    assert len(rows) == 10
    low, high = chance_interval(rows[0].n, rows[0].n_positive, len(rows))
    assert low < sum(row.value for row in rows) / len(rows) < high


def test_geometry_and_all_defects_are_reported_apart(report):
    sizes = {
        row.defects: (row.n, row.n_positive) for row in report.table.rows if row.metric == "object/auroc"
    }
    assert sizes == {
        "all": (30, 15),
        "geometry": (24, 9),
    }  # six defective samples have a defect of colour or shading only


def test_the_foreground_rule_leaves_the_sweet_and_drops_the_belt(report):
    points = next(row for row in report.table.rows if row.metric == "point/auroc")
    assert 10_000 < points.n / 30 < 16_000  # of 262,144 pixels


def test_time_and_memory_are_reported(report):
    values = {row.metric: row.value for row in report.table.rows if row.method == "curvature"}
    assert 0 < values["resources/seconds"] < 60
    assert values["resources/peak_bytes"] > 2**20


def test_tables_carry_aupro_and_intervals(test_data, tmp_path):
    dataset = {"name": "eyecandies", "root": test_data / "data" / "eyecandies"}
    metrics = ["object/auroc", "point/aupro@0.3"]
    report = run_bench(
        {"methods": ["random"], "datasets": [dataset], "metrics": metrics}, out=tmp_path / "run"
    )
    text = report.table.to_text()
    assert "AUPRO30" in text
    assert "95 % from" in text
    found = [row for row in report.table.rows if row.metric in metrics]
    assert all(row.low < row.value < row.high for row in found)
    assert all(row.n_regions > 0 for row in found if "aupro" in row.metric)
