"""Which methods may stand in one ranking: their names, their cells, and one sentence for each refusal."""

from dataclasses import replace

import pytest

from pc3dad.errors import ConfigError, MetricError
from pc3dad.runs.comparable import comparable, entries_of
from pc3dad.runs.rows import Row, Status
from pc3dad.runs.table import ResultTable

ABC = ("A", "B", "C")


def rows(variant, value=0.5, categories=ABC, **words):
    facts = {"run": "r", "method": variant, "seen": "nothing", "dataset": "d", "train": "none", "seed": 0}
    facts |= {"defects": "all", "metric": "object/auroc", "protocol": "valid", "variant": variant}
    return [
        Row(**facts | {"category": name, "value": value, "truth": f"truth of {name}"} | words)
        for name in categories
    ]


def table(*items, name="r"):
    return ResultTable([replace(row, run=name) for part in items for row in part])


def labels(runs, methods=()):
    return [entry.label for entry in entries_of(runs, methods)]


# ---- names


def test_a_variant_of_one_run_needs_no_more_than_its_name():
    assert labels([table(rows("m"), rows("n"))]) == ["m", "n"]


def test_a_variant_of_several_runs_is_several_methods_named_after_their_runs():
    runs = [
        table(rows("m"), name="old"),
        table(rows("m"), name="new"),
        table(rows("m"), rows("n"), name="old"),
    ]
    assert labels(runs) == ["m (old)", "m (new)", "m (old, run 2)", "n"]


def test_methods_are_chosen_by_variant_or_by_label():
    runs = [table(rows("m"), rows("n"), name=name) for name in ("old", "new")]
    assert labels(runs, ["m"]) == ["m (old)", "m (new)"]
    assert labels(runs, ["m (old)", "n (new)"]) == ["m (old)", "n (new)"]


def test_an_unknown_method_is_refused_with_the_nearest_name():
    with pytest.raises(
        ConfigError, match="there is no method 'curvatur' to compare, did you mean 'curvature'"
    ):
        labels([table(rows("curvature"))], ["curvatur"])


# ---- cells


def test_a_category_that_no_training_set_scores_does_not_count_for_untrained_methods():
    runs = [table(rows("trained", categories="BC", train="d:A"), rows("untrained"))]
    ready, notes = comparable(entries_of(runs))
    assert [entry.categories for entry in ready] == [{"B", "C"}, {"B", "C"}]
    assert notes == ["A: left out, the trained methods have no result there"]


def test_categories_of_one_against_the_rest_are_all_there_with_two_training_sets():
    trained = [*rows("trained", categories="BC", train="d:A"), *rows("trained", categories="AC", train="d:B")]
    ready, notes = comparable(entries_of([table(trained, rows("untrained"))]))
    assert [entry.categories for entry in ready] == [{*ABC}, {*ABC}]
    assert notes == []


def test_methods_may_have_other_numbers_of_seeds():
    items = [*rows("a"), *rows("a", seed=1), *rows("b")]
    assert len(comparable(entries_of([table(items)]))[0]) == 2


# ---- refusals

A, B = rows("a"), rows("b")


def first_changed(items, **words):
    return [replace(items[0], **words), *items[1:]]


REFUSALS = {
    "a failed cell": (
        [A, first_changed(B, value=None, status=Status.FAILED, reason="it raised.")],
        "incomplete results is refused: b seed 0 on d/A of run r failed: it raised; finish the run",
    ),
    "missing cells": (
        [A, rows("b", None, status=Status.MISSING, reason="not finished")],
        r"b seed 0 on d/A of run r missing: not finished \(and 2 more\); finish the run",
    ),
    "a seed that lacks a category": (
        [A, B, rows("b", categories="AB", seed=1)],
        "b has no result of seed 1 for C",
    ),
    "fewer categories": ([A, B[:-1]], "b has no result for C, a has; run both on the same"),
    "more categories": ([A[:-1], B], "a has no result for C, b has"),
    "other training sets": (
        [rows("a", train="d:X"), rows("b", train="d:Y")],
        "b has no result trained on d:X for A, a has",
    ),
    "more training sets": (
        [rows("a", train="d:X"), rows("b", train="d:X"), rows("b", train="d:Y")],
        "a has no result trained on d:Y for A, b has",
    ),
    "an untrained method without a category": (
        [rows("a", train="d:X"), B[:-1]],
        "b has no result for C, a has",
    ),
    "more seen of the target": (
        [A, rows("b", seen="normal samples")],
        "things of the target category are never in one ranking: a saw nothing, b saw normal samples",
    ),
    "other protocols": (
        [A, rows("b", protocol="all-pixels")],
        "different protocols are never in one ranking: a has valid, b has all-pixels",
    ),
    "common samples only": (
        [A, first_changed(B, policy="missing=intersection")],
        "b seed 0 on d/A was evaluated with policy missing=intersection.*barred from rankings",
    ),
    "other ground truth": (
        [A, first_changed(B, truth="other")],
        r"a and b were scored against different ground truth of d/A \(object/auroc\); run both on the same",
    ),
    "other ground truth of points": (
        [A, B, rows("a", metric="point/ap", truth="one"), rows("b", metric="point/ap", truth="two")],
        r"different ground truth of d/A \(point/ap\)",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_may_not_be_compared_is_refused_in_one_sentence(name):
    items, sentence = REFUSALS[name]
    with pytest.raises(MetricError, match=sentence):
        comparable(entries_of([table(*items)]))


def test_a_refused_method_can_be_left_out():
    failed = rows("c", None, status=Status.FAILED, reason="it raised")
    runs = [table(A, B, failed)]
    with pytest.raises(MetricError, match="leave the method out with --methods"):
        comparable(entries_of(runs))
    assert len(comparable(entries_of(runs, ["a", "b"]))[0]) == 2


def test_methods_that_share_a_protocol_may_be_compared_under_it():
    further = rows("a", protocol="all-pixels")
    assert len(comparable(entries_of([table(A, further, B)]))[0]) == 2


def test_a_method_without_point_scores_says_nothing_about_the_ground_truth():
    silent = {"value": None, "status": Status.UNDEFINED, "reason": "no_point_scores", "truth": ""}
    points = [*rows("a", metric="point/ap"), *rows("b", metric="point/ap", **silent)]
    assert len(comparable(entries_of([table(A, B, points)]))[0]) == 2
