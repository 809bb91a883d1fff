"""Values of cells from stored predictions and labels, and the table of a run folder, finished or not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from pc3dad.errors import DataError, Pc3dadError
from pc3dad.evaluation import evaluator, labels
from pc3dad.evaluation.evaluator import PROTOCOL, MetricValue, Scored
from pc3dad.io import atomic
from pc3dad.io.locks import is_locked
from pc3dad.metrics.base import resolve_metrics
from pc3dad.report import html
from pc3dad.runs import store
from pc3dad.runs.plan import PlannedCell, read_plan
from pc3dad.runs.rows import Row, Status
from pc3dad.runs.store import RunStore
from pc3dad.runs.table import ResultTable

TABLE = "metrics.csv"
PAGE = "report/index.html"
CONFIG = "config.json"
METRICS = "metrics.json"
VALUE_KEYS = {"defects", *(field.name for field in fields(MetricValue))}
SECONDS = "resources/seconds"
PEAK = "resources/peak_bytes"
NOT_RUN = "not finished"


def evaluate_cell(cell: PlannedCell, metrics: Sequence[str], runs: RunStore, *, again: bool = False) -> None:
    """Computes the values of a predicted cell and keeps them beside its predictions.

    Args:
        cell: the cell.
        metrics: keys.
        runs: run folder with its predictions and labels; this process holds its lock.
        again: compute them even if they are up to date.

    Raises:
        ConfigError: a metric is unknown.
        MetricError, DataError: the evaluator refused what it was given, or a file cannot be read or written.
    """
    folder = runs.cell_folder(cell.id)
    values = None if again else _stored_values(folder, metrics)
    if values is None:
        values = _evaluate(cell, metrics, runs)
        facts = {"revision": evaluator.REVISION, "metrics": list(metrics), "values": values}
        atomic.write_json(folder / METRICS, facts)
    store.forget(folder / store.FAILED)  # of an earlier attempt


def table(runs: RunStore, failed: Mapping[str, str] | None = None) -> ResultTable:
    """The table of a run folder: values of finished cells, reasons of failed ones, holes for the others.

    It only reads: another process may be writing into the folder.

    Args:
        runs: run folder.
        failed: id and reason of cells that failed in this process; the disk may have refused to keep them.

    Raises:
        DataError: the plan of the run cannot be read.
    """
    plan = read_plan(runs.folder)
    rows: list[Row] = []
    for cell in plan.cells:
        folder = runs.cell_folder(cell.id)
        try:
            reason = (failed or {}).get(cell.id) or _stored_reason(folder)
            if not reason and is_current(cell, runs) and store.is_done(runs.labels_folder(cell.labels)):
                values = _stored_values(folder, plan.metrics)
                rows += _rows(cell, _evaluate(cell, plan.metrics, runs) if values is None else values)
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
    if facts.get("status") == "running" and not is_locked(runs.folder):
        facts["status"] = "interrupted"  # killed before it could say so
    config = runs.folder / CONFIG
    settings = store.read_json(config) if config.is_file() else {}
    path = runs.folder / PAGE
    atomic.write_text(path, html.page(found, facts, settings, read_plan(runs.folder).notes))
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


def _stored_reason(folder: Path) -> str:
    path = folder / store.FAILED
    return str(store.read_json(path).get("reason", "unknown")) if path.is_file() else ""


def _stored_values(folder: Path, metrics: Sequence[str]) -> list[dict[str, Any]] | None:
    """Values of a cell, None if there are none, or of another evaluator, other metrics or a damaged file."""
    try:
        facts = store.read_json(folder / METRICS)
    except DataError:
        return None
    if facts.get("revision") != evaluator.REVISION or facts.get("metrics") != list(metrics):
        return None
    values = facts.get("values")
    whole = isinstance(values, list) and all(
        isinstance(item, dict) and item.keys() == VALUE_KEYS for item in values
    )
    return values if whole else None


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
    samples = store.read_samples(folder)
    try:
        seconds = np.array([float(item["seconds"]) for item in samples])
        peak = max(int(item["peak_bytes"]) for item in samples)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder / 'samples.csv'} is damaged: {error}", hint=store.AGAIN) from error
    count = len(samples)
    return [
        MetricValue(SECONDS, float(seconds.mean()), None, count, 0),
        MetricValue(PEAK, float(peak), None, count, 0),
    ]


def _rows(cell: PlannedCell, values: Sequence[dict[str, Any]]) -> list[Row]:
    blank = cell.row(PROTOCOL)
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
    blank = cell.row(PROTOCOL)
    return [replace(blank, metric=key, status=status, reason=reason) for key in metrics]
