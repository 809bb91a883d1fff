"""The main job in one call, for the command line, notebooks and scripts alike."""

import math
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pc3dad import registry
from pc3dad.config import plain
from pc3dad.context import Progress, RunContext, silent
from pc3dad.device import cpu_count, resolve
from pc3dad.errors import ConfigError, DataError
from pc3dad.evaluation import results, runner
from pc3dad.evaluation.evaluator import REVISION
from pc3dad.evaluation.external import refuse_import
from pc3dad.evaluation.isolation import Isolated
from pc3dad.evaluation.plan import make_plan
from pc3dad.evaluation.spec import BenchSpec, make_spec
from pc3dad.evaluation.stored import holes
from pc3dad.evaluation.units import Plan
from pc3dad.evaluation.worker import Worker
from pc3dad.io import atomic
from pc3dad.runs import manifest, store
from pc3dad.runs.plan import FILE as PLAN
from pc3dad.runs.plan import write_plan
from pc3dad.runs.store import RunStore
from pc3dad.runs.table import ResultTable


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What a benchmark gave.

    Attributes:
        folder: run folder.
        table: all rows.
        notes: what was left out and why.
        computed: cells predicted now.
        reused: cells finished before.
        failed: label and reason of each cell without values, and of results that could not be written.
    """

    folder: Path
    table: ResultTable
    notes: tuple[str, ...]
    computed: int
    reused: int
    failed: tuple[tuple[str, str], ...]

    def plain(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "folder": self.folder.as_posix(),
            "notes": list(self.notes),
            "cells": {"computed": self.computed, "reused": self.reused, "failed": len(self.failed)},
            "rows": [asdict(row) for row in self.table.rows],
        }


def run_bench(
    values: Mapping[str, Any],
    assignments: Sequence[str] = (),
    *,
    plugins: Sequence[Path] = (),
    out: Path | None = None,
    redo: bool = False,
    time_limit: float | None = None,
    device: str = "auto",
    workers: int = 0,
    cache: bool = True,
    progress: Progress = silent,
) -> BenchReport:
    """Runs a benchmark and writes its run folder, with its table and its report.

    Args:
        values: fields of `BenchSpec`.
        assignments: "NAME.key=value" options.
        plugins: card files or folders besides the registered ones.
        out: run folder; `runs/<name>` if None.
        redo: compute finished fits and cells again.
        time_limit: seconds that one fit or one cell may take; methods then run in a process of their own,
            and one that dies or takes longer fails that cell only. None: no limit, no further process.
        device: see `device.resolve`.
        workers: threads of neighbour searches, 0 for all cores.
        cache: whether features of frozen encoders may be kept and read; scores are the same.
        progress: callback.

    Raises:
        ConfigError: a name or an option is wrong.
        DataError: a data set or the run folder cannot be opened, that folder holds imported scores, or the
            table cannot be read.
    """
    if time_limit is not None and not (0 < time_limit < math.inf):
        raise ConfigError(f"time limit {time_limit} is not a number of seconds", hint="give one, or none")
    spec = _absolute(make_spec(values, assignments))
    plugins = [path.absolute() for path in plugins]
    plan = make_plan(spec, methods=registry.methods(plugins), datasets=registry.datasets(plugins))
    info = resolve(device)
    folder = out or Path("runs") / spec.run_name
    runs = RunStore.make(folder)
    ctx = RunContext(device=info.device, workers=workers or cpu_count(), cache=cache, progress=progress)
    units = (
        Worker(runs, ctx)
        if time_limit is None
        else Isolated(plan, runs, ctx, plugins=plugins, limit=time_limit)
    )
    facts = {"name": spec.run_name, **manifest.describe(info, manifest.command_line())}
    with runs.locked(), closing(units):
        refuse_import(folder)
        outcome, table, failed = _run(plan, runs, units, facts, redo=redo)
    return BenchReport(folder, table, plan.notes, outcome.computed, outcome.reused, failed)


def _run(
    plan: Plan, runs: RunStore, units: runner.Units, facts: Mapping[str, Any], *, redo: bool
) -> tuple[runner.Outcome, ResultTable, tuple[tuple[str, str], ...]]:
    """Runs a plan in a locked folder; also its table, and name and reason of all that has no value."""
    facts = {**facts, "evaluator": REVISION, "start": manifest.now(), "end": None, "status": "running"}
    for name in (results.TABLE, results.PAGE, PLAN):  # those of an earlier benchmark in this folder
        store.forget(runs.folder / name)
    store.write_run(runs.folder, facts)
    atomic.write_json(runs.folder / results.CONFIG, _portable(plan))
    write_plan(runs.folder, plan.plain)
    try:
        outcome = runner.run(plan, runs, units, redo=redo)
    except BaseException:
        with suppress(DataError):  # the reason for the end matters more
            store.write_run(runs.folder, {**facts, "end": manifest.now(), "status": "interrupted"})
        raise
    table = results.table(runs, outcome.reasons)
    failed = holes(table)
    try:
        status = "failed" if failed else "done"
        store.write_run(runs.folder, {**facts, "end": manifest.now(), "status": status})
        results.publish(runs, table)
    except DataError as error:  # the table is still worth printing
        failed = (*failed, ("results", str(error)))
    return outcome, table, failed


def _absolute(spec: BenchSpec) -> BenchSpec:
    """The benchmark with absolute folders: a method may change the working directory."""
    roots = {name: root.absolute() for name, root in spec.roots.items()}
    datasets = tuple(
        item.model_copy(update={"root": item.root and item.root.absolute()}) for item in spec.datasets
    )
    fits = tuple(folder.absolute() for folder in spec.fits)
    return spec.model_copy(update={"roots": roots, "datasets": datasets, "fits": fits})


def _portable(plan: Plan) -> dict[str, Any]:
    """The resolved configuration as plain data, without folders of this machine."""
    datasets = tuple(item.model_copy(update={"root": None}) for item in plan.spec.datasets)
    return {
        "bench": plain(plan.spec.model_copy(update={"roots": {}, "datasets": datasets, "fits": ()})),
        "methods": {cell.fit.spec.variant: plain(cell.fit.config) for cell in plan.cells},
        "datasets": {cell.source.spec.variant: plain(cell.source.dataset.config) for cell in plan.cells},
    }
