"""From the stored predictions and labels of a cell to its values."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from pc3dad.errors import DataError, MetricError
from pc3dad.evaluation import compat, evaluator, labels
from pc3dad.evaluation.population import Rules, Scored
from pc3dad.evaluation.settings import Settings
from pc3dad.evaluation.values import MetricValue, StoredValue
from pc3dad.metrics.base import MetricSpec, resolve_metrics
from pc3dad.runs import store
from pc3dad.runs.plan import PlannedCell
from pc3dad.runs.store import RunStore
from pc3dad.types import Float64Array, Truth

SECONDS = "resources/seconds"
PEAK = "resources/peak_bytes"


def evaluate(
    cell: PlannedCell, settings: Settings, runs: RunStore
) -> tuple[list[StoredValue], dict[str, Float64Array]]:
    """Values of a cell, and their replicates by "protocol/defects/metric".

    Object metrics are of the first protocol only, since protocols are populations of points. What a further
    protocol or a compatibility column refuses leaves its own values undefined and the others alone.

    Raises:
        ConfigError: a metric is unknown.
        MetricError: the first protocol refuses the scores.
        DataError: a file is missing or damaged.
    """
    scored = Samples(cell, runs)
    specs = resolve_metrics(settings.metrics)
    values: list[StoredValue] = []
    replicates: dict[str, Float64Array] = {}
    first, *further = settings.protocols
    populations = evaluator.populations(scored.truths())
    for protocol, defects in product((first, *further), populations):
        wanted = [spec for spec in specs if protocol == first or spec.level == "point"]
        rules = Rules(defects, protocol, settings.policies)
        try:
            found = evaluator.evaluate(
                scored, wanted, rules, bootstrap=settings.bootstrap, category=cell.category
            )
        except MetricError as error:
            if protocol == first:
                raise
            found = [refused(spec, error) for spec in wanted]
        for value in found:
            values.append(StoredValue.of(value, protocol, defects))
            if value.replicates is not None:
                replicates[f"{protocol}/{defects}/{value.metric}"] = value.replicates
    if others := [key for key in settings.metrics if key in compat.COMPAT]:
        found = compat.evaluate(scored.labelled(), others)
        values += [StoredValue.of(value, compat.PROTOCOL, "all") for value in found]
    spent = _resources(runs.cell_folder(cell.id))
    return values + [StoredValue.of(value, first, "all") for value in spent], replicates


def refused(spec: MetricSpec, error: MetricError) -> MetricValue:
    """The value of a metric whose population the evaluator refused."""
    return MetricValue(spec.key, None, None, 0, 0, compat.REFUSED, notes=(str(error),))


class Samples:
    """Predictions and labels of a cell, read anew for every pass: they need not fit into memory."""

    def __init__(self, cell: PlannedCell, runs: RunStore) -> None:
        self._cell, self._runs = cell, runs

    def truths(self) -> Iterator[Truth]:
        """Labels alone."""
        return (truth for truth, _ in labels.read(self._runs, self._cell.labels))

    def __iter__(self) -> Iterator[Scored]:
        return (item.scored for item in self.labelled())

    def labelled(self) -> Iterator[compat.Labelled]:
        """Predictions and labels with what compatibility columns need beside them."""
        folder = self._runs.cell_folder(self._cell.id)
        for truth, beside in labels.read(self._runs, self._cell.labels):
            kept = store.read_prediction(folder, truth.sample_id)
            scored = Scored(kept.prediction, truth, kept.valid, kept.grid)
            yield compat.Labelled(scored, beside.get(labels.POSITIONS))


def _resources(folder: Path) -> list[MetricValue]:
    """Mean seconds and largest peak memory over the samples of a cell; nothing if nobody measured them."""
    samples = store.read_samples(folder)
    if samples and all(item.get("seconds") == "" for item in samples):
        return []
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
