"""AUROC, AP and F1-max from ranks: exact, ties as one block, only the order of the scores matters.

A member of the population is predicted anomalous at threshold t iff its score is >= t. Between two distinct
scores of anomalous members only false positives change, so everything follows from three counts for each
distinct anomalous score v: anomalous scores equal to v, normal scores > v, normal scores >= v. They may be
counted chunk by chunk and are the same for every order and every split.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pc3dad.errors import MetricError
from pc3dad.types import BoolArray, Float64Array

Int64Array = NDArray[np.int64]

UNDEFINED = float("nan")
WIDENED = ("float16", "bfloat16")  # compared as float32; every other type is compared as delivered


@dataclass(frozen=True, slots=True, eq=False)
class RankCounts:
    """Counts at the K distinct scores of anomalous members.

    Every metric is a float and nan iff it is not `defined`, which depends on labels only.

    Attributes:
        thresholds: (K,) the distinct anomalous scores, descending, in the type they were compared in.
        true_at: (K,) int64, anomalous scores that equal the threshold.
        false_above: (K,) int64, normal scores above the threshold.
        false_at_or_above: (K,) int64, normal scores that reach the threshold.
        n_positive: anomalous members.
        n_negative: normal members.
    """

    thresholds: NDArray[Any]
    true_at: Int64Array
    false_above: Int64Array
    false_at_or_above: Int64Array
    n_positive: int
    n_negative: int

    @property
    def defined(self) -> bool:
        """Whether there are members of both kinds."""
        return self.n_positive > 0 and self.n_negative > 0

    def auroc(self) -> float:
        """Probability that an anomalous member scores above a normal one, ties counted half.

        The numerator is an exact integer while there are fewer than 2^62 pairs.
        """
        if not self.defined:
            return UNDEFINED
        twice_outranked = 2 * self.n_negative - self.false_above - self.false_at_or_above
        return int(np.sum(self.true_at * twice_outranked)) / (2 * self.n_positive * self.n_negative)

    def average_precision(self) -> float:
        """Precision at every distinct score, weighted by the share of anomalous members that it adds."""
        if not self.defined:
            return UNDEFINED
        found = np.cumsum(self.true_at)
        precision = found / (found + self.false_at_or_above)
        return float(np.sum(self.true_at * precision)) / self.n_positive

    def f1_max(self) -> float:
        """F1 at the best threshold, which is chosen on the labels: an oracle value."""
        return float(self._f1().max()) if self.defined else UNDEFINED

    def f1_max_threshold(self) -> float:
        """The largest threshold at which F1 is maximal."""
        return float(self.thresholds[self._f1().argmax()]) if self.defined else UNDEFINED

    def _f1(self) -> Float64Array:
        """(K,) F1 at every threshold; a threshold between two of them adds false positives only."""
        found = np.cumsum(self.true_at)
        f1: Float64Array = 2 * found / (found + self.false_at_or_above + self.n_positive)
        return f1


class RankCounter:
    """Counts the members of a population in chunks, once its anomalous scores are known.

    Memory grows with the distinct anomalous scores and the largest chunk only. A chunk is sorted and then
    searched for every distinct anomalous score: few large chunks are faster than many small ones.

    Args:
        anomalous: (P,) scores of all anomalous members: floats, integers or booleans.

    Raises:
        MetricError: scores are not finite numbers in one dimension.
    """

    def __init__(self, anomalous: ArrayLike) -> None:
        scores = np.sort(_as_scores(anomalous))
        _require_finite(scores)
        distinct, times = np.unique(scores, return_counts=True)
        self._ascending = distinct + distinct.dtype.type(0)  # -0.0 becomes 0.0, whichever of them came first
        self._true_at = times.astype(np.int64)
        self._below = np.zeros(len(distinct), dtype=np.int64)
        self._at_or_below = np.zeros(len(distinct), dtype=np.int64)
        self._n_members = 0

    def add(self, scores: ArrayLike) -> None:
        """Counts one chunk.

        Args:
            scores: (n,) scores of members, anomalous ones included, of the same type as `anomalous`. (Leaving
                them in and subtracting them at the end is cheaper than picking the normal ones.)

        Raises:
            MetricError: scores are not finite numbers in one dimension, or of another type.
        """
        ascending = np.sort(_as_scores(scores))
        _require_finite(ascending)
        if ascending.dtype != self._ascending.dtype:
            raise MetricError(
                f"scores are {ascending.dtype}, those of anomalous members {self._ascending.dtype}",
                hint="deliver all scores of a category in one type",
            )
        self._below += np.searchsorted(ascending, self._ascending, side="left")
        self._at_or_below += np.searchsorted(ascending, self._ascending, side="right")
        self._n_members += len(ascending)

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
            n_positive=n_positive,
            n_negative=n_negative,
        )


def count_ranks(scores: ArrayLike, labels: ArrayLike) -> RankCounts:
    """Counts of one population.

    Args:
        scores: (n,) floats, integers or booleans, higher is more anomalous. float16 and bfloat16 are compared
            as float32, every other type as it is.
        labels: (n,) 1 or True for anomalous members, 0 or False for normal ones.

    Raises:
        MetricError: lengths differ, scores are not finite numbers, or labels are anything but 0 and 1.
    """
    values = _as_array(scores, "scores")
    anomalous = _as_labels(labels)
    if len(values) != len(anomalous):
        raise MetricError(
            f"{len(values)} scores met {len(anomalous)} labels", hint="pass one label for each score"
        )
    counter = RankCounter(values[anomalous])
    counter.add(values)
    return counter.counts()


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the ROC curve; nan if all labels are equal. Arguments and errors: `count_ranks`."""
    return count_ranks(scores, labels).auroc()


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Average precision; nan if all labels are equal. Arguments and errors: `count_ranks`.

    Step rule over distinct scores, without interpolation.
    """
    return count_ranks(scores, labels).average_precision()


def f1_max(scores: ArrayLike, labels: ArrayLike) -> float:
    """Largest F1 over all thresholds; nan if all labels are equal. Arguments and errors: `count_ranks`.

    Never below 2p / (1 + p), p the share of anomalous members: a constant score reaches that. The threshold
    is `count_ranks(scores, labels).f1_max_threshold()`.
    """
    return count_ranks(scores, labels).f1_max()


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


def _as_scores(values: ArrayLike) -> NDArray[Any]:
    array = _as_array(values, "scores")
    if array.dtype.name in WIDENED:
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        raise MetricError(f"scores are of type {array.dtype}", hint="pass floats, integers or booleans")
    return array


def _require_finite(ascending: NDArray[Any]) -> None:
    """Refuses what cannot be ranked. Sorting puts NaN last, so the two ends tell. Policies belong here."""
    if not np.isfinite(ascending[[0, -1]] if len(ascending) else ascending).all():
        n_bad = np.count_nonzero(~np.isfinite(ascending))
        raise MetricError(
            f"{n_bad} of {len(ascending)} scores are NaN or infinite", hint="mend the method that made them"
        )


def _as_labels(values: ArrayLike) -> BoolArray:
    array = _as_array(values, "labels")
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind not in "iuf" or not ((array == 0) | (array == 1)).all():
        raise MetricError("labels hold other values than 0 and 1", hint="pass 1 for anomalous, 0 for normal")
    return array.astype(np.bool_)
