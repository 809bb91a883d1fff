"""The main job in one call, for the command line, notebooks and scripts alike."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pc3dad import registry
from pc3dad.config import plain
from pc3dad.context import Progress, RunContext, silent
from pc3dad.device import cpu_count, resolve
from pc3dad.evaluation import runner
from pc3dad.evaluation.plan import Plan, make_plan
from pc3dad.evaluation.spec import make_spec
from pc3dad.io import atomic
from pc3dad.runs import manifest, store
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
        failed: label and reason of each cell without values.
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
    device: str = "auto",
    workers: int = 0,
    progress: Progress = silent,
) -> BenchReport:
    """Runs a benchmark and writes its run folder.

    Args:
        values: fields of `BenchSpec`.
        assignments: "NAME.key=value" options.
        plugins: card files or folders besides the registered ones.
        out: run folder; `runs/<name>` if None.
        redo: compute finished fits and cells again.
        device: see `device.resolve`.
        workers: threads of neighbour searches, 0 for all cores.
        progress: callback.

    Raises:
        ConfigError: a name or an option is wrong.
        DataError: a data set or the run folder cannot be opened.
    """
    spec = make_spec(values, assignments)
    plan = make_plan(spec, methods=registry.methods(plugins), datasets=registry.datasets(plugins))
    info = resolve(device)
    runs = RunStore.open(out or Path("runs") / spec.run_name)
    ctx = RunContext(device=info.device, workers=workers or cpu_count(), progress=progress)
    facts = {
        "schema": store.SCHEMA,
        "name": spec.run_name,
        **manifest.describe(info, manifest.command_line()),
    }
    facts |= {"start": manifest.now(), "end": None, "status": "running"}
    atomic.write_json(runs.folder / "run.json", facts)
    atomic.write_json(runs.folder / "config.json", _portable(plan))
    (runs.folder / "metrics.csv").unlink(missing_ok=True)  # that of an earlier benchmark in this folder
    try:
        outcome = runner.run(plan, runs, ctx, redo=redo)
    except BaseException:
        atomic.write_json(runs.folder / "run.json", facts | {"end": manifest.now(), "status": "interrupted"})
        raise
    table = ResultTable(outcome.rows)
    atomic.write_text(runs.folder / "metrics.csv", table.to_csv())
    status = "failed" if outcome.failed else "done"
    atomic.write_json(runs.folder / "run.json", facts | {"end": manifest.now(), "status": status})
    failed = tuple(outcome.failed)
    return BenchReport(runs.folder, table, plan.notes, outcome.computed, outcome.reused, failed)


def _portable(plan: Plan) -> dict[str, Any]:
    """The resolved configuration as plain data, without folders of this machine."""
    datasets = tuple(item.model_copy(update={"root": None}) for item in plan.spec.datasets)
    return {
        "bench": plain(plan.spec.model_copy(update={"roots": {}, "datasets": datasets})),
        "methods": {fit.spec.variant: plain(fit.config) for fit in plan.fits},
        "datasets": {cell.source.spec.variant: plain(cell.source.dataset.config) for cell in plan.cells},
    }
