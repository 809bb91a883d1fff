"""Values of cells from stored predictions and labels, and the table of a run folder, finished or not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from pc3dad.errors import Pc3dadError
from pc3dad.evaluation import evaluator, labels
from pc3dad.evaluation.evaluator import PROTOCOL, MetricValue, Scored
from pc3dad.io import atomic
from pc3dad.metrics.base import resolve_metrics
from pc3dad.report import html
from pc3dad.runs import store
from pc3dad.runs.plan import PlannedCell, read_plan
from pc3dad.runs.rows import Row, Status
from pc3dad.runs.store import RunStore
from pc3dad.runs.table import ResultTable

TABLE = "metrics.csv"
SECONDS = "resources/seconds"
PEAK = "resources/peak_bytes"
NOT_RUN = "not finished"


def evaluate_cell(
    cell: PlannedCell, metrics: Sequence[str], runs: RunStore, *, again: bool = False
) -> list[dict[str, Any]]:
    """Values of a predicted cell; they are kept beside its predictions and computed anew if outdated.

    Args:
        cell: the cell.
        metrics: keys.
        runs: run folder with its predictions and labels.
        again: compute them even if they are up to date.

    Raises:
        ConfigError: a metric is unknown.
        MetricError, DataError: the evaluator refused what it was given, or a file cannot be read or written.
    """
    folder = runs.cell_folder(cell.id)
    stored = folder / "metrics.json"
    if stored.is_file() and not again:
        facts = store.read_json(stored)
        if facts.get("revision") == evaluator.REVISION and facts.get("metrics") == list(metrics):
            values: list[dict[str, Any]] = facts["values"]
            return values
    values = _evaluate(cell, metrics, runs)
    atomic.write_json(stored, {"revision": evaluator.REVISION, "metrics": list(metrics), "values": values})
    store.forget(folder / store.FAILED)  # of an earlier attempt
    return values


def table(runs: RunStore, failed: Mapping[str, str] | None = None) -> ResultTable:
    """The table of a run folder: values of finished cells, reasons of failed ones, holes for the others.

    Args:
        runs: run folder.
        failed: id and reason of cells that failed in this process; the disk may have refused to keep them.

    Raises:
        DataError: the plan of the run cannot be read.
    """
    plan = read_plan(runs.folder)
    rows: list[Row] = []
    for cell in plan.cells:
        try:
            reason = (failed or {}).get(cell.id) or _stored_reason(cell, runs)
            if not reason and is_current(cell, runs):
                rows += _rows(cell, evaluate_cell(cell, plan.metrics, runs))
                continue
            status = Status.FAILED if reason else Status.MISSING
        except Pc3dadError as error:
            status, reason = Status.FAILED, str(error)
        rows += _rows_without_values(cell, plan.metrics, status, reason or NOT_RUN)
    return ResultTable(rows)


def write_page(runs: RunStore, found: ResultTable) -> Path:
    """Writes the report of a run, `report/index.html`, and returns its path.

    Raises:
        DataError: the disk refuses, or a file of the run cannot be read.
    """
    facts = store.read_json(runs.folder / store.RUN)
    config = store.read_json(runs.folder / "config.json")
    path = runs.folder / "report" / "index.html"
    atomic.write_text(path, html.page(found, facts, config, read_plan(runs.folder).notes))
    return path


def publish(runs: RunStore, found: ResultTable) -> Path:
    """Writes `metrics.csv` and the report of a run, and returns the path of the page.

    Raises:
        DataError: as `write_page`.
    """
    atomic.write_text(runs.folder / TABLE, found.to_csv())
    return write_page(runs, found)


def is_current(cell: PlannedCell, runs: RunStore) -> bool:
    """Whether a cell is predicted, and by the very fit that is stored now."""
    fit, folder = runs.fit_folder(cell.fit), runs.cell_folder(cell.id)
    if not (store.is_done(fit) and store.is_done(folder)):
        return False
    made = store.read_json(fit / store.DONE).get("made")
    return made == store.read_json(folder / store.DONE).get("fit_made")


def _stored_reason(cell: PlannedCell, runs: RunStore) -> str:
    path = runs.cell_folder(cell.id) / store.FAILED
    return str(store.read_json(path).get("reason", "unknown")) if path.is_file() else ""


def _evaluate(cell: PlannedCell, metrics: Sequence[str], runs: RunStore) -> list[dict[str, Any]]:
    folder = runs.cell_folder(cell.id)
    scored = []
    for truth in labels.read(runs, cell.labels):
        kept = store.read_prediction(folder, truth.sample_id)
        scored.append(Scored(kept.prediction, truth, kept.valid))
    values: list[dict[str, Any]] = []
    for defects in evaluator.populations(scored):
        found = evaluator.evaluate(scored, resolve_metrics(metrics), defects=defects)
        values += [{"defects": defects, **asdict(value)} for value in found]
    return values + [{"defects": "all", **asdict(value)} for value in _resources(folder)]


def _resources(folder: Path) -> list[MetricValue]:
    """Mean seconds and largest peak memory over the samples of a cell."""
    samples = list(store.read_samples(folder))
    seconds = np.array([float(item["seconds"]) for item in samples])
    peak = max(int(item["peak_bytes"]) for item in samples)
    count = len(samples)
    return [
        MetricValue(SECONDS, float(seconds.mean()), None, count, 0),
        MetricValue(PEAK, float(peak), None, count, 0),
    ]


def _rows(cell: PlannedCell, values: Sequence[dict[str, Any]]) -> list[Row]:
    blank = _blank(cell)
    return [
        replace(
            blank,
            defects=value["defects"],
            metric=value["metric"],
            value=value["value"],
            chance=value["chance"],
            n=value["n"],
            n_positive=value["n_positive"],
            status=Status.UNDEFINED if value["reason"] else Status.OK,
            reason=value["reason"],
        )
        for value in values
    ]


def _rows_without_values(cell: PlannedCell, metrics: Sequence[str], status: Status, reason: str) -> list[Row]:
    """A row with the reason for every metric that the cell was to give."""
    blank = _blank(cell)
    return [replace(blank, metric=key, status=status, reason=reason) for key in metrics]


def _blank(cell: PlannedCell) -> Row:
    return Row(
        run=cell.run,
        method=cell.method,
        variant=cell.variant,
        seen=cell.seen,
        dataset=cell.dataset,
        train=cell.train,
        category=cell.category,
        seed=cell.seed,
        defects="all",
        metric="",
        protocol=PROTOCOL,
    )
