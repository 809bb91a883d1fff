"""The small inputs behind the figures and numbers of docs/metrics.md."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from pc3dad.metrics.base import METRICS
from pc3dad.metrics.bootstrap import Bins, SampleCounts, draw
from pc3dad.metrics.compat_btp import btp_radius, btp_regions
from pc3dad.metrics.regions import STANDARD, cloud_regions, mask_regions
from pc3dad.types import BoolArray, Float64Array

IntArray = NDArray[np.integer]

NORMAL = (0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7, 0.9)
DEFECTS = ((0.95, 0.8, 0.5), (0.5, 0.2))
RISE = 2.0  # of anomalous scores over normal ones, in standard deviations (`under_prevalence`)
TRUE_AUROC = float(norm.cdf(1 / sqrt(4)))  # of `objects`: the difference of two scores is N(1, 4)


def golden() -> tuple[Float64Array, BoolArray, IntArray]:
    """Scores, labels and regions of the small example."""
    sizes = [len(defect) for defect in DEFECTS]
    scores = np.concatenate([NORMAL, *DEFECTS])
    regions = np.repeat(np.arange(-1, len(DEFECTS)), [len(NORMAL), *sizes])
    return scores, regions >= 0, regions


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One organised scan: (H, W) images.

    Attributes:
        missing: True where there is no measurement.
        marked: True where the annotation says defect.
    """

    missing: BoolArray
    marked: BoolArray


def scan() -> Scan:
    """A round object on an empty background, with a hole in the measurement of its defect."""
    row, column = np.mgrid[:24, :32]
    marked = np.hypot(row - 8, column - 18) < 4.2
    hole = np.hypot(row - 7, column - 20) < 1.8
    spots = np.hypot(row - 17, column - 12) < 1.3
    return Scan((np.hypot((row - 12) * 1.1, column - 16) > 11.6) | hole | spots, marked)


def three_defects(n_points: int, seed: int, *, uneven: bool = False) -> tuple[Float64Array, BoolArray]:
    """A wavy patch of unit side with three round defects, two of them close together.

    Args:
        n_points: how many points are sampled.
        seed: of the sampling.
        uneven: True for a density that grows eightfold from left to right.

    Returns:
        (N, 3) points and (N,) bool, the anomalous ones.
    """
    rng = np.random.default_rng(seed)
    place = rng.random((8 * n_points, 2))
    place = place[rng.random(len(place)) < (1 + 7 * place[:, 0]) / 8 if uneven else slice(None)][:n_points]
    centres = (0.43, 0.5), (0.57, 0.5), (0.15, 0.2)
    anomalous = np.any([np.linalg.norm(place - centre, axis=1) < 0.05 for centre in centres], axis=0)
    return np.column_stack([place, 0.05 * np.sin(9 * place).sum(axis=1)]), anomalous


def linked(points: Float64Array, anomalous: BoolArray, *, from_cloud: bool) -> tuple[BoolArray, IntArray]:
    """(A, A) bool, which anomalous points are joined, and (A,) their regions.

    Args:
        points: (N, 3) cloud.
        anomalous: (N,) bool.
        from_cloud: True for our rule, False for one reach from the anomalous points alone, as BTP has it.
    """
    members = points[anomalous]
    apart = np.linalg.norm(members[:, None] - members, axis=2)
    if not from_cloud:
        return apart <= btp_radius(members), btp_regions(members)
    spacing = np.sort(np.linalg.norm(members[:, None] - points, axis=2), axis=1)[:, STANDARD.k]
    reach = STANDARD.alpha * np.minimum(spacing, STANDARD.clamp * np.median(spacing))
    return apart <= np.maximum(reach, reach[:, None]), cloud_regions(points, anomalous)[anomalous]


def two_defects() -> tuple[Float64Array, BoolArray, IntArray]:
    """(H, W) scores, mask and regions of an image with a large, clear defect and a small, faint one."""
    mask = np.zeros((36, 48), dtype=np.bool_)
    mask[7:23, 6:24] = True
    mask[23:28, 35:40] = True
    regions = mask_regions(mask)
    noise = gaussian_filter(np.random.default_rng(3).normal(size=mask.shape), 1.2) * 2.2
    raised = gaussian_filter(np.choose(regions + 1, (0.0, 2.0, 0.9)), 1.0)
    return raised + noise, mask, regions


