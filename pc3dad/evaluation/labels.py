"""The labels of a run: kept once per category, so that predictions can be evaluated without the data set."""

from collections.abc import Iterator

from pc3dad.data.base import dataset_errors
from pc3dad.errors import DataError
from pc3dad.evaluation.units import Cell
from pc3dad.io.truths import read_truth, write_truth
from pc3dad.runs import store
from pc3dad.runs.store import RunStore
from pc3dad.types import Truth

SAMPLES = "samples"


def keep(cell: Cell, runs: RunStore, *, again: bool = False) -> None:
    """Copies the labels of a cell's samples into the run folder, unless they stand there.

    Args:
        cell: the cell.
        runs: run folder.
        again: copy them even if they stand there.

    Raises:
        DataError: a label cannot be read, or the disk refuses.
    """
    folder = runs.labels_folder(cell.labels)
    if store.is_done(folder) and not again:
        return
    store.begin(folder)
    refs = cell.refs()
    for ref in refs:
        with dataset_errors(f"labels of {ref.category} {ref.id}"):
            truth = cell.source.dataset.truth(ref)
        write_truth(store.sample_file(folder, ref.id), truth)
    cell.require_unchanged()
    facts = {"dataset": cell.source.spec.variant, "category": cell.category}
    store.finish(folder, facts | {SAMPLES: [ref.id for ref in refs]})


def read(runs: RunStore, labels_id: str) -> Iterator[Truth]:
    """Labels of one category, in the order of its samples.

    Raises:
        DataError: a file is missing or damaged.
    """
    folder = runs.labels_folder(labels_id)
    names = store.read_json(folder / store.DONE).get(SAMPLES)
    if not isinstance(names, list):
        raise DataError(f"{folder / store.DONE} names no samples", hint=store.AGAIN)
    return (read_truth(store.sample_file(folder, str(name))) for name in names)
