"""Populations: who counts, who is left out, and what is refused rather than repaired."""

from dataclasses import replace

import numpy as np
import pytest

from pc3dad.errors import MetricError
from pc3dad.evaluation.evaluator import evaluate, populations
from pc3dad.evaluation.population import Rules, Scored
from pc3dad.metrics.base import resolve_metrics
from pc3dad.types import Prediction, Truth

METRICS = resolve_metrics(["object/auroc", "point/auroc", "point/ap"])
PART = np.array([True, True, False, False, False])


def scored(name, scores, *, score=0.0, labels=None, valid=None, **truth):
    labels = np.zeros(len(scores), bool) if labels is None else np.asarray(labels, bool)
    truth = {"anomalous": bool(labels.any()), "points": labels} | truth
    valid = np.ones(len(scores), bool) if valid is None else np.asarray(valid, bool)
    return Scored(Prediction(name, score, np.asarray(scores, np.float32)), Truth(name, **truth), valid)


def values(items, **words):
    return {item.metric: item for item in evaluate(items, METRICS, Rules(**words))}


NORMAL = scored("normal", [0, 0, 0, 0, 0], score=0.1)
DEFECT = scored("defect", [9, 8, 1, 1, 1], score=0.9, labels=PART)


def test_points_of_all_samples_form_one_population_normal_samples_included():
    found = values([NORMAL, DEFECT])
    assert found["object/auroc"].value == 1.0
    assert (found["point/auroc"].n, found["point/auroc"].n_positive, found["point/auroc"].value) == (
        10,
        2,
        1.0,
    )
    assert found["point/ap"].chance == 0.2


def test_points_that_are_not_valid_count_nowhere_but_are_reported():
    valid = [False, True, True, True, False]
    found = values([NORMAL, replace(DEFECT, valid=np.array(valid))])["point/auroc"]
    assert (found.n, found.n_positive) == (8, 1)
    assert found.counts["n_anomalous_invalid"] == 1


def test_scores_of_missing_points_may_be_anything():
    points = DEFECT.prediction.point_scores.copy()
    points[0] = np.nan
    item = replace(DEFECT, prediction=replace(DEFECT.prediction, point_scores=points))
    item = replace(item, valid=np.array([False, True, True, True, True]))
    assert values([NORMAL, item])["point/auroc"].value == 1.0


def test_labels_of_one_kind_leave_a_metric_undefined_with_the_reason():
    found = values([NORMAL])
    assert (found["object/auroc"].value, found["object/auroc"].reason) == (None, "one_class")
    assert (found["point/ap"].value, found["point/ap"].reason) == (None, "no_positive")


def test_unknown_point_labels_leave_point_metrics_undefined_and_object_metrics_alone():
    found = values([NORMAL, replace(DEFECT, truth=replace(DEFECT.truth, points=None))])
    assert found["point/auroc"].reason == "no_point_labels"
    assert found["object/auroc"].value == 1.0


def test_objects_without_point_labels_are_left_out_of_point_metrics_and_counted():
    unlabelled = scored("unlabelled", [99, 99, 99, 99, 99], anomalous=True, points=None)
    found = values([NORMAL, DEFECT, unlabelled])
    assert found["point/auroc"].value == values([NORMAL, DEFECT])["point/auroc"].value
    assert found["point/auroc"].counts["samples_without_point_labels"] == 1
    assert found["object/auroc"].n == 3


def test_the_population_geometry_leaves_out_objects_and_points_with_other_defects():
    stain = np.array([True, True, True, False, False])
    mixed = scored("mixed", [9, 8, 7, 1, 1], labels=stain, shape_points=PART, shape_anomalous=True)
    colour = scored(
        "colour", [9, 9, 9, 9, 9], labels=stain, shape_points=np.zeros(5, bool), shape_anomalous=False
    )
    normal = scored("normal", [0, 0, 0, 0, 0], shape_points=np.zeros(5, bool))
    assert populations([item.truth for item in (mixed, colour, normal)]) == ("all", "geometry")
    found = values([mixed, colour, normal], defects="geometry")
    assert (found["object/auroc"].n, found["object/auroc"].n_positive) == (2, 1)
    assert (found["point/auroc"].n, found["point/auroc"].n_positive) == (9, 2)
    assert values([mixed, colour, normal])["object/auroc"].n_positive == 2


def test_without_a_distinction_there_is_one_population():
    assert populations([NORMAL.truth, DEFECT.truth]) == ("all",)


def test_the_order_of_samples_does_not_matter():
    rng = np.random.default_rng(0)
    items = [
        scored(str(i), rng.integers(0, 4, 9), score=rng.integers(3), labels=rng.random(9) < i / 9)
        for i in range(8)
    ]
    one, other = (values(order) for order in (items, items[::-1]))
    assert {key: item.value for key, item in one.items()} == {key: item.value for key, item in other.items()}


def test_a_sample_without_any_valid_point_counts_as_object_only():
    found = values(
        [NORMAL, replace(DEFECT, valid=np.zeros(5, bool)), scored("x", [5, 1], labels=[True, False])]
    )
    assert found["object/auroc"].n == 3
    assert found["point/auroc"].n == 7
    assert found["point/auroc"].counts["samples_without_valid_point"] == 1


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([NORMAL, NORMAL], "twice"),
        ([replace(NORMAL, prediction=replace(NORMAL.prediction, sample_id="other"))], "other"),
        (
            [replace(NORMAL, prediction=replace(NORMAL.prediction, object_score=np.nan))],
            "normal: scores that are NaN",
        ),
        ([scored("nan", [np.nan, 0], labels=[True, False])], "nan: scores that are NaN"),
        ([replace(NORMAL, valid=np.ones(4, bool))], "for 4 points"),
        ([replace(NORMAL, truth=replace(NORMAL.truth, points=np.zeros(4, bool)))], "4 point labels"),
        ([replace(NORMAL, truth=replace(NORMAL.truth, anomalous=None))], "no object label"),
        ([scored("empty", [0, 0], anomalous=True)], "none of its points"),
    ],
)
def test_what_cannot_be_right_is_refused_and_named(items, reason):
    with pytest.raises(MetricError, match=reason):
        evaluate(items, METRICS)
