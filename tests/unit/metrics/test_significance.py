"""Tests of methods over categories, against enumeration and scipy."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from pc3dad.errors import MetricError
from pc3dad.metrics.significance import (
    friedman,
    groups_within,
    holm,
    mean_ranks,
    nemenyi_critical_difference,
    wilcoxon,
)

values = st.integers(0, 8).map(lambda step: step / 8)


def tables(categories=(2, 12), methods=(2, 6)):
    """Tables with ties, and rows and whole tables in which all is equal."""
    shapes = st.tuples(st.integers(*categories), st.integers(*methods))
    return shapes.flatmap(lambda shape: arrays.arrays(float, shape, elements=values))


def enumerated(differences):
    """Share of all sign patterns whose positive rank sum is at least as far from its mean."""
    ranks = stats.rankdata(np.abs(differences))
    middle = ranks.sum() / 2
    sums = [np.dot(ranks, signs) for signs in itertools.product((0, 1), repeat=len(ranks))]
    found = abs(ranks[differences > 0].sum() - middle)
    return float(np.mean(np.abs(np.array(sums) - middle) >= found - 1e-9))


# ---- two methods


@pytest.mark.parametrize("count", [6, 7, 10, 12])
@pytest.mark.parametrize("seed", range(5))
def test_signed_ranks_are_exact_and_equal_to_enumeration_of_all_signs(count, seed):
    differences = np.random.default_rng([count, seed]).normal(0.3, 1, count)
    found = wilcoxon(differences, np.zeros(count))
    assert found.exact
    assert found.p_value == pytest.approx(enumerated(differences), abs=1e-14)


@pytest.mark.parametrize("count", [6, 25])
def test_exact_signed_ranks_equal_scipy(count):
    first, second = np.random.default_rng(count).normal(size=(2, count))
    assert wilcoxon(first, second).p_value == pytest.approx(
        stats.wilcoxon(first, second, method="exact").pvalue, rel=1e-12
    )


@pytest.mark.filterwarnings("ignore:Sample size too small")  # old scipy warns where we do not
@given(arrays.arrays(float, st.integers(6, 30), elements=values), st.randoms(use_true_random=False))
def test_with_ties_or_zeros_signed_ranks_equal_the_normal_approximation_of_scipy(first, random):
    second = np.array(random.choices([0.0, 0.25, 0.5, 1.0], k=len(first)))
    second[:2] = first[:2] + 0.125  # at least one tie, and not all are zero
    found = wilcoxon(first, second)
    expected = stats.wilcoxon(first, second, zero_method="pratt", correction=False, method="approx")
    assert not found.exact
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)


def test_one_zero_already_makes_the_distribution_approximate():
    differences = np.arange(10) / 10
    assert not wilcoxon(differences, np.zeros(10)).exact
    assert wilcoxon(differences + 0.05, np.zeros(10)).exact


def test_more_than_25_categories_are_approximated():
    first = np.random.default_rng(0).normal(size=26)
    assert wilcoxon(first[:25], np.zeros(25)).exact
    assert not wilcoxon(first, np.zeros(26)).exact


def test_six_wins_of_six_have_the_smallest_possible_p():
    first = np.arange(1, 7) / 10
    assert wilcoxon(first, np.zeros(6)).p_value == pytest.approx(2 / 2**6)


def test_below_six_categories_there_is_no_test_but_wins_and_the_median():
    found = wilcoxon([0.9, 0.8, 0.7, 0.5, 0.5], [0.1, 0.2, 0.3, 0.6, 0.5])
    assert found.p_value is None
    assert "needs 6 categories, there are 5" in found.reason
    assert (found.wins, found.ties, found.losses) == (3, 1, 1)
    assert found.median_difference == pytest.approx(0.4)


@given(arrays.arrays(float, st.integers(6, 30), elements=values))
def test_a_method_does_not_differ_from_itself(same):
    found = wilcoxon(same, same)
    assert found.p_value == 1.0
    assert (found.wins, found.ties, found.losses) == (0, len(same), 0)


@given(tables((6, 20), (2, 2)))
def test_swapping_two_methods_mirrors_the_result(table):
    there, back = wilcoxon(table[:, 0], table[:, 1]), wilcoxon(table[:, 1], table[:, 0])
    assert there.p_value == pytest.approx(back.p_value, abs=1e-12)
    assert (there.wins, there.losses) == (back.losses, back.wins)
    assert there.median_difference == -back.median_difference


def test_rounding_of_means_makes_no_difference():
    first = np.array([0.1 + 0.2] * 6)  # 0.30000000000000004
    assert wilcoxon(first, np.full(6, 0.3)).ties == 6
    assert mean_ranks([[0.1 + 0.2, 0.3]], higher_is_better=True) == (1.5, 1.5)


def test_equal_steps_are_ties_whatever_the_last_bit_says():
    first, second = np.array([0.3, 0.2, 0.9, 0.8, 0.7, 0.6]), np.array([0.2, 0.1, 0.8, 0.1, 0.2, 0.3])
    assert len(np.unique(first - second)) > 4  # the three steps of 0.1 differ in their last bits
    assert not wilcoxon(first, second).exact


# ---- corrections


def test_holm_multiplies_by_what_is_left_and_never_decreases():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.5, 0.6]) == (1.0, 1.0)
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values):
    """Plain twin: walk from the smallest p, stop at the first that is above alpha / number left."""
    for alpha in (0.01, 0.05, 0.2):
        rejected = set()
        for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
            if p_values[index] * (len(p_values) - place) > alpha:
                break
            rejected.add(index)
        assert {index for index, p in enumerate(holm(p_values)) if p <= alpha} == rejected


# ---- several methods


@given(tables(methods=(3, 6)))
def test_friedman_is_the_chi_square_of_scipy_in_the_form_of_iman_and_davenport(table):
    n, k = table.shape
    found = friedman(table, higher_is_better=True)
    if np.ptp(table, axis=1).max() == 0:
        assert (found.statistic, found.p_value) == (0.0, 1.0)
        return
    chi_square = stats.friedmanchisquare(*table.T).statistic
    if chi_square > n * (k - 1) - 1e-9:
        assert (found.statistic, found.p_value) == (float("inf"), 0.0)
        return
    expected = (n - 1) * chi_square / (n * (k - 1) - chi_square)
    assert found.statistic == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert found.p_value == pytest.approx(stats.f.sf(expected, k - 1, (k - 1) * (n - 1)), rel=1e-7, abs=1e-12)


def test_the_f_form_is_the_analysis_of_variance_of_the_ranks():
    table = np.random.default_rng(3).normal([0.0, 0.4, 0.9], 1, (8, 3))
    ranks = stats.rankdata(-table, axis=1)
    methods = ranks.mean(axis=0)
    between = 8 * ((methods - 2) ** 2).sum() / 2
    within = ((ranks - methods) ** 2).sum() / 14
    found = friedman(table, higher_is_better=True)
    assert found.degrees == (2, 14)
    assert found.statistic == pytest.approx(between / within)


def test_perfect_agreement_has_infinite_f_and_p_zero():
    found = friedman([[0.9, 0.5, 0.1], [0.8, 0.7, 0.6], [0.3, 0.2, 0.1]], higher_is_better=True)
    assert (found.statistic, found.p_value, found.mean_ranks) == (float("inf"), 0.0, (1.0, 2.0, 3.0))


@given(values, st.integers(2, 10), st.integers(2, 6))
def test_equal_methods_share_the_middle_rank_and_p_is_one(value, n, k):
    found = friedman(np.full((n, k), value), higher_is_better=True)
    assert (found.statistic, found.p_value) == (0.0, 1.0)
    assert found.mean_ranks == ((k + 1) / 2,) * k


@given(tables())
def test_ranks_sum_to_what_ranks_sum_to_and_the_direction_mirrors_them(table):
    k = table.shape[1]
    high, low = (np.array(mean_ranks(table, higher_is_better=flag)) for flag in (True, False))
    assert high.sum() == pytest.approx(k * (k + 1) / 2)
    assert high == pytest.approx(k + 1 - low)


@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_methods_and_categories_changes_nothing(table, random):
    rows, columns = list(range(table.shape[0])), list(range(table.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    there = friedman(table, higher_is_better=True)
    back = friedman(table[rows][:, columns], higher_is_better=True)
    assert (back.statistic, back.p_value) == (there.statistic, there.p_value)
    assert back.mean_ranks == tuple(there.mean_ranks[column] for column in columns)


# ---- critical differences

Q = {2: 1.960, 3: 2.344, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.948, 8: 3.031, 9: 3.102, 10: 3.164}


@pytest.mark.parametrize(("k", "q"), Q.items())
def test_the_quantiles_are_those_of_the_published_table(k, q):
    n = 10
    found = nemenyi_critical_difference(k, n) / np.sqrt(k * (k + 1) / (6 * n))
    assert found == pytest.approx(q, abs=5e-4)


@pytest.mark.parametrize(
    ("k", "n", "expected"),
    [(3, 10, 1.048), (3, 12, 0.957), (3, 40, 0.524), (6, 10, 2.384), (6, 12, 2.176), (6, 40, 1.192)],
)
def test_critical_differences_of_the_definition(k, n, expected):
    assert nemenyi_critical_difference(k, n) == pytest.approx(expected, abs=6e-4)


def test_groups_hold_methods_that_are_near_each_other_and_are_as_large_as_possible():
    assert groups_within([1.0, 3.0, 1.9, 5.0], 1.0) == ((0, 2),)
    assert groups_within([1.0, 3.0, 2.0, 5.0], 1.0) == ((0, 2), (2, 1))
    assert groups_within([2.0, 2.0, 2.0], 0.5) == ((0, 1, 2),)
    assert groups_within([1.0, 3.0], 0.5) == ()


# ---- refusals


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wilcoxon([1, 2], [1]), "one pair per category"),
        (lambda: wilcoxon([], []), "not finite numbers"),
        (lambda: wilcoxon([1.0, np.nan], [1, 2]), "not finite numbers"),
        (lambda: friedman([[1.0, np.inf]] * 3, higher_is_better=True), "not finite numbers"),
        (lambda: friedman([[1.0, 2.0]], higher_is_better=True), "2 methods over 1 categories"),
        (lambda: friedman([[1.0], [2.0]], higher_is_better=True), "1 methods"),
        (lambda: holm([0.5, 1.5]), r"in \[0, 1\]"),
        (lambda: holm([float("nan")]), r"in \[0, 1\]"),
        (lambda: nemenyi_critical_difference(1, 10), "no critical difference of 1"),
    ],
)
def test_what_cannot_be_tested_is_refused(call, message):
    with pytest.raises(MetricError, match=message):
        call()
