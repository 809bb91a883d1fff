"""Bootstrap over samples: replicates of any metric from per-sample histograms over shared bins.

Points of one object depend on each other, so objects are drawn and never points: within each category with
replacement, separately among anomalous and normal ones, and a drawn object brings all its points and regions.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc3dad.metrics.base import MetricSpec
from pc3dad.metrics.ranking import Int64Array, RankCounts
from pc3dad.types import BoolArray, Float64Array

BINS = 4096  # distinct anomalous scores up to which bins are exact, and quantiles beyond
BATCH = 1 << 20  # numbers of a batch of replicates: it stays in the cache
BATCHED = ("true_at", "false_above", "false_at_or_above", "n_positive", "n_negative", "n_regions")
CONFIDENCE = (2.5, 97.5)
FEWEST = 40  # replicates, so that one lies beyond each end


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Lower ends of the bins, which are tie blocks of the replicates.

    Attributes:
        edges: (E,) ascending; bin j holds scores in [edges[j], edges[j + 1]), the last one all above.
        exact: True if no bin joins anomalous scores with others: replicates are then exact.
    """

    edges: NDArray[Any]
    exact: bool

    @classmethod
    def choose(cls, anomalous: NDArray[Any], scores: NDArray[Any]) -> "Bins":
        """Bins for a population.

        Up to `BINS` distinct anomalous scores each one gets a bin of its own. Beyond, the bins are `BINS`
        quantiles of all scores and as many of the anomalous ones, which are finer where they matter.

        Args:
            anomalous: (K,) distinct scores of anomalous members, ascending.
            scores: (Q,) ascending, a thinned copy of all scores.
        """
        if len(anomalous) <= BINS:
            return cls(np.unique(np.concatenate([anomalous, _next_above(anomalous)])), exact=True)
        edges = np.unique(np.concatenate([_quantiles(scores), _quantiles(anomalous)]))
        return cls(edges[edges >= anomalous[0]], exact=False)

    def count(self, ascending: NDArray[Any]) -> Int64Array:
        """(E,) sorted scores per bin, the highest bin first; scores below all bins are left out."""
        first = np.searchsorted(ascending, self.edges, side="left")
        return np.diff(first, append=len(ascending))[::-1]

    def find(self, scores: NDArray[Any]) -> Int64Array:
        """(n,) bin of each score, 0 for the highest bin; every score lies in a bin."""
        return len(self.edges) - np.searchsorted(self.edges, scores, side="right")


