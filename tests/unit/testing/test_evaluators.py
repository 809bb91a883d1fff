"""What docs/metrics.md says about other evaluators, statement by statement, on re-statements of them."""

import numpy as np
import pytest

from pc3dad.errors import MetricError
from pc3dad.metrics import aupro, auroc, average_precision, compat, f1_max
from pc3dad.testing import evaluators
from pc3dad.testing.evaluators import Category, cloud_category, image_category

OF_IMAGES = {
    "mvtec": evaluators.mvtec3d_official,
    "pointad": evaluators.pro_200_rescaled,
    "anomalib_2_2": evaluators.anomalib_2_2,
    "anomalib_2_3": evaluators.anomalib_2_3,
    "adeval": evaluators.adeval_aupro,
    "btp": evaluators.btp_2026_05,
}
IN_SCORE_VALUE = ("pointad", "adeval", "btp")


@pytest.fixture(scope="module")
def images():
    return image_category()


@pytest.fixture(scope="module")
def clouds():
    return cloud_category()


def members(category, scores=None):
    return category.scores if scores is None else scores, category.labels, category.regions


def with_outlier(category):
    """The highest score becomes 1000: the ranking is the same."""
    return np.where(category.scores == category.scores.max(), 1000.0, category.scores)


def half_lost(category):
    """NaN on every other normal member."""
    scores = category.scores.copy()
    scores[np.flatnonzero(~category.labels)[::2]] = np.nan
    return scores


def without_anomaly(category):
    return category.scores, np.zeros_like(category.labels), np.full_like(category.regions, -1)


def two_levels(category):
    return (category.scores > np.quantile(category.scores, 0.8)).astype(float)


# The simulated categories


@pytest.mark.parametrize("make", [image_category, cloud_category])
def test_simulated_scores_are_in_the_unit_interval_and_have_no_ties(make):
    category = make()
    assert 0 < category.scores.min() < category.scores.max() < 1
    assert len(np.unique(category.scores)) == len(category.scores)


@pytest.mark.parametrize(("make", "n_regions"), [(image_category, 8), (cloud_category, 8)])
def test_half_of_the_samples_have_two_defects_each(make, n_regions):
    category = make()
    assert category.regions.max() + 1 == n_regions
    assert ((category.regions >= 0) == category.labels).all()
    assert [category.labels[category.samples == sample].any() for sample in range(8)] == [False] * 4 + [
        True
    ] * 4


def test_batches_are_the_samples(images):
    assert [len(batch) for batch in images.batches()] == [48 * 48] * 8
    assert (np.concatenate(images.batches()) == images.scores).all()


# AU-PRO


@pytest.mark.parametrize("name", OF_IMAGES)
def test_on_easy_scores_all_agree_to_a_hundredth(images, name):
    assert OF_IMAGES[name](*members(images)) == pytest.approx(aupro(*members(images)), abs=0.01)


@pytest.mark.parametrize("name", IN_SCORE_VALUE)
def test_thresholds_equidistant_in_score_depend_on_the_scale(images, name):
    bent = images.scores**60
    assert aupro(*members(images, bent)) == pytest.approx(aupro(*members(images)), abs=1e-12)
    assert OF_IMAGES[name](*members(images, bent)) < OF_IMAGES[name](*members(images)) - 0.3


@pytest.mark.parametrize("name", sorted(OF_IMAGES.keys() - set(IN_SCORE_VALUE)))
def test_the_others_look_at_ranks(images, name):
    bent = OF_IMAGES[name](*members(images, images.scores**8))
    assert bent == pytest.approx(OF_IMAGES[name](*members(images)), abs=1e-4)


@pytest.mark.parametrize("name", ["adeval", "btp"])
def test_one_outlier_gives_about_chance(images, name):
    assert OF_IMAGES[name](*members(images, with_outlier(images))) == pytest.approx(0.15, abs=0.01)


def test_one_outlier_leaves_no_value_of_pointad(images):
    assert np.isnan(evaluators.pro_200_rescaled(*members(images, with_outlier(images))))


def test_mvtec_is_too_low_where_normal_scores_tie(images):
    tied = members(images, two_levels(images))
    assert evaluators.mvtec3d_official(*tied) < aupro(*tied) - 0.1
    constant = members(images, np.full_like(images.scores, 0.5))
    assert evaluators.mvtec3d_official(*constant) == 0
    assert aupro(*constant) == pytest.approx(0.15)


def test_mvtec_ranks_nan_highest(images):
    lost = half_lost(images)
    highest = np.where(np.isnan(lost), 2.0, lost)
    assert evaluators.mvtec3d_official(*members(images, lost)) == compat.mvtec3d_official(
        *members(images, highest)
    )
    assert evaluators.mvtec3d_official(*members(images, lost)) == 0


