"""Values and reports of an existing run folder, without any method or data set."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pc3dad.context import Progress, silent
from pc3dad.errors import Pc3dadError
from pc3dad.evaluation import results
from pc3dad.evaluation.evaluator import REVISION
from pc3dad.metrics.base import resolve_metrics
from pc3dad.runs import store
from pc3dad.runs.plan import read_plan, write_plan
from pc3dad.runs.rows import Status
from pc3dad.runs.store import RunStore
from pc3dad.runs.table import ResultTable


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


def evaluate_run(folder: Path, metrics: Sequence[str] = (), *, progress: Progress = silent) -> Evaluation:
    """Computes all metrics of a run again from its stored predictions and labels; writes table and report.

    Args:
        folder: run folder; nothing else is needed.
        metrics: keys of the metrics that the run shall have from now on; those it has if empty.
        progress: callback.

    Raises:
        ConfigError: a metric is unknown.
        DataError: no run folder, another schema version, or a file cannot be read or written.
    """
    runs = RunStore.open(folder)
    with runs.locked():
        plan = read_plan(folder)
        keys = tuple(spec.key for spec in resolve_metrics(metrics or plan.metrics))
        write_plan(folder, replace(plan, metrics=keys))
        failed: dict[str, str] = {}
        evaluated = 0
        for number, cell in enumerate(plan.cells):
            progress("evaluating", number, len(plan.cells))
            try:
                labelled = store.is_done(runs.labels_folder(cell.labels))
                if labelled and results.is_current(cell, runs):
                    results.evaluate_cell(cell, keys, runs, again=True)
                    evaluated += 1
            except Pc3dadError as error:
                failed[cell.id] = str(error)
                store.fail(runs.cell_folder(cell.id), str(error))
        progress("evaluating", len(plan.cells), len(plan.cells))
        table = results.table(runs, failed)
        facts = store.read_json(folder / store.RUN) | {"evaluator": REVISION}
        if facts.get("status") == "running":  # its process is gone, or this one would not have the lock
            facts["status"] = "interrupted"
        store.write_run(folder, facts)
        results.publish(runs, table)
    return Evaluation(table, evaluated, holes(table))


def read_run(folder: Path) -> tuple[RunStore, ResultTable]:
    """The table of a run folder, finished or not; a folder that is still being written is fine.

    Raises:
        DataError: no run folder, another schema version, or its plan cannot be read.
    """
    runs = RunStore.open(folder)
    return runs, results.table(runs)


def holes(table: ResultTable) -> tuple[tuple[str, str], ...]:
    """Name and reason of each cell without values."""
    without = [row for row in table.rows if row.status in (Status.FAILED, Status.MISSING)]
    return tuple({row.cell: row.reason for row in without}.items())
