"""Rows of one cell, evaluated from its stored predictions."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from pc3dad.evaluation import evaluator
from pc3dad.evaluation.evaluator import PROTOCOL, MetricValue, Scored
from pc3dad.evaluation.plan import Cell, Plan
from pc3dad.io import atomic
from pc3dad.runs import store
from pc3dad.runs.rows import Row, Status
from pc3dad.runs.store import RunStore

SECONDS = "resources/seconds"
PEAK = "resources/peak_bytes"


def cell_rows(cell: Cell, plan: Plan, runs: RunStore) -> list[Row]:
    """Rows of a finished cell; values are stored beside the predictions and computed again if outdated.

    Raises:
        MetricError, DataError: the evaluator refused what it was given.
    """
    folder = runs.cell_folder(cell.id)
    keys = [spec.key for spec in plan.metrics]
    stored = folder / "metrics.json"
    if stored.is_file():
        facts = store.read_json(stored)
        if facts.get("revision") == evaluator.REVISION and facts.get("metrics") == keys:
            return _rows(cell, plan, facts["values"])
    values = _evaluate(cell, plan, runs)
    atomic.write_json(stored, {"revision": evaluator.REVISION, "metrics": keys, "values": values})
    return _rows(cell, plan, values)


def failed_rows(cell: Cell, plan: Plan, reason: str) -> list[Row]:
    """A row with the reason for every metric that the cell was to give."""
    row = _blank(cell, plan)
    return [replace(row, metric=spec.key, status=Status.FAILED, reason=reason) for spec in plan.metrics]


def _evaluate(cell: Cell, plan: Plan, runs: RunStore) -> list[dict[str, Any]]:
    folder = runs.cell_folder(cell.id)
    scored = []
    for ref in cell.refs():
        kept = store.read_prediction(folder, ref.id)
        scored.append(Scored(kept.prediction, cell.source.dataset.truth(ref), kept.valid))
    values: list[dict[str, Any]] = []
    for defects in evaluator.populations(scored):
        found = evaluator.evaluate(scored, plan.metrics, defects=defects)
        values += [{"defects": defects, **asdict(value)} for value in found]
    return values + [{"defects": "all", **asdict(value)} for value in _resources(folder)]


def _resources(folder: Any) -> list[MetricValue]:
    """Mean seconds and largest peak memory over the samples of a cell."""
    samples = list(store.read_samples(folder))
    seconds = np.array([float(item["seconds"]) for item in samples])
    peak = max(int(item["peak_bytes"]) for item in samples)
    count = len(samples)
    return [
        MetricValue(SECONDS, float(seconds.mean()), None, count, 0),
        MetricValue(PEAK, float(peak), None, count, 0),
    ]


def _rows(cell: Cell, plan: Plan, values: Sequence[dict[str, Any]]) -> list[Row]:
    blank = _blank(cell, plan)
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


def _blank(cell: Cell, plan: Plan) -> Row:
    return Row(
        run=plan.spec.run_name,
        method=cell.fit.spec.name,
        variant=cell.fit.spec.variant,
        seen=cell.fit.entry.ready.regime.seen,
        dataset=cell.source.spec.variant,
        train=cell.fit.train.name,
        category=cell.category,
        seed=cell.fit.seed,
        defects="all",
        metric="",
        protocol=PROTOCOL,
    )
