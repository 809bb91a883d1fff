"""What a run was asked for, as plain data: a table can be made of a run folder alone, finished or not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pc3dad.errors import DataError
from pc3dad.io import atomic
from pc3dad.runs.rows import Row
from pc3dad.runs.store import read_json

FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One cell of a run; see `rows.Row` for what is not described here.

    Attributes:
        id: name of its folder in `cells/`.
        fit: name of the folder in `fits/`.
        labels: name of the folder in `labels/`.
    """

    id: str
    fit: str
    labels: str
    run: str
    method: str
    variant: str
    seen: str
    dataset: str
    train: str
    category: str
    seed: int

    @property
    def label(self) -> str:
        """For people: variant, training set, seed, data set and category."""
        return self.row("").cell

    def row(self, protocol: str) -> Row:
        """A row of this cell without metric and value."""
        return Row(
            run=self.run,
            method=self.method,
            variant=self.variant,
            seen=self.seen,
            dataset=self.dataset,
            train=self.train,
            category=self.category,
            seed=self.seed,
            defects="all",
            metric="",
            protocol=protocol,
        )


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """The cells of a run in order, how they are evaluated (`evaluation.settings`), and notes for people."""

    cells: tuple[PlannedCell, ...]
    evaluation: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def write_plan(folder: Path, plan: StoredPlan) -> None:
    """Writes `plan.json`.

    Raises:
        DataError: the disk refuses.
    """
    cells = [asdict(cell) for cell in plan.cells]
    atomic.write_json(
        folder / FILE, {"evaluation": dict(plan.evaluation), "notes": plan.notes, "cells": cells}
    )


def read_plan(folder: Path) -> StoredPlan:
    """Reads `plan.json` of a run folder.

    Raises:
        DataError: the file is missing or damaged.
    """
    facts = read_json(folder / FILE)
    try:
        cells = tuple(_cell(item) for item in facts["cells"])
        return StoredPlan(cells, dict(facts["evaluation"]), _texts(facts["notes"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"{folder / FILE} is damaged: {type(error).__name__}: {error}"
        raise DataError(reason, hint="run the same benchmark again, finished cells are kept") from error


def _cell(item: dict[str, str]) -> PlannedCell:
    texts = {field.name: str(item[field.name]) for field in fields(PlannedCell) if field.name != "seed"}
    for name in ("id", "fit", "labels"):
        if not texts[name].isalnum():  # they become names of folders
            raise ValueError(f"{name} {texts[name]!r}")
    return PlannedCell(**texts, seed=int(item["seed"]))


def _texts(items: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(item) for item in items)
