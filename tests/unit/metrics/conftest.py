"""Slow plain twins of the metrics, written from their definitions."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from itertools import pairwise

import pytest

from pc3dad.metrics.base import LIMITS


def auroc(scores, labels, regions=None):
    anomalous = [score for score, label in zip(scores, labels, strict=True) if label]
    normal = [score for score, label in zip(scores, labels, strict=True) if not label]
    won = sum(Fraction((a > n) + (a >= n), 2) for a in anomalous for n in normal)
    return float(won / (len(anomalous) * len(normal)))


def average_precision(scores, labels, regions=None):
    area, before = Fraction(0), 0
    for _threshold, true, false in sweep(scores, labels):
        area += Fraction(true - before, sum(labels)) * Fraction(true, true + false)
        before = true
    return float(area)


def f1_max(scores, labels, regions=None):
    return float(max(f1 for f1, _threshold in f1_curve(scores, labels)))


def f1_max_threshold(scores, labels, regions=None):
    return max(f1_curve(scores, labels))[1]  # of equal values the one with the largest threshold


def f1_curve(scores, labels):
    return [
        (Fraction(2 * true, 2 * true + false + sum(labels) - true), threshold)
        for threshold, true, false in sweep(scores, labels)
    ]


def aupro(scores, labels, regions, *, limit):
    """Integral of the polyline through all thresholds, cut where it crosses the limit."""
    limit = Fraction(limit)
    points = [(Fraction(0), Fraction(0)), *pro_curve(scores, labels, regions)]
    area = Fraction(0)
    for (x, y), (next_x, next_y) in pairwise(points):
        if x < next_x and x < limit:
            end = min(next_x, limit)
            height = y + (next_y - y) * (end - x) / (next_x - x)
            area += (end - x) * (y + height) / 2
    return float(area / limit)


def pro_curve(scores, labels, regions):
    """False positive rate and mean overlap of regions at every distinct score, descending."""
    members = list(zip(scores, labels, regions, strict=True))
    normal = [score for score, label, _ in members if not label]
    of_region = {}
    for score, label, region in members:
        if label:
            of_region.setdefault(region, []).append(score)
    for threshold in sorted(set(scores), reverse=True):
        overlaps = [Fraction(sum(s >= threshold for s in own), len(own)) for own in of_region.values()]
        false = Fraction(sum(s >= threshold for s in normal), len(normal))
        yield false, sum(overlaps) / len(overlaps)


def sweep(scores, labels):
    """Threshold, true and false positives at every distinct score, descending."""
    for threshold in sorted(set(scores), reverse=True):
        chosen = [label for score, label in zip(scores, labels, strict=True) if score >= threshold]
        yield threshold, sum(chosen), len(chosen) - sum(chosen)


@pytest.fixture(scope="session")
def twins() -> Mapping[str, Callable]:
    """Name of the metric to its twin, `(scores, labels, regions) -> float` on lists."""
    ranking = {"auroc": auroc, "ap": average_precision, "f1max": f1_max, "f1max threshold": f1_max_threshold}
    return ranking | {f"aupro@{limit}": partial(aupro, limit=limit) for limit in LIMITS}
