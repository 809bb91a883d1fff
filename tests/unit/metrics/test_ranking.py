"""AUROC, AP and F1-max: values, ties, invariances, what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from pc3dad.errors import MetricError
from pc3dad.metrics import RankCounter, auroc, average_precision, count_ranks, f1_max

METRICS = (auroc, average_precision, f1_max)


@st.composite
def populations(draw):
    """Few score levels, hence many ties; members of both kinds."""
    member = st.tuples(st.integers(-3, 3).map(lambda level: level / 4), st.integers(0, 1))
    scores, labels = zip(*draw(st.lists(member, max_size=30)), (0.0, 0), (0.25, 1), strict=True)
    return list(scores), list(labels)


def random_population(seed, n=2000, levels=300):
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.1
    scores = np.round((rng.standard_normal(n) + labels) * levels / 6) / levels
    return scores.astype(np.float32), labels


def values(scores, labels):
    counts = count_ranks(scores, labels)
    return counts.auroc(), counts.average_precision(), counts.f1_max(), counts.f1_max_threshold()


def test_the_golden_example():
    normal = [0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7, 0.9]
    anomalous = [0.95, 0.8, 0.5, 0.5, 0.2]
    scores, labels = normal + anomalous, [0] * 10 + [1] * 5
    assert auroc(scores, labels) == pytest.approx(0.67, abs=1e-15)
    assert average_precision(scores, labels) == pytest.approx(0.588034188034188, abs=1e-15)
    assert f1_max(scores, labels) == pytest.approx(0.571428571428571, abs=1e-15)
    assert count_ranks(scores, labels).f1_max_threshold() == 0.5


@given(populations())
def test_values_equal_the_definitions(twins, population):
    expected = [twins[name](*population) for name in ("auroc", "ap", "f1max", "f1max threshold")]
    assert values(*population) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("levels", [3, 50, 100_000])
@pytest.mark.parametrize("seed", range(5))
def test_values_equal_scikit_learn(seed, levels):
    scores, labels = random_population(seed, levels=levels)
    precision, recall, _ = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    assert auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert average_precision(scores, labels) == pytest.approx(
        average_precision_score(labels, scores), abs=1e-12
    )
    assert f1_max(scores, labels) == pytest.approx(f1.max(), abs=1e-12)


@given(populations(), st.randoms(use_true_random=False))
def test_the_order_of_members_changes_no_bit(population, random):
    members = list(zip(*population, strict=True))
    random.shuffle(members)
    assert values(*zip(*members, strict=True)) == values(*population)


@given(populations(), st.lists(st.integers(0, 32), max_size=4))
def test_the_split_into_chunks_changes_no_bit(population, cuts):
    scores, labels = (np.array(part) for part in population)
    counter = RankCounter(scores[labels == 1])
    for chunk in np.split(scores, sorted(min(cut, len(scores)) for cut in cuts)):
        counter.add(chunk)
    counts, whole = counter.counts(), count_ranks(scores, labels)
    for name in ("thresholds", "true_at", "false_above", "false_at_or_above"):
        np.testing.assert_array_equal(getattr(counts, name), getattr(whole, name))
    assert (counts.n_positive, counts.n_negative) == (whole.n_positive, whole.n_negative)


@given(populations())
@pytest.mark.parametrize("transform", [lambda x: 3 * x - 7, np.exp, lambda x: x**3, np.arctan])
def test_increasing_transforms_change_no_bit(transform, population):
    scores, labels = population
    assert values(transform(np.array(scores)), labels)[:3] == values(scores, labels)[:3]


@given(populations())
def test_doubling_every_normal_member_leaves_auroc(population):
    scores, labels = population
    normal = [score for score, label in zip(scores, labels, strict=True) if not label]
    doubled = auroc(scores + normal, labels + [0] * len(normal))
    assert doubled == pytest.approx(auroc(scores, labels), abs=1e-15)


def test_counts_are_what_they_say():
    counts = count_ranks([1, 2, 2, 2, 3, 4], [1, 1, 0, 1, 0, 0])
    assert counts.thresholds.tolist() == [2, 1]
    assert counts.true_at.tolist() == [2, 1]
    assert counts.false_above.tolist() == [2, 3]
    assert counts.false_at_or_above.tolist() == [3, 3]
    assert (counts.n_positive, counts.n_negative) == (3, 3)


def test_of_equal_f1_values_the_largest_threshold_is_reported():
    scores, labels = [4, 3, 3, 2, 2], [1, 0, 0, 1, 0]
    f1_at_4, f1_at_2 = 2 * 1 / (1 + 0 + 2), 2 * 2 / (2 + 3 + 2)
    assert f1_at_4 > f1_at_2
    assert count_ranks(scores, labels).f1_max_threshold() == 4
    tied = count_ranks([4, 3, 2, 1], [1, 0, 0, 1])  # 2/3 at 4 and again at 1
    assert (tied.f1_max(), tied.f1_max_threshold()) == (2 / 3, 4)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1], []])
def test_without_members_of_both_kinds_the_value_is_nan_whatever_the_scores(metric, labels):
    assert math.isnan(metric(np.linspace(0, 1, len(labels)), labels))
    assert math.isnan(metric(np.zeros(len(labels)), labels))
    assert math.isnan(count_ranks(np.zeros(len(labels)), labels).f1_max_threshold())


def test_negative_zero_equals_zero():
    labels = [1, 0, 1, 0]
    for zeros in ([0.0, -0.0, -0.0, 0.0], [-0.0, 0.0, 0.0, -0.0]):
        assert values(zeros, labels) == values([0.0] * 4, labels)
        assert math.copysign(1, count_ranks(zeros, labels).f1_max_threshold()) == 1


def test_subnormal_and_huge_scores_are_ordered():
    for kind in (np.float32, np.float64):
        facts = np.finfo(kind)
        scores = np.array(
            [facts.min, 0, facts.smallest_subnormal, 2 * facts.smallest_subnormal, facts.max], dtype=kind
        )
        assert auroc(scores, [0, 0, 1, 1, 1]) == 1
        assert auroc(scores, [0, 0, 1, 0, 1]) == 5 / 6


def test_float64_scores_are_not_rounded_to_float32():
    scores = np.array([1.0, 1.0 + 1e-12])
    assert auroc(scores, [0, 1]) == 1
    assert auroc(scores.astype(np.float32), [0, 1]) == 0.5


def test_float16_scores_give_the_values_of_float32():
    scores, labels = random_population(7)
    half = scores.astype(np.float16)
    assert count_ranks(half, labels).thresholds.dtype == np.float32
    assert values(half, labels) == values(half.astype(np.float32), labels)


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int64])
def test_integers_and_booleans_are_scores(kind):
    scores = np.array([0, 1, 1, 0, 1])
    assert values(scores.astype(kind), [0, 1, 0, 1, 1]) == values(scores.astype(float), [0, 1, 0, 1, 1])


def test_neighbouring_large_integers_are_told_apart():
    assert auroc(np.array([2**62, 2**62 + 1]), [0, 1]) == 1


def test_the_numerator_of_auroc_is_exact():
    n = 100_000  # 10^10 pairs, one of them out of order
    scores = np.concatenate([np.zeros(n - 1), [2.0], np.full(n - 1, 3.0), [1.0]])
    assert auroc(scores, np.repeat([0, 1], n)) == (n * n - 1) / (n * n)


@pytest.mark.parametrize("labels", [[True, False], [1, 0], [1.0, 0.0], np.array([1, 0], dtype=np.uint8)])
def test_labels_are_zeros_and_ones_of_any_type(labels):
    assert auroc([2.0, 1.0], labels) == 1


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([1.0, math.nan, 2.0], [1, 0, 0], "1 of 3 scores are NaN or infinite"),
        ([1.0, math.nan, 2.0], [0, 1, 0], "1 of 1 scores are NaN or infinite"),
        ([1.0, math.inf, -math.inf], [1, 0, 0], "2 of 3 scores are NaN or infinite"),
        ([1.0, 2.0], [1, 0, 0], "2 scores met 3 labels"),
        ([1.0, 2.0], [1, 2], "other values than 0 and 1"),
        ([1.0, 2.0], [1, -1], "other values than 0 and 1"),
        ([1.0, 2.0], [1, math.nan], "other values than 0 and 1"),
        ([1.0, 2.0], ["a", "b"], "other values than 0 and 1"),
        ([[1.0, 2.0]], [1, 0], "scores have shape"),
        ([1.0, 2.0], [[1, 0]], "labels have shape"),
        ([[1.0], [1.0, 2.0]], [1, 0], "scores are no array"),
        (["a", "b"], [1, 0], "scores are of type"),
        ([1j, 2j], [1, 0], "scores are of type"),
    ],
)
@pytest.mark.parametrize("metric", METRICS)
def test_what_cannot_be_ranked_is_refused(metric, scores, labels, message):
    with pytest.raises(MetricError, match=message):
        metric(scores, labels)


def test_a_chunk_of_another_type_is_refused():
    counter = RankCounter(np.ones(2, dtype=np.float32))
    with pytest.raises(MetricError, match="scores are float64, those of anomalous members float32"):
        counter.add(np.ones(2))


def test_chunks_without_the_anomalous_members_are_refused():
    counter = RankCounter([1.0, 2.0])
    counter.add([0.5, 1.0, 1.5])
    with pytest.raises(MetricError, match="not among the members"):
        counter.counts()


def test_the_caller_keeps_its_arrays():
    scores, labels = np.array([3.0, 1.0, 2.0]), np.array([0, 1, 0])
    auroc(scores, labels)
    assert scores.tolist() == [3, 1, 2]
    assert labels.tolist() == [0, 1, 0]
