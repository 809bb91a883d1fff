"""What other evaluators compute, re-stated to show where they leave our definitions (docs/metrics.md).

These are formulas of our own after the behaviour of the versions named, not their code. Those that published
figures of our data sets rest on are in `pc3dad.metrics.compat`, which refuses NaN; here NaN is treated as the
originals do. All functions take the members of one category, pooled:
    scores: (n,) floats, higher is more anomalous; NaN allowed.
    labels: (n,) bool.
    regions: (n,) integers, the region of an anomalous member, unique over samples, -1 for normal ones.

The result is nan where the original gives nan or stops with an error.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pc3dad.metrics import compat, ranking
from pc3dad.metrics.regions import cloud_regions, mask_regions, stack_regions
from pc3dad.types import BoolArray, Float64Array

Float32Array = NDArray[np.float32]
RegionIds = NDArray[np.integer]
NO_VALUE = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Category:
    """The members of one simulated category, sample by sample.

    Attributes:
        scores: (n,) float64 in (0, 1), without ties.
        labels: (n,) bool.
        regions: (n,) int64, -1 for normal members.
        samples: (n,) int64, number of the sample, ascending.
    """

    scores: Float64Array
    labels: BoolArray
    regions: RegionIds
    samples: NDArray[np.int64]

    def scored(self, scores: Float64Array) -> "Category":
        """The same members with other scores."""
        return replace(self, scores=scores)

    def batches(self) -> list[Float64Array]:
        """Scores of each sample."""
        return np.split(self.scores, np.flatnonzero(np.diff(self.samples)) + 1)


def image_category(*, n_images: int = 8, size: int = 48, seed: int = 0) -> Category:
    """Images without background; the later half has a large and a small defect each."""
    rng = np.random.default_rng(seed)
    masks, fields = np.zeros((n_images, size, size), dtype=np.bool_), []
    for image, mask in enumerate(masks):
        raised = np.zeros((size, size))
        if image >= n_images // 2:
            row, column = rng.integers(3, size // 2, 2)
            mask[row : row + 12, column : column + 9] = True
            raised[mask] = rng.uniform(0.8, 2.4)
            mask[-6:-3, -9:-5] = True
            raised[-6:-3, -9:-5] = rng.uniform(0.2, 2.0)
        noise = gaussian_filter(rng.normal(size=raised.shape), 1.5) * 4
        fields.append(gaussian_filter(raised, 1) + noise + 0.3 * rng.normal(size=raised.shape))
    regions = stack_regions([mask_regions(mask).ravel() for mask in masks])
    samples = np.repeat(np.arange(n_images), size * size)
    return Category(_into_unit_interval(np.ravel(fields)), masks.ravel(), regions, samples)


def cloud_category(*, n_clouds: int = 8, n_points: int = 2000, seed: int = 1) -> Category:
    """Wavy patches of unit side, sampled at random; the later half has two round defects each."""
    rng = np.random.default_rng(seed)
    labels, regions, fields = [], [], []
    for cloud in range(n_clouds):
        place = rng.random((n_points, 2))
        xyz = np.column_stack([place, 0.1 * np.sin(6 * place).sum(axis=1)])
        defects = [(rng.uniform(0.15, 0.4, 2), 0.09), (rng.uniform(0.6, 0.85, 2), 0.05)]
        inside = [np.linalg.norm(place - centre, axis=1) < radius for centre, radius in defects]
        inside = inside if cloud >= n_clouds // 2 else [np.zeros(n_points, dtype=np.bool_)] * 2
        waves = np.sin(rng.uniform(5, 15, 2) * place + rng.uniform(0, 6, 2)).sum(axis=1)
        raised = rng.uniform(0.2, 2.0) * inside[0] + rng.uniform(0.2, 2.0) * inside[1]
        fields.append(raised + 0.5 * waves + 0.7 * rng.normal(size=n_points))
        labels.append(inside[0] | inside[1])
        regions.append(cloud_regions(xyz, labels[-1]))
    samples = np.repeat(np.arange(n_clouds), n_points)
    return Category(
        _into_unit_interval(np.ravel(fields)), np.concatenate(labels), stack_regions(regions), samples
    )


def mvtec3d_official(scores: Float64Array, labels: BoolArray, regions: RegionIds) -> float:
    """AU-PRO@0.3 of the MVTec 3D-AD utility: NaN is sorted behind all numbers, the highest threshold."""
    finite = scores[~np.isnan(scores)]
    highest = float(finite.max(initial=0.0)) + 1.0
    return compat.mvtec3d_official(np.where(np.isnan(scores), highest, scores), labels, regions)


def pro_200_rescaled(scores: Float64Array, labels: BoolArray, regions: RegionIds) -> float:
    """P-PRO of PointAD, GS-CLIP and Align3D-AD: they stop at a NaN."""
    return NO_VALUE if np.isnan(scores).any() else compat.pro_200_rescaled(scores, labels, regions)


def btp_2026_05(scores: Float64Array, labels: BoolArray, regions: RegionIds) -> float:
    """AU-PRO@0.3 of BTP since May 2026: a NaN score reaches no threshold, so it counts as not detected."""
    normal, finite = ~labels, ~np.isnan(scores)
    kept = finite | labels
    share = float((normal & finite).sum() / max(1, normal.sum()))
    if share < 0.3 or np.isnan(scores[labels]).any():
        return NO_VALUE  # not re-stated
    # The rate counts lost members too: 0.3 of all normal members are 0.3 / share of the others.
    return compat.btp_2026_05(scores[kept], labels[kept], regions[kept], limit=0.3 / share)


def coverage_auc(scores: Float64Array, labels: BoolArray, samples: NDArray[np.integer]) -> float:
    """What BTP published as AU-PRO before May 2026; its treatment of NaN is not re-stated."""
    return NO_VALUE if np.isnan(scores).any() else compat.coverage_auc(scores, labels, samples)


def anomalib_2_2(scores: Float64Array, labels: BoolArray, regions: RegionIds, *, limit: float = 0.3) -> float:
    """AU-PRO of anomalib up to 2.2.

    One ROC curve for each region against the normal members, cut at the limit and resampled by index, not by
    rate, to the length of the ROC curve of all anomalous members. Rates and overlaps are averaged over
    regions, and the area is divided by the last averaged rate. With few points below the limit the resampled
    rates overshoot it, are not ascending, and the value can exceed 1.
    """
    values = scores.astype(np.float32)
    rates, _ = _roc(_squash(values), labels)
    grid = np.arange(np.count_nonzero(rates <= limit), dtype=np.float64)
    ids = np.unique(regions[regions >= 0])
    if not len(ids) or labels.all() or len(grid) < 2:
        return NO_VALUE
    curves = []
    for region in ids:
        members = ~labels | (regions == region)
        curves.append(_resampled(*_roc(_squash(values[members]), labels[members]), grid, limit))
    mean_rates, overlaps = np.mean(curves, axis=0)
    order = np.argsort(mean_rates, kind="stable")
    area = np.trapezoid(overlaps[order], mean_rates[order])
    return float(area / mean_rates[-1]) if mean_rates[-1] else NO_VALUE


def anomalib_2_3(scores: Float64Array, labels: BoolArray, regions: RegionIds, *, limit: float = 0.3) -> float:
    """AU-PRO of anomalib since 2.3: ours on float32 scores, but 0 without regions; NaN is the highest."""
    if not (regions >= 0).any() or labels.all():
        return 0.0
    return ranking.aupro(_ranks(scores.astype(np.float32)), labels, regions, limit=limit)


def torchmetrics_scores(batches: Iterable[Float64Array]) -> Float32Array:
    """Scores that torchmetrics 1.x ranks: a batch with a score outside [0, 1] goes through a sigmoid."""
    return np.concatenate([_squash(batch.astype(np.float32)) for batch in batches])


def torchmetrics_auroc(batches: Iterable[Float64Array], labels: BoolArray) -> float:
    """AUROC of torchmetrics 1.x without thresholds: exact but for the sigmoid; 0 if all labels are equal.

    NaN is the highest score.
    """
    value = ranking.auroc(_ranks(torchmetrics_scores(batches)), labels)
    return 0.0 if np.isnan(value) else value


def torchmetrics_average_precision(batches: Iterable[Float64Array], labels: BoolArray) -> float:
    """AP of torchmetrics 1.x without thresholds: exact but for the sigmoid; 0 without anomalous members."""
    value = ranking.average_precision(_ranks(torchmetrics_scores(batches)), labels)
    return float(labels.any()) if np.isnan(value) else value


def torchmetrics_binned_auroc(
    batches: Iterable[Float64Array], labels: BoolArray, *, thresholds: int = 200
) -> float:
    """AUROC of torchmetrics 1.x with a number of thresholds, which are equidistant in [0, 1]."""
    true, false = _reached(torchmetrics_scores(batches), labels, np.linspace(0, 1, thresholds))
    if labels.all() or not labels.any():
        return 0.0
    return float(np.trapezoid(true[::-1] / labels.sum(), false[::-1] / (~labels).sum()))


def torchmetrics_binned_average_precision(
    batches: Iterable[Float64Array], labels: BoolArray, *, thresholds: int = 200
) -> float:
    """AP of torchmetrics 1.x with a number of thresholds, which are equidistant in [0, 1]."""
    true, false = _reached(torchmetrics_scores(batches), labels, np.linspace(0, 1, thresholds))
    recall = np.append(true, 0) / max(1, int(labels.sum()))
    return float(np.sum(-np.diff(recall) * true / np.maximum(true + false, 1)))


def scikit_learn(function: str, scores: Float64Array, labels: BoolArray) -> float:
    """What scikit-learn itself gives, for example "roc_auc_score": here nothing is re-stated."""
    from sklearn import metrics

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels of one kind
        try:
            return float(getattr(metrics, function)(labels, scores))
        except ValueError:  # NaN; up to version 1.5 also labels of one kind
            return NO_VALUE


def adeval_auroc(scores: Float64Array, labels: BoolArray) -> float:
    """AUROC of adeval 1.1: 1000 strips between the lowest and the highest score."""
    edges = _adeval_edges(scores)
    if not len(edges) or labels.all() or not labels.any():
        return NO_VALUE
    true, false = _reached(scores, labels, edges)
    return float(np.trapezoid(true[::-1] / labels.sum(), false[::-1] / (~labels).sum()))


def adeval_average_precision(scores: Float64Array, labels: BoolArray) -> float:
    """What adeval 1.1 calls AP: the same strips, and the trapezoid rule, which is not average precision."""
    edges = _adeval_edges(scores)
    if not len(edges) or labels.all() or not labels.any():
        return NO_VALUE
    true, false = _reached(scores, labels, edges)
    precision = np.where(true + false > 0, true / np.maximum(true + false, 1), 1.0)
    return float(np.trapezoid(precision[::-1], true[::-1] / labels.sum()))


def adeval_aupro(scores: Float64Array, labels: BoolArray, regions: RegionIds) -> float:
    """AU-PRO@0.3 of adeval 1.1: the same strips, interpolated at the limit."""
    edges, limit = _adeval_edges(scores), 0.3
    if not len(edges) or labels.all() or not labels.any():
        return NO_VALUE
    _, region, sizes = np.unique(regions[labels], return_inverse=True, return_counts=True)
    order = np.argsort(scores[labels])
    weights = np.append(0, np.cumsum((1 / (len(sizes) * sizes[region]))[order]))
    overlaps = (weights[-1] - weights[np.searchsorted(scores[labels][order], edges)])[::-1]
    rates = _reached(scores, labels, edges)[1][::-1] / (~labels).sum()
    inside = rates <= limit
    x = np.append(rates[inside], limit)
    return float(np.trapezoid(np.append(overlaps[inside], np.interp(limit, rates, overlaps)), x) / limit)


def _into_unit_interval(values: Float64Array) -> Float64Array:
    """Ascending function of the values, in (0.05, 0.95)."""
    low, high = values.min(), values.max()
    return np.asarray(0.06 + 0.88 * (values - low) / (high - low))


def _squash(scores: Float32Array) -> Float32Array:
    """A sigmoid, unless all scores are in [0, 1]."""
    if ((scores >= 0) & (scores <= 1)).all():
        return scores
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-scores)), dtype=np.float32)


def _ranks(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """(n,) rank of each score from 0; ties share one, NaN are the highest, each by itself."""
    return np.asarray(np.unique(scores, return_inverse=True, equal_nan=False)[1], dtype=np.int64)


def _reached(
    scores: NDArray[np.floating], labels: BoolArray, thresholds: Float64Array
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(T,) anomalous and (T,) normal members whose score reaches each threshold; NaN reaches none."""
    numbers = ~np.isnan(scores)
    found = []
    for members in (labels & numbers, ~labels & numbers):
        ascending = np.sort(scores[members].astype(np.float64))
        found.append(len(ascending) - np.searchsorted(ascending, thresholds))
    return found[0], found[1]


