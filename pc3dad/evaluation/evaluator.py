"""From predictions and truths to metric values: arrays in, numbers out; it knows no model and no file."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pc3dad.errors import MetricError
from pc3dad.metrics.base import MetricSpec
from pc3dad.metrics.ranking import RankCounts, count_ranks
from pc3dad.types import BoolArray, Prediction, Truth

REVISION = 2
"""Raised whenever a value changes; stored values of another revision are computed again."""

DEFECTS = ("all", "geometry")
PROTOCOL = "valid"


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One sample as the evaluator sees it.

    Attributes:
        prediction: what the method returned.
        truth: labels.
        valid: (N,) bool, the points that count (docs/metrics.md, populations).
    """

    prediction: Prediction
    truth: Truth
    valid: BoolArray


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A value, or the reason why labels leave it undefined.

    Attributes:
        metric: key.
        value: None if undefined.
        chance: value of a scorer that knows nothing, None if undefined.
        n: members of the population.
        n_positive: anomalous members.
        reason: `one_class`, `no_positive`, ...; empty if defined.
        counts: further numbers that belong to the value.
    """

    metric: str
    value: float | None
    chance: float | None
    n: int
    n_positive: int
    reason: str = ""
    counts: dict[str, int] = field(default_factory=dict)


def populations(scored: Sequence[Scored]) -> tuple[str, ...]:
    """Populations worth reporting: `geometry` only where some truth tells shape defects from others."""
    return DEFECTS if any(item.truth.shape_points is not None for item in scored) else DEFECTS[:1]


def evaluate(
    scored: Sequence[Scored], metrics: Sequence[MetricSpec], *, defects: str = "all"
) -> list[MetricValue]:
    """Values of all metrics for one category.

    Args:
        scored: the test samples of one category; order does not matter.
        metrics: what to compute.
        defects: "all"; or "geometry": objects whose only defects keep the shape are left out, and points
            labelled for such a defect only.

    Raises:
        MetricError: duplicate samples, unlabelled objects, wrong lengths, scores that are not finite, an
            anomalous object without any anomalous point.
    """
    _check_ids(scored)
    members = [item for item in scored if defects == "all" or _keeps_object(item.truth)]
    ranked: dict[str, RankCounts | str] = {}
    counts: dict[str, dict[str, int]] = {}
    for level in {spec.level for spec in metrics}:
        ranked[level], counts[level] = (_objects if level == "object" else _points)(members, defects)
    return [_value(spec, ranked[spec.level], counts[spec.level]) for spec in metrics]


def _value(spec: MetricSpec, ranks: RankCounts | str, counts: dict[str, int]) -> MetricValue:
    if isinstance(ranks, str):
        return MetricValue(spec.key, None, None, 0, 0, ranks, counts)
    n = ranks.n_positive + ranks.n_negative
    if reason := spec.undefined_reason(ranks):
        return MetricValue(spec.key, None, None, n, ranks.n_positive, reason, counts)
    chance = spec.chance(ranks.n_positive / n)
    return MetricValue(spec.key, spec.function(ranks), chance, n, ranks.n_positive, "", counts)


def _objects(members: Sequence[Scored], defects: str) -> tuple[RankCounts | str, dict[str, int]]:
    labels = np.array([_object_label(item.truth, defects) for item in members], dtype=np.bool_)
    scores = np.array([item.prediction.object_score for item in members], dtype=np.float64)
    if not np.isfinite(scores).all():
        names = [
            item.truth.sample_id for item, fine in zip(members, np.isfinite(scores), strict=True) if not fine
        ]
        raise MetricError(f"object scores that are not finite in {_some(names)}", hint="mend the method")
    return count_ranks(scores, labels), {"samples": len(members)}


def _points(members: Sequence[Scored], defects: str) -> tuple[RankCounts | str, dict[str, int]]:
    labelled = [item for item in members if item.truth.points is not None]
    counts = {"samples": len(labelled), "samples_without_point_labels": len(members) - len(labelled)}
    counts |= {"samples_without_valid_point": 0, "n_anomalous_invalid": 0}
    if any(item.prediction.point_scores is None for item in members):
        return "no_point_scores", counts
    if len(labelled) < len(members) and not any(np.any(item.truth.points) for item in labelled):
        return "no_point_labels", counts  # the anomalous points are among the unlabelled ones
    scores: list[NDArray[np.floating]] = []
    labels: list[BoolArray] = []
    for item in labelled:
        anomalous, counted = _point_labels(item, defects)
        counts["n_anomalous_invalid"] += int((anomalous & ~item.valid).sum())
        counts["samples_without_valid_point"] += int(not item.valid.any())
        scores.append(_point_scores(item)[counted])
        labels.append(anomalous[counted])
    if not members:
        return "no_sample", counts
    return count_ranks(np.concatenate(scores), np.concatenate(labels)), counts


def _point_scores(item: Scored) -> NDArray[np.floating]:
    scores = item.prediction.point_scores
    if scores is None or len(scores) != len(item.valid):
        found = "no" if scores is None else len(scores)
        raise MetricError(f"{item.truth.sample_id} has {found} point scores for {len(item.valid)} points")
    if not np.isfinite(scores[item.valid]).all():
        raise MetricError(
            f"point scores that are not finite in {item.truth.sample_id}", hint="mend the method"
        )
    return scores


def _point_labels(item: Scored, defects: str) -> tuple[BoolArray, BoolArray]:
    """Anomalous points and the members of the population, both (N,) bool."""
    truth = item.truth
    if truth.points is None or len(truth.points) != len(item.valid):
        found = "no" if truth.points is None else len(truth.points)
        raise MetricError(f"{truth.sample_id} has {found} point labels for {len(item.valid)} points")
    if truth.anomalous and not truth.points.any():
        raise MetricError(f"{truth.sample_id} is anomalous but none of its points is", hint="mend its labels")
    if defects == "all" or truth.shape_points is None:
        return truth.points, item.valid
    return truth.shape_points, item.valid & ~(truth.points & ~truth.shape_points)


def _keeps_object(truth: Truth) -> bool:
    """False for objects whose only defects keep the shape."""
    return not truth.anomalous or _object_label(truth, "geometry")


def _object_label(truth: Truth, defects: str) -> bool:
    if truth.anomalous is None:
        raise MetricError(f"{truth.sample_id} has no object label", hint="put it in a folder of its own")
    if defects == "geometry" and truth.shape_anomalous is not None:
        return truth.shape_anomalous
    return truth.anomalous


def _check_ids(scored: Sequence[Scored]) -> None:
    seen: set[str] = set()
    for item in scored:
        if item.prediction.sample_id != item.truth.sample_id:
            raise MetricError(
                f"prediction {item.prediction.sample_id} met the truth of {item.truth.sample_id}"
            )
        if item.truth.sample_id in seen:
            raise MetricError(f"sample {item.truth.sample_id} occurs twice")
        seen.add(item.truth.sample_id)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