class SampleCounts:
    """Histograms of the samples of one category over shared bins.

    Args:
        bins: the bins.
        n_samples: M, number of samples.
        regions: whether regions are known.
    """

    def __init__(self, bins: Bins, n_samples: int, *, regions: bool) -> None:
        shape = (n_samples, len(bins.edges))
        self._bins = bins
        self._true = np.zeros(shape)
        self._false = np.zeros(shape)
        self._coverage = np.zeros(shape) if regions else None
        self._members = np.zeros((3, n_samples))  # anomalous, normal, regions

    def add(
        self,
        sample: int,
        ascending: NDArray[Any],
        anomalous: NDArray[Any],
        regions: NDArray[np.integer] | None,
    ) -> None:
        """Counts one sample.

        Args:
            sample: its number.
            ascending: (n,) sorted scores of all its members.
            anomalous: (P,) scores of its anomalous members.
            regions: (P,) their regions, or None.
        """
        width = len(self._bins.edges)
        bins = self._bins.find(anomalous)
        self._true[sample] = np.bincount(bins, minlength=width)
        self._false[sample] = self._bins.count(ascending) - self._true[sample]
        n_regions = 0
        if self._coverage is not None and regions is not None:
            _, region, sizes = np.unique(regions, return_inverse=True, return_counts=True)
            n_regions = len(sizes)
            share = np.bincount(bins, weights=1 / sizes[region], minlength=width)
            # Multiples of 2^-40: their sums are exact, hence the same for every batch, machine and library.
            self._coverage[sample] = np.rint(share * 2.0**40) / 2.0**40
        self._members[:, sample] = len(anomalous), len(ascending) - len(anomalous), n_regions

    def weighted(self, weights: NDArray[Any]) -> RankCounts:
        """Counts of populations in which samples occur several times or not at all.

        Args:
            weights: (b, M) multiplicities.

        Returns:
            A batch of b populations.
        """
        times = weights.astype(np.float64)
        n_positive, n_negative, n_regions = self._members @ times.T
        true, false = times @ self._true, np.cumsum(times @ self._false, axis=1)
        before = np.zeros_like(false)
        before[:, 1:] = false[:, :-1]
        coverage = self._coverage
        if coverage is not None:
            coverage = times @ coverage / np.maximum(n_regions, 1)[:, None]
        return RankCounts(
            self._bins.edges[::-1], true, before, false, n_positive, n_negative, n_regions, coverage
        )

    def replicates(self, specs: Iterable[MetricSpec], weights: Int64Array) -> dict[str, Float64Array]:
        """Values of metrics in every replicate.

        Args:
            specs: metrics.
            weights: (B, M) multiplicities (`draw`).

        Returns:
            Key of the metric to (B,) values, nan where a draw leaves it undefined.
        """
        wanted = tuple(specs)
        step = max(1, BATCH // max(1, len(self._bins.edges)))
        parts: dict[str, list[Float64Array]] = {spec.key: [] for spec in wanted}
        for start in range(0, len(weights), step):
            counts = self.weighted(weights[start : start + step])
            for spec in wanted:
                parts[spec.key].append(spec.function(counts))
        return {key: np.concatenate(found) for key, found in parts.items()}

    def bracket(self, spec: MetricSpec) -> float:
        """Width of the values that scores inside the bins could give to the samples as they are; 0 if exact.

        That of single replicates, in which some samples occur several times, can be a few times wider.
        """
        if self._bins.exact:
            return 0.0
        whole = self.weighted(np.ones((1, self._true.shape[0])))
        coverage = whole.coverage_at
        one = replace(
            whole,
            **{name: getattr(whole, name)[0] for name in BATCHED},
            coverage_at=None if coverage is None else coverage[0],
        )
        return float(spec.function(one.optimistic()) - spec.function(one.pessimistic()))


def draw(strata: BoolArray, key: int, replicates: int) -> Int64Array:
    """How often each sample occurs in each replicate; class sizes are kept.

    Replicate b reads words b * n to (b + 1) * n of a counter-based stream, so it is the same whoever computes
    it and however many there are. (Drawing 32 bits times n favours no sample by more than n / 2^32.)

    Args:
        strata: (M,) True for anomalous objects; each kind is drawn among its own.
        key: 128-bit number of the stream.
        replicates: B.

    Returns:
        (B, M) int64 multiplicities.
    """
    weights = np.zeros((replicates, len(strata)), dtype=np.int64)
    for kind in (False, True):
        members = np.flatnonzero(strata == kind)
        n = len(members)
        words = np.random.Philox(key=(key + kind) % 2**128).random_raw(replicates * n)
        drawn = ((words >> np.uint64(32)) * np.uint64(n) >> np.uint64(32)).astype(np.int64)
        cells = np.repeat(np.arange(replicates) * n, n) + drawn
        weights[:, members] = np.bincount(cells, minlength=replicates * n).reshape(replicates, n)
    return weights


def interval(replicates: Float64Array) -> tuple[float, float] | None:
    """95 % percentile interval of (B,) replicates; None if fewer than 40 or half of them are defined."""
    defined = replicates[~np.isnan(replicates)]
    if len(defined) < max(FEWEST, len(replicates) / 2):
        return None
    low, high = np.percentile(defined, CONFIDENCE)
    return float(low), float(high)


def _quantiles(ascending: NDArray[Any]) -> NDArray[Any]:
    """At most `BINS` elements, evenly spaced by rank, the first one included."""
    positions = np.linspace(0, len(ascending) - 1, min(BINS, len(ascending)))
    return ascending[positions.astype(np.int64)]


def _next_above(values: NDArray[Any]) -> NDArray[Any]:
    """The next larger number of the same type; the largest one stays."""
    if values.dtype.kind == "f":
        return np.asarray(np.nextafter(values, np.array(np.inf, dtype=values.dtype)))
    if values.dtype.kind == "b":
        return np.ones_like(values)
    top = np.iinfo(values.dtype).max
    return np.asarray(np.where(values == top, values, np.add(values, 1, dtype=values.dtype)))
