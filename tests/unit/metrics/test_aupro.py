"""AU-PRO: the definition, its invariances, and what it is equal to in special cases."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc3dad.errors import MetricError
from pc3dad.metrics import RankCounter, aupro, auroc, count_ranks
from pc3dad.metrics.base import LIMITS
from pc3dad.metrics.regions import stack_regions

NORMAL = [0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7, 0.9]
SCORES = [*NORMAL, 0.95, 0.8, 0.5, 0.5, 0.2]
LABELS = [0] * 10 + [1] * 5
REGIONS = [-1] * 10 + [0] * 3 + [1] * 2


@st.composite
def populations(draw):
    """Few score levels, hence many ties; at least one region and one normal member."""
    member = st.tuples(st.integers(-3, 3).map(lambda level: level / 4), st.integers(-1, 4))
    scores, regions = zip(*draw(st.lists(member, max_size=30)), (0.0, -1), (0.25, 0), strict=True)
    return list(scores), [int(region >= 0) for region in regions], list(regions)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(0.05, 1 / 6), (0.1, 1 / 6), (0.2, 0.25), (0.3, 5 / 18), (0.5, 23 / 60), (1.0, 151 / 240)],
)
def test_the_golden_example(limit, expected):
    assert aupro(SCORES, LABELS, REGIONS, limit=limit) == pytest.approx(expected, abs=1e-15)


@given(populations(), st.sampled_from([*LIMITS, 0.25, 1 / 3, 1e-9]))
def test_the_closed_form_equals_the_polyline(twins, population, limit):
    brute = twins["aupro@0.3"].func(*population, limit=limit)
    assert aupro(*population, limit=limit) == pytest.approx(brute, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_larger_random_inputs_equal_the_polyline_too(twins, seed):
    rng = np.random.default_rng(seed)
    regions = np.where(rng.random(300) < 0.2, rng.integers(0, 5, 300), -1)
    scores = np.round(rng.standard_normal(300) + (regions >= 0), int(rng.integers(0, 4)))
    population = scores.tolist(), (regions >= 0).tolist(), regions.tolist()
    for limit in LIMITS:
        assert aupro(*population, limit=limit) == pytest.approx(
            twins[f"aupro@{limit}"](*population), abs=1e-12
        )


@given(populations(), st.randoms(use_true_random=False))
def test_the_order_of_members_and_the_names_of_regions_change_no_bit(population, random):
    members = list(zip(*population, strict=True))
    random.shuffle(members)
    scores, labels, regions = zip(*members, strict=True)
    renamed = [-1 if region < 0 else 1000 - 7 * region for region in regions]
    for limit in LIMITS:
        assert aupro(scores, labels, renamed, limit=limit) == aupro(*population, limit=limit)


@given(populations(), st.lists(st.integers(0, 32), max_size=4))
def test_the_split_into_chunks_changes_no_bit(population, cuts):
    scores, labels, regions = (np.array(part) for part in population)
    counter = RankCounter(scores[labels == 1], regions[labels == 1])
    for chunk in np.split(scores, sorted(min(cut, len(scores)) for cut in cuts)):
        counter.add(chunk)
    for limit in LIMITS:
        assert counter.counts().aupro(limit) == aupro(*population, limit=limit)


@given(populations())
@pytest.mark.parametrize("transform", [lambda x: 3 * x - 7, np.exp, lambda x: x**3, np.arctan])
def test_increasing_transforms_change_no_bit(transform, population):
    scores, labels, regions = population
    assert aupro(transform(np.array(scores)), labels, regions) == aupro(scores, labels, regions)


@pytest.mark.parametrize("limit", LIMITS)
def test_perfect_inverted_constant_and_two_level_scores(limit):
    labels = np.array(LABELS)
    assert aupro(labels, labels, REGIONS, limit=limit) == 1
    assert aupro(-labels, labels, REGIONS, limit=limit) == 0
    assert aupro(np.full(15, 0.5), labels, REGIONS, limit=limit) == pytest.approx(limit / 2)
    # Two of ten normal points and three of five anomalous ones are high: overlaps 2/3 and 1/2, rate 0.2.
    high = np.isin(np.arange(15), [8, 9, 10, 11, 13])
    overlap, rate = (2 / 3 + 1 / 2) / 2, 0.2
    if limit <= rate:
        expected = overlap * limit / (2 * rate)
    else:
        end = overlap + (1 - overlap) * (limit - rate) / (1 - rate)
        expected = (overlap * rate / 2 + (overlap + end) / 2 * (limit - rate)) / limit
    assert aupro(high, labels, REGIONS, limit=limit) == pytest.approx(expected, abs=1e-14)


@given(populations())
def test_with_a_region_for_every_point_the_whole_area_is_auroc(population):
    scores, labels, _ = population
    alone = np.where(np.array(labels) == 1, np.arange(len(labels)), -1)
    assert aupro(scores, labels, alone, limit=1) == pytest.approx(auroc(scores, labels), abs=1e-12)


def test_with_regions_of_one_size_the_whole_area_is_auroc():
    rng = np.random.default_rng(0)
    regions = np.concatenate([np.repeat(np.arange(6), 5), np.full(200, -1)])
    scores = np.round(rng.standard_normal(230) + (regions >= 0), 1)
    labels = regions >= 0
    assert aupro(scores, labels, regions, limit=1) == pytest.approx(auroc(scores, labels), abs=1e-12)


def test_doubling_every_normal_point_changes_nothing():
    scores, labels, regions = [*SCORES, *NORMAL], [*LABELS, *[0] * 10], [*REGIONS, *[-1] * 10]
    assert aupro(scores, labels, regions) == pytest.approx(aupro(SCORES, LABELS, REGIONS), abs=1e-15)
    assert auroc(scores, labels) == pytest.approx(auroc(SCORES, LABELS), abs=1e-15)


def test_doubling_every_point_of_one_region_changes_aupro_not_and_auroc_does():
    scores, labels, regions = [*SCORES, 0.5, 0.2], [*LABELS, 1, 1], [*REGIONS, 1, 1]
    assert aupro(scores, labels, regions) == pytest.approx(aupro(SCORES, LABELS, REGIONS), abs=1e-15)
    assert auroc(scores, labels) != pytest.approx(auroc(SCORES, LABELS), abs=1e-3)


def test_splitting_a_region_changes_the_value():
    split = [-1] * 10 + [0, 0, 2, 1, 1]
    whole = aupro(SCORES, LABELS, REGIONS, limit=1)
    assert aupro(SCORES, LABELS, split, limit=1) != pytest.approx(whole, abs=1e-3)


@pytest.mark.parametrize(
    ("labels", "regions"), [([0, 0], [-1, -1]), ([1, 1], [0, 0]), ([1, 1], [0, 1]), ([], [])]
)
def test_without_regions_or_normal_points_the_value_is_nan_whatever_the_scores(labels, regions):
    for scores in (np.zeros(len(labels)), np.arange(len(labels))):
        assert math.isnan(aupro(scores, np.array(labels, int), np.array(regions, int)))


def test_one_set_of_counts_gives_all_limits_and_metrics():
    counts = count_ranks(SCORES, LABELS, REGIONS)
    assert [float(counts.aupro(limit)) for limit in LIMITS] == [
        aupro(SCORES, LABELS, REGIONS, limit=limit) for limit in LIMITS
    ]
    assert int(counts.n_regions) == 2
    assert counts.coverage_at.sum() == pytest.approx(1)


def test_regions_of_several_samples_are_kept_apart():
    one = np.array([0, 0, -1, -1])
    both = stack_regions([one, one])
    scores = [3, 2, 1, 0, 3, 0, 2, 1]
    apart, merged = (aupro(scores, np.tile(one >= 0, 2), ids) for ids in (both, np.tile(one, 2)))
    assert int(count_ranks(scores, both >= 0, both).n_regions) == 2
    assert apart == pytest.approx(merged)  # regions of one size
    assert int(count_ranks(scores, both >= 0, np.tile(one, 2)).n_regions) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"regions": [0]}, "1 regions met 2 labels"),
        ({"regions": [0, 0]}, "normal members have a region"),
        ({"regions": [-1, -1]}, "anomalous members have regions that are no numbers >= 0"),
        ({"regions": [0.5, -1.0]}, "anomalous members have regions that are no numbers >= 0"),
        ({"regions": [[0, -1]]}, "regions have shape"),
        ({"limit": 0}, "limit 0 is not in"),
        ({"limit": 1.5}, "limit 1.5 is not in"),
        ({"limit": math.nan}, "limit nan is not in"),
        ({"scores": [math.nan, 0]}, "NaN"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes, message):
    words = {"scores": [1, 0], "labels": [1, 0], "regions": [0, -1], "limit": 0.3} | changes
    with pytest.raises(MetricError, match=message):
        aupro(words["scores"], words["labels"], words["regions"], limit=words["limit"])


def test_without_regions_there_is_no_aupro():
    with pytest.raises(MetricError, match="needs the region of every anomalous point"):
        count_ranks(SCORES, LABELS).aupro(0.3)
