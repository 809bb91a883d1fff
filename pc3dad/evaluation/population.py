"""Who counts: from the predictions and truths of a category to the members of one population."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pc3dad import seeding
from pc3dad.config import Config
from pc3dad.errors import MetricError
from pc3dad.types import BoolArray, Prediction, Truth

DEFECTS = ("all", "geometry")
Protocol = Literal["valid", "all-pixels", "sampled-2048", "per-sample"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
PER_SAMPLE = "per-sample"
SAMPLED = 2048
FEW_POINTS = 5  # a region with fewer is likely to be noise of the labels


class Policies(Config):
    """What to do with input that is refused otherwise; results carry the policies they were made under."""

    nan: Literal["error", "worst"] = "error"
    """NaN score; worst ranks it above everything on a normal member, below everything on an anomalous one."""
    infinite: Literal["error", "allow"] = "error"
    """Infinite score; allow orders it as an extreme."""
    missing: Literal["error", "worst", "intersection"] = "error"
    """Sample without prediction; worst as for NaN, intersection leaves it out and bars rankings."""
    unmarked: Literal["error", "exclude"] = "error"
    """Anomalous object without any anomalous point; exclude drops its points and keeps the object."""

    @property
    def text(self) -> str:
        """Those that differ from "error", such as "missing=worst"."""
        return ",".join(f"{key}={value}" for key, value in dict(self).items() if value != "error")


STRICT = Policies()


@dataclass(frozen=True, slots=True)
class Rules:
    """One population.

    Attributes:
        defects: "all"; or "geometry": objects whose only defects keep the shape are left out, and points
            labelled for such a defect only.
        protocol: "valid"; "all-pixels": missing pixels of organised clouds take part with the score the
            method gave them; "sampled-2048": that many valid points of each sample, a diagnostic;
            "per-sample": the mean of the values of single samples on their valid points.
        policies: what to do with irregular input.
    """

    defects: str = "all"
    protocol: str = "valid"
    policies: Policies = STRICT


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One sample as the evaluator sees it.

    Attributes:
        prediction: what the method returned, None if it failed on this sample.
        truth: labels, with regions where AU-PRO is wanted.
        valid: (N,) bool, the points that count (docs/metrics.md, populations).
        grid: (H, W) of an organised cloud, None otherwise.
    """

    prediction: Prediction | None
    truth: Truth
    valid: BoolArray
    grid: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """The members that one sample brings into a population.

    Attributes:
        sample_id: id of the sample.
        stratum: True for an anomalous object.
        scores: (n,) scores, NaN and infinite ones included.
        anomalous: (n,) bool.
        regions: (P,) region of each anomalous member, None if unknown.
        counts: facts worth reporting, to be summed over samples.
        identity: digest of all that the population depends on, but not of scores.
        failed: True if the sample has no prediction.
    """

    sample_id: str
    stratum: bool
    scores: NDArray[Any]
    anomalous: BoolArray
    regions: NDArray[np.integer] | None
    counts: Counter[str] = field(default_factory=Counter)
    identity: bytes = b""
    failed: bool = False


def object_member(item: Scored, rules: Rules) -> Members | None:
    """The object itself; None if it is not in the population.

    Raises:
        MetricError: its label is unknown.
    """
    truth = item.truth
    label = object_label(truth, rules.defects)
    if _is_left_out(item, rules):
        return None
    score = None if item.prediction is None else item.prediction.object_score
    return Members(
        truth.sample_id,
        label,
        np.array([np.nan if score is None else score], dtype=np.float64),
        np.array([label]),
        None,
        Counter(n_samples=1, n_anomalous_samples=int(label)),
        _identity(truth.sample_id, label),
        failed=item.prediction is None,
    )


def point_members(item: Scored, rules: Rules) -> Members | None:
    """Its points; None if it has no point labels or is not in the population.

    Raises:
        MetricError: lengths differ, or the labels of an object and of its points contradict each other.
    """
    truth, name = item.truth, item.truth.sample_id
    if truth.points is None or _is_left_out(item, rules):
        return None
    label = object_label(truth, rules.defects)
    marked, regions, counted = _marks(item, truth.points, rules)
    if marked.any() and not label:
        raise MetricError(f"{name} is normal but some of its points are anomalous", hint="mend its labels")
    if label and not marked.any():
        if rules.policies.unmarked == "error":
            raise MetricError(f"{name} is anomalous but none of its points is", hint="mend its labels")
        return None
    anomalous = marked[counted]
    if not marked.any():
        found: NDArray[np.integer] | None = np.empty(0, dtype=np.int32)
    else:
        found = None if regions is None else regions[counted & marked]
    if found is not None and (found < 0).any():
        raise MetricError(f"{name} has anomalous points without region", hint="find regions again")
    counts = Counter(
        n_samples=1,
        n_anomalous_samples=int(label),
        samples_without_valid_point=int(not item.valid.any()),
        n_anomalous_invalid=int((marked & ~item.valid).sum()),
        n_filled=0 if item.prediction is None else item.prediction.n_filled,
    )
    if found is not None and regions is not None:
        counts.update(_region_counts(regions[marked], regions[marked & item.valid], found, rules.protocol))
    return Members(
        name,
        label,
        _point_scores(item)[counted],
        anomalous,
        found,
        counts,
        _identity(name, truth.anomalous, counted, anomalous, found),
        failed=item.prediction is None,
    )


