"""AUROC, AP, F1-max and AU-PRO from ranks: exact, ties as one block, only the order of the scores matters.

A member of the population is predicted anomalous at threshold t iff its score is >= t. Between two distinct
scores of anomalous members only false positives change, so everything follows from three counts for each
distinct anomalous score v: anomalous scores equal to v, normal scores > v, normal scores >= v; and, for
AU-PRO, from the share of the regions whose points score v. They may be counted chunk by chunk and are the
same for every order and every split.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pc3dad.errors import MetricError
from pc3dad.types import BoolArray, Float64Array

Int64Array = NDArray[np.int64]
Counts = NDArray[Any]  # whole numbers: int64, and float64 in batches, which are matrix products
WIDENED = ("float16", "bfloat16")  # compared as float32; every other type is compared as delivered
CHUNK = 1 << 24  # scores sorted at a time bound the memory; fewer would be searched more often


@dataclass(frozen=True, slots=True, eq=False)
class RankCounts:
    """Counts at K scores, of one population or a batch of them; `...` is the shape of the batch, () for one.

    The K scores are the distinct ones of anomalous members, or the bins of `bootstrap`. Every metric is of
    shape (...) and nan where labels leave it undefined.

    Attributes:
        thresholds: (K,) scores, descending, in the type they were compared in; lower ends of bins.
        true_at: (..., K) anomalous members at the score.
        false_above: (..., K) normal scores above the threshold.
        false_at_or_above: (..., K) normal scores that reach the threshold.
        n_positive: (...) anomalous members.
        n_negative: (...) normal members.
        n_regions: (...) regions with at least one member; 0 if regions are unknown.
        coverage_at: (..., K) float64, share of the points of a region that have the score, mean over regions;
            None if regions are unknown.
    """

    thresholds: NDArray[Any]
    true_at: Counts
    false_above: Counts
    false_at_or_above: Counts
    n_positive: Counts
    n_negative: Counts
    n_regions: Counts
    coverage_at: Float64Array | None

    @property
    def defined(self) -> BoolArray:
        """(...) bool, whether there are members of both kinds."""
        return np.asarray((self.n_positive > 0) & (self.n_negative > 0))

    def auroc(self) -> Float64Array:
        """Probability that an anomalous member scores above a normal one, ties counted half.

        The numerator is an exact integer while there are fewer than 2^62 pairs.
        """
        negative = np.expand_dims(self.n_negative, -1)
        twice_outranked = 2 * negative - self.false_above - self.false_at_or_above
        pairs = np.sum(self.true_at * twice_outranked, axis=-1)
        return self._ratio(pairs, 2 * self.n_positive * self.n_negative)

    def average_precision(self) -> Float64Array:
        """Precision at every distinct score, weighted by the share of anomalous members that it adds."""
        found = np.cumsum(self.true_at, axis=-1)
        precision = found / np.maximum(found + self.false_at_or_above, 1)
        return self._ratio(np.sum(self.true_at * precision, axis=-1), self.n_positive)

    def f1_max(self) -> Float64Array:
        """F1 at the best threshold, which is chosen on the labels: an oracle value."""
        return self._ratio(self._f1().max(axis=-1, initial=0), np.ones_like(self.n_positive))

    def f1_max_threshold(self) -> float:
        """The largest threshold at which F1 of one population is maximal."""
        return float(self.thresholds[self._f1().argmax()]) if self.defined else float("nan")

    def aupro(self, limit: float) -> Float64Array:
        """Area under the per-region overlap up to a false positive rate, as a share of `limit`.

        Closed form of the polyline through all distinct thresholds, interpolated at the limit
        (docs/metrics.md).

        Args:
            limit: largest false positive rate, in (0, 1].

        Raises:
            MetricError: the limit is out of range, or regions are unknown.
        """
        if not 0 < limit <= 1:
            raise MetricError(f"limit {limit} is not in (0, 1]", hint="published limits are 0.3 and 0.05")
        if self.coverage_at is None:
            raise MetricError("AU-PRO needs the region of every anomalous point", hint="pass regions")
        negative = np.maximum(np.expand_dims(self.n_negative, -1), 1)
        below, reached = self.false_above / negative, self.false_at_or_above / negative
        # The share of the limit that a point covers; its block of ties goes from rate `below` to `reached`.
        span = np.maximum(reached - below, np.finfo(np.float64).tiny)
        cut = np.clip(limit - below, 0, None) ** 2 / (2 * span)
        share = np.where(reached <= limit, limit - (below + reached) / 2, cut) / limit
        share = np.where(below >= limit, 0, share)
        total = np.sum(self.coverage_at, axis=-1)  # 1 but for rounding, or 0 without regions
        covered = np.sum(self.coverage_at * share, axis=-1) / np.where(total > 0, total, np.nan)
        return np.asarray(np.where(self.n_negative > 0, covered, np.nan), dtype=np.float64)

    def optimistic(self) -> "RankCounts":
        """Counts if, of equal scores, anomalous members ranked before normal ones: an upper bound of bins."""
        return replace(self, false_at_or_above=self.false_above)

    def pessimistic(self) -> "RankCounts":
        """Counts of one population if anomalous members ranked last among ties, one by one: a lower bound."""
        times = self.true_at.astype(np.int64)
        false = np.repeat(self.false_at_or_above, times)
        coverage = self.coverage_at
        return replace(
            self,
            thresholds=np.repeat(self.thresholds, times),
            true_at=np.ones(len(false), dtype=np.int64),
            false_above=false,
            false_at_or_above=false,
            coverage_at=None if coverage is None else np.repeat(coverage / np.maximum(times, 1), times),
        )

    def _f1(self) -> Float64Array:
        """(..., K) F1 at every threshold; a threshold between two of them adds false positives only."""
        found = np.cumsum(self.true_at, axis=-1)
        both = found + self.false_at_or_above + np.expand_dims(self.n_positive, -1)
        return np.asarray(2 * found / np.maximum(both, 1), dtype=np.float64)

    def _ratio(self, numerator: NDArray[Any], denominator: NDArray[Any]) -> Float64Array:
        """(...) float64, nan where there are not members of both kinds."""
        value = numerator / np.where(self.defined, denominator, 1)
        return np.asarray(np.where(self.defined, value, np.nan), dtype=np.float64)


class RankCounter:
    """Counts the members of a population in chunks, once its anomalous scores are known.

    Memory grows with the anomalous members and one chunk only.

    Args:
        anomalous: (P,) scores of all anomalous members: floats, integers or booleans.
        regions: (P,) integers >= 0, the region of each of them, or None if regions are unknown.
        infinite: True if infinite scores are allowed: they rank as extremes.

    Raises:
        MetricError: scores are not numbers in one dimension, NaN or infinite; regions do not fit.
    """

    def __init__(
        self, anomalous: ArrayLike, regions: ArrayLike | None = None, *, infinite: bool = False
    ) -> None:
        self._infinite = infinite
        scores = as_scores(anomalous)
        ascending = np.sort(scores)
        _require_rankable(ascending, infinite=infinite)
        distinct, times = np.unique(ascending, return_counts=True)
        self._ascending = distinct + distinct.dtype.type(0)  # -0.0 becomes 0.0, whichever of them came first
        self._true_at = times.astype(np.int64)
        self._below = np.zeros(len(distinct), dtype=np.int64)
        self._at_or_below = np.zeros(len(distinct), dtype=np.int64)
        self._n_members = 0
        self._coverage, self._n_regions = None, 0
        if regions is not None:
            self._coverage, self._n_regions = _coverage(scores, self._ascending, _as_regions(regions, scores))

    def add(self, scores: ArrayLike) -> None:
        """Counts one chunk.

        Args:
            scores: (n,) scores of members, anomalous ones included, of the same type as `anomalous`. (Leaving
                them in and subtracting them at the end is cheaper than picking the normal ones.)

        Raises:
            MetricError: scores are not numbers in one dimension, NaN or infinite, or of another type.
        """
        values = as_scores(scores)
        if values.dtype != self._ascending.dtype:
            raise MetricError(
                f"scores are {values.dtype}, those of anomalous members {self._ascending.dtype}",
                hint="deliver all scores of a category in one type",
            )
        for start in range(0, len(values), CHUNK):
            self.add_sorted(np.sort(values[start : start + CHUNK]))

    def add_sorted(self, ascending: NDArray[Any]) -> None:
        """As `add`, for scores that are sorted already and of the right type.

        Raises:
            MetricError: scores are NaN or infinite.
        """
        _require_rankable(ascending, infinite=self._infinite)
        self._n_members += len(ascending)
        n = len(self._ascending)
        # One search, not two: the other count differs only where a score equals an anomalous one.
        if len(ascending) > n:
            below = np.searchsorted(ascending, self._ascending)
            tied = np.flatnonzero(ascending[np.minimum(below, len(ascending) - 1)] == self._ascending)
            self._below += below
            self._at_or_below += below
            past = np.searchsorted(ascending, self._ascending[tied], side="right")
            self._at_or_below[tied] += past - below[tied]
            return
        # The same counts, but the search grows with the chunk and not with the anomalous members.
        first = np.searchsorted(self._ascending, ascending)
        past = first + (self._ascending[np.minimum(first, n - 1)] == ascending)
        self._at_or_below += np.cumsum(np.bincount(first, minlength=n)[:n])
        self._below += np.cumsum(np.bincount(past, minlength=n)[:n])

    def counts(self) -> RankCounts:
        """The counts over all chunks.

        Raises:
            MetricError: anomalous scores are missing from the chunks.
        """
        if (self._at_or_below - self._below < self._true_at).any():
            raise MetricError(
                "anomalous scores are not among the members", hint="add the scores of all members"
            )
        n_positive = int(self._true_at.sum())
        n_negative = self._n_members - n_positive
        true_at_or_below = np.cumsum(self._true_at)
        normal_below = self._below - (true_at_or_below - self._true_at)
        normal_at_or_below = self._at_or_below - true_at_or_below
        return RankCounts(
            thresholds=self._ascending[::-1],
            true_at=self._true_at[::-1],
            false_above=n_negative - normal_at_or_below[::-1],
            false_at_or_above=n_negative - normal_below[::-1],
            n_positive=np.asarray(n_positive),
            n_negative=np.asarray(n_negative),
            n_regions=np.asarray(self._n_regions),
            coverage_at=None if self._coverage is None else self._coverage[::-1],
        )


def count_ranks(scores: ArrayLike, labels: ArrayLike, regions: ArrayLike | None = None) -> RankCounts:
    """Counts of one population.

    Args:
        scores: (n,) floats, integers or booleans, higher is more anomalous. float16 and bfloat16 are compared
            as float32, every other type as it is.
        labels: (n,) 1 or True for anomalous members, 0 or False for normal ones.
        regions: (n,) integers, the region of every anomalous member, unique over all samples
            (`stack_regions`); -1 for normal ones. Only AU-PRO needs it.

    Raises:
        MetricError: lengths differ, scores are not finite numbers, labels are anything but 0 and 1, or an
            anomalous member has no region.
    """
    values = _as_array(scores, "scores")
    anomalous = _as_labels(labels)
    if len(values) != len(anomalous):
        raise MetricError(
            f"{len(values)} scores met {len(anomalous)} labels", hint="pass one label for each score"
        )
    counter = RankCounter(values[anomalous], _regions_of(regions, anomalous))
    counter.add(values)
    return counter.counts()


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the ROC curve; nan if all labels are equal. Arguments and errors: `count_ranks`."""
    return float(count_ranks(scores, labels).auroc())


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Average precision; nan if all labels are equal. Arguments and errors: `count_ranks`.

    Step rule over distinct scores, without interpolation.
    """
    return float(count_ranks(scores, labels).average_precision())


def f1_max(scores: ArrayLike, labels: ArrayLike) -> float:
    """Largest F1 over all thresholds; nan if all labels are equal. Arguments and errors: `count_ranks`.

    Never below 2p / (1 + p), p the share of anomalous members: a constant score reaches that. The threshold
    is `count_ranks(scores, labels).f1_max_threshold()`.
    """
    return float(count_ranks(scores, labels).f1_max())


def aupro(scores: ArrayLike, labels: ArrayLike, regions: ArrayLike, *, limit: float = 0.3) -> float:
    """Area under the per-region overlap curve; nan without regions or without normal members.

    Several limits of the same scores come cheaper from `count_ranks(scores, labels, regions).aupro(limit)`.

    Args:
        scores: see `count_ranks`.
        labels: see `count_ranks`.
        regions: see `count_ranks`.
        limit: largest false positive rate, in (0, 1]; a scorer that knows nothing gets limit / 2.

    Raises:
        MetricError: as `count_ranks`, or the limit is out of range.
    """
    return float(count_ranks(scores, labels, regions).aupro(limit))


def _coverage(scores: NDArray[Any], distinct: NDArray[Any], regions: Int64Array) -> tuple[Float64Array, int]:
    """(K,) share of a region at each distinct score, mean over regions; and the number of regions.

    Points are counted per score and size of region, and summed in that order: the same bits for every order
    of the points and every numbering of the regions.
    """
    _, region, sizes = np.unique(regions, return_inverse=True, return_counts=True)
    if not len(sizes):
        return np.zeros(len(distinct)), 0
    different, kind = np.unique(sizes, return_inverse=True)
    _, position = np.unique(scores, return_inverse=True)  # a search in random order takes five times longer
    pairs, times = np.unique(position * len(different) + kind[region], return_counts=True)
    shares = times / different[pairs % len(different)]
    total = np.bincount(pairs // len(different), weights=shares, minlength=len(distinct))
    return np.asarray(total / len(sizes), dtype=np.float64), len(sizes)


def _as_array(values: ArrayLike, what: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.asarray(values)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # ragged lists; tensors on a device or with a gradient
        reason = str(error).partition("\n")[0].rstrip(".")
        raise MetricError(f"{what} are no array ({reason})", hint="pass a NumPy array") from error
    if array.ndim != 1:
        raise MetricError(f"{what} have shape {array.shape}", hint="pass a one-dimensional array")
    return array


def as_scores(values: ArrayLike) -> NDArray[Any]:
    """(n,) numbers in the type that they are compared in.

    Raises:
        MetricError: they are no numbers, or not in one dimension.
    """
    array = _as_array(values, "scores")
    if array.dtype.name in WIDENED:
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise MetricError(f"scores are of type {array.dtype}", hint="pass floats, integers or booleans")
    return array


def _require_rankable(ascending: NDArray[Any], *, infinite: bool) -> None:
    """Refuses what cannot be ranked. Sorting puts NaN last, so the two ends tell."""
    ends = ascending[[0, -1]] if len(ascending) else ascending
    if np.isfinite(ends).all() or (infinite and not np.isnan(ends).any()):
        return
    n_bad = np.count_nonzero(np.isnan(ascending) if infinite else ~np.isfinite(ascending))
    kinds = "NaN" if infinite else "NaN or infinite"
    raise MetricError(
        f"{n_bad} of {len(ascending)} scores are {kinds}", hint="mend the method that made them"
    )


def _regions_of(regions: ArrayLike | None, anomalous: BoolArray) -> NDArray[Any] | None:
    """(P,) regions of the anomalous members of a population."""
    if regions is None:
        return None
    array = _as_array(regions, "regions")
    if len(array) != len(anomalous):
        raise MetricError(
            f"{len(array)} regions met {len(anomalous)} labels", hint="pass one region for each label"
        )
    if array.dtype.kind in "iu" and np.any(array[~anomalous] >= 0):
        raise MetricError("normal members have a region", hint="write -1 where the label is 0")
    return array[anomalous]


def _as_regions(values: ArrayLike, scores: NDArray[Any]) -> Int64Array:
    array = _as_array(values, "regions")
    if len(array) != len(scores):
        raise MetricError(
            f"{len(array)} regions met {len(scores)} anomalous scores", hint="pass one for each of them"
        )
    if len(array) and (array.dtype.kind not in "iu" or array.min() < 0):
        raise MetricError(
            "anomalous members have regions that are no numbers >= 0",
            hint="use `mask_regions` or `cloud_regions`",
        )
    return array.astype(np.int64)


def _as_labels(values: ArrayLike) -> BoolArray:
    array = _as_array(values, "labels")
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind not in "iuf" or not ((array == 0) | (array == 1)).all():
        raise MetricError("labels hold other values than 0 and 1", hint="pass 1 for anomalous, 0 for normal")
    return array.astype(np.bool_)