def test_mvtec_has_no_threshold_at_small_rates(images):
    rates, _ = compat.mvtec3d_official_curve(*members(images))
    assert 25 < np.count_nonzero((rates > 0) & (rates <= 0.3)) <= 30
    assert not ((rates > 0) & (rates <= 0.01)).any()


def test_anomalib_up_to_2_2_exceeds_1(images):
    perfect = 0.5 * images.scores + 0.45 * images.labels
    perfect[perfect < np.quantile(perfect, 0.7)] = 0
    coarse = np.floor(100 * perfect) / 100
    assert aupro(*members(images, coarse)) == 1
    assert evaluators.anomalib_2_2(*members(images, coarse)) > 1.5


def test_anomalib_up_to_2_2_is_wrong_where_scores_tie(images):
    tied = members(images, two_levels(images))
    assert evaluators.anomalib_2_2(*tied) < aupro(*tied) - 0.05
    assert np.isnan(evaluators.anomalib_2_2(*members(images, np.full_like(images.scores, 0.5))))


@pytest.mark.parametrize("bend", [two_levels, lambda category: np.full_like(category.scores, 0.5)])
def test_anomalib_since_2_3_equals_ours_with_ties(images, bend):
    tied = members(images, bend(images))
    assert evaluators.anomalib_2_3(*tied) == pytest.approx(aupro(*tied), abs=1e-12)


def test_anomalib_since_2_3_gives_zero_without_regions_and_ranks_nan_highest(images):
    assert evaluators.anomalib_2_3(*without_anomaly(images)) == 0
    assert evaluators.anomalib_2_3(*members(images, half_lost(images))) == 0


@pytest.mark.parametrize("name", ["mvtec", "pointad", "anomalib_2_2", "adeval", "btp"])
def test_the_others_have_no_value_without_anomalies(images, name):
    assert np.isnan(OF_IMAGES[name](*without_anomaly(images)))


def test_pointad_stops_at_nan(images):
    assert np.isnan(evaluators.pro_200_rescaled(*members(images, half_lost(images))))


def test_adeval_has_no_value_for_constant_scores_nan_and_missing_anomalies(images):
    for scores in (np.full_like(images.scores, 0.5), half_lost(images)):
        assert np.isnan(evaluators.adeval_aupro(*members(images, scores)))
        assert np.isnan(evaluators.adeval_auroc(scores, images.labels))
        assert np.isnan(evaluators.adeval_average_precision(scores, images.labels))
    scores, labels, _ = without_anomaly(images)
    assert np.isnan(evaluators.adeval_auroc(scores, labels))
    assert np.isnan(evaluators.adeval_average_precision(scores, labels))


@pytest.mark.parametrize("name", OF_IMAGES)
def test_of_all_only_ours_refuses_nan(images, name):
    lost = members(images, half_lost(images))
    with pytest.raises(MetricError, match="NaN"):
        aupro(*lost)
    OF_IMAGES[name](*lost)  # some number or nan


# BTP


def test_btp_before_may_2026_has_another_chance_and_depends_on_ranks_within_objects_only(clouds):
    noise = np.random.default_rng(0).random(len(clouds.scores))
    assert evaluators.coverage_auc(noise, clouds.labels, clouds.samples) == pytest.approx(0.5, abs=0.06)
    value = evaluators.coverage_auc(clouds.scores, clouds.labels, clouds.samples)
    assert value > aupro(*members(clouds)) + 0.2
    shifted = evaluators.coverage_auc(clouds.scores + clouds.samples, clouds.labels, clouds.samples)
    assert shifted == value


def test_btp_before_may_2026_depends_on_the_order_of_tied_points(clouds):
    constant = np.zeros(len(clouds.scores))
    order = np.argsort(~clouds.labels, kind="stable")  # anomalous points first
    first = evaluators.coverage_auc(constant, clouds.labels[order], clouds.samples[order])
    last = evaluators.coverage_auc(constant, clouds.labels[order[::-1]], clouds.samples[order[::-1]])
    assert first > 0.9
    assert last < 0.1


def test_btp_counts_nan_as_not_detected_so_failing_raises_its_value(clouds):
    lost = half_lost(clouds)
    lowest = np.where(np.isnan(lost), clouds.scores.min(), lost)  # at the lowest threshold rates reach 1
    value = evaluators.btp_2026_05(*members(clouds, lost))
    assert value == pytest.approx(compat.btp_2026_05(*members(clouds, lowest)), abs=0.005)
    assert value > evaluators.btp_2026_05(*members(clouds)) + 0.1


def test_btp_without_nan_is_the_compatibility_function(clouds):
    assert evaluators.btp_2026_05(*members(clouds)) == compat.btp_2026_05(*members(clouds))


def test_btp_has_no_value_for_constant_scores(clouds):
    assert np.isnan(evaluators.btp_2026_05(*members(clouds, np.zeros(len(clouds.scores)))))


