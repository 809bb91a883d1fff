"""Compatibility columns: what other evaluators would print for stored predictions (docs/metrics.md).

They are off by default, stand in a table of their own and are never averaged with ours.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import MetricError
from pc3dad.evaluation.population import Scored
from pc3dad.evaluation.values import MetricValue
from pc3dad.metrics import compat
from pc3dad.metrics.compat_btp import btp_regions
from pc3dad.metrics.regions import mask_regions, stack_regions
from pc3dad.types import BoolArray, Float32Array

PROTOCOL = "compat"
REFUSED = "refused"
"""Reason of values that irregular scores do not allow."""
SIDE = 336  # of the maps of PointAD, GS-CLIP and Align3D-AD


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One sample of another evaluator: scores (n,), anomalous (n,) bool, regions (n,) with -1 outside."""

    scores: NDArray[np.number]
    anomalous: BoolArray
    regions: NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A scored sample with the positions of its anomalous points.

    Attributes:
        scored: prediction and truth.
        positions: (A, 3) float32 of an unorganised cloud, None of an image or without anomalous points.
    """

    scored: Scored
    positions: Float32Array | None


def evaluate(samples: Iterable[Labelled], metrics: Sequence[str]) -> list[MetricValue]:
    """Values of one category.

    Args:
        samples: the test samples of the category; iterated once.
        metrics: keys, of `COMPAT`.

    """
    found: dict[str, list[Sample]] = {key: [] for key in metrics}
    reasons: dict[str, str] = {}
    for item in samples:
        for key, parts in found.items():
            column = COMPAT[key]
            if reason := _unfit(item, column):
                reasons[key] = reason
            else:
                parts.append(column.bring(item))
    return [_value(key, parts, reasons.get(key, "")) for key, parts in found.items()]


def _value(key: str, parts: Sequence[Sample], reason: str) -> MetricValue:
    if reason or not parts:
        return MetricValue(key, None, None, 0, 0, reason or "no_sample")
    scores = np.concatenate([part.scores for part in parts])
    anomalous = np.concatenate([part.anomalous for part in parts])
    blank = MetricValue(key, None, None, len(scores), int(anomalous.sum()), counts={"n_samples": len(parts)})
    try:
        value = COMPAT[key].measure(scores, anomalous, parts)
    except MetricError as error:
        return replace(blank, reason=REFUSED, notes=(str(error),))
    return replace(blank, reason="no_value_there") if np.isnan(value) else replace(blank, value=float(value))


def _unfit(item: Labelled, column: "Column") -> str:
    """Why a sample, and so its category, has no place in a column; empty if it has."""
    scored = item.scored
    if (scored.grid is not None) != column.organised:
        return "not_organised" if column.organised else "organised"
    if scored.prediction is None:
        return REFUSED  # other evaluators have no policy for missing samples
    if scored.prediction.point_scores is None:
        return "no_point_scores"
    if scored.truth.points is None:
        return "no_point_labels"
    lost = not column.organised and item.positions is None and bool(scored.truth.points.any())
    return "no_positions" if lost else ""


def _all_pixels(item: Labelled) -> Sample:
    """Native pixels, missing ones included, and the components of the whole mask."""
    scores, mask = _map(item)
    return Sample(scores.ravel(), mask.ravel(), mask_regions(mask).ravel())


def _resized_pixels(item: Labelled) -> Sample:
    """Map and mask at 336 x 336, bilinear; the mask is thresholded at 0.5 afterwards."""
    scores, mask = _map(item)
    smaller = _resize(mask.astype(np.float32)) > 0.5
    return Sample(_resize(scores.astype(np.float32)).ravel(), smaller.ravel(), mask_regions(smaller).ravel())


def _btp_points(item: Labelled) -> Sample:
    """Valid points, and regions that grow among the anomalous points alone."""
    scored = item.scored
    scores, points = _points(scored)
    regions = np.full(len(points), -1, dtype=np.int32)
    if item.positions is not None:
        inside = scored.valid[points]
        members = np.flatnonzero(points & scored.valid)
        regions[members] = btp_regions(item.positions[inside])
    return Sample(scores[scored.valid], points[scored.valid], regions[scored.valid])


def _map(item: Labelled) -> tuple[NDArray[np.number], BoolArray]:
    scores, points = _points(item.scored)
    grid = item.scored.grid or points.shape
    return scores.reshape(grid), points.reshape(grid)


def _points(scored: Scored) -> tuple[NDArray[np.number], BoolArray]:
    """(N,) scores and labels of a sample that has both."""
    if scored.prediction is None or scored.prediction.point_scores is None or scored.truth.points is None:
        raise MetricError(f"{scored.truth.sample_id} has no point scores or labels")
    return scored.prediction.point_scores, scored.truth.points


def _resize(image: Float32Array) -> Float32Array:
    from PIL import Image

    resized = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32)


def _with_regions(function: Callable[..., float]) -> Callable[..., float]:
    def measure(scores: NDArray[np.number], anomalous: BoolArray, parts: Sequence[Sample]) -> float:
        return function(scores, anomalous, stack_regions([part.regions for part in parts]))

    return measure


def _coverage(scores: NDArray[np.number], anomalous: BoolArray, parts: Sequence[Sample]) -> float:
    objects = np.repeat(np.arange(len(parts)), [len(part.scores) for part in parts])
    return compat.coverage_auc(scores, anomalous, objects)


@dataclass(frozen=True, slots=True)
class Column:
    """A compatibility column.

    Attributes:
        bring: brings a sample into the form that the other evaluator saw.
        measure: its value from all scores, labels and samples of a category; nan if it has none.
        organised: whether it is for images, else for clouds.
    """

    bring: Callable[[Labelled], Sample]
    measure: Callable[[NDArray[np.number], BoolArray, Sequence[Sample]], float]
    organised: bool


COMPAT: Mapping[str, Column] = MappingProxyType(
    {
        "compat/mvtec3d-official@0.3": Column(
            _all_pixels, _with_regions(compat.mvtec3d_official), organised=True
        ),
        "compat/pro-200-rescaled@0.3": Column(
            _resized_pixels, _with_regions(compat.pro_200_rescaled), organised=True
        ),
        "compat/btp-2026-05@0.3": Column(_btp_points, _with_regions(compat.btp_2026_05), organised=False),
        "compat/coverage-auc": Column(_btp_points, _coverage, organised=False),
    }
)
"""Every compatibility column by its key."""
