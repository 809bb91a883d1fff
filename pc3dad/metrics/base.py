"""What a metric declares about itself, and the metrics that exist."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pc3dad.config import nearest
from pc3dad.errors import ConfigError
from pc3dad.metrics.ranking import RankCounts
from pc3dad.types import Float64Array

Level = Literal["object", "point"]


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric.

    Attributes:
        key: name in files and on the command line, such as "point/auroc".
        level: "object" or "point", the population it is computed on.
        title: head of its column in tables.
        definition: where it is defined.
        function: the values from the counts of one population, or of a batch of them; nan where labels leave
            them undefined.
        chance: value of a constant score, from the share of anomalous members in (0, 1).
        direction: "higher" if higher is better.
        lowest: no scorer gets below this.
        highest: the value of a perfect scorer.
        oracle: True if a threshold is chosen on the test labels (`RankCounts.f1_max_threshold`).
        regions: True if it needs the region of every anomalous point.
    """

    key: str
    level: Level
    title: str
    definition: str
    function: Callable[[RankCounts], Float64Array]
    chance: Callable[[float], float]
    direction: Literal["higher", "lower"] = "higher"
    lowest: float = 0.0
    highest: float = 1.0
    oracle: bool = False
    regions: bool = False

    def undefined_reason(self, counts: RankCounts) -> str:
        """Why labels leave it undefined, such as "one_class" or "no_region"; empty if they do not."""
        if self.regions and counts.coverage_at is None:
            return "regions_unknown"
        if self.regions and not counts.n_regions:
            return "no_region"
        if counts.defined:
            return ""
        if self.level == "object":
            return "one_class"
        return "no_negative" if counts.n_positive else "no_positive"


def resolve_metrics(keys: Iterable[str]) -> tuple[MetricSpec, ...]:
    """The metrics of these keys, in this order; compatibility columns, which have no definition, left out.

    Raises:
        ConfigError: names every key that does not exist, and the nearest one that does.
    """
    wanted = tuple(keys)
    known = (*METRICS, *COMPAT_TITLES)
    unknown = [f"{key!r}{nearest(key, known)}" for key in wanted if key not in known]
    if unknown:
        raise ConfigError(f"unknown metric {'; '.join(unknown)}", hint=f"write some of {', '.join(METRICS)}")
    return tuple(METRICS[key] for key in wanted if key in METRICS)


def _ranking_metrics(level: Level) -> tuple[MetricSpec, ...]:
    initial = level[0].upper()
    return (
        MetricSpec(
            key=f"{level}/auroc",
            level=level,
            title=f"{initial}-AUROC",
            definition="docs/metrics.md#auroc",
            function=RankCounts.auroc,
            chance=lambda _prevalence: 0.5,
        ),
        MetricSpec(
            key=f"{level}/ap",
            level=level,
            title=f"{initial}-AP",
            definition="docs/metrics.md#average-precision",
            function=RankCounts.average_precision,
            chance=lambda prevalence: prevalence,
        ),
        MetricSpec(
            key=f"{level}/f1max",
            level=level,
            title=f"{initial}-F1max",
            definition="docs/metrics.md#f1-max",
            function=RankCounts.f1_max,
            chance=lambda prevalence: 2 * prevalence / (1 + prevalence),
            oracle=True,
        ),
    )


def _aupro_metric(limit: float) -> MetricSpec:
    return MetricSpec(
        key=f"point/aupro@{limit}",
        level="point",
        title=f"AUPRO{round(100 * limit)}",
        definition="docs/metrics.md#au-pro",
        function=lambda counts: counts.aupro(limit),
        chance=lambda _prevalence: limit / 2,
        regions=True,
    )


LIMITS = (0.3, 0.1, 0.05, 0.01, 1.0)
"""False positive rates up to which AU-PRO is computed; the first one is the headline."""

METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        spec.key: spec
        for spec in (
            *_ranking_metrics("object"),
            *_ranking_metrics("point"),
            *(_aupro_metric(limit) for limit in LIMITS),
        )
    }
)
"""Every metric by its key, in the order of tables."""

COMPAT_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "compat/mvtec3d-official@0.3": "MVTEC30",
        "compat/pro-200-rescaled@0.3": "PRO200",
        "compat/btp-2026-05@0.3": "BTP30",
        "compat/coverage-auc": "COVERAGE",
    }
)
"""Keys of compatibility columns and the heads of their columns (`evaluation.compat`)."""
