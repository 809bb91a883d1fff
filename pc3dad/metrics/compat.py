"""Values that other evaluators would give: they check a reproduced model against published figures.

None of them is AU-PRO as `pc3dad.metrics.aupro` defines it; none may carry its name or be averaged with it.
AUROC and average precision of these evaluators equal ours.

All functions take the test samples of one category, pooled, as `count_ranks` does:
    scores: (n,) finite floats, integers or booleans, higher is more anomalous.
    labels: (n,) 1 or True for anomalous members, 0 or False for normal ones.
    regions: (n,) integers, the region of an anomalous member, unique over samples (`stack_regions`); -1 for
        normal members, and for anomalous ones that the evaluator leaves out of its regions.

Scores that are NaN or infinite and arrays that do not fit raise `MetricError`, whatever the original does
with them. The value is nan where the original has none: where labels leave no region or no normal member
(some originals raise), and for some scores. A mean that skips categories with nan therefore rewards failure.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pc3dad.errors import MetricError
from pc3dad.metrics.ranking import as_scores
from pc3dad.types import BoolArray, Float64Array

UNDEFINED = float("nan")
SLACK = 1e-12  # by which the thresholds of BTP reach past the scores
COVERAGE_GRID = np.linspace(0.0, 1.0, 100)  # shares of selected points at which BTP averaged its curves

Side = Literal["left", "right"]


def mvtec3d_official(
    scores: ArrayLike, labels: ArrayLike, regions: ArrayLike, *, limit: float = 0.3, thresholds: int = 100
) -> float:
    """AU-PRO of the MVTec 3D-AD utility and its copies (Real3D-AD, BTF, M3DM).

    Published with all pixels, missing ones included, and 8-connected components of each full mask as regions.
    Close to `aupro`, but the false positive rate of a threshold is read off its position among the sorted
    normal scores and not counted, which is wrong where they tie, and few thresholds lie below a small limit.
    A scorer that knows nothing gets limit / 2, a constant score 0 where `aupro` gives limit / 2.

    Args:
        scores: see the module.
        labels: see the module.
        regions: see the module.
        limit: largest false positive rate, in (0, 1].
        thresholds: number of quantiles.

    Raises:
        MetricError: input does not fit.
    """
    _require(limit, thresholds)
    rates, overlaps = mvtec3d_official_curve(scores, labels, regions, thresholds=thresholds)
    return _area_up_to(limit, rates, overlaps) if len(rates) else UNDEFINED


def mvtec3d_official_curve(
    scores: ArrayLike, labels: ArrayLike, regions: ArrayLike, *, thresholds: int = 100
) -> tuple[Float64Array, Float64Array]:
    """The curve under which `mvtec3d_official` takes the area. Arguments and errors: there.

    Returns:
        rates: (thresholds + 1,) false positive rates, ascending from 0 to 1.
        overlaps: (thresholds + 1,) mean overlaps of regions.
        Both are empty where labels leave them undefined.
    """
    _require(1.0, thresholds)
    population = _populate(scores, labels, regions)
    if not population.defined:
        return np.zeros(0), np.zeros(0)
    n_normal = len(population.normal)
    positions = np.linspace(0, n_normal - 1, thresholds, dtype=np.int64)
    rates = 1.0 - (positions + 1) / n_normal
    overlaps = population.overlaps(population.normal[positions], "right")
    return np.append(1.0, rates)[::-1], np.append(1.0, overlaps)[::-1]


def pro_200_rescaled(
    scores: ArrayLike, labels: ArrayLike, regions: ArrayLike, *, limit: float = 0.3, thresholds: int = 200
) -> float:
    """P-PRO of PointAD, GS-CLIP and Align3D-AD.

    Published with all pixels of 336 x 336 maps and resized masks, and 8-connected components as regions.
    Thresholds are equidistant in score, so it changes with the scale of the scores. False positive rates
    below the limit are stretched to [0, 1] by the smallest and largest one that a threshold met; nothing is
    interpolated at the limit. A scorer that knows nothing gets about limit / 2. Constant scores get 0 as in
    GS-CLIP (PointAD raises); other scores that leave fewer than two different rates below the limit get nan,
    as do those whose range cannot be divided into steps.

    Args:
        scores: see the module. They are compared in the type delivered: steps of float32 scores are float32.
        labels: see the module.
        regions: see the module.
        limit: false positive rates below it are kept, in (0, 1].
        thresholds: number of steps between the smallest and the largest score of the category.

    Raises:
        MetricError: input does not fit.
    """
    _require(limit, thresholds)
    population = _populate(scores, labels, regions)
    if not population.defined:
        return UNDEFINED
    low, high = population.scores.min(), population.scores.max()
    if low == high:
        return 0.0
    with np.errstate(over="ignore", under="ignore"):
        step = float((high - low) / thresholds)
    if not 0.0 < step < np.inf:
        return UNDEFINED
    levels = np.arange(float(low), float(high), step)
    rates = population.rates(levels, "right")
    kept = rates < limit
    rates, overlaps = rates[kept][::-1], population.overlaps(levels[kept], "right")[::-1]
    if not len(rates) or rates[0] == rates[-1]:
        return UNDEFINED
    return float(np.trapezoid(overlaps, (rates - rates[0]) / (rates[-1] - rates[0])))


def btp_2026_05(
    scores: ArrayLike, labels: ArrayLike, regions: ArrayLike, *, limit: float = 0.3, thresholds: int = 200
) -> float:
    """AU-PRO of BTP as its authors corrected it in May 2026.

    Published with the regions of `compat_btp.btp_regions` in each sample, on sampled points and on full
    clouds. Axes, interpolation and divisor are those of `aupro`; thresholds are equidistant in score, so one
    outlier stretches the grid, and of thresholds with equal false positive rates only the largest overlap
    counts. A scorer that knows nothing gets about limit / 2, constant scores nan, as do scores whose range is
    infinite.

    Args:
        scores: see the module. They are compared as float64.
        labels: see the module.
        regions: see the module.
        limit: largest false positive rate, in (0, 1].
        thresholds: number of thresholds between the largest and the smallest score of the category.

    Raises:
        MetricError: input does not fit.
    """
    _require(limit, thresholds)
    population = _populate(scores, labels, regions)
    if not population.defined:
        return UNDEFINED
    low, high = float(population.scores.min()), float(population.scores.max())
    if not 0.0 < high - low < np.inf:
        return UNDEFINED
    levels = np.linspace(high + SLACK, low - SLACK, thresholds)
    rates, overlaps = population.rates(levels, "left"), population.overlaps(levels, "left")
    largest = np.append(rates[1:] > rates[:-1], True)  # overlaps ascend with the rates
    return _area_up_to(limit, np.append(0.0, rates[largest]), np.append(0.0, overlaps[largest]))


def btp_f1_max(scores: ArrayLike, labels: ArrayLike) -> float:
    """Object-level F1-max of BTP: the best F1 over members taken one by one, tied ones in input order.

    Equal to `f1_max` without ties. With them it depends on the order of the input: a constant score gets 1 if
    the anomalous members come first.

    Args:
        scores: see the module.
        labels: see the module.

    Raises:
        MetricError: input does not fit.
    """
    values, anomalous = _pool(scores, labels)
    n_anomalous = np.count_nonzero(anomalous)
    if n_anomalous in (0, len(anomalous)):
        return UNDEFINED
    found = np.cumsum(anomalous[np.argsort(-values, kind="stable")])
    return float(np.max(2 * found / (np.arange(1, len(found) + 1) + n_anomalous)))


def coverage_auc(scores: ArrayLike, labels: ArrayLike, objects: ArrayLike) -> float:
    """What BTP published as AU-PRO before May 2026, withdrawn by its authors.

    The points of an object are selected in descending score. Its curve is the share of anomalous points found
    against the share of all points selected, read at 100 equidistant shares; the value is the area under the
    mean curve of the objects with anomalous points. Normal objects do not count and there are no regions. A
    scorer that knows nothing gets about 0.5; a perfect one gets about 1 minus half the share of anomalous
    points; a constant one depends on the order of the points.

    Args:
        scores: see the module. Only their order within an object counts; ties are selected in input order.
        labels: see the module.
        objects: (n,) integers, the sample that each point belongs to.

    Raises:
        MetricError: input does not fit.
    """
    values, anomalous = _pool(scores, labels)
    owners = _as_integers(objects, "objects", len(values))
    order = np.argsort(owners, kind="stable")
    borders = np.flatnonzero(np.diff(owners[order])) + 1
    curves = [
        _coverage(values[rows], anomalous[rows]) for rows in np.split(order, borders) if anomalous[rows].any()
    ]
    return float(np.trapezoid(np.mean(curves, axis=0), COVERAGE_GRID)) if curves else UNDEFINED


@dataclass(frozen=True, slots=True, eq=False)
class _Population:
    """Sorted scores of one category.

    Attributes:
        scores: (n,) as given.
        normal: (N,) ascending scores of normal members.
        in_regions: (A,) ascending scores of the members of regions.
        overlap_from: (A + 1,) mean overlap of regions if `in_regions` is found from this index on.
    """

    scores: NDArray[Any]
    normal: NDArray[Any]
    in_regions: NDArray[Any]
    overlap_from: Float64Array

    @property
    def defined(self) -> bool:
        """Whether there are regions and normal members."""
        return len(self.in_regions) > 0 and len(self.normal) > 0

    def rates(self, thresholds: Float64Array, side: Side) -> Float64Array:
        """(T,) false positive rates; side "left" finds scores >= the threshold, "right" those > it."""
        n_normal = len(self.normal)
        return (n_normal - np.searchsorted(self.normal, thresholds, side)) / n_normal

    def overlaps(self, thresholds: NDArray[Any], side: Side) -> Float64Array:
        """(T,) share of a region that is found, mean over regions."""
        return self.overlap_from[np.searchsorted(self.in_regions, thresholds, side)]


def _populate(scores: ArrayLike, labels: ArrayLike, regions: ArrayLike) -> _Population:
    values, anomalous = _pool(scores, labels)
    owners = _as_integers(regions, "regions", len(values))
    inside = owners >= 0
    if (inside & ~anomalous).any():
        raise MetricError("normal members have a region", hint="write -1 where the label is 0")
    members = values[inside]
    _, region, sizes = np.unique(owners[inside], return_inverse=True, return_counts=True)
    order = np.argsort(members, kind="stable")
    weights = 1.0 / (max(len(sizes), 1) * sizes[region[order]])
    overlap_from = np.append(np.cumsum(weights[::-1])[::-1], 0.0)
    return _Population(values, np.sort(values[~anomalous]), members[order], overlap_from)


def _area_up_to(limit: float, rates: Float64Array, overlaps: Float64Array) -> float:
    """Area under the polyline from 0 to the limit, as a share of the limit; rates ascend."""
    inside = rates <= limit
    x = np.append(rates[inside], limit)
    y = np.append(overlaps[inside], np.interp(limit, rates, overlaps))
    return float(np.trapezoid(y, x)) / limit


def _coverage(scores: NDArray[Any], anomalous: BoolArray) -> Float64Array:
    """(100,) share of anomalous points found at each share of COVERAGE_GRID, for one object."""
    found = np.cumsum(anomalous[np.argsort(-scores, kind="stable")])
    selected = np.arange(1, len(found) + 1) / len(found)
    return np.asarray(np.interp(COVERAGE_GRID, selected, found / found[-1]), dtype=np.float64)


def _pool(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], BoolArray]:
    """(n,) scores as floats, and (n,) bool, both checked."""
    values = as_scores(scores)
    if values.dtype.kind != "f":
        values = values.astype(np.float64)  # differences and negatives of integers may not be integers
    if not np.isfinite(values).all():
        raise MetricError("scores are NaN or infinite", hint="mend the method that made them")
    flags = _as_integers(labels, "labels", len(values))
    if ((flags != 0) & (flags != 1)).any():
        raise MetricError("labels hold other values than 0 and 1", hint="pass 1 for anomalous, 0 for normal")
    return values, flags == 1


def _as_integers(values: ArrayLike, name: str, n: int) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except (RuntimeError, TypeError, ValueError) as error:  # ragged lists; tensors on a device
        raise MetricError(f"{name} are no array", hint="pass a NumPy array") from error
    if array.shape != (n,) or (n and array.dtype.kind not in "biu"):
        problem = f"{name} have shape {array.shape} and type {array.dtype}, for {n} scores"
        raise MetricError(problem, hint="pass one integer for each score")
    return array


def _require(limit: float, thresholds: int) -> None:
    if not 0 < limit <= 1:
        raise MetricError(f"limit {limit} is not in (0, 1]", hint="published values use 0.3")
    if thresholds < 2:
        raise MetricError(f"{thresholds} thresholds make no curve", hint="use 2 or more")
