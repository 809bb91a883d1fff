"""Runs a plan: skips what is finished, isolates what fails, keeps every prediction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from pc3dad.errors import Pc3dadError
from pc3dad.evaluation import labels, results
from pc3dad.evaluation.units import Cell, Fit, Plan
from pc3dad.runs import store
from pc3dad.runs.plan import PlannedCell
from pc3dad.runs.store import RunStore


class Units(Protocol):
    """Does the two independent units of work: `worker.Worker` here, `isolation.Isolated` elsewhere."""

    def fit(self, fit: Fit) -> None:
        """Trains a fit, or checks that it stands."""
        ...

    def predict(self, cell: Cell, step: str) -> None:
        """Predicts a cell."""
        ...


@dataclass(slots=True)
class Outcome:
    """What a call of `run` did.

    Attributes:
        computed: cells that were predicted now.
        reused: cells that were finished before.
        failed: cells without values, and why.
    """

    computed: int = 0
    reused: int = 0
    failed: list[tuple[PlannedCell, str]] = field(default_factory=list)

    @property
    def reasons(self) -> dict[str, str]:
        """Id of a failed cell to its reason."""
        return {cell.id: reason for cell, reason in self.failed}


def run(plan: Plan, runs: RunStore, units: Units, *, redo: bool = False) -> Outcome:
    """Predicts every cell that is not finished and evaluates all of them; a cell that fails stops no other.

    Args:
        plan: what to do.
        runs: where results live; finished fits and cells in it are reused.
        units: does the work.
        redo: compute everything again.
    """
    outcome = Outcome()
    stored = plan.plain
    once = _Once()
    for number, (cell, planned) in enumerate(zip(plan.cells, stored.cells, strict=True), start=1):
        try:
            if not redo and results.is_current(planned, runs):
                outcome.reused += 1
            else:
                step = f"cell {number} of {len(plan.cells)}: {planned.label}"
                _predict(cell, step, once, units, runs, redo=redo)
                outcome.computed += 1
            once.do(cell.labels, partial(labels.keep, cell, runs, again=redo))
            results.evaluate_cell(planned, plan.spec.evaluation, runs)
        except Pc3dadError as error:
            runs.log("cell_failed", cell=cell.id, label=planned.label, reason=str(error))
            store.fail(runs.cell_folder(cell.id), str(error))
            outcome.failed.append((planned, str(error)))
    return outcome


def _predict(cell: Cell, step: str, once: "_Once", units: Units, runs: RunStore, *, redo: bool) -> None:
    try:
        once.do(cell.fit.id, partial(_fit, cell.fit, units, runs, redo=redo))
        units.predict(cell, step)
    except Pc3dadError:
        store.forget(runs.cell_folder(cell.id) / store.DONE)  # of an earlier fit or an earlier run
        raise


def _fit(fit: Fit, units: Units, runs: RunStore, *, redo: bool) -> None:
    if redo:
        store.forget(runs.fit_folder(fit.id) / store.DONE)
    units.fit(fit)


class _Once:
    """Does what several cells share; what failed is not tried again for the next of them."""

    def __init__(self) -> None:
        self._done: dict[str, Pc3dadError | None] = {}

    def do(self, key: str, work: Callable[[], None]) -> None:
        if key not in self._done:
            self._done[key] = self._attempt(work)
        if error := self._done[key]:
            raise error

    def _attempt(self, work: Callable[[], None]) -> Pc3dadError | None:
        try:
            work()
        except Pc3dadError as error:
            error.__cause__ = error.__context__ = None  # their frames would keep a whole model in memory
            return error.with_traceback(None)
        return None
