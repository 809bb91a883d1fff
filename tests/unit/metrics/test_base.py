"""What every registered metric must fulfil: one test for all, and one that watches over the others."""

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from pc3dad.errors import ConfigError
from pc3dad.metrics import METRICS, count_ranks, resolve_metrics

N_POSITIVE, N_NEGATIVE = 30, 170
PREVALENCE = N_POSITIVE / (N_POSITIVE + N_NEGATIVE)
LABELS = np.repeat([1, 0], [N_POSITIVE, N_NEGATIVE])
REGIONS = np.repeat([0, 1, 2, -1], [20, 9, 1, N_NEGATIVE])
RANDOM = np.random.default_rng(3).random(len(LABELS))
SCORERS = {
    "perfect": LABELS + RANDOM / 2,
    "inverted": -LABELS - RANDOM / 2,
    "constant": np.full(len(LABELS), 0.5),
    "two levels": (RANDOM + LABELS / 2 > 0.5).astype(float),
    "random": RANDOM,
}

every_metric = pytest.mark.parametrize("spec", METRICS.values(), ids=METRICS.keys())


def value(spec, scorer):
    return float(spec.function(count_ranks(SCORERS[scorer], LABELS, REGIONS)))


@every_metric
@pytest.mark.parametrize("scorer", SCORERS)
def test_values_lie_in_the_range_and_equal_the_definition(spec, scorer, twins):
    found = value(spec, scorer)
    assert spec.lowest <= found <= spec.highest
    twin = twins[spec.key.partition("/")[2]]
    assert found == pytest.approx(
        twin(SCORERS[scorer].tolist(), LABELS.tolist(), REGIONS.tolist()), abs=1e-14
    )


@every_metric
def test_a_perfect_scorer_gets_the_highest_value_and_an_inverted_one_is_worst(spec):
    assert spec.direction == "higher"
    assert value(spec, "perfect") == spec.highest
    assert value(spec, "inverted") == min(value(spec, scorer) for scorer in SCORERS)


@every_metric
def test_a_constant_scorer_gets_the_chance_value(spec):
    assert value(spec, "constant") == pytest.approx(spec.chance(PREVALENCE), abs=1e-15)
    assert spec.lowest < spec.chance(PREVALENCE) < spec.highest


@every_metric
def test_random_scores_are_near_the_chance_value_in_the_mean(spec):
    draws = np.random.default_rng(5).random((50, 4000))
    labels = np.arange(4000) < 1000
    regions = np.where(labels, np.arange(4000) // 100, -1)
    mean = np.mean([spec.function(count_ranks(scores, labels, regions)) for scores in draws])
    assert mean == pytest.approx(spec.chance(0.25), abs=0.01)


def test_a_metric_without_a_twin_cannot_be_registered(twins):
    assert {spec.key.partition("/")[2] for spec in METRICS.values()} <= twins.keys()


def test_keys_titles_and_levels_belong_together():
    assert list(METRICS) == [
        *("object/auroc", "object/ap", "object/f1max"),
        *("point/auroc", "point/ap", "point/f1max"),
        *("point/aupro@0.3", "point/aupro@0.1", "point/aupro@0.05", "point/aupro@0.01", "point/aupro@1.0"),
    ]
    assert [spec.title for spec in METRICS.values()] == [
        *("O-AUROC", "O-AP", "O-F1max"),
        *("P-AUROC", "P-AP", "P-F1max"),
        *("AUPRO30", "AUPRO10", "AUPRO5", "AUPRO1", "AUPRO100"),
    ]
    for key, spec in METRICS.items():
        assert key == spec.key
        assert key.startswith(f"{spec.level}/")
        assert spec.definition.startswith("docs/metrics.md#")


def test_only_f1_max_is_an_oracle_value():
    assert {key for key, spec in METRICS.items() if spec.oracle} == {"object/f1max", "point/f1max"}


def test_the_floor_of_f1_max_at_even_classes_is_two_thirds():
    assert METRICS["object/f1max"].chance(0.5) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("labels", "level", "reason"),
    [
        ([0, 1], "object", ""),
        ([0, 1], "point", ""),
        ([0, 0], "object", "one_class"),
        ([1, 1], "object", "one_class"),
        ([0, 0], "point", "no_positive"),
        ([1, 1], "point", "no_negative"),
        ([], "point", "no_positive"),
    ],
)
def test_the_reason_of_an_undefined_value_depends_on_labels(labels, level, reason):
    for scores in (np.zeros(len(labels)), np.arange(len(labels))):
        counts = count_ranks(scores, labels)
        for name in ("auroc", "ap", "f1max"):
            spec = METRICS[f"{level}/{name}"]
            assert spec.undefined_reason(counts) == reason
            assert math.isnan(spec.function(counts)) == bool(reason)


@pytest.mark.parametrize(
    ("labels", "regions", "reason"),
    [
        ([0, 1], [-1, 0], ""),
        ([0, 0], [-1, -1], "no_region"),
        ([1, 1], [0, 1], "no_negative"),
        ([], [], "no_region"),
        ([0, 1], None, "regions_unknown"),
    ],
)
def test_the_reason_of_an_undefined_aupro_depends_on_labels_and_regions(labels, regions, reason):
    spec = METRICS["point/aupro@0.3"]
    for scores in (np.zeros(len(labels)), np.arange(len(labels))):
        counts = count_ranks(scores, labels, np.array(regions, dtype=int) if regions is not None else None)
        assert spec.undefined_reason(counts) == reason
        if regions is not None:
            assert math.isnan(spec.function(counts)) == bool(reason)


def test_metrics_are_resolved_in_the_order_asked_for():
    assert [spec.key for spec in resolve_metrics(["point/ap", "object/auroc"])] == [
        "point/ap",
        "object/auroc",
    ]


def test_every_unknown_metric_is_named_with_its_nearest():
    with pytest.raises(ConfigError, match=r"'point/aurok', did you mean 'point/auroc'\?.*'object/pa'"):
        resolve_metrics(["point/aurok", "point/ap", "object/pa"])


def test_nothing_can_be_added_or_changed_behind_the_scenes():
    with pytest.raises(TypeError):
        METRICS["point/mine"] = METRICS["point/ap"]
    with pytest.raises(FrozenInstanceError):
        METRICS["point/ap"].title = "other"
