"""From predictions and truths to metric values: arrays in, numbers out; it knows no model and no file.

Samples are read twice and never held together: the first pass keeps the scores of anomalous members, the
second one counts the others against them. The result is exact, and memory grows with the anomalous members.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean

from pc3dad.errors import MetricError
from pc3dad.evaluation.passes import FirstPass, SecondPass
from pc3dad.evaluation.population import (
    DEFECTS,
    PER_SAMPLE,
    Rules,
    Scored,
)
from pc3dad.evaluation.settings import NO_BOOTSTRAP, Bootstrap
from pc3dad.evaluation.values import MetricValue
from pc3dad.io.digest import of_parts
from pc3dad.metrics.base import MetricSpec
from pc3dad.types import Truth

REVISION = 3
"""Raised whenever a value changes; stored values of another revision are computed again."""


def populations(truths: Iterable[Truth]) -> tuple[str, ...]:
    """Populations worth reporting: `geometry` only where some truth tells shape defects from others."""
    return DEFECTS if any(truth.shape_points is not None for truth in truths) else DEFECTS[:1]


def evaluate(
    scored: Iterable[Scored],
    metrics: Sequence[MetricSpec],
    rules: Rules = Rules(),  # noqa: B008  frozen
    *,
    bootstrap: Bootstrap = NO_BOOTSTRAP,
    category: str = "",
) -> list[MetricValue]:
    """Values of all metrics for one category.

    Args:
        scored: the test samples of one category; order does not matter. It is iterated several times, so it
            may read files, but must not be a generator.
        metrics: what to compute.
        rules: population and policies.
        bootstrap: intervals; none by default.
        category: name of the category; categories draw independently of each other.

    Raises:
        MetricError: duplicate samples, unlabelled objects, wrong lengths; and unless a policy allows it
            missing samples, scores that are not finite, an anomalous object without any anomalous point.
    """
    if rules.protocol == PER_SAMPLE:
        whole = [spec for spec in metrics if spec.level == "object"]
        rules = replace(rules, protocol="valid")
        found = evaluate(scored, whole, rules, bootstrap=bootstrap, category=category) if whole else []
        found += _mean_of_samples(scored, [spec for spec in metrics if spec.level == "point"], rules)
        by_key = {value.metric: value for value in found}
        return [by_key[spec.key] for spec in metrics]
    levels = tuple(dict.fromkeys(spec.level for spec in metrics))
    first = {level: FirstPass(level, rules) for level in levels}
    seen: set[str] = set()
    for item in scored:
        _check_id(item, seen)
        for level in levels:
            first[level].add(item)
    second = {level: SecondPass(first[level], bootstrap, category) for level in levels}
    for item in scored if "point" in second else ():
        second["point"].add(item)
    values = {
        level: second[level].values([spec for spec in metrics if spec.level == level]) for level in levels
    }
    return [values[spec.level][spec.key] for spec in metrics]


def _mean_of_samples(
    scored: Iterable[Scored], metrics: Sequence[MetricSpec], rules: Rules
) -> list[MetricValue]:
    """Means of the values of single samples; those without a value, such as normal ones, are left out."""
    each = [evaluate([item], metrics, rules) for item in scored]
    found = []
    for number, spec in enumerate(metrics):
        values = [sample[number] for sample in each]
        defined = [value for value in values if value.value is not None]
        impossible = [value.reason for value in values if value.reason.startswith("no_point_")]
        blank = MetricValue(
            spec.key, None, None, sum(v.n for v in defined), sum(v.n_positive for v in defined)
        )
        blank = replace(
            blank, counts={"n_samples": len(defined)}, truth=of_parts(v.truth.encode() for v in values)
        )
        if not defined or impossible:
            found.append(replace(blank, reason=(*impossible, *(v.reason for v in values), "no_sample")[0]))
            continue
        value, chance = (fmean(getattr(v, name) for v in defined) for name in ("value", "chance"))
        found.append(replace(blank, value=value, chance=chance))
    return found


def _check_id(item: Scored, seen: set[str]) -> None:
    name = item.truth.sample_id
    if item.prediction is not None and item.prediction.sample_id != name:
        raise MetricError(f"prediction {item.prediction.sample_id} met the truth of {name}")
    if name in seen:
        raise MetricError(f"sample {name} occurs twice")
    seen.add(name)
