"""Values with all categories in one population, for comparison with other works; never the headline.

They mix the score scales of different categories. At the object level they are meaningful only for a method
that claims one threshold for all categories.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pc3dad.errors import MetricError
from pc3dad.evaluation import cells, evaluator, results
from pc3dad.evaluation.population import Rules, Scored
from pc3dad.evaluation.settings import Settings
from pc3dad.evaluation.values import StoredValue
from pc3dad.metrics.base import resolve_metrics
from pc3dad.runs.plan import PlannedCell, read_plan
from pc3dad.runs.rows import Row
from pc3dad.runs.store import RunStore
from pc3dad.runs.table import ResultTable

PROTOCOL = "pooled"


def evaluate_pooled(folder: Path) -> ResultTable:
    """Pooled values of each method, training set, seed and data set of a run, on valid points.

    Nothing is written. Methods of which a cell has no predictions are left out.

    Args:
        folder: run folder.

    Raises:
        DataError: no run folder, or a file is missing or damaged.
    """
    runs = RunStore.open(folder)
    plan = read_plan(folder)
    settings = results.stored_settings(plan)
    groups: dict[tuple[str, str, int, str], list[PlannedCell]] = {}
    for cell in plan.cells:
        groups.setdefault((cell.variant, cell.train, cell.seed, cell.dataset), []).append(cell)
    whole = (group for group in groups.values() if all(results.is_current(cell, runs) for cell in group))
    return ResultTable(row for group in whole for row in _rows(group, settings, runs))


def _rows(group: Sequence[PlannedCell], settings: Settings, runs: RunStore) -> Iterator[Row]:
    first = replace(group[0], category=f"{len(group)} categories in one population")
    samples, specs = _Pool(group, runs), resolve_metrics(settings.metrics)
    for defects in evaluator.populations(item.truth for item in samples):
        try:
            found = evaluator.evaluate(samples, specs, Rules(defects, policies=settings.policies))
        except MetricError as error:
            found = [cells.refused(spec, error) for spec in specs]
        for value in found:
            yield StoredValue.of(value, PROTOCOL, defects).row(first, settings.policies.text)


class _Pool:
    """Samples of several cells, with the category in their ids, read anew for every pass."""

    def __init__(self, group: Sequence[PlannedCell], runs: RunStore) -> None:
        self._group, self._runs = group, runs

    def __iter__(self) -> Iterator[Scored]:
        for cell in self._group:
            for item in cells.Samples(cell, self._runs):
                name = f"{cell.category}/{item.truth.sample_id}"
                given = item.prediction
                yield replace(
                    item,
                    truth=replace(item.truth, sample_id=name),
                    prediction=None if given is None else replace(given, sample_id=name),
                )
