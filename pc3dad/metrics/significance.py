"""Whether methods differ over categories by more than chance: signed ranks, Holm, Friedman, Nemenyi.

The unit is a category and its value the metric of a method there, averaged over runs: runs are no further
observations. Values are compared to 12 decimals, so that the rounding of means makes no difference of none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pc3dad.errors import MetricError
from pc3dad.types import Float64Array

MIN_CATEGORIES = 6  # with 5, the smallest two-sided p of signed ranks is 0.0625: no result could count
EXACT_UP_TO = 25
SIGNIFICANCE = 0.05
_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class SignedRanks:
    """What the Wilcoxon signed-rank test says about two methods.

    Attributes:
        wins: categories in which the first value is larger.
        ties: categories with equal values.
        losses: categories in which the first value is smaller.
        median_difference: median over categories of first minus second.
        p_value: two-sided; None if no test was made.
        exact: whether it is from the exact distribution and not from the normal approximation.
        reason: why no test was made.
    """

    wins: int
    ties: int
    losses: int
    median_difference: float
    p_value: float | None = None
    exact: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Friedman:
    """What the Friedman test says about several methods.

    Attributes:
        mean_ranks: one per method, 1 is best.
        statistic: F of Iman and Davenport; infinite if all categories rank the methods alike.
        degrees: degrees of freedom of F.
        p_value: chance of such ranks if no method is better than another.
    """

    mean_ranks: tuple[float, ...]
    statistic: float
    degrees: tuple[int, int]
    p_value: float


def wilcoxon(first: ArrayLike, second: ArrayLike) -> SignedRanks:
    """Two-sided Wilcoxon signed-rank test, zero differences by Pratt's rule.

    Exact if no two differences are tied, none is zero and there are at most 25 categories, otherwise the
    normal approximation with correction for ties and without one for continuity. No test below 6 categories.

    Args:
        first: (n,) values of one method, one per category.
        second: (n,) values of the other one, same categories.

    Raises:
        MetricError: lengths differ, there is no category, or a value is not finite.
    """
    values, others = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if values.ndim != 1 or values.shape != others.shape:
        raise MetricError(f"values of shapes {values.shape} and {others.shape} are not one pair per category")
    pairs = _matrix(np.stack([values, others], axis=1))
    exactly = pairs[:, 0] - pairs[:, 1]
    differences = np.round(exactly, _DECIMALS)
    count = len(differences)
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    ties = count - wins - losses
    median = float(np.median(exactly))
    if count < MIN_CATEGORIES:
        reason = f"a test needs {MIN_CATEGORIES} categories, there are {count}"
        return SignedRanks(wins, ties, losses, median, reason=reason)
    sizes = np.abs(differences)
    exact = not ties and len(np.unique(sizes)) == count <= EXACT_UP_TO
    p_value = _exact_p(differences) if exact else _approximate_p(differences)
    return SignedRanks(wins, ties, losses, median, p_value, exact)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P values adjusted for their number by Holm's step-down rule, in the order given.

    Raises:
        MetricError: one is not in [0, 1].
    """
    given = np.asarray(p_values, np.float64)
    if not ((given >= 0) & (given <= 1)).all():
        raise MetricError(f"p values {list(p_values)} are not all in [0, 1]")
    order = np.argsort(given, kind="stable")
    factors = np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(given[order] * factors), 1.0)
    return tuple(adjusted.tolist())


def mean_ranks(values: ArrayLike, *, higher_is_better: bool) -> tuple[float, ...]:
    """Rank of each method averaged over categories: 1 is best, equal values share the mean of their ranks.

    Args:
        values: (n, k), n categories, k methods.
        higher_is_better: direction of the metric.

    Raises:
        MetricError: not a finite matrix.
    """
    return tuple((_double_ranks(values, higher_is_better).mean(axis=0) / 2).tolist())