def _roc(scores: Float32Array, labels: BoolArray) -> tuple[Float64Array, Float64Array]:
    """(K + 1,) shares of normal and of anomalous members found, from (0, 0) on, per distinct score."""
    ranks = _ranks(scores)
    true = np.cumsum(np.bincount(ranks[labels], minlength=ranks.max() + 1)[::-1])
    false = np.cumsum(np.bincount(ranks[~labels], minlength=ranks.max() + 1)[::-1])
    return np.append(0, false) / max(1, false[-1]), np.append(0, true) / max(1, true[-1])


def _resampled(
    rates: Float64Array, overlaps: Float64Array, grid: Float64Array, limit: float
) -> tuple[Float64Array, Float64Array]:
    """The curve of one region up to the limit, read at equidistant indices but for the last, at the limit."""
    kept = np.count_nonzero(rates <= limit)
    if not rates[:kept].any():
        kept = np.count_nonzero(rates <= rates[rates > limit].min())
    past = int(np.searchsorted(rates, limit))
    reached = bool(np.isclose(rates[kept - 1], limit, rtol=1e-5, atol=1e-8))
    index = np.arange(kept) if reached else np.append(np.arange(kept), past)
    places, positions = grid.copy(), index * (grid[-1] / index[-1])
    if not reached:
        share = (limit - rates[past - 1]) / (rates[past] - rates[past - 1])
        places[-1] = positions[-2] + share * (positions[-1] - positions[-2])
    return np.interp(places, positions, rates[index]), np.interp(places, positions, overlaps[index])


def _adeval_edges(scores: Float64Array, *, strips: int = 1000) -> Float64Array:
    """(strips + 1,) lower ends of the strips; empty where adeval stops: constant scores and NaN."""
    low, high = scores.min(), scores.max()
    return np.linspace(low, high, strips + 1) if low < high else np.empty(0)
