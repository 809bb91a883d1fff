"""Compares methods of one or more runs: mean ranks, tests over categories and paired intervals.

The unit is a category, its value the metric there averaged over the runs (training sets and seeds) of a
method. One comparison holds one data set, population, protocol and metric.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from pc3dad.errors import ConfigError
from pc3dad.metrics.base import METRICS, resolve_metrics
from pc3dad.metrics.bootstrap import interval
from pc3dad.metrics.significance import (
    MIN_CATEGORIES,
    SIGNIFICANCE,
    Friedman,
    friedman,
    groups_within,
    holm,
    mean_ranks,
    nemenyi_critical_difference,
    wilcoxon,
)
from pc3dad.runs.comparable import Entry, comparable, entries_of
from pc3dad.runs.rows import NOTE, Row, Status
from pc3dad.runs.table import NOT_DELIVERED, Group, Pivot, Replicates, ResultTable, mean_replicates
from pc3dad.types import Float64Array

Interval = tuple[float, float]
"""Ends of a 95 % bootstrap interval (percentiles 2.5 and 97.5)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One method of a comparison.

    Attributes:
        method: its label.
        mean: unweighted mean over categories.
        interval: of the mean; None without replicates.
        rank: mean rank over categories, 1 is best.
        n_runs: runs behind the values: training sets times seeds.
    """

    method: str
    mean: float
    interval: Interval | None
    rank: float
    n_runs: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two methods of a comparison; differences are first minus second.

    Attributes:
        first: label.
        second: label.
        mean_difference: mean over categories.
        mean_interval: its paired interval; None without replicates.
        median_difference: median over categories.
        median_interval: its paired interval; None without replicates.
        wins: categories in which the first is better.
        ties: categories in which they are equal.
        losses: categories in which the second is better.
        p_value: Wilcoxon signed-rank test, two-sided; None below 6 categories.
        p_holm: corrected for all pairs of the comparison.
        exact: whether p is from the exact distribution.
        ranks_differ: whether the mean ranks differ by more than the critical difference; None where the
            Friedman test does not lead there.
    """

    first: str
    second: str
    mean_difference: float
    mean_interval: Interval | None
    median_difference: float
    median_interval: Interval | None
    wins: int
    ties: int
    losses: int
    p_value: float | None
    p_holm: float | None
    exact: bool
    ranks_differ: bool | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Methods under one metric on one data set.

    Attributes:
        group: data set, population of defects, protocol, and what was seen of the target category.
        metric: key of the metric.
        categories: those compared, the units of all tests.
        standings: methods, best mean rank first.
        pairs: all pairs of methods.
        friedman: test of all methods, for three and more from 6 categories on.
        critical_difference: of mean ranks (Nemenyi, 5 %), where there is a Friedman test.
        groups: methods that the critical difference does not tell apart; empty if Friedman's p is not < 0.05.
        notes: what was left out and why, and what the numbers cannot say.
    """

    group: Group
    metric: str
    categories: tuple[str, ...]
    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]
    friedman: Friedman | None
    critical_difference: float | None
    groups: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparisons:
    """All comparisons of some runs, and notes on what was not compared."""

    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """JSON data; an infinite F (perfect agreement of all categories) is null."""
        found = asdict(self)
        for item in found["comparisons"]:
            if item["friedman"] and not np.isfinite(item["friedman"]["statistic"]):
                item["friedman"]["statistic"] = None
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """Rows of one method under one metric by category, and their means over runs where there are any."""

    label: str
    replicates: Replicates
    rows: Mapping[str, Sequence[Row]]
    values: Mapping[str, float]

    def remarks(self) -> Iterator[str]:
        """What a reader of its values must know: policies and notes."""
        for row in (row for rows in self.rows.values() for row in rows):
            if row.policy:
                yield f"{self.label}: policy {row.policy}"
            yield from (f"{self.label} on {row.category}: {note}" for note in row.note.split(NOTE) if note)

    @property
    def keeps_silent(self) -> bool:
        """Whether the method gives no scores for it, in any cell: no category may drop out for that."""
        return any(row.reason in NOT_DELIVERED for rows in self.rows.values() for row in rows)


def compare(
    runs: Sequence[ResultTable], *, metrics: Sequence[str] = (), methods: Sequence[str] = ()
) -> Comparisons:
    """Compares the methods of runs on each data set, population, protocol and metric that they share.

    Args:
        runs: the table of each run, with the replicates of its rows.
        metrics: keys; all that every method has if empty.
        methods: variants, or labels as in a report, to compare; all if empty.

    Raises:
        ConfigError: fewer than two methods, or an unknown metric or method.
        MetricError: the methods may not be compared; says why and what to do.
    """
    keys = [spec.key for spec in resolve_metrics(metrics)]
    if metrics and not keys:
        raise ConfigError("compatibility columns are never compared", hint="name other metrics")
    entries = entries_of(runs, methods)
    found: list[Comparison] = []
    notes: list[str] = []
    for dataset in dict.fromkeys(row.dataset for entry in entries for row in entry.rows):
        inside = [entry.only("dataset", {dataset}) for entry in entries]
        inside = [entry for entry in inside if entry.rows]
        if len(inside) < 2:
            notes.append(f"{dataset}: {inside[0].label} is the only method")
            continue
        ready, said = comparable(inside)
        notes += [f"{dataset}, {note}" for note in said]
        for result in _compare_dataset(ready, keys):
            if isinstance(result, str):
                notes.append(f"{dataset}, {result}")
            else:
                found.append(result)
    if not found:
        reason = "; ".join(notes) or "there is no method"
        raise ConfigError(f"nothing to compare: {reason}", hint="a comparison needs two methods or more")
    return Comparisons(tuple(found), tuple(notes))


def _compare_dataset(entries: Sequence[Entry], metrics: Sequence[str]) -> Iterator[Comparison | str]:
    """Comparisons, and sentences on what cannot be compared."""
    anywhere = {row.metric for entry in entries for row in entry.table.rows}
    for key in metrics:
        if key not in anywhere:
            yield f"{key}: no values, `pc3dad eval RUN --metrics {key}` computes them"
    for group in dict.fromkeys(group for entry in entries for group in entry.table.groups()):
        pivots = [entry.table.pivot(group) for entry in entries]
        there = {key for pivot in pivots for key in pivot.metrics}
        for key in [key for key in (metrics or METRICS) if key in there]:
            scores = [_scores(entry, pivot, key) for entry, pivot in zip(entries, pivots, strict=True)]
            yield _compare_metric(group, key, scores)


def _scores(entry: Entry, pivot: Pivot, metric: str) -> _Scores:
    rows: dict[str, list[Row]] = {}
    for row in pivot.rows:
        if row.metric == metric:
            rows.setdefault(row.category, []).append(row)
    means = {name: pivot.of_category(entry.variant, name, metric).value for name in rows}
    values = {name: mean for name, mean in means.items() if mean is not None}
    return _Scores(entry.label, entry.table.replicates, rows, values)


def _compare_metric(group: Group, metric: str, scores: Sequence[_Scores]) -> Comparison | str:
    """The comparison under one metric, or a sentence that says why there is none."""
    what = f"{metric}, {group.defects} defects, protocol {group.protocol}"
    asked = sorted({name for item in scores for name in item.rows})  # not all have, say, geometry defects
    absent = [item.label for item in scores if not asked or item.rows.keys() != {*asked}]
    if absent:
        return f"{what}: no values of {', '.join(absent)}, `pc3dad eval` computes them"
    silent = [item.label for item in scores if item.keeps_silent]
    able = [item for item in scores if item.label not in silent]
    level = metric.partition("/")[0]
    notes = [f"{label} gives no {level} scores" for label in silent]
    if len(able) < 2:
        return f"{what}: {', '.join(notes)}"
    categories = tuple(name for name in asked if all(name in item.values for item in able))
    undefined = {
        name: _reason(row for item in able for row in item.rows[name])
        for name in asked
        if name not in categories
    }
    if not categories:
        return f"{what}: undefined in every category ({', '.join(sorted(set(undefined.values())))})"
    notes += [f"{name} is left out: {reason}" for name, reason in undefined.items()]
    notes += dict.fromkeys(remark for item in able for remark in item.remarks())
    return _compared(group, metric, able, categories, notes)


def _reason(rows: Iterable[Row]) -> str:
    """Why labels leave rows without a value."""
    return next((row.reason for row in rows if row.status is Status.UNDEFINED), "")


def _compared(
    group: Group, metric: str, scores: Sequence[_Scores], categories: tuple[str, ...], notes: list[str]
) -> Comparison:
    sign = 1.0 if METRICS[metric].direction == "higher" else -1.0
    ranks = mean_ranks(_matrix(scores, categories) * sign, higher_is_better=True)
    order = sorted(range(len(scores)), key=ranks.__getitem__)
    scores, ranks = [scores[index] for index in order], tuple(ranks[index] for index in order)
    values, draws = _matrix(scores, categories), _draws(scores, categories)
    n, k = values.shape
    test = friedman(values * sign, higher_is_better=True) if k > 2 and n >= MIN_CATEGORIES else None
    distance = nemenyi_critical_difference(k, n) if test else None
    pairs = _pairs([item.label for item in scores], values, draws, sign)
    groups: tuple[tuple[str, ...], ...] = ()
    if test and distance and test.p_value < SIGNIFICANCE:
        near = groups_within(ranks, distance)
        groups = tuple(tuple(scores[index].label for index in found) for found in near)
        apart = (second - first > distance for first, second in combinations(ranks, 2))
        pairs = [replace(pair, ranks_differ=differ) for pair, differ in zip(pairs, apart, strict=True)]
    return Comparison(
        group=group,
        metric=metric,
        categories=categories,
        standings=tuple(_standings(scores, values, draws, ranks)),
        pairs=tuple(pairs),
        friedman=test,
        critical_difference=distance,
        groups=groups,
        notes=(*notes, *_caveats(n, k, distance, drawn=draws is not None)),
    )


def _matrix(scores: Sequence[_Scores], categories: Sequence[str]) -> Float64Array:
    """(n, k): categories x methods."""
    return np.array([[item.values[name] for item in scores] for name in categories])


def _draws(scores: Sequence[_Scores], categories: Sequence[str]) -> Float64Array | None:
    """(n, k, B): replicates of the values, None if there are not equally many for each.

    They are nan where a draw leaves the metric undefined, which labels decide: for all methods alike.
    """
    found = [mean_replicates(item.replicates, [item.rows[name] for name in categories]) for item in scores]
    known = [draws for draws in found if draws is not None]
    if len(known) < len(found) or len({draws.shape for draws in known}) != 1:
        return None
    return np.stack(known, axis=1)


def _standings(
    scores: Sequence[_Scores], values: Float64Array, draws: Float64Array | None, ranks: Sequence[float]
) -> Iterator[Standing]:
    for index, item in enumerate(scores):
        yield Standing(
            method=item.label,
            mean=float(values[:, index].mean()),
            interval=None if draws is None else interval(draws[:, index].mean(axis=0)),
            rank=ranks[index],
            n_runs=len({(row.train, row.seed) for rows in item.rows.values() for row in rows}),
        )


def _pairs(
    labels: Sequence[str], values: Float64Array, draws: Float64Array | None, sign: float
) -> list[Pair]:
    found = []
    for first, second in combinations(range(len(labels)), 2):
        test = wilcoxon(values[:, first] * sign, values[:, second] * sign)
        drawn = None if draws is None else draws[:, first] - draws[:, second]
        found.append(
            Pair(
                first=labels[first],
                second=labels[second],
                mean_difference=float((values[:, first] - values[:, second]).mean()),
                mean_interval=None if drawn is None else interval(drawn.mean(axis=0)),
                median_difference=test.median_difference * sign,
                median_interval=None if drawn is None else interval(np.median(drawn, axis=0)),
                wins=test.wins,
                ties=test.ties,
                losses=test.losses,
                p_value=test.p_value,
                p_holm=test.p_value,
                exact=test.exact,
            )
        )
    corrected = holm([pair.p_value for pair in found if pair.p_value is not None])  # all have one, or none
    return [replace(pair, p_holm=p) for pair, p in zip(found, corrected, strict=True)] if corrected else found


def _caveats(n: int, k: int, distance: float | None, *, drawn: bool) -> Iterator[str]:
    """What the numbers cannot say."""
    if n < MIN_CATEGORIES:
        yield f"no test: it needs {MIN_CATEGORIES} categories, there {'is' if n == 1 else 'are'} {n}"
    if distance:
        yield (
            f"with {n} categories, two of {k} methods must differ by more than {distance:.3f} in mean rank "
            "to be told apart; a smaller gap does not make one better"
        )
    if not drawn:
        yield "no intervals: not all results have bootstrap values of the same draws"