def test_f1_max_of_btp_depends_on_the_order_in_which_constant_scores_are_listed():
    constant, first = np.zeros(10), np.repeat([True, False], 5)
    assert f1_max(constant, first) == f1_max(constant, ~first) == pytest.approx(2 / 3)
    assert compat.btp_f1_max(constant, first) == 1
    assert compat.btp_f1_max(constant, ~first) == pytest.approx(2 / 3)


# AUROC and AP


def test_scikit_learn_agrees_with_ours(images):
    for scores in (images.scores, images.scores**8, two_levels(images), np.zeros(len(images.scores))):
        theirs = evaluators.scikit_learn("roc_auc_score", scores, images.labels)
        assert theirs == pytest.approx(auroc(scores, images.labels), abs=1e-12)
        theirs = evaluators.scikit_learn("average_precision_score", scores, images.labels)
        assert theirs == pytest.approx(average_precision(scores, images.labels), abs=1e-12)


def test_scikit_learn_gives_zero_precision_without_anomalies_and_refuses_nan(images):
    scores, labels, _ = without_anomaly(images)
    assert evaluators.scikit_learn("average_precision_score", scores, labels) == 0
    assert np.isnan(evaluators.scikit_learn("roc_auc_score", scores, labels))
    assert np.isnan(evaluators.scikit_learn("roc_auc_score", half_lost(images), images.labels))
    assert np.isnan(average_precision(scores, labels))


def test_torchmetrics_is_exact_while_all_scores_are_in_the_unit_interval(images):
    single = images.scores.astype(np.float32)
    assert evaluators.torchmetrics_auroc(images.batches(), images.labels) == auroc(single, images.labels)
    theirs = evaluators.torchmetrics_average_precision(images.batches(), images.labels)
    assert theirs == average_precision(single, images.labels)


def test_torchmetrics_breaks_the_order_between_batches_with_a_sigmoid():
    scores = np.linspace(0.1, 2.0, 20)
    labels = scores > 1.05
    one_by_one = np.split(scores, 20)
    assert auroc(scores, labels) == 1
    assert evaluators.torchmetrics_auroc([scores], labels) == 1
    assert evaluators.torchmetrics_auroc(one_by_one, labels) < 0.8
    assert evaluators.torchmetrics_average_precision(one_by_one, labels) < 0.9


def test_torchmetrics_ties_large_scores(images):
    far = images.scored(98 + 2 * images.scores)
    assert evaluators.torchmetrics_auroc(far.batches(), far.labels) == 0.5
    assert auroc(far.scores, far.labels) > 0.8


def test_torchmetrics_with_thresholds_depends_on_the_scale(images):
    small = images.scored(images.scores / 100)
    exact = auroc(images.scores, images.labels)
    binned = evaluators.torchmetrics_binned_auroc(images.batches(), images.labels)
    assert binned == pytest.approx(exact, abs=1e-3)
    assert evaluators.torchmetrics_binned_auroc(small.batches(), small.labels) < exact - 0.1
    theirs = evaluators.torchmetrics_binned_average_precision(small.batches(), small.labels)
    assert theirs < average_precision(small.scores, small.labels) / 2


def test_torchmetrics_gives_zero_without_anomalies_and_ranks_nan_highest(images):
    scores, labels, _ = without_anomaly(images)
    assert evaluators.torchmetrics_auroc([scores], labels) == 0
    assert evaluators.torchmetrics_binned_auroc([scores], labels) == 0
    assert evaluators.torchmetrics_average_precision([scores], labels) == 0
    assert evaluators.torchmetrics_binned_average_precision([scores], labels) == 0
    lost = images.scored(half_lost(images))
    highest = images.scored(np.nan_to_num(lost.scores, nan=2.0))
    value = evaluators.torchmetrics_auroc(lost.batches(), images.labels)
    assert value == pytest.approx(auroc(highest.scores, images.labels), abs=1e-3)


def test_the_average_precision_of_adeval_is_a_trapezoid():
    scores = np.array([0.0, 1, 2, 3])
    labels = np.array([False, True, False, True])
    # Precision 1, 1/2, 2/3, 1/2 at recall 1/2, 1/2, 1, 1; there is no area below recall 1/2.
    assert evaluators.adeval_average_precision(scores, labels) == pytest.approx((1 / 2 + 2 / 3) / 2 / 2)
    assert average_precision(scores, labels) == pytest.approx((1 + 2 / 3) / 2)


def test_adeval_strips_depend_on_the_scale(images):
    bent = images.scores**60
    assert evaluators.adeval_auroc(images.scores, images.labels) == pytest.approx(
        auroc(images.scores, images.labels), abs=1e-3
    )
    assert evaluators.adeval_auroc(bent, images.labels) < auroc(bent, images.labels) - 0.3


def test_a_category_keeps_its_members_under_other_scores(images):
    other = images.scored(1 - images.scores)
    assert isinstance(other, Category)
    assert other.labels is images.labels
    assert auroc(other.scores, other.labels) == pytest.approx(1 - auroc(images.scores, images.labels))
