"""Which methods may stand in one ranking: chooses them from runs, and refuses what may not be compared."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pc3dad.config import nearest
from pc3dad.errors import ConfigError, MetricError
from pc3dad.runs.rows import UNTRAINED, Row, Status
from pc3dad.runs.table import NOT_DELIVERED, ResultTable

BARRED = "intersection"  # a policy that leaves out what a method lacks: populations differ between methods


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One method of a ranking.

    Attributes:
        label: its variant, with the name of the run where several runs hold that variant.
        table: its rows, with their replicates. Replicate b must have drawn the same samples for all methods:
            then differences are paired.
    """

    label: str
    table: ResultTable

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its rows."""
        return self.table.rows

    @property
    def variant(self) -> str:
        """Its variant."""
        return self.rows[0].variant

    @property
    def trained(self) -> bool:
        """Whether it has training sets."""
        return any(row.train != UNTRAINED for row in self.rows)

    @property
    def cells(self) -> set[tuple[str, str]]:
        """Training set and category of each result."""
        return {(row.train, row.category) for row in self.rows}

    @property
    def categories(self) -> set[str]:
        """Categories with results."""
        return {row.category for row in self.rows}

    def only(self, field: str, values: Collection[str]) -> "Entry":
        """With those rows alone whose field has one of these values."""
        kept = (row for row in self.rows if getattr(row, field) in values)
        return Entry(self.label, ResultTable(kept, self.table.replicates))


def entries_of(runs: Sequence[ResultTable], methods: Sequence[str] = ()) -> list[Entry]:
    """The methods of runs, in order.

    Args:
        runs: the table of each run.
        methods: labels or variants that are wanted; all if empty.

    Raises:
        ConfigError: one that is wanted does not exist.
    """
    variants = [list(dict.fromkeys(row.variant for row in table.rows)) for table in runs]
    often = Counter(variant for found in variants for variant in found)
    entries: list[Entry] = []
    for table, name, found in zip(runs, _names(runs), variants, strict=True):
        for variant in found:
            label = variant if often[variant] == 1 else f"{variant} ({name})"
            entries.append(Entry(label, table).only("variant", {variant}))
    known = {name for entry in entries for name in (entry.label, entry.variant)}
    for name in methods:
        if name not in known:
            raise ConfigError(f"there is no method {name!r} to compare{nearest(name, known)}")
    return [entry for entry in entries if not methods or {entry.label, entry.variant} & {*methods}]


def comparable(entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Methods of one data set, reduced to the cells that all of them are averaged over.

    A method that is not trained enters each training set with its one result, so it needs a result for each
    category that the trained ones were scored on, and its results for other categories do not count.

    Returns:
        The methods, and a note for each category left out.

    Raises:
        MetricError: they may not be compared; says why.
    """
    _refuse_barred(entries)
    _refuse_holes(entries)
    _refuse_different(entries)
    ready, notes = _same_cells(entries)
    _refuse_other_truth(ready)
    return ready, notes


def _names(runs: Sequence[ResultTable]) -> list[str]:
    """Names of runs; those that occur again are numbered."""
    names = [table.rows[0].run if table.rows else "" for table in runs]
    before = [names[:index].count(name) for index, name in enumerate(names)]
    return [f"{name}, run {count + 1}" if count else name for name, count in zip(names, before, strict=True)]


def _refuse_barred(entries: Sequence[Entry]) -> None:
    for entry in entries:
        for row in entry.rows:
            if BARRED in row.policy:
                raise MetricError(
                    f"{row.cell} was evaluated with policy {row.policy}, on the samples that it has: such "
                    "values are barred from rankings",
                    hint="evaluate it without that policy, or leave the method out with --methods",
                )


def _refuse_holes(entries: Sequence[Entry]) -> None:
    holes = {
        row.cell: f"{row.cell} of run {row.run} {row.status}: {row.reason}".rstrip(". ")
        for entry in entries
        for row in entry.rows
        if row.status in (Status.FAILED, Status.MISSING)
    }
    if holes:
        others = f" (and {len(holes) - 1} more)" if len(holes) > 1 else ""
        raise MetricError(
            f"a ranking over incomplete results is refused: {next(iter(holes.values()))}{others}",
            hint="finish the run with the same bench command, or leave the method out with --methods",
        )
    for entry in entries:
        runs = {(row.train, row.seed) for row in entry.rows}
        for train, category in sorted(entry.cells):
            there = {(row.train, row.seed) for row in entry.rows if row.category == category}
            absent = sorted(seed for name, seed in runs - there if name == train)
            if absent:
                raise MetricError(
                    f"a ranking over incomplete results is refused: {entry.label} has no result of seed "
                    f"{absent[0]} for {category}",
                    hint="finish the run, or leave the method out with --methods",
                )


def _refuse_different(entries: Sequence[Entry]) -> None:
    """Refuses methods that saw different things of the target category, or share no protocol."""
    seen = {entry.label: " and ".join(sorted({row.seen for row in entry.rows})) for entry in entries}
    _refuse_unlike(seen, "methods that saw different things of the target category", "saw")
    protocols = {entry.label: {row.protocol for row in entry.rows} for entry in entries}
    if not set.intersection(*protocols.values()):
        shown = {label: " and ".join(sorted(names)) for label, names in protocols.items()}
        _refuse_unlike(shown, "methods evaluated under different protocols", "has")


def _refuse_unlike(values: Mapping[str, str], what: str, verb: str) -> None:
    first, *others = values.items()
    for label, value in others:
        if value != first[1]:
            raise MetricError(
                f"{what} are never in one ranking: {first[0]} {verb} {first[1]}, {label} {verb} {value}",
                hint="choose methods of one kind with --methods",
            )


def _same_cells(entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    trained = [entry for entry in entries if entry.trained]
    reference = (trained or entries)[0]
    for entry in entries:
        if entry.trained:
            _refuse_missing(entry, reference, entry.cells, reference.cells)
            _refuse_missing(reference, entry, reference.cells, entry.cells)
        else:
            asked, there = ({("", name) for name in item.categories} for item in (reference, entry))
            _refuse_missing(entry, reference, there, asked)
            if not trained:
                _refuse_missing(reference, entry, asked, there)
    extra = sorted({name for entry in entries for name in entry.categories} - reference.categories)
    notes = [f"{name}: left out, the trained methods have no result there" for name in extra]
    return [entry.only("category", reference.categories) for entry in entries], notes


def _refuse_missing(
    entry: Entry, other: Entry, there: set[tuple[str, str]], asked: set[tuple[str, str]]
) -> None:
    for train, category in sorted(asked - there):
        trained = f" trained on {train}" if train else ""
        raise MetricError(
            "all methods of a ranking are averaged over the same training sets and categories: "
            f"{entry.label} has no result{trained} for {category}, {other.label} has",
            hint="run both on the same, or leave one out with --methods",
        )


def _refuse_other_truth(entries: Sequence[Entry]) -> None:
    """Every method was scored against the same population, with the same labels."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for entry in entries:
        for row in entry.rows:
            if row.reason in NOT_DELIVERED:  # then nobody looked at the labels
                continue
            population = (row.category, row.metric, row.defects, row.protocol)
            label, truth = found.setdefault(population, (entry.label, row.truth))
            if row.truth != truth:
                raise MetricError(
                    f"{label} and {entry.label} were scored against different ground truth of "
                    f"{row.dataset}/{row.category} ({row.metric})",
                    hint="run both on the same copy of the data set",
                )