def overlap_curves() -> dict[str, tuple[Float64Array, Float64Array]]:
    """Rates and overlaps of each of two defects, and their mean, on a grid of rates."""
    scores, mask, regions = two_defects()
    levels = np.append(np.inf, np.unique(scores)[::-1])
    normal = np.sort(scores[~mask])
    rates = 1 - np.searchsorted(normal, levels) / len(normal)
    kept = np.linspace(0, 1, 201)
    curves = {}
    for name, region in (("large", 0), ("small", 1)):
        ascending = np.sort(scores[regions == region])
        overlaps = 1 - np.searchsorted(ascending, levels) / len(ascending)
        curves[name] = kept, np.interp(kept, rates, overlaps)
    curves["mean"] = kept, (curves["large"][1] + curves["small"][1]) / 2
    return curves


def under_prevalence() -> tuple[Float64Array, Float64Array, Float64Array]:
    """Shares of anomalous members, and AP and F1-max of one detector at each.

    Normal scores are N(0, 1) and anomalous ones N(RISE, 1), so the ROC curve is the same throughout.
    """
    levels = np.linspace(9, -7, 4001)
    true, false = norm.sf(levels - RISE), norm.sf(levels)
    shares = np.geomspace(0.0005, 0.5, 61)
    found, wrong = shares[:, None] * true, (1 - shares[:, None]) * false
    ap = np.sum(np.diff(true) * (found / (found + wrong))[:, 1:], axis=1)
    f1 = np.max(2 * found / (found + wrong + shares[:, None]), axis=1)
    return shares, ap, f1


def objects(seed: int, *, n_objects: int = 40, n_points: int = 100) -> tuple[Float64Array, BoolArray]:
    """Objects whose points share an offset; a fifth of the points of every other object is anomalous.

    Returns:
        (M, n) scores and (M, n) labels.
    """
    rng = np.random.default_rng(seed)
    labels = np.zeros((n_objects, n_points), dtype=np.bool_)
    labels[::2, : n_points // 5] = True
    return labels + rng.normal(size=(n_objects, 1)) + rng.normal(size=labels.shape), labels


def draw_objects(scores: Float64Array, labels: BoolArray, replicates: int) -> Float64Array:
    """(B,) AUROC of categories in which objects were drawn with replacement, as the evaluator does."""
    bins = Bins.choose(np.unique(scores[labels]), np.sort(scores, axis=None))
    table = SampleCounts(bins, len(scores), regions=False)
    for number, (values, anomalous) in enumerate(zip(scores, labels, strict=True)):
        table.add(number, np.sort(values), values[anomalous], None)
    weights = draw(np.asarray(labels.any(axis=1)), 0, replicates)
    return table.replicates([METRICS["point/auroc"]], weights)["point/auroc"]


def draw_points(scores: Float64Array, labels: BoolArray, replicates: int) -> Float64Array:
    """(B,) AUROC of categories in which points were drawn, which pretends that they are independent."""
    rng = np.random.default_rng(0)
    negative = np.sort(scores[~labels])
    outranked = np.searchsorted(negative, scores[labels])  # (P,) how many normal points score lower
    n_positive, n_negative = len(outranked), len(negative)
    rows = np.arange(replicates)[:, None]
    drawn = rows * (n_negative + 1) + 1 + rng.integers(n_negative, size=(replicates, n_negative))
    times = np.bincount(drawn.ravel(), minlength=replicates * (n_negative + 1))
    lower = times.reshape(replicates, -1).cumsum(axis=1)
    chosen = outranked[rng.integers(n_positive, size=(replicates, n_positive))]
    return np.asarray(lower[rows, chosen].mean(axis=1) / n_negative, dtype=np.float64)


def scan_counts() -> dict[str, int]:
    """How many pixels of the scan count as what."""
    found = scan()
    return {
        "normal": int((~found.missing & ~found.marked).sum()),
        "anomalous": int((~found.missing & found.marked).sum()),
        "background": int((found.missing & ~found.marked).sum()),
        "unmeasured": int((found.missing & found.marked).sum()),
    }
