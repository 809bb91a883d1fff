"""The two passes over the samples of one population, at one level."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc3dad import seeding
from pc3dad.errors import MetricError
from pc3dad.evaluation.population import (
    FEW_POINTS,
    STRICT,
    Members,
    Rules,
    Scored,
    object_member,
    point_members,
    ranked,
    refused,
    some,
)
from pc3dad.evaluation.settings import Bootstrap
from pc3dad.evaluation.values import MetricValue
from pc3dad.io.digest import of_parts
from pc3dad.metrics.base import Level, MetricSpec
from pc3dad.metrics.bootstrap import Bins, SampleCounts, draw, interval
from pc3dad.metrics.ranking import RankCounter, RankCounts, as_scores
from pc3dad.metrics.regions import stack_regions
from pc3dad.types import BoolArray

THIN = 64  # one score in so many is kept to choose the bins of the bootstrap
FEWEST_OBJECTS = 2  # of a kind: one alone would be drawn every time
FEW_LEVELS = 100  # fewer distinct point scores deserve a note
MANY_LEVELS = 10_000  # distinct scores are counted up to here
NOISY_SHARE = 0.2  # share of small regions beyond which AU-PRO measures the labels


class FirstPass:
    """What must be known before scores can be counted: those of anomalous members, and who is there."""

    def __init__(self, level: Level, rules: Rules) -> None:
        self.level, self.rules = level, rules
        self.counts: Counter[str] = Counter()
        self.reason = ""
        self.objects: list[Members] = []  # they are small enough to keep
        self._pick = object_member if level == "object" else point_members
        self._anomalous: list[NDArray[Any]] = []
        self._thinned: list[NDArray[Any]] = []
        self._regions: list[NDArray[np.integer] | None] = []
        self._strata: dict[str, bool] = {}
        self._identities: list[tuple[str, bytes]] = []
        self._problems: dict[str, list[str]] = {}
        self._levels: NDArray[Any] = np.empty(0)
        self._propagations: set[str] = set()
        self._sizes: list[NDArray[np.integer]] = []

    def add(self, item: Scored) -> None:
        """Looks at one sample."""
        if reason := self._why_impossible(item):
            self.reason = reason
            return
        if self.level == "point":
            self._propagations |= {item.prediction.propagation} if item.prediction else set()
        members = self._pick(item, self.rules)
        if members is None:
            return
        if problem := refused(members, self.rules.policies):
            self._problems.setdefault(problem, []).append(members.sample_id)
            return
        members = ranked(members, self.rules.policies)
        if self.level == "object":
            self.objects.append(members)
        ascending = np.sort(as_scores(members.scores))
        self._anomalous.append(as_scores(members.scores[members.anomalous]))
        self._thinned.append(ascending[:: THIN if len(ascending) > THIN else 1])
        self._regions.append(members.regions)
        if members.regions is not None and len(members.regions):
            self._sizes.append(np.unique(members.regions, return_counts=True)[1])
        self._strata[members.sample_id] = members.stratum
        self._identities.append((members.sample_id, members.identity))
        self.counts.update(members.counts)  # `+=` would drop those that are 0
        if len(self._levels) < MANY_LEVELS:
            first = np.flatnonzero(ascending[1:] != ascending[:-1])[:MANY_LEVELS]
            distinct = np.concatenate([ascending[:1], ascending[first + 1]])
            seen = self._levels.astype(distinct.dtype) if not len(self._levels) else self._levels
            self._levels = np.union1d(seen, distinct)[:MANY_LEVELS]

    def finish(self) -> None:
        """Concludes, once all samples were seen.

        Raises:
            MetricError: names the samples whose scores cannot be ranked.
        """
        unlabelled = self.counts["samples_without_point_labels"]
        if self.reason:
            self.counts = Counter(samples_without_point_labels=unlabelled)
            return
        for problem, names in sorted(self._problems.items()):
            raise MetricError(f"{some(sorted(names))}: {problem}", hint="mend the method, or choose a policy")
        if unlabelled and not any(map(len, self._anomalous)):
            self.reason = "no_point_labels"  # the anomalous points are among the unlabelled ones
        elif not self._strata:
            self.reason = "no_sample"

    @property
    def propagation(self) -> tuple[str, ...]:
        """How scores reached every point, as the method declared."""
        return tuple(sorted(self._propagations))

    @property
    def samples(self) -> list[str]:
        """Ids of the samples, sorted: results do not depend on the order in which they came."""
        return sorted(self._strata)

    @property
    def strata(self) -> BoolArray:
        """(M,) bool, True for anomalous objects, in the order of `samples`."""
        return np.array([self._strata[name] for name in self.samples], dtype=np.bool_)

    @property
    def truth(self) -> str:
        """Digest of the population."""
        return of_parts(identity for _, identity in sorted(self._identities))

    @property
    def anomalous(self) -> NDArray[Any]:
        """(P,) scores of all anomalous members."""
        return _joined(self._anomalous)

    @property
    def thinned(self) -> NDArray[Any]:
        """(Q,) ascending, a thinned copy of all scores."""
        return np.sort(_joined(self._thinned))

    @property
    def regions(self) -> NDArray[np.integer] | None:
        """(P,) regions of the anomalous members, unique over samples; None if some are unknown."""
        known = [part for part in self._regions if part is not None]
        return stack_regions(known) if len(known) == len(self._regions) else None

    def notes(self, spec: MetricSpec) -> tuple[str, ...]:
        """What a reader of a value must know."""
        found = []
        if self.level == "point" and len(self._levels) < FEW_LEVELS:
            found.append(f"only {len(self._levels)} distinct point scores")
        small, regions = self.counts["n_small_regions"], self.counts["n_regions"]
        if spec.regions and small > NOISY_SHARE * regions:
            few = f"{small} of {regions} regions have fewer than {FEW_POINTS} points"
            found.append(f"{few}: AU-PRO measures label noise")
        return tuple(found)

    def all_counts(self) -> dict[str, float]:
        """Facts about the population as plain numbers."""
        counts: dict[str, float] = {**self.counts, "n_distinct": len(self._levels)}
        if self._sizes:
            counts["median_region_points"] = float(np.median(np.concatenate(self._sizes)))
        return counts

    def _why_impossible(self, item: Scored) -> str:
        """Why neither labels nor method can give values of this level, whatever the scores are."""
        given = item.prediction
        if self.level == "object":
            return "no_object_scores" if given is not None and given.object_score is None else ""
        self.counts["samples_without_point_labels"] += int(item.truth.points is None)
        if given is not None and given.point_scores is None:
            return "no_point_scores"
        return "not_organised" if self.rules.protocol == "all-pixels" and item.grid is None else ""


class SecondPass:
    """Counts all scores against the anomalous ones of the first pass, and per sample for the bootstrap."""

    def __init__(self, first: FirstPass, bootstrap: Bootstrap, category: str) -> None:
        first.finish()
        self._first, self._bootstrap, self._category = first, bootstrap, category
        self._numbers = {name: number for number, name in enumerate(first.samples)}
        self._pick = object_member if first.level == "object" else point_members
        anomalous = first.anomalous
        self._counter = RankCounter(anomalous, first.regions, infinite=first.rules.policies != STRICT)
        self._table: SampleCounts | None = None
        if bootstrap.replicates and not first.reason:
            bins = Bins.choose(np.unique(anomalous), first.thinned)
            self._table = SampleCounts(bins, len(self._numbers), regions=first.regions is not None)
        for members in first.objects:
            self._count(members)

    def add(self, item: Scored) -> None:
        """Counts one sample at the point level."""
        rules = self._first.rules
        if self._first.reason or (members := point_members(item, rules)) is None:
            return
        self._count(ranked(members, rules.policies))

    def values(self, specs: Sequence[MetricSpec]) -> dict[str, MetricValue]:
        """Key to value of metrics of this level."""
        counts = None if self._first.reason else self._counter.counts()
        found = {spec.key: self._value(spec, counts) for spec in specs}
        if self._table is None:
            return found
        first = self._first
        names = (name.encode("utf-8", "surrogatepass") for name in (self._category, *first.samples))
        if min(first.strata.sum(), (~first.strata).sum()) < FEWEST_OBJECTS:
            few = f"no interval with fewer than {FEWEST_OBJECTS} objects of a kind"
            return {key: replace(value, notes=(*value.notes, few)) for key, value in found.items()}
        key = seeding.stream(self._bootstrap.seed, "bootstrap", of_parts(names))
        twice = 2 if first.level == "object" else 1
        weights = draw(first.strata, key, twice * self._bootstrap.replicates)
        defined = [spec for spec in specs if found[spec.key].value is not None]
        replicates = self._table.replicates(defined, weights)
        for spec in defined:
            low, high = interval(replicates[spec.key]) or (None, None)
            found[spec.key] = replace(
                found[spec.key],
                low=low,
                high=high,
                bracket=self._table.bracket(spec),
                replicates=replicates[spec.key],
            )
        return found

    def _count(self, members: Members) -> None:
        scores = as_scores(members.scores)
        ascending = np.sort(scores)
        self._counter.add_sorted(ascending)
        if self._table is not None:
            number = self._numbers[members.sample_id]
            self._table.add(number, ascending, scores[members.anomalous], members.regions)

    def _value(self, spec: MetricSpec, counts: RankCounts | None) -> MetricValue:
        first = self._first
        facts = first.all_counts()
        if counts is None:
            return MetricValue(spec.key, None, None, 0, 0, first.reason, counts=facts)
        n_positive, n = int(counts.n_positive), int(counts.n_positive + counts.n_negative)
        blank = MetricValue(
            spec.key,
            None,
            None,
            n,
            n_positive,
            truth=first.truth,
            propagation=first.propagation,
            counts=facts,
            notes=first.notes(spec),
        )
        if reason := spec.undefined_reason(counts):
            return replace(blank, reason=reason)
        threshold = counts.f1_max_threshold() if spec.oracle else np.nan
        return replace(
            blank,
            value=float(spec.function(counts)),
            chance=spec.chance(n_positive / n),
            threshold=threshold if np.isfinite(threshold) else None,
        )


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """All parts in one array of one type.

    Raises:
        MetricError: they are of several types.
    """
    kinds = {part.dtype for part in parts}
    if len(kinds) > 1:
        names = " and ".join(sorted(map(str, kinds)))
        raise MetricError(f"scores are of types {names}", hint="deliver all scores of a category in one type")
    return np.concatenate(parts) if parts else np.empty(0)
