"""The labels of a run: kept once per category, so that predictions can be evaluated without the data set."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from numpy.typing import NDArray

from pc3dad.data.base import dataset_errors
from pc3dad.data.region_cache import RegionCache, regions_folder
from pc3dad.errors import DataError
from pc3dad.evaluation.units import Cell
from pc3dad.io.truths import read_labels, write_truth
from pc3dad.metrics.regions import STANDARD
from pc3dad.runs import store
from pc3dad.runs.store import RunStore
from pc3dad.types import PointCloud, Truth

SAMPLES = "samples"
POSITIONS = "anomalous_xyz"

Arrays = Mapping[str, NDArray[Any]]


def keep(cell: Cell, runs: RunStore, *, again: bool = False) -> None:
    """Copies the labels of a cell's samples into the run folder, with regions, unless they stand there.

    Args:
        cell: the cell.
        runs: run folder.
        again: copy them even if they stand there.

    Raises:
        DataError: a sample cannot be read, or the disk refuses.
    """
    folder = runs.labels_folder(cell.labels)
    if store.is_done(folder) and not again:
        return
    store.begin(folder)
    refs, dataset = cell.refs(), cell.source.dataset
    for ref in refs:
        with dataset_errors(f"labels of {ref.category} {ref.id}"):
            truth = dataset.truth(ref)
            cloud = dataset.load(ref).cloud if truth.points is not None and truth.points.any() else None
        write(runs, cell.labels, truth, cloud)
    cell.require_unchanged()
    facts = {"dataset": cell.source.spec.variant, "category": cell.category}
    finish(runs, cell.labels, [ref.id for ref in refs], facts)


def write(runs: RunStore, labels_id: str, truth: Truth, cloud: PointCloud | None) -> None:
    """Keeps the labels of one sample.

    Args:
        runs: run folder.
        labels_id: name of the folder in `labels/`.
        truth: labels.
        cloud: the scan, to find regions in; None for a sample without anomalous points.

    Raises:
        DataError: labels and points do not fit together, or the disk refuses.
    """
    path = store.sample_file(runs.labels_folder(labels_id), truth.sample_id)
    if cloud is None or truth.points is None:
        write_truth(path, truth)
        return
    for points in (truth.points, truth.shape_points):
        if points is not None and len(points) != len(cloud):
            raise DataError(f"{truth.sample_id} has {len(points)} labels for {len(cloud)} points")
    cache = RegionCache(regions_folder())
    if truth.regions is None:
        truth = replace(truth, regions=cache.regions(cloud, truth.points))
    if truth.shape_points is not None and truth.shape_regions is None:
        truth = replace(truth, shape_regions=cache.regions(cloud, truth.shape_points))
    # Other evaluators find regions of their own, for which they need positions (metrics.compat).
    further = {} if cloud.grid else {POSITIONS: cloud.xyz[truth.points]}
    write_truth(path, truth, further)


def finish(runs: RunStore, labels_id: str, samples: list[str], facts: Mapping[str, Any]) -> None:
    """Marks the labels of a category as complete.

    Raises:
        DataError: the disk refuses.
    """
    named = {**facts, "regions": asdict(STANDARD), SAMPLES: samples}
    store.finish(runs.labels_folder(labels_id), named)


def read(runs: RunStore, labels_id: str) -> Iterator[tuple[Truth, Arrays]]:
    """Labels of one category, in the order of its samples, and what was kept beside them.

    Raises:
        DataError: a file is missing or damaged.
    """
    folder = runs.labels_folder(labels_id)
    names = store.read_json(folder / store.DONE).get(SAMPLES)
    if not isinstance(names, list):
        raise DataError(f"{folder / store.DONE} names no samples", hint=store.AGAIN)
    return (read_labels(store.sample_file(folder, str(name))) for name in names)
