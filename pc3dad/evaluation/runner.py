"""Runs a plan: skips what is finished, isolates what fails, keeps every prediction."""

from dataclasses import dataclass, field
from typing import Protocol

from pc3dad.errors import Pc3dadError
from pc3dad.evaluation import labels, results
from pc3dad.evaluation.plan import Cell, Fit, Plan
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
    fits = _Fits(units, runs, redo=redo)
    for number, (cell, planned) in enumerate(zip(plan.cells, stored.cells, strict=True), start=1):
        try:
            if not redo and results.is_current(planned, runs):
                outcome.reused += 1
            else:
                _predict(cell, f"cell {number} of {len(plan.cells)}: {planned.label}", fits, units, runs)
                outcome.computed += 1
            labels.keep(cell, runs)
            results.evaluate_cell(planned, stored.metrics, runs)
        except Pc3dadError as error:
            runs.log("cell_failed", cell=cell.id, label=planned.label, reason=str(error))
            store.fail(runs.cell_folder(cell.id), str(error))
            outcome.failed.append((planned, str(error)))
    return outcome


def _predict(cell: Cell, step: str, fits: "_Fits", units: Units, runs: RunStore) -> None:
    try:
        fits.ready(cell.fit)
        units.predict(cell, step)
    except Pc3dadError:
        store.forget(runs.cell_folder(cell.id) / store.DONE)  # of an earlier fit or an earlier run
        raise


class _Fits:
    """Makes each fit once: one that failed is not tried again for its other cells."""

    def __init__(self, units: Units, runs: RunStore, *, redo: bool) -> None:
        self._units, self._runs, self._redo = units, runs, redo
        self._seen: dict[str, Pc3dadError | None] = {}

    def ready(self, fit: Fit) -> None:
        if fit.id not in self._seen:
            self._seen[fit.id] = self._attempt(fit)
        if error := self._seen[fit.id]:
            raise error

    def _attempt(self, fit: Fit) -> Pc3dadError | None:
        try:
            if self._redo:
                store.forget(self._runs.fit_folder(fit.id) / store.DONE)
            self._units.fit(fit)
        except Pc3dadError as error:
            return error
        return None
