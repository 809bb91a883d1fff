"""Metrics on arrays of scores and labels; they know no model. Imports NumPy and SciPy only."""

from pc3dad.metrics.base import METRICS, MetricSpec, resolve_metrics
from pc3dad.metrics.ranking import (
    RankCounter,
    RankCounts,
    aupro,
    auroc,
    average_precision,
    count_ranks,
    f1_max,
)

__all__ = [
    "METRICS",
    "MetricSpec",
    "RankCounter",
    "RankCounts",
    "aupro",
    "auroc",
    "average_precision",
    "count_ranks",
    "f1_max",
    "resolve_metrics",
]
