"""Tables: means over runs and categories, refusal of holes, and what is printed."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc3dad.errors import DataError
from pc3dad.runs import rows
from pc3dad.runs.render import per_cent
from pc3dad.runs.rows import Row, Status
from pc3dad.runs.table import ResultTable


def row(value=0.5, *, variant="m", category="A", metric="object/auroc", **words):
    facts = {"run": "r", "method": "m", "seen": "nothing", "dataset": "d", "train": "none", "seed": 0}
    facts |= {"defects": "all", "protocol": "valid", "chance": 0.5}
    return Row(**facts | {"variant": variant, "category": category, "metric": metric, "value": value} | words)


def pivot(*items):
    table = ResultTable(items)
    return table.pivot(table.groups()[0])


def test_the_mean_is_over_runs_first_and_then_over_categories():
    found = pivot(
        row(0.2, seed=0), row(0.4, seed=1), row(0.9, category="B", seed=0), row(0.7, category="B", seed=1)
    )
    assert found.of_category("m", "A", "object/auroc").value == pytest.approx(0.3)
    mean = found.of_all("m", "object/auroc")
    assert mean.value == pytest.approx((0.3 + 0.8) / 2)
    assert (mean.n_runs, mean.n_categories) == (2, 2)
    assert mean.spread == pytest.approx(0)  # both runs have the macro mean 0.55


def test_with_other_categories_per_training_set_the_mean_weighs_categories_equally():
    found = pivot(
        row(0.4, train="A", category="B"),
        row(0.6, train="A", category="C"),
        row(0.8, train="B", category="C"),
    )
    assert found.of_all("m", "object/auroc").value == pytest.approx((0.4 + 0.7) / 2)


def test_a_failed_cell_refuses_the_mean_of_its_method_only():
    failed = row(None, category="B", status=Status.FAILED, reason="it raised")
    found = pivot(row(0.9), failed, row(0.6, variant="other"), row(0.8, variant="other", category="B"))
    assert found.of_all("m", "object/auroc").value is None
    assert "B failed" in found.of_all("m", "object/auroc").reason
    assert found.of_all("other", "object/auroc").value == pytest.approx(0.7)


def test_a_failed_cell_is_a_hole_in_every_population_of_defects():
    failed = row(None, category="B", status=Status.FAILED, reason="it raised")
    table = ResultTable([row(0.9), failed, row(0.9, defects="geometry")])
    geometry = next(group for group in table.groups() if group.defects == "geometry")
    assert table.pivot(geometry).of_all("m", "object/auroc").value is None


def test_an_undefined_category_is_left_out_for_every_method():
    undefined = {
        "value": None,
        "status": Status.UNDEFINED,
        "reason": "one_class",
        "category": "B",
        "chance": None,
    }
    found = pivot(row(0.9), row(0.5, variant="n"), row(**undefined), row(variant="n", **undefined))
    assert [found.of_all(name, "object/auroc").value for name in ("m", "n")] == [0.9, 0.5]
    assert found.of_all("m", "object/auroc").n_categories == 1


def test_the_heading_counts_the_categories_of_the_mean():
    undefined = {
        "value": None,
        "status": Status.UNDEFINED,
        "reason": "one_class",
        "category": "B",
        "chance": None,
    }
    assert "mean of 1 category" in ResultTable([row(0.9), row(**undefined)]).to_text()
    assert (
        "mean of 1 to 2 categories"
        in ResultTable(
            [
                row(0.9),
                row(**undefined),
                row(0.5, metric="point/ap"),
                row(0.5, metric="point/ap", category="B"),
            ]
        ).to_text()
    )


def test_a_method_without_point_scores_is_named_for_it():
    silent = {"value": None, "status": Status.UNDEFINED, "reason": "no_point_scores", "metric": "point/ap"}
    assert "! quiet gives no point scores" in ResultTable([row(), row(variant="quiet", **silent)]).to_text()


def test_methods_that_saw_different_things_never_share_a_table():
    table = ResultTable([row(), row(variant="n", seen="normal samples")])
    assert len(table.groups()) == 2


def test_text_stays_within_80_columns_and_shows_chance_holes_and_reasons():
    metrics = ("object/auroc", "object/ap", "object/f1max", "point/auroc", "point/ap", "point/f1max")
    items = [
        row(0.123456, metric=metric) for metric in (*metrics, "resources/seconds", "resources/peak_bytes")
    ]
    items.append(row(None, variant="a_method[with=a,long=name]", status=Status.FAILED, reason="x " * 90))
    text = ResultTable(items).to_text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert "12.3" in text
    assert "chance" in text
    assert "! a_method[with=a,long=name] on A, seed 0: x x" in text


def test_several_runs_show_their_spread():
    text = ResultTable([row(0.2), row(0.4, seed=1)]).to_text()
    assert "m x2" in text
    assert "±14.1" in text
    assert "| m | 2 | 30.0 ±14.1 |" in ResultTable([row(0.2), row(0.4, seed=1)]).to_markdown()


def test_csv_and_json_keep_every_digit():
    items = [row(1 / 3, low=0.1, n=12), row(None, status=Status.UNDEFINED, reason='a "quoted", reason')]
    table = ResultTable(items)
    assert rows.from_csv(table.to_csv()) == items
    assert [rows.from_plain(item) for item in json.loads(table.to_json())] == items
    assert len(list(csv.reader(io.StringIO(table.to_csv())))) == 3


def test_a_table_of_another_version_is_refused():
    with pytest.raises(DataError, match="another version"):
        rows.from_csv("a,b\n1,2\n")


@given(st.floats(0, 1))
def test_rows_survive_csv_to_the_bit(value):
    assert rows.from_csv(ResultTable([row(value)]).to_csv())[0].value == value


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "50.0"), (0.0625, "6.2"), (0.1875, "18.8"), (1.0, "100.0")]
)
def test_per_cent_rounds_half_to_even_from_the_exact_value(value, text):
    assert per_cent(value) == text


def test_the_order_of_rows_does_not_matter_for_means():
    items = [
        row(value, category=category, seed=seed)
        for value, category, seed in [(0.1, "A", 0), (0.7, "A", 1), (0.9, "B", 0)]
    ]
    means = [pivot(*order).of_all("m", "object/auroc").value for order in (items, items[::-1])]
    assert means[0] == means[1]


# Intervals.


def drawn(*items, **draws):
    """A pivot of rows with replicates, which are found by category (and seed)."""
    table = ResultTable(items, lambda row: np.array(draws[f"{row.category}{row.seed or ''}"]))
    return table.pivot(table.groups()[0])


def test_the_interval_of_one_cell_is_that_of_its_row():
    assert pivot(row(0.5, low=0.4, high=0.7)).of_category("m", "A", "object/auroc").ends == (0.4, 0.7)
    assert pivot(row(0.5)).of_category("m", "A", "object/auroc").ends is None


def test_the_interval_of_a_mean_is_that_of_the_means_of_replicates():
    draws = {"A": np.linspace(0.2, 0.44, 41), "B": np.linspace(0.6, 1.0, 41)}
    items = [row(0.3, low=0.2, high=0.4), row(0.8, category="B", low=0.6, high=1.0)]
    low, high = drawn(*items, **draws).of_all("m", "object/auroc").ends
    assert (low, high) == pytest.approx((0.408, 0.712))  # 2.5 % and 97.5 % of 0.4 to 0.72


def test_runs_of_one_category_share_their_draws():
    draws = {"A": np.linspace(0, 1, 41), "A1": np.linspace(1, 0, 41)}
    found = drawn(row(0.5), row(0.5, seed=1), **draws).of_category("m", "A", "object/auroc")
    assert found.ends == (0.5, 0.5)  # opposite in every draw


def test_without_the_replicates_of_every_cell_a_mean_has_no_interval():
    items = [row(0.3), row(0.8, category="B")]
    table = ResultTable(items, lambda row: np.zeros(9) if row.category == "A" else None)
    assert table.pivot(table.groups()[0]).of_all("m", "object/auroc").ends is None
    assert drawn(*items, A=np.zeros(9), B=np.zeros(8)).of_all("m", "object/auroc").ends is None


def test_intervals_stand_below_their_values_in_the_last_section_and_behind_them_in_markdown():
    draws = {"A": np.linspace(0.2, 0.44, 41), "B": np.linspace(0.6, 1.0, 41)}
    items = [row(0.3, low=0.2, high=0.4), row(0.8, category="B", low=0.6, high=1.0)]
    table = ResultTable(items, lambda row: draws[row.category])
    lines = table.to_text().splitlines()
    assert [line.split() for line in lines[-3:]] == [
        ["m", "55.0"],
        ["95", "%", "from", "40.8"],
        ["to", "71.2"],
    ]
    assert len([line for line in lines if "95 %" in line]) == 1
    assert "| A | m | 1 | 30.0 [20.0, 40.0] |" in table.to_markdown()


def test_notes_and_policies_are_printed_under_the_table():
    text = ResultTable([row(note="only 2 distinct point scores", policy="nan=worst")]).to_text()
    assert "! m: policy nan=worst" in text
    assert "! m on A: only 2 distinct point scores" in text


def test_a_category_never_drops_out_of_a_mean_for_the_scores_of_a_method():
    silent = row(None, category="B", status=Status.UNDEFINED, reason="no_point_scores", metric="point/ap")
    found = pivot(row(0.9, metric="point/ap"), silent)
    assert found.of_all("m", "point/ap").value is None
    assert found.of_all("m", "point/ap").reason == "B: no_point_scores"
    by_labels = row(None, category="B", status=Status.UNDEFINED, reason="no_positive", metric="point/ap")
    assert pivot(row(0.9, metric="point/ap"), by_labels).of_all("m", "point/ap").value == 0.9


def test_methods_with_populations_of_their_own_have_no_common_chance():
    found = pivot(row(0.9, chance=0.5), row(0.8, variant="other", chance=0.1))
    assert found.chance("object/auroc").value is None
    assert pivot(row(0.9, chance=0.5), row(0.8, variant="other")).chance("object/auroc").value == 0.5


def test_a_note_that_several_values_share_is_printed_once():
    table = ResultTable([row(note="few levels"), row(metric="object/ap", note="few levels | few regions")])
    assert table.to_text().count("few levels") == 1
    assert "! m on A: few regions" in table.to_text()


def test_a_category_in_which_a_method_has_no_sample_refuses_its_mean():
    lost = row(None, category="B", status=Status.UNDEFINED, reason="no_sample")
    table = ResultTable([row(0.9), lost])
    assert table.pivot(table.groups()[0]).of_all("m", "object/auroc").reason == "B: no_sample"
    assert "! m on B: no values (no_sample)" in table.to_text()


def test_metrics_of_a_level_share_one_line_about_being_undefined():
    undefined = {"status": Status.UNDEFINED, "reason": "one_class"}
    items = [row(None, metric=f"object/{name}", **undefined) for name in ("auroc", "ap", "f1max")]
    assert ResultTable(items).to_text().count("one_class") == 1
