"""Result tables: rows, means that refuse holes, and plain text, Markdown, CSV and JSON."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from pc3dad.metrics.bootstrap import interval
from pc3dad.runs import render, rows
from pc3dad.runs.rows import Row, Status
from pc3dad.types import Float64Array

CHANCE = "chance"
NOT_DELIVERED = ("no_object_scores", "no_point_scores")  # reasons that lie with a method and not with labels
OF_SCORES = (*NOT_DELIVERED, "no_sample", "no_value_there", "refused")  # no category may drop out for them


Replicates = Callable[[Row], Float64Array | None]
"""(B,) bootstrap replicates of a row; None if there are none."""


def no_replicates(_row: Row) -> None:
    """For rows that come without replicates."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean that knows what it stands for.

    Attributes:
        value: the mean of unrounded values, None if it is refused or undefined.
        spread: standard deviation (n - 1) over runs, None for one run.
        n_runs: training sets times seeds.
        n_categories: categories averaged.
        reason: why there is no value.
        ends: 95 % interval: every category is drawn anew, runs share their draws; None without one.
    """

    value: float | None
    spread: float | None = None
    n_runs: int = 1
    n_categories: int = 1
    reason: str = ""
    ends: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """What one printed table holds: nothing else may be compared number by number."""

    dataset: str
    seen: str
    protocol: str
    defects: str

    @property
    def title(self) -> str:
        """Heading for people."""
        parts = (f"{self.defects} defects", f"protocol {self.protocol}", f"seen of the target: {self.seen}")
        return f"{self.dataset}: {', '.join(parts)}"


class ResultTable:
    """Rows of one or more runs.

    Args:
        items: the rows.
        replicates: bootstrap replicates of a row; intervals of means need them.
    """

    def __init__(self, items: Iterable[Row], replicates: Replicates = no_replicates) -> None:
        self.rows: tuple[Row, ...] = tuple(items)
        self.replicates = replicates

    def groups(self) -> list[Group]:
        """The tables that the rows make, in order of appearance."""
        return list(dict.fromkeys(_group(row) for row in self.rows))

    def pivot(self, group: Group) -> "Pivot":
        """Methods against metrics of one group, per category and as the mean over categories."""
        items = [row for row in self.rows if _group(row) == group]
        return Pivot(group, items, self._holes(group), self.replicates)

    def _holes(self, group: Group) -> list[Row]:
        """Cells without values; they are holes in every population of defects."""
        same = [row for row in self.rows if (row.dataset, row.seen) == (group.dataset, group.seen)]
        return [row for row in same if row.status in (Status.FAILED, Status.MISSING)]

    def to_text(self, width: int = 80, *, brief: bool = False) -> str:
        """Plain tables of at most `width` columns where names allow it; brief ones show means alone."""
        blocks = [self.pivot(group).block() for group in self.groups()]
        return "\n\n".join(render.text(block.brief if brief else block, width) for block in blocks) + "\n"

    def to_markdown(self) -> str:
        """Markdown tables."""
        return "\n\n".join(render.markdown(self.pivot(group).block()) for group in self.groups()) + "\n"

    def to_csv(self) -> str:
        """All rows with all digits."""
        return rows.to_csv(self.rows)

    def to_json(self) -> str:
        """All rows as a JSON list."""
        return rows.to_json(self.rows)


class Pivot:
    """One group of rows as methods against metrics."""

    def __init__(
        self,
        group: Group,
        items: Sequence[Row],
        holes: Sequence[Row],
        replicates: Replicates = no_replicates,
    ) -> None:
        self._replicates = replicates
        self.group = group
        self.rows = items
        self.holes = holes
        self.metrics = list(dict.fromkeys(row.metric for row in items))
        self.variants = list(dict.fromkeys(row.variant for row in (*items, *holes)))
        self.categories = sorted({row.category for row in (*items, *holes)})
        self._holes = {(row.variant, row.category): row for row in reversed(holes)}
        self._found: dict[tuple[str, str, str], list[Row]] = {}
        for row in items:
            self._found.setdefault((row.variant, row.category, row.metric), []).append(row)

    def of_category(self, variant: str, category: str, metric: str) -> Mean:
        """Mean over the runs (training sets and seeds) of one category; refused if one has no value."""
        if hole := self._holes.get((variant, category)):
            return Mean(None, reason=hole.reason)
        found = self._found.get((variant, category, metric), [])
        values = [row.value for row in found if row.value is not None]
        if len(values) < len(found) or not values:
            return Mean(
                None, reason=next((row.reason for row in found if row.value is None), "not asked for")
            )
        ends = (found[0].low, found[0].high) if len(found) == 1 else self._interval([found])
        low, high = ends or (None, None)
        return _mean(values, None if low is None or high is None else (low, high))

    def of_all(self, variant: str, metric: str) -> Mean:
        """Unweighted mean over categories of the means over runs (`mean_of_categories`).

        Categories in which labels leave the metric undefined are left out, for every method alike. A category
        that failed refuses the mean.
        """
        if hole := next((row for (name, _), row in self._holes.items() if name == variant), None):
            return Mean(None, reason=f"{hole.category} failed")
        asked = sorted({category for name, category, _ in self._found if name == variant})
        means = [self.of_category(variant, category, metric) for category in asked]
        defined = [mean.value for mean in means if mean.value is not None]
        if not defined:
            return Mean(None, reason=means[0].reason if means else "no category")
        for category, mean in zip(asked, means, strict=True):
            if mean.reason in OF_SCORES:
                return Mean(None, reason=f"{category}: {mean.reason}")
        runs = self._run_means(variant, metric)
        found = [
            self._found[variant, category, metric]
            for category, mean in zip(asked, means, strict=True)
            if mean.value is not None
        ]
        spread = stdev(runs) if len(runs) > 1 else None
        return Mean(fmean(defined), spread, len(runs), len(defined), ends=self._interval(found))

    def _interval(self, categories: Sequence[Sequence[Row]]) -> tuple[float, float] | None:
        """Of the mean over categories of the means over runs; None if some replicates are not there."""
        means = mean_replicates(self._replicates, categories)
        return None if means is None else interval(means.mean(axis=0))

    def chance(self, metric: str, category: str | None = None) -> Mean:
        """Value of a scorer that knows nothing on the same labels; without a category the mean over all."""
        found: dict[str, set[float]] = {}
        for row in self.rows:
            if row.metric == metric and row.chance is not None and category in (None, row.category):
                found.setdefault(row.category, set()).add(row.chance)
        if not found or any(len(values) > 1 for values in found.values()):
            return Mean(None)  # methods with populations of their own, under the policy `intersection`
        return Mean(fmean(value for values in found.values() for value in values))

    def block(self) -> render.Block:
        """The printed form."""
        columns = tuple(render.Column.of(metric) for metric in self.metrics)
        sections = [self._section(category, category) for category in self.categories]
        if len(self.categories) > 1:
            sections.append(self._section(self._mean_title(), None))
        failures = [f"{row.variant} on {row.category}, seed {row.seed}: {row.reason}" for row in self.holes]
        undefined = {_why_undefined(row) for row in self.rows if row.status is Status.UNDEFINED}
        remarks = {
            f"{row.variant} on {row.category}: {note}"
            for row in self.rows
            for note in row.note.split(rows.NOTE)
            if note
        }
        policies = {f"{row.variant}: policy {row.policy}" for row in self.rows if row.policy}
        notes = [*dict.fromkeys(failures), *sorted(undefined), *sorted(policies)]
        return render.Block(self.group.title, columns, sections, notes, sorted(remarks))

    def _mean_title(self) -> str:
        """Says over how many categories the means are, which may differ between metrics."""
        means = [self.of_all(variant, metric) for variant in self.variants for metric in self.metrics]
        counts = sorted({mean.n_categories for mean in means if mean.value is not None})
        number = " to ".join(str(count) for count in dict.fromkeys(counts[:1] + counts[-1:]))
        return f"mean of {number or len(self.categories)} {'category' if number == '1' else 'categories'}"

    def _section(self, title: str, category: str | None) -> render.Section:
        lines = [render.Line(CHANCE, [self.chance(metric, category).value for metric in self.metrics])]
        for variant in self.variants:
            means = [self._mean_of(variant, metric, category) for metric in self.metrics]
            n_runs = max(mean.n_runs for mean in means)
            lines.append(render.Line(variant, [mean.value for mean in means], n_runs))
            if n_runs > 1:
                lines.append(render.Line("", [mean.spread for mean in means], n_runs, kind="spread"))
            if any(mean.ends for mean in means):
                ends = [mean.ends or (None, None) for mean in means]
                lines.append(render.Line("95 % from", [low for low, _ in ends], n_runs, kind="low"))
                lines.append(render.Line("to", [high for _, high in ends], n_runs, kind="high"))
        return render.Section(title, lines)

    def _mean_of(self, variant: str, metric: str, category: str | None) -> Mean:
        return (
            self.of_all(variant, metric) if category is None else self.of_category(variant, category, metric)
        )

    def _run_means(self, variant: str, metric: str) -> list[float]:
        """Macro mean of each run over the categories it scored."""
        runs: dict[tuple[str, int], list[float]] = {}
        for (name, _, key), found in self._found.items():
            for row in found if (name, key) == (variant, metric) else ():
                if row.value is not None:
                    runs.setdefault((row.train, row.seed), []).append(row.value)
        return [fmean(values) for values in runs.values()]


def mean_replicates(replicates: Replicates, groups: Iterable[Sequence[Row]]) -> Float64Array | None:
    """(n, B): replicates of each group of rows, mean over its rows; None if there are not B for every row."""
    means: list[Float64Array] = []
    for rows_of_group in groups:
        drawn = [replicates(row) for row in rows_of_group]
        known = [item for item in drawn if item is not None]
        if len(known) < len(drawn) or len({item.shape for item in (*known, *means[:1])}) != 1:
            return None
        means.append(np.mean(known, axis=0))
    return np.stack(means) if means else None


def _group(row: Row) -> Group:
    return Group(row.dataset, row.seen, row.protocol, row.defects)


def _why_undefined(row: Row) -> str:
    if row.reason in NOT_DELIVERED:
        return f"{row.variant} gives {row.reason.replace('_', ' ')}"
    if row.reason in OF_SCORES:
        return f"{row.variant} on {row.category}: no values ({row.reason})"
    return f"{row.category}: {_level(row)} metrics undefined, {row.reason}"


def _level(row: Row) -> str:
    """What shares the reason for being undefined: all metrics of a level, AU-PRO apart."""
    level = row.metric.partition("/")[0]
    return "AU-PRO" if "aupro" in row.metric else level


def _mean(values: Sequence[float], ends: tuple[float, float] | None) -> Mean:
    return Mean(fmean(values), stdev(values) if len(values) > 1 else None, len(values), ends=ends)
