"""Fits and cells: the independent units of cache, resume, parallel work and failure.

A fit is (method variant, training set, seed); a cell is (fit, data set, category).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pc3dad.config import Config, plain
from pc3dad.data.base import Dataset, SampleRef, TrainView, dataset_errors
from pc3dad.errors import DataError
from pc3dad.evaluation.spec import BenchSpec, DatasetSpec, MethodSpec
from pc3dad.registry import DatasetEntry, MethodEntry
from pc3dad.runs.plan import PlannedCell, StoredPlan
from pc3dad.types import Split

RUN_AGAIN = "run it again when nothing writes into them"


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A method with its validated configuration.

    Attributes:
        spec: as the user wrote it.
        entry: the registered method.
        config: all options.
        fits: stored fits that it scores with instead of being trained.
    """

    spec: MethodSpec
    entry: MethodEntry
    config: Config
    fits: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class OpenDataset:
    """A data set of the benchmark, opened, with the categories to score."""

    spec: DatasetSpec
    entry: DatasetEntry
    dataset: Dataset
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """One training of one variant. Methods that do not train have a fit too, which costs nothing."""

    id: str
    spec: MethodSpec
    entry: MethodEntry
    config: Config
    train: TrainView
    seed: int
    data: tuple[str, ...]
    """Fingerprints of what it is trained on, sorted."""
    stored: Path | None = None
    """Folder of a fit that was made elsewhere and is taken over instead of being trained."""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One fit applied to the test samples of one category.

    Attributes:
        id: digest of all that can change its result.
        labels: digest of all that can change the labels of these samples.
        data: fingerprint of the category.
    """

    id: str
    labels: str
    data: str
    fit: Fit
    source: OpenDataset
    category: str

    def plain(self, run: str) -> PlannedCell:
        """What a run folder keeps of it."""
        return PlannedCell(
            id=self.id,
            fit=self.fit.id,
            labels=self.labels,
            run=run,
            method=self.fit.spec.name,
            variant=self.fit.spec.variant,
            seen=self.fit.entry.ready.regime.seen,
            dataset=self.source.spec.variant,
            train=self.fit.train.name,
            category=self.category,
            seed=self.fit.seed,
        )

    def refs(self) -> list[SampleRef]:
        """Test samples of the cell.

        Raises:
            DataError: they cannot be listed.
        """
        with dataset_errors(f"{self.source.spec.variant}/{self.category}"):
            return self.source.dataset.refs(self.category, Split.TEST)

    def require_unchanged(self) -> None:
        """Makes sure that files are still those that the plan was made for.

        Raises:
            DataError: they are not.
        """
        with dataset_errors(f"{self.source.spec.variant}/{self.category}"):
            now = self.source.dataset.fingerprint(self.category)
        if now != self.data:
            raise DataError(f"files of {self.category} changed while they were read", hint=RUN_AGAIN)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything that a benchmark asks for.

    Attributes:
        spec: the benchmark.
        cells: in order; cells of one fit stand together.
        notes: what was left out and why, for people.
    """

    spec: BenchSpec
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def plain(self) -> StoredPlan:
        """What is kept of it in the run folder."""
        cells = tuple(cell.plain(self.spec.run_name) for cell in self.cells)
        return StoredPlan(cells, plain(self.spec.evaluation), self.notes)

    @property
    def fits(self) -> list[Fit]:
        """The fits that the cells need, each once, in order."""
        return list({cell.fit.id: cell.fit for cell in self.cells}.values())


def fingerprints_of(
    sources: Sequence[tuple[Dataset, SampleRef]], fingerprint: Callable[[Dataset, str], str]
) -> tuple[str, ...]:
    """Fingerprints of all that is trained on, each once, sorted."""
    parts = {(id(dataset), ref.category): dataset for dataset, ref in sources}
    return tuple(sorted({fingerprint(dataset, category) for (_, category), dataset in parts.items()}))


def require_unchanged(sources: Sequence[tuple[Dataset, SampleRef]], data: tuple[str, ...]) -> None:
    """Makes sure that files of a training set are still those that the plan was made for.

    Raises:
        DataError: they are not.
    """
    with dataset_errors("the training set"):
        now = fingerprints_of(sources, lambda dataset, category: dataset.fingerprint(category))
    if now != data:
        raise DataError("files of the training set changed while they were read", hint=RUN_AGAIN)
