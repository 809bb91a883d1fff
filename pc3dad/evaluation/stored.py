"""Values and reports of an existing run folder, without any method or data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pc3dad.config import build, plain
from pc3dad.context import Progress, silent
from pc3dad.errors import Pc3dadError
from pc3dad.evaluation import results
from pc3dad.evaluation.evaluator import REVISION
from pc3dad.evaluation.settings import Settings
from pc3dad.metrics.base import resolve_metrics
from pc3dad.runs import store
from pc3dad.runs.compare import Comparisons, compare
from pc3dad.runs.plan import read_plan, write_plan
from pc3dad.runs.rows import Status
from pc3dad.runs.store import RunStore
from pc3dad.runs.table import ResultTable

UNCHANGED: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation of stored predictions gave.

    Attributes:
        table: all rows.
        evaluated: cells evaluated now.
        failed: label and reason of each cell without values.
    """

    table: ResultTable
    evaluated: int
    failed: tuple[tuple[str, str], ...]


def evaluate_run(
    folder: Path, changes: Mapping[str, Any] = UNCHANGED, *, progress: Progress = silent
) -> Evaluation:
    """Computes all metrics of a run again from its stored predictions and labels; writes table and report.

    Args:
        folder: run folder; nothing else is needed.
        changes: fields of `Settings` that the run shall have from now on.
        progress: callback.

    Raises:
        ConfigError: a metric or a setting is unknown.
        DataError: no run folder, another schema version, or a file cannot be read or written.
    """
    runs = RunStore.open(folder)
    with runs.locked():
        plan = read_plan(folder)
        settings = build(Settings, "evaluation", _changed(plan.evaluation, changes))
        resolve_metrics(settings.metrics)
        write_plan(folder, replace(plan, evaluation=plain(settings)))
        failed: dict[str, str] = {}
        evaluated = 0
        for number, cell in enumerate(plan.cells):
            progress("evaluating", number, len(plan.cells))
            try:
                labelled = store.is_done(runs.labels_folder(cell.labels))
                if labelled and results.is_current(cell, runs):
                    results.evaluate_cell(cell, settings, runs, again=True)
                    evaluated += 1
            except Pc3dadError as error:
                failed[cell.id] = str(error)
                store.fail(runs.cell_folder(cell.id), str(error))
        progress("evaluating", len(plan.cells), len(plan.cells))
        table = results.table(runs, failed)
        facts = store.read_json(folder / store.RUN) | {"evaluator": REVISION}
        without = holes(table)
        if facts.get("status") == "running":  # its process is gone, or this one would not have the lock
            facts["status"] = "interrupted"
        elif not without:
            facts["status"] = "done"
        elif facts.get("status") == "done":
            facts["status"] = "failed"
        store.write_run(folder, facts)
        results.publish(runs, table)
    return Evaluation(table, evaluated, without)


def _changed(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with changes; those of a group, such as policies, change one by one."""
    merged = dict(before)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = {**old, **value}
        else:
            merged[key] = value
    return merged


def read_run(folder: Path) -> tuple[RunStore, ResultTable]:
    """The table of a run folder, finished or not; a folder that is still being written is fine.

    Raises:
        DataError: no run folder, another schema version, or its plan cannot be read.
    """
    runs = RunStore.open(folder)
    return runs, results.table(runs)


def compare_runs(
    folders: Sequence[Path], *, metrics: Sequence[str] = (), methods: Sequence[str] = ()
) -> Comparisons:
    """Compares the methods of run folders; values of another revision of the evaluator are computed anew.

    Args:
        folders: run folders.
        metrics: keys; all that every method has if empty.
        methods: variants, or labels as in a report; all if empty.

    Raises:
        ConfigError, MetricError: as `runs.compare.compare`.
        DataError: no run folder, or a file cannot be read.
    """
    tables = [read_run(folder)[1] for folder in folders]
    draws = {results.stored_settings(read_plan(folder)).bootstrap for folder in folders}
    if len(draws) > 1:  # other draws are not paired: no intervals
        tables = [ResultTable(table.rows) for table in tables]
    return compare(tables, metrics=metrics, methods=methods)


def holes(table: ResultTable) -> tuple[tuple[str, str], ...]:
    """Name and reason of each cell without values."""
    without = [row for row in table.rows if row.status in (Status.FAILED, Status.MISSING)]
    return tuple({row.cell: row.reason for row in without}.items())
