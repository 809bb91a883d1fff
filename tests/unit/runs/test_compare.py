"""Comparisons of runs: ranks, tests, paired intervals, and what is printed."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from pc3dad.errors import ConfigError
from pc3dad.metrics.significance import wilcoxon
from pc3dad.runs.compare import compare
from pc3dad.runs.compare_text import text
from pc3dad.runs.rows import Row, Status
from pc3dad.runs.table import ResultTable

METRIC = "object/auroc"
TWELVE = tuple(f"c{index:02}" for index in range(12))


def row(variant, category, value=0.5, **words):
    facts = {"run": "r", "method": variant, "seen": "nothing", "dataset": "d", "train": "none", "seed": 0}
    facts |= {"defects": "all", "metric": METRIC, "protocol": "valid", "truth": f"truth of {category}"}
    return Row(**facts | {"variant": variant, "category": category, "value": value} | words)


def rows(variant, values, categories=TWELVE, **words):
    return [
        row(variant, name, float(value), **words) for name, value in zip(categories, values, strict=False)
    ]


def drawn(item):
    """Replicates that shift all methods of a category alike."""
    seed = [ord(letter) for letter in item.category]
    return item.value + np.random.default_rng(seed).normal(0, 0.1, 500)


def source(*items, name="r", replicates=drawn):
    return ResultTable([replace(item, run=name) for item in itertools.chain(*items)], replicates)


def only(*sources, **words):
    return one(compare(sources, **words).comparisons)


def one(found):
    assert len(found) == 1
    return found[0]


def random_values(seed, mean=0.5):
    return np.random.default_rng(seed).normal(mean, 0.1, 12)


# ---- two methods


def test_two_methods_get_a_signed_rank_test_and_their_differences():
    a, b = random_values(0, 0.7), random_values(1, 0.6)
    pair = one(only(source(rows("a", a), rows("b", b))).pairs)
    assert (pair.first, pair.second) == ("a", "b")
    assert pair.p_value == pair.p_holm == wilcoxon(a, b).p_value
    assert pair.exact
    assert pair.mean_difference == pytest.approx(np.mean(a - b))
    assert pair.median_difference == pytest.approx(np.median(a - b))
    assert (pair.wins, pair.ties, pair.losses) == ((a > b).sum(), 0, (a < b).sum())


def test_the_best_mean_rank_stands_first():
    found = only(source(rows("low", random_values(1, 0.1)), rows("high", random_values(0, 0.9))))
    assert [(item.method, item.rank) for item in found.standings] == [("high", 1.0), ("low", 2.0)]


def test_the_order_of_the_runs_changes_nothing():
    a, b, c = (source(rows(name, random_values(index))) for index, name in enumerate("abc"))
    assert compare([a, b, c]) == compare([c, a, b])


def test_identical_methods_do_not_differ():
    same = random_values(0)
    found = only(source(rows("a", same), rows("b", same), rows("c", same)))
    assert {item.rank for item in found.standings} == {2.0}
    assert found.friedman.p_value == 1.0
    assert found.groups == ()
    for pair in found.pairs:
        assert (pair.wins, pair.ties, pair.losses) == (0, 12, 0)
        assert (pair.mean_difference, pair.median_difference, pair.p_value) == (0.0, 0.0, 1.0)
        assert pair.mean_interval == pair.median_interval == (0.0, 0.0)


def test_the_value_of_a_category_is_the_mean_over_runs_of_the_method():
    a = rows("a", [0.2] * 12) + rows("a", [0.6] * 12, seed=1)
    first, second = only(source(a, rows("b", [0.5] * 12))).standings
    assert (first.method, second.method, second.n_runs) == ("b", "a", 2)
    assert second.mean == pytest.approx(0.4)


# ---- intervals


def test_intervals_of_differences_are_paired_percentiles():
    a, b = random_values(0, 0.7), random_values(1, 0.6)
    noise = {name: np.random.default_rng(index).normal(0, 0.1, 500) for index, name in enumerate(TWELVE)}
    factor = {"a": 2.0, "b": 1.0}
    found = only(
        source(
            rows("a", a),
            rows("b", b),
            replicates=lambda item: item.value + factor[item.variant] * noise[item.category],
        )
    )
    differences = np.array([a[i] - b[i] + noise[name] for i, name in enumerate(TWELVE)])  # (12, 500)
    pair = one(found.pairs)
    for interval, draws in (
        (pair.mean_interval, differences.mean(axis=0)),
        (pair.median_interval, np.median(differences, axis=0)),
    ):
        assert interval == pytest.approx(np.percentile(draws, [2.5, 97.5]))


def test_shared_noise_leaves_the_difference_certain_and_the_means_uncertain():
    found = only(source(rows("a", [0.7] * 12), rows("b", [0.6] * 12)))
    pair = one(found.pairs)
    assert pair.mean_interval == pytest.approx((0.1, 0.1))
    assert np.ptp(found.standings[0].interval) > 0.05


def test_replicates_are_averaged_over_runs_draw_by_draw():
    a = rows("a", [0.2] * 12) + rows("a", [0.6] * 12, seed=1)
    pair = one(only(source(a, rows("b", [0.3] * 12))).pairs)
    assert pair.mean_interval == pytest.approx((0.1, 0.1))


def test_methods_of_equal_rank_in_the_other_order_mirror_the_result():
    steps = np.array([0.01, -0.02, 0.03, -0.04, 0.05, -0.06, 0.07, -0.08, 0.09, -0.10, 0.11, -0.12])
    a, b = rows("a", 0.5 + steps), rows("b", [0.5] * 12)

    def wide(item):
        return item.value + (2 if item.variant == "a" else 1) * (drawn(item) - item.value)

    there = one(only(source(a, b, replicates=wide)).pairs)
    back = one(only(source(b, a, replicates=wide)).pairs)
    assert (there.first, there.second) == (back.second, back.first)
    assert (there.wins, there.losses, there.p_value) == (back.losses, back.wins, back.p_value)
    assert there.mean_difference == -back.mean_difference
    for one_way, other_way in (
        (there.mean_interval, back.mean_interval),
        (there.median_interval, back.median_interval),
    ):
        assert one_way == pytest.approx((-other_way[1], -other_way[0]))


def test_draws_that_labels_leave_undefined_are_left_out_for_all_methods():
    def gaps(item):
        return np.where(np.arange(500) % 5 == 0, np.nan, drawn(item))

    found = only(source(rows("a", [0.7] * 12), rows("b", [0.6] * 12), replicates=gaps))
    defined = np.mean([gaps(item) for item in rows("a", [0.7] * 12)], axis=0)
    assert found.standings[0].interval == pytest.approx(np.nanpercentile(defined, [2.5, 97.5]))
    assert one(found.pairs).median_interval == pytest.approx((0.1, 0.1))


@pytest.mark.parametrize(
    "replicates",
    [
        lambda item: None if item.variant == "a" else drawn(item),
        lambda item: drawn(item)[: 400 if item.variant == "a" else 500],
    ],
)
def test_without_equally_many_replicates_there_are_no_intervals(replicates):
    found = only(source(rows("a", [0.7] * 12), rows("b", [0.6] * 12), replicates=replicates))
    assert found.pairs[0].mean_interval is None
    assert found.standings[0].interval is None
    assert any("no intervals" in note for note in found.notes)


# ---- several methods


def test_three_methods_that_differ_are_told_apart_by_the_critical_difference():
    steps = np.arange(12) / 1000
    found = only(source(rows("a", 0.9 + steps), rows("b", 0.6 + steps), rows("c", 0.6 - steps)))
    assert found.friedman.p_value < 0.001
    assert found.critical_difference == pytest.approx(0.957, abs=5e-4)
    ranks = [item.rank for item in found.standings]
    assert ranks == pytest.approx([1.0, 2.0 + 0.5 / 12, 3.0 - 0.5 / 12])  # b and c are equal in one category
    assert [pair.ranks_differ for pair in found.pairs] == [True, True, False]
    assert found.groups == (("b", "c"),)


def test_three_methods_that_do_not_differ_are_in_no_groups():
    found = only(source(*(rows(name, random_values(index)) for index, name in enumerate("abc"))))
    assert found.friedman.p_value > 0.05
    assert found.groups == ()
    assert {pair.ranks_differ for pair in found.pairs} == {None}


def test_the_pairs_of_three_methods_are_corrected():
    found = only(
        source(*(rows(name, random_values(index, 0.5 + index / 20)) for index, name in enumerate("abc")))
    )
    p = sorted((pair.p_value, pair.p_holm) for pair in found.pairs)
    smallest, middle = 3 * p[0][0], max(3 * p[0][0], 2 * p[1][0])
    assert [corrected for _, corrected in p] == pytest.approx([smallest, middle, max(middle, p[2][0])])


def test_the_report_says_how_far_ranks_must_lie_apart():
    found = only(source(*(rows(name, random_values(index)) for index, name in enumerate("abc"))))
    assert any("12 categories" in note and "0.957 in mean rank" in note for note in found.notes)


@pytest.mark.parametrize(("count", "words"), [(1, "there is 1"), (5, "there are 5")])
def test_few_categories_get_ranks_and_intervals_but_no_test(count, words):
    few = [rows(name, random_values(index), TWELVE[:count]) for index, name in enumerate("abc")]
    found = only(source(*few))
    assert found.friedman is None
    assert found.critical_difference is None
    assert {pair.p_value for pair in found.pairs} == {None}
    assert found.pairs[0].mean_interval is not None
    assert sum(item.rank for item in found.standings) == pytest.approx(6)
    assert any("no test" in note and words in note for note in found.notes)


# ---- which categories and metrics


def test_a_method_that_is_not_trained_enters_each_training_set_with_its_one_result():
    trained = [
        *rows("t", [0.8, 0.8], ("B", "C"), train="d:A"),
        *rows("t", [0.6, 0.6], ("A", "C"), train="d:B"),
    ]
    untrained = rows("u", [0.1, 0.2, 0.3], ("A", "B", "C"))
    found = only(source(trained, untrained))
    assert found.categories == ("A", "B", "C")
    assert [item.mean for item in found.standings] == pytest.approx([(0.6 + 0.8 + 0.7) / 3, 0.2])


def test_an_undefined_category_is_left_out_for_all_and_counted():
    undefined = {"status": Status.UNDEFINED, "reason": "one_class"}
    items = [
        replace(item, value=None, **undefined) if item.category == "c03" else item
        for name in "ab"
        for item in rows(name, random_values(ord(name)))
    ]
    found = only(source(items))
    assert len(found.categories) == 11
    assert "c03 is left out: one_class" in found.notes


def test_a_metric_that_is_undefined_everywhere_is_said_so():
    undefined = {"metric": "object/ap", "status": Status.UNDEFINED, "reason": "one_class"}
    items = [replace(item, value=None, **undefined) for name in "ab" for item in rows(name, [0.5] * 12)]
    report = compare([source(items, rows("a", [0.5] * 12), rows("b", [0.5] * 12))])
    assert [item.metric for item in report.comparisons] == [METRIC]
    assert "undefined in every category (one_class)" in one(report.notes)


@pytest.mark.parametrize("categories", [TWELVE, TWELVE[5:6]])
def test_a_method_without_point_scores_is_left_out_of_point_metrics_by_name(categories):
    point = [item for name in "abc" for item in rows(name, random_values(ord(name)), metric="point/ap")]
    silent = {"value": None, "status": Status.UNDEFINED, "reason": "no_point_scores", "truth": ""}
    without = [item.variant == "b" and item.category in categories for item in point]
    items = [replace(item, **silent) if gone else item for item, gone in zip(point, without, strict=True)]
    found = only(source(items))
    assert {item.method for item in found.standings} == {"a", "c"}
    assert found.categories == TWELVE
    assert "b gives no point scores" in found.notes


def test_only_metrics_that_every_method_has_are_compared():
    more = rows("a", random_values(3), metric="point/auroc")
    report = compare([source(rows("a", random_values(0)), rows("b", random_values(1)), more)])
    assert [item.metric for item in report.comparisons] == [METRIC]
    assert "point/auroc" in one(report.notes)
    assert "no values of b" in one(report.notes)


def test_resources_are_no_metric_to_rank():
    seconds = [item for name in "ab" for item in rows(name, [1.0] * 12, metric="resources/seconds")]
    report = compare([source(rows("a", random_values(0)), rows("b", random_values(1)), seconds)])
    assert [item.metric for item in report.comparisons] == [METRIC]


def test_populations_of_defects_are_compared_apart_where_they_exist():
    geometry = [item for name in "ab" for item in rows(name, [0.5] * 3, defects="geometry")]
    report = compare([source(rows("a", random_values(0)), rows("b", random_values(1)), geometry)])
    assert [(item.group.defects, len(item.categories)) for item in report.comparisons] == [
        ("all", 12),
        ("geometry", 3),
    ]


def test_what_is_left_out_is_noted_with_its_data_set():
    trained = rows("t", [0.8, 0.6], ("B", "C"), train="d:A")
    report = compare([source(trained, rows("u", [0.1, 0.2, 0.3], ("A", "B", "C")))])
    assert one(report.comparisons).categories == ("B", "C")
    assert report.notes == ("d, A: left out, the trained methods have no result there",)


def test_a_data_set_with_one_method_is_said_so_and_the_others_are_compared():
    lonely = rows("a", [0.5] * 12, dataset="other")
    report = compare([source(rows("a", random_values(0)), rows("b", random_values(1)), lonely)])
    assert [item.group.dataset for item in report.comparisons] == ["d"]
    assert report.notes == ("other: a is the only method",)


# ---- nothing to compare, and output

A = rows("a", [0.7] * 12)
B = rows("b", [0.6] * 12)


@pytest.mark.parametrize(
    ("items", "words", "sentence"),
    [
        ([A], {}, "nothing to compare: d: a is the only method; a comparison needs two methods or more"),
        ([A, B], {"methods": ["b"]}, "d: b is the only method"),
        ([A, B], {"methods": ["aa"]}, "there is no method 'aa' to compare"),
        ([A, B], {"metrics": ["object/aurok"]}, "unknown metric 'object/aurok', did you mean 'object/auroc'"),
        ([A, B], {"metrics": ["point/ap"]}, "nothing to compare: d, point/ap: no values, `pc3dad eval RUN"),
        ([], {}, "nothing to compare: there is no method"),
    ],
)
def test_without_two_methods_or_a_known_name_there_is_nothing_to_compare(items, words, sentence):
    with pytest.raises(ConfigError, match=sentence):
        compare([source(*items)], **words)


def test_the_plain_form_is_json_even_with_perfect_agreement():
    found = compare([source(A, B, rows("c", [0.5] * 12))])
    assert found.comparisons[0].friedman.statistic == float("inf")
    plain = json.loads(json.dumps(found.plain(), allow_nan=False))
    item = plain["comparisons"][0]
    assert item["friedman"] == {
        "mean_ranks": [1.0, 2.0, 3.0],
        "statistic": None,
        "degrees": [2, 22],
        "p_value": 0.0,
    }
    assert item["group"]["dataset"] == "d"
    assert item["standings"][0]["method"] == "a"
    assert item["pairs"][0]["mean_difference"] == pytest.approx(0.1)


def test_text_shows_ranks_tests_and_intervals_within_80_columns():
    names = ("a", "b", "a_method[with=a,long=name]")
    items = [rows(name, random_values(index, 0.5 if index else 0.9)) for index, name in enumerate(names)]
    shown = text(compare([source(*items)]))
    assert max(map(len, shown.splitlines())) <= 80
    assert "d: all defects, protocol valid, seen of the target: nothing" in shown
    assert "O-AUROC (object/auroc, higher is better), 12 categories" in shown
    assert "12/0/0" in shown
    assert "<0.001" in shown
    assert "not told apart by mean rank" in shown
    assert "more than 0.957 in mean rank" in " ".join(shown.split())


def test_text_of_two_methods_has_no_correction_and_no_friedman_test():
    shown = text(compare([source(A, B, replicates=lambda item: None)]))
    table = shown[: shown.index("Values in per cent")]
    assert "+10.0" in table
    assert "Holm" not in table
    assert "Friedman" not in table
    assert "! no intervals" in table
