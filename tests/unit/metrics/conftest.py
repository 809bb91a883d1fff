"""Slow plain twins of the metrics, written from their definitions."""

from collections.abc import Callable, Mapping
from fractions import Fraction

import pytest


def auroc(scores, labels):
    anomalous = [score for score, label in zip(scores, labels, strict=True) if label]
    normal = [score for score, label in zip(scores, labels, strict=True) if not label]
    won = sum(Fraction((a > n) + (a >= n), 2) for a in anomalous for n in normal)
    return float(won / (len(anomalous) * len(normal)))


def average_precision(scores, labels):
    area, before = Fraction(0), 0
    for _threshold, true, false in sweep(scores, labels):
        area += Fraction(true - before, sum(labels)) * Fraction(true, true + false)
        before = true
    return float(area)


def f1_max(scores, labels):
    return float(max(f1 for f1, _threshold in f1_curve(scores, labels)))


def f1_max_threshold(scores, labels):
    return max(f1_curve(scores, labels))[1]  # of equal values the one with the largest threshold


def f1_curve(scores, labels):
    return [
        (Fraction(2 * true, 2 * true + false + sum(labels) - true), threshold)
        for threshold, true, false in sweep(scores, labels)
    ]


def sweep(scores, labels):
    """Threshold, true and false positives at every distinct score, descending."""
    for threshold in sorted(set(scores), reverse=True):
        chosen = [label for score, label in zip(scores, labels, strict=True) if score >= threshold]
        yield threshold, sum(chosen), len(chosen) - sum(chosen)


@pytest.fixture(scope="session")
def twins() -> Mapping[str, Callable]:
    """Name of the metric to its twin, `(scores, labels) -> float` on lists."""
    return {"auroc": auroc, "ap": average_precision, "f1max": f1_max, "f1max threshold": f1_max_threshold}
