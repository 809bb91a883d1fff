"""Values of cells from stored predictions and labels, and the table of a run folder, finished or not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

import pc3dad
from pc3dad.config import build, plain
from pc3dad.errors import DataError, Pc3dadError
from pc3dad.evaluation import cells, evaluator
from pc3dad.evaluation.settings import Settings
from pc3dad.evaluation.values import StoredValue
from pc3dad.io import atomic, npz
from pc3dad.io.locks import is_locked
from pc3dad.metrics.regions import STANDARD
from pc3dad.report import html
from pc3dad.runs import store
from pc3dad.runs.plan import PlannedCell, StoredPlan, read_plan
from pc3dad.runs.rows import Row, Status
from pc3dad.runs.store import RunStore
from pc3dad.runs.table import ResultTable
from pc3dad.types import Float64Array

Arrays = Mapping[str, NDArray[Any]]

TABLE = "metrics.csv"
PAGE = "report/index.html"
CONFIG = "config.json"
METRICS = "metrics.json"
REPLICATES = "replicates.npz"
VALUES = TypeAdapter(list[StoredValue])
NOT_RUN = "not finished"


def evaluate_cell(cell: PlannedCell, settings: Settings, runs: RunStore, *, again: bool = False) -> None:
    """Computes the values of a predicted cell and keeps them beside its predictions.

    Args:
        cell: the cell.
        settings: what to compute.
        runs: run folder with its predictions and labels; this process holds its lock.
        again: compute them even if they are up to date.

    Raises:
        ConfigError: a metric is unknown.
        MetricError, DataError: the evaluator refused what it was given, or a file cannot be read or written.
    """
    folder = runs.cell_folder(cell.id)
    if again or _stored_values(folder, settings) is None:
        values, replicates = cells.evaluate(cell, settings, runs)
        store.forget(folder / METRICS)  # it vouches for both files
        atomic.write_npz(folder / REPLICATES, replicates)
        facts = {"revision": evaluator.REVISION, "pc3dad": pc3dad.__version__, "settings": plain(settings)}
        facts |= {
            "mode": "exact, two passes",
            "regions": asdict(STANDARD),
            "values": VALUES.dump_python(values),
        }
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
    settings = stored_settings(plan)
    rows: list[Row] = []
    replicates = _Replicates()
    for cell in plan.cells:
        folder = runs.cell_folder(cell.id)
        try:
            reason = (failed or {}).get(cell.id) or _stored_reason(folder)
            if not reason and is_current(cell, runs) and store.is_done(runs.labels_folder(cell.labels)):
                values = _stored_values(folder, settings)
                drawn: Path | Arrays = folder / REPLICATES
                if values is None:
                    values, drawn = cells.evaluate(cell, settings, runs)
                rows += (found := [value.row(cell, settings.policies.text) for value in values])
                replicates.add(found, drawn)
                continue
            status = Status.FAILED if reason else Status.MISSING
        except Pc3dadError as error:
            status, reason = Status.FAILED, str(error)
        rows += _rows_without_values(cell, settings, status, reason or NOT_RUN)
    return ResultTable(rows, replicates)


def stored_settings(plan: StoredPlan) -> Settings:
    """How a run is evaluated.

    Raises:
        ConfigError: this version does not know a setting.
    """
    return build(Settings, "evaluation", plan.evaluation)


class _Replicates:
    """Bootstrap replicates of rows, read when they are asked for."""

    def __init__(self) -> None:
        self._of: dict[Row, Path | Arrays] = {}
        self._read: dict[Path, Arrays] = {}

    def add(self, rows: Sequence[Row], drawn: Path | Arrays) -> None:
        """Says where the replicates of the rows of a cell are."""
        self._of.update(dict.fromkeys(rows, drawn))

    def __call__(self, row: Row) -> Float64Array | None:
        """(B,) replicates of a row; None if it has no interval, or its file is damaged."""
        drawn = self._of.get(row)
        if drawn is None or row.low is None:
            return None
        if isinstance(drawn, Path):
            if drawn not in self._read:
                self._read[drawn] = _read_replicates(drawn)
            drawn = self._read[drawn]
        return drawn.get(f"{row.protocol}/{row.defects}/{row.metric}")


def _read_replicates(path: Path) -> Arrays:
    try:
        arrays = npz.read_arrays(path)
    except DataError:  # intervals of means are left out; those of cells are in another file
        return {}
    return {name: array for name, array in arrays.items() if array.ndim == 1 and array.dtype == np.float64}


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


def _stored_values(folder: Path, settings: Settings) -> list[StoredValue] | None:
    """Values of a cell, None if there are none, or of another evaluator, other settings or a damaged file."""
    try:
        facts = store.read_json(folder / METRICS)
        if facts.get("revision") != evaluator.REVISION or facts.get("settings") != plain(settings):
            return None
        return VALUES.validate_python(facts.get("values"))
    except (DataError, ValidationError):
        return None


def _rows_without_values(cell: PlannedCell, settings: Settings, status: Status, reason: str) -> list[Row]:
    """A row with the reason for every metric that the cell was to give."""
    blank = cell.row(settings.protocols[0])
    return [replace(blank, metric=key, status=status, reason=reason) for key in settings.metrics]