def friedman(values: ArrayLike, *, higher_is_better: bool) -> Friedman:
    """Friedman test in the F form of Iman and Davenport, with correction for ties.

    With S the sum over methods of the squared deviation of the rank sum from its expectation and A the sum
    of squared deviations of single ranks, Friedman's chi square is (k - 1) S / A, and
    F = (n - 1) S / (n A - S).

    Args:
        values: (n, k), n >= 2 categories, k >= 2 methods.
        higher_is_better: direction of the metric.

    Raises:
        MetricError: not a finite matrix, or too small.
    """
    doubled = _double_ranks(values, higher_is_better)  # integers: perfect agreement is found exactly
    n, k = doubled.shape
    if n < 2 or k < 2:
        raise MetricError(f"a Friedman test of {k} methods over {n} categories is not possible")
    between = int(((doubled.sum(axis=0) - n * (k + 1)) ** 2).sum())
    single = int(((doubled - (k + 1)) ** 2).sum())
    degrees = (k - 1, (k - 1) * (n - 1))
    rest = n * single - between
    if rest:
        statistic = (n - 1) * between / rest
        p_value = float(stats.f.sf(statistic, *degrees))
    else:  # every category ranks alike: either all methods are equal, or the order is always the same
        statistic, p_value = (float("inf"), 0.0) if single else (0.0, 1.0)
    return Friedman(tuple((doubled.mean(axis=0) / 2).tolist()), statistic, degrees, p_value)


def nemenyi_critical_difference(k: int, n: int, *, alpha: float = SIGNIFICANCE) -> float:
    """How far two of k mean ranks over n categories must lie apart to differ at level alpha (Nemenyi).

    q sqrt(k (k + 1) / (6 n)), with q the studentized range of k means at infinite degrees of freedom divided
    by sqrt(2): 1.960, 2.344, 2.569, ... at 0.05.

    Raises:
        MetricError: fewer than two methods or no category.
    """
    if k < 2 or n < 1:
        raise MetricError(f"there is no critical difference of {k} methods over {n} categories")
    q = float(stats.studentized_range.ppf(1 - alpha, k, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(k * (k + 1) / (6 * n)))


def groups_within(ranks: Sequence[float], critical_difference: float) -> tuple[tuple[int, ...], ...]:
    """Largest sets of methods whose mean ranks lie no further apart than the critical difference.

    Args:
        ranks: mean ranks.
        critical_difference: of `nemenyi_critical_difference`.

    Returns:
        Indices into `ranks`, best first; sets of one method are left out.
    """
    order = sorted(range(len(ranks)), key=lambda index: ranks[index])
    found: list[tuple[int, ...]] = []
    for start, first in enumerate(order):
        inside = tuple(i for i in order[start:] if ranks[i] - ranks[first] <= critical_difference)
        if len(inside) > 1 and not (found and set(inside) <= set(found[-1])):
            found.append(inside)
    return tuple(found)


def _exact_p(differences: Float64Array) -> float:
    """Of all 2^n ways to give ranks 1..n a sign, the share at least as extreme as this one."""
    n = len(differences)
    total = n * (n + 1) // 2
    ways = np.zeros(total + 1, np.int64)  # ways[w]: how many sets of ranks have the sum w
    ways[0] = 1
    for rank in range(1, n + 1):
        ways[rank:] = ways[rank:] + ways[: total + 1 - rank]
    positive = round(float(stats.rankdata(np.abs(differences))[differences > 0].sum()))
    as_extreme = 2 * int(ways[: min(positive, total - positive) + 1].sum())  # both tails
    return min(1.0, as_extreme / float(2**n))


def _approximate_p(differences: Float64Array) -> float:
    """Normal approximation; zeros are ranked and then dropped (Pratt), their moments with them (Cureton)."""
    ranks = stats.rankdata(np.abs(differences))
    n, zeros = len(differences), int((differences == 0).sum())
    if zeros == n:
        return 1.0
    _, tied = np.unique(ranks[differences != 0], return_counts=True)
    expected = (n * (n + 1) - zeros * (zeros + 1)) / 4
    squares = n * (n + 1) * (2 * n + 1) - zeros * (zeros + 1) * (2 * zeros + 1)
    variance = (squares - int((tied**3 - tied).sum()) / 2) / 24
    z = (float(ranks[differences > 0].sum()) - expected) / np.sqrt(variance)
    return float(2 * stats.norm.sf(abs(z)))


def _double_ranks(values: ArrayLike, higher_is_better: bool) -> NDArray[np.int64]:
    """(n, k) int64: twice the mid-ranks of each row, 2 is best."""
    rounded = np.round(_matrix(values), _DECIMALS)
    ranks = stats.rankdata(-rounded if higher_is_better else rounded, axis=1)
    return np.asarray(np.rint(2 * ranks), np.int64)


def _matrix(values: ArrayLike) -> Float64Array:
    matrix = np.asarray(values, np.float64)
    if matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
        raise MetricError(f"values of shape {matrix.shape} are not finite numbers of categories x methods")
    return matrix