def object_label(truth: Truth, defects: str) -> bool:
    """Label of an object in a population of defects.

    Raises:
        MetricError: it is unknown.
    """
    if truth.anomalous is None:
        raise MetricError(f"{truth.sample_id} has no object label", hint="put it in a folder of its own")
    if defects == "geometry" and truth.shape_anomalous is not None:
        return truth.shape_anomalous
    return truth.anomalous


def ranked(members: Members, policies: Policies) -> Members:
    """The members with scores that can be ranked: policies are applied.

    Where a policy ranks NaN or missing scores, all are float64: these become infinite, and infinite ones the
    largest finite number, so that the former stay beyond the latter.

    Raises:
        MetricError: an integer score has no exact counterpart in float64.
    """
    if "worst" not in (policies.nan, policies.missing):
        return members
    scores = members.scores.astype(np.float64)
    if members.scores.dtype.kind in "iu" and (scores.astype(members.scores.dtype) != members.scores).any():
        problem = f"{members.sample_id} has integer scores that float64 cannot hold"
        raise MetricError(problem, hint="rank them before")
    lost = np.isnan(scores)
    top = np.finfo(np.float64).max
    scores = np.clip(scores, -top, top)
    scores[lost] = np.where(members.anomalous[lost], -np.inf, np.inf)
    return replace(members, scores=scores)


def refused(members: Members, policies: Policies) -> str:
    """Why the scores of a sample cannot be ranked under these policies; empty if they can."""
    if members.failed:
        return "no prediction" if policies.missing == "error" else ""
    if members.scores.dtype.kind != "f":
        return ""
    if policies.nan == "error" and np.isnan(members.scores).any():
        return "scores that are NaN"
    if policies.infinite == "error" and np.isinf(members.scores).any():
        return "scores that are infinite"
    return ""


def some(names: Sequence[str]) -> str:
    """At most three of the names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _is_left_out(item: Scored, rules: Rules) -> bool:
    """True for objects whose only defects keep the shape, and for failed samples under `intersection`."""
    truth = item.truth
    if item.prediction is None and rules.policies.missing == "intersection":
        return True
    return bool(rules.defects == "geometry" and truth.anomalous and not object_label(truth, "geometry"))


def _counted(item: Scored, protocol: str) -> BoolArray:
    """(N,) bool, members of a protocol."""
    if protocol in ("valid", PER_SAMPLE):
        return item.valid
    if protocol == "all-pixels":
        return np.ones(len(item.valid), dtype=np.bool_)
    valid = np.flatnonzero(item.valid)
    if len(valid) <= SAMPLED:
        return item.valid
    drawn = seeding.generator(0, protocol, item.truth.sample_id).choice(valid, SAMPLED, replace=False)
    counted = np.zeros(len(item.valid), dtype=np.bool_)
    counted[drawn] = True
    return counted


def _marks(
    item: Scored, points: BoolArray, rules: Rules
) -> tuple[BoolArray, NDArray[np.integer] | None, BoolArray]:
    """(N,) anomalous points, (N,) their regions if known, and (N,) the members of a population."""
    truth, name = item.truth, item.truth.sample_id
    if len(points) != len(item.valid):
        raise MetricError(f"{name} has {len(points)} point labels for {len(item.valid)} points")
    marked, regions, counted = points, truth.regions, _counted(item, rules.protocol)
    if rules.defects == "geometry" and truth.shape_points is not None:
        counted = counted & ~(points & ~truth.shape_points)
        marked, regions = truth.shape_points, truth.shape_regions
        regions = truth.regions if regions is None else regions
    if regions is not None and len(regions) != len(marked):
        raise MetricError(f"{name} has {len(regions)} regions for {len(marked)} points")
    return marked, regions, counted


def _point_scores(item: Scored) -> NDArray[Any]:
    """(N,) scores; NaN throughout if there is no prediction."""
    name, n = item.truth.sample_id, len(item.valid)
    if item.prediction is None:
        return np.full(n, np.nan, dtype=np.float32)
    scores = item.prediction.point_scores
    if scores is None or scores.shape != (n,):
        found = "no" if scores is None else scores.shape[0] if scores.ndim == 1 else scores.shape
        raise MetricError(f"{name} has {found} point scores for {n} points")
    return scores


def _region_counts(
    whole: NDArray[np.integer], valid: NDArray[np.integer], members: NDArray[np.integer], protocol: str
) -> Counter[str]:
    """Regions of a sample in a population: how many, how many lost all points and why, how many are small.

    Args:
        whole: ids of all anomalous points; those of clouds that are not valid have none.
        valid: ids of the valid ones.
        members: ids of the members.
        protocol: of the population.
    """
    _, sizes = np.unique(members, return_counts=True)
    known, measured = (len(np.unique(ids[ids >= 0])) for ids in (whole, valid))
    lost = 0 if protocol == "all-pixels" else known - measured
    return Counter(
        n_regions=len(sizes),
        n_regions_invalid=lost,
        n_regions_unsampled=measured - len(sizes) if protocol == "sampled-2048" else 0,
        n_small_regions=int((sizes < FEW_POINTS).sum()),
    )


def _identity(name: str, label: bool | None, *arrays: NDArray[Any] | None) -> bytes:
    digest = hashlib.sha256(repr((name, label)).encode("utf-8", "surrogatepass"))
    for array in arrays:
        if array is None:
            digest.update(b"-")
            continue
        packed = np.packbits(array) if array.dtype == np.bool_ else array.astype("<i8")
        digest.update(len(array).to_bytes(8, "little") + packed.tobytes())
    return digest.digest()
