"""The special cases of docs/metrics.md, row by row: who counts, what is refused, what policies make of it."""

from dataclasses import replace

import numpy as np
import pytest

from pc3dad.errors import MetricError
from pc3dad.evaluation.evaluator import evaluate
from pc3dad.evaluation.population import SAMPLED, Policies, Rules, Scored
from pc3dad.evaluation.settings import Bootstrap
from pc3dad.metrics import METRICS, aupro, auroc, resolve_metrics
from pc3dad.metrics.regions import stack_regions
from pc3dad.types import Prediction, Truth

ALL = tuple(METRICS.values())
AUPRO = "point/aupro@0.3"


def scored(name, scores, *, score=0.0, regions=None, valid=None, anomalous=None, grid=None):
    """A sample; `regions` also tells which points are anomalous."""
    regions = np.full(len(scores), -1) if regions is None else np.asarray(regions)
    anomalous = bool((regions >= 0).any()) if anomalous is None else anomalous
    truth = Truth(name, anomalous, regions >= 0, regions=regions.astype(np.int32))
    valid = np.ones(len(scores), bool) if valid is None else np.asarray(valid, bool)
    prediction = Prediction(name, score, np.asarray(scores, np.float32))
    return Scored(prediction, truth, valid, grid)


def category(seed=0, n=6, points=40):
    """Half of the samples have two regions each; scores are rounded, so that there are ties."""
    rng = np.random.default_rng(seed)
    items = []
    for number in range(n):
        regions = np.full(points, -1)
        if number >= n // 2:
            regions[:3], regions[3:8] = 0, 1
        scores = np.round(rng.standard_normal(points) + (regions >= 0), 1)
        items.append(scored(f"s{number}", scores, score=float(np.round(scores.max(), 1)), regions=regions))
    return items


def values(items, metrics=ALL, **rules):
    policies = {key: rules.pop(key) for key in list(rules) if key in Policies.model_fields}
    found = evaluate(items, metrics, Rules(policies=Policies(**policies), **rules))
    return {item.metric: item for item in found}


def plain(items, **rules):
    return {key: item.value for key, item in values(items, **rules).items()}


def with_scores(item, scores):
    return replace(item, prediction=replace(item.prediction, point_scores=np.asarray(scores)))


def test_values_are_those_of_the_metrics_on_all_points_of_all_samples():
    items = category()
    scores = np.concatenate([item.prediction.point_scores for item in items])
    regions = stack_regions([item.truth.regions for item in items])
    found = values(items)
    assert found["point/auroc"].value == auroc(scores, regions >= 0)
    assert found[AUPRO].value == aupro(scores, regions >= 0, regions)
    objects = [item.prediction.object_score for item in items]
    assert found["object/auroc"].value == auroc(objects, [0, 0, 0, 1, 1, 1])
    assert found[AUPRO].counts["n_regions"] == 6


def test_the_order_of_samples_and_of_points_changes_no_bit():
    items = category()
    rng = np.random.default_rng(1)
    shuffled = []
    for item in items[::-1]:
        order = rng.permutation(len(item.valid))
        truth = replace(
            item.truth, points=item.truth.points[order], regions=(item.truth.regions * 3)[order].clip(-1)
        )
        shuffled.append(replace(with_scores(item, item.prediction.point_scores[order]), truth=truth))
    assert plain(items) == plain(shuffled)


# One kind of object only.


@pytest.mark.parametrize("part", [slice(0, 3), slice(3, 6)])
def test_objects_of_one_kind_leave_object_metrics_undefined(part):
    found = values(category()[part])
    assert {found[key].reason for key in ("object/auroc", "object/ap", "object/f1max")} == {"one_class"}


def test_no_anomalous_point_leaves_point_metrics_undefined():
    found = values(category()[:3])
    assert {found[key].reason for key in ("point/auroc", "point/ap", "point/f1max")} == {"no_positive"}
    assert found[AUPRO].reason == "no_region"


def test_normal_samples_bring_normal_points():
    items = category()
    without = values(items[3:])
    assert values(items)["point/auroc"].n == without["point/auroc"].n + 3 * 40
    assert values(items)["point/auroc"].n_positive == without["point/auroc"].n_positive


def test_an_anomalous_object_without_anomalous_points_is_an_error_unless_its_points_are_excluded():
    items = [*category(), scored("odd", np.zeros(40), score=9.0, anomalous=True)]
    with pytest.raises(MetricError, match="odd is anomalous but none of its points is"):
        values(items)
    found = values(items, unmarked="exclude")
    assert found["object/auroc"].n == 7
    assert found["point/auroc"].value == values(category())["point/auroc"].value


def test_a_normal_object_with_anomalous_points_is_an_error():
    items = category()
    items[4] = replace(items[4], truth=replace(items[4].truth, anomalous=False))
    with pytest.raises(MetricError, match="s4 is normal but some of its points are anomalous"):
        values(items)


def test_a_shape_defect_without_points_of_its_own_is_an_error_in_that_population():
    items = category()
    none = np.zeros(40, bool)
    items[4] = replace(items[4], truth=replace(items[4].truth, shape_points=none, shape_anomalous=True))
    assert values(items)["point/auroc"].value is not None
    with pytest.raises(MetricError, match="s4 is anomalous but none of its points is"):
        values(items, defects="geometry")


def test_a_sample_without_valid_points_counts_as_object_and_is_counted():
    items = category()
    items[0] = replace(items[0], valid=np.zeros(40, bool))
    found = values(items)
    assert found["object/auroc"].n == 6
    assert found["point/auroc"].n == 5 * 40
    assert found["point/auroc"].counts["samples_without_valid_point"] == 1


def test_equal_scores_have_the_value_of_chance():
    items = [with_scores(item, np.zeros(40, np.float32)) for item in category()]
    items = [replace(item, prediction=replace(item.prediction, object_score=1.0)) for item in items]
    for item in values(items).values():
        assert item.value == pytest.approx(item.chance)


# Scores that cannot be ranked.


@pytest.mark.parametrize(("bad", "word"), [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite")])
def test_scores_that_are_no_finite_numbers_are_errors_that_name_the_samples(bad, word):
    items = category()
    for number in (1, 4):
        scores = items[number].prediction.point_scores.copy()
        scores[0] = bad
        items[number] = with_scores(items[number], scores)
    with pytest.raises(MetricError, match=f"s1, s4: scores that are {word}"):
        values(items)


def test_scores_of_missing_points_may_be_anything():
    items = category()
    scores = items[0].prediction.point_scores.copy()
    scores[0] = np.nan
    valid = np.arange(40) > 0
    items[0] = replace(with_scores(items[0], scores), valid=valid)
    assert values(items)["point/auroc"].n == 6 * 40 - 1


def test_the_policy_worst_ranks_nan_where_it_hurts_most():
    items = category()
    for number, point, rank in ((0, 0, np.inf), (4, 0, -np.inf)):  # a normal point, an anomalous one
        scores = items[number].prediction.point_scores.copy()
        scores[point] = np.nan
        items[number] = with_scores(items[number], scores)
        scores = scores.copy()
        scores[point] = rank
        items[number] = replace(items[number], prediction=items[number].prediction)
    found = plain(items, nan="worst")
    as_extremes = []
    for item in items:
        scores = item.prediction.point_scores.copy()
        lost = np.isnan(scores)
        scores[lost] = np.where(item.truth.points[lost], -np.inf, np.inf)
        as_extremes.append(with_scores(item, scores))
    assert found == plain(as_extremes, infinite="allow")
    assert found["point/auroc"] < plain(category())["point/auroc"]


def test_the_policy_allow_orders_infinite_scores_as_extremes():
    items = category()
    scores = items[0].prediction.point_scores.copy()
    scores[:2] = np.inf, -np.inf
    finite = scores.copy()
    finite[:2] = 100, -100
    allowed = [with_scores(items[0], scores), *items[1:]]
    assert plain(allowed, infinite="allow") == plain([with_scores(items[0], finite), *items[1:]])


def test_nan_ranks_beyond_infinite_scores():
    normal, anomalous = scored("n", [np.inf, 0.0]), scored("a", [np.nan, np.inf], regions=[0, 0])
    found = values([normal, anomalous], nan="worst", infinite="allow")
    # Pairs: the NaN loses to both normal points, the infinite one ties with the first and beats the second.
    assert found["point/auroc"].value == (0 + 0 + 0.5 + 1) / 4


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int64, np.float16, np.float64])
def test_scores_of_every_type_of_number_are_allowed(kind):
    items = [with_scores(item, (item.prediction.point_scores > 0).astype(kind)) for item in category()]
    floats = [with_scores(item, (item.prediction.point_scores > 0).astype(np.float32)) for item in category()]
    assert plain(items) == plain(floats)
    found = values(items)["point/auroc"]
    assert found.counts["n_distinct"] == 2
    assert found.notes == ("only 2 distinct point scores",)


def test_large_integers_stay_apart_whatever_the_policies():
    scores = np.array([2**53 + 1, 2**53, 2**53 + 3, 2**53 + 2])
    items = [with_scores(scored("a", scores, regions=[0, -1, 0, -1]), scores), scored("n", scores)]
    items[1] = with_scores(items[1], scores)
    assert values(items)["point/auroc"].counts["n_distinct"] == 4
    assert plain(items, infinite="allow") == plain(items)
    with pytest.raises(MetricError, match="a has integer scores that float64 cannot hold"):
        values(items, nan="worst")


def test_scores_of_several_types_are_refused():
    items = category()
    items[0] = with_scores(items[0], items[0].prediction.point_scores.astype(np.float64))
    with pytest.raises(MetricError, match="float32 and float64"):
        values(items)


def test_negative_zero_equals_zero():
    items = category()
    zeros = [np.where(item.prediction.point_scores > 0, 0.0, -0.0) for item in items]
    found = values([with_scores(item, scores) for item, scores in zip(items, zeros, strict=True)])
    assert found["point/auroc"].value == 0.5
    assert found["point/auroc"].counts["n_distinct"] == 1


# Samples that are missing, unknown or twice there.


def test_a_missing_sample_is_an_error():
    items = category()
    items[4] = replace(items[4], prediction=None)
    with pytest.raises(MetricError, match="s4: no prediction"):
        values(items)


@pytest.mark.parametrize(("number", "score"), [(0, np.inf), (4, -np.inf)])
def test_the_policy_worst_gives_a_missing_sample_the_worst_rank(number, score):
    items = category()
    worst = replace(items[number].prediction, object_score=score, point_scores=np.full(40, score, np.float32))
    given = [*items[:number], replace(items[number], prediction=worst), *items[number + 1 :]]
    items[number] = replace(items[number], prediction=None)
    if number == 4:  # its normal points rank above everything
        points = np.where(items[number].truth.points, -np.inf, np.inf).astype(np.float32)
        given[number] = with_scores(given[number], points)
    assert plain(items, missing="worst") == plain(given, infinite="allow")


def test_the_policy_intersection_leaves_a_missing_sample_out():
    items = category()
    fewer = [*items[:4], items[5]]
    items[4] = replace(items[4], prediction=None)
    assert plain(items, missing="intersection") == plain(fewer)


@pytest.mark.parametrize("policies", [{}, {"nan": "worst", "missing": "worst", "unmarked": "exclude"}])
def test_no_policy_allows_duplicates_or_wrong_lengths(policies):
    items = category()
    with pytest.raises(MetricError, match="s0 occurs twice"):
        values([*items, items[0]], **policies)
    with pytest.raises(MetricError, match="s0 has 3 point scores for 40 points"):
        values([with_scores(items[0], np.zeros(3)), *items[1:]], **policies)
    other = replace(items[0].truth, sample_id="other")
    with pytest.raises(MetricError, match="prediction s0 met the truth of other"):
        values([replace(items[0], truth=other)], **policies)


def test_policies_that_nothing_needs_change_nothing():
    lenient = {"nan": "worst", "infinite": "allow", "missing": "worst", "unmarked": "exclude"}
    assert plain(category(), **lenient) == plain(category())
    assert Policies(**lenient).text == "nan=worst,infinite=allow,missing=worst,unmarked=exclude"
    assert not Policies().text


# Regions.


def test_a_region_that_was_not_measured_is_left_out_and_counted():
    items = category()
    items[4] = replace(items[4], valid=np.arange(40) >= 3)
    found = values(items)[AUPRO]
    assert found.counts["n_regions"] == 5
    assert found.counts["n_regions_invalid"] == 1
    assert found.counts["n_anomalous_invalid"] == 3
    assert found.counts["median_region_points"] == 5


def test_a_point_that_was_not_measured_is_no_lost_region():
    items = category()
    lost = items[4].truth.regions.copy()
    lost[0] = -1  # as `cloud_regions` leaves points without position
    items[4] = replace(items[4], truth=replace(items[4].truth, regions=lost), valid=np.arange(40) > 0)
    assert values(items)[AUPRO].counts["n_regions_invalid"] == 0


def test_a_region_that_missing_points_cut_in_two_stays_one():
    items = category()
    items[4] = replace(items[4], valid=np.arange(40) != 5)
    assert values(items)[AUPRO].counts["n_regions"] == 6


def test_many_small_regions_deserve_a_note():
    assert values(category())[AUPRO].notes[-1].startswith("3 of 6 regions have fewer than 5 points")
    large = [
        replace(item, truth=replace(item.truth, regions=item.truth.regions.clip(-1, 0)))
        for item in category()
    ]
    assert not any("regions" in note for note in values(large)[AUPRO].notes)


def test_unknown_regions_leave_aupro_undefined_and_the_rest_alone():
    items = [replace(item, truth=replace(item.truth, regions=None)) for item in category()]
    found = values(items)
    assert found[AUPRO].reason == "regions_unknown"
    assert found["point/auroc"].value == values(category())["point/auroc"].value


def test_shape_defects_have_regions_of_their_own():
    item = category()[4]
    shape = item.truth.regions == 1
    truth = replace(
        item.truth,
        shape_points=shape,
        shape_anomalous=True,
        shape_regions=np.where(shape, 0, -1).astype(np.int32),
    )
    found = values([*category()[:3], replace(item, truth=truth)], defects="geometry")
    assert found[AUPRO].counts["n_regions"] == 1
    assert found[AUPRO].n_positive == 5
    assert found[AUPRO].n == 4 * 40 - 3


# Protocols.


def test_all_pixels_of_images_count_with_the_score_that_the_method_gave_them():
    items = [replace(item, grid=(5, 8), valid=np.arange(40) >= 10) for item in category()]
    assert values(items)["point/auroc"].n == 6 * 30
    found = values(items, protocol="all-pixels")
    assert {key: item.value for key, item in found.items()} == plain(category())
    assert found["point/auroc"].counts["n_anomalous_invalid"] == 3 * 8


def test_clouds_without_an_image_have_no_pixels():
    found = values(category(), protocol="all-pixels")
    assert found["point/auroc"].reason == "not_organised"
    assert found["object/auroc"].value is not None


def test_sampled_points_are_the_same_for_every_method_and_keep_their_regions():
    rng = np.random.default_rng(0)
    regions = np.full(3 * SAMPLED, -1)
    regions[:600], regions[600] = 0, 1
    one = scored("a", rng.random(len(regions)), regions=regions)
    other = scored("a", rng.random(len(regions)), regions=regions)
    found, again = (values([item], protocol="sampled-2048") for item in (one, other))
    assert found["point/auroc"].n == SAMPLED
    assert found["point/auroc"].truth == again["point/auroc"].truth
    counts = found[AUPRO].counts
    assert counts["n_regions"] + counts["n_regions_unsampled"] == 2
    assert 150 < found[AUPRO].n_positive < 250


@pytest.mark.parametrize("order", [1, -1])
def test_what_a_method_cannot_give_is_the_reason_in_every_order_of_samples(order):
    items = category()
    scores = items[0].prediction.point_scores.copy()
    scores[0] = np.nan
    items[0] = with_scores(items[0], scores)
    items[1] = replace(items[1], prediction=replace(items[1].prediction, point_scores=None))
    found = values(items[::order], resolve_metrics(["point/auroc", AUPRO]))
    assert {item.reason for item in found.values()} == {"no_point_scores"}
    items[2] = replace(items[2], prediction=replace(items[2].prediction, object_score=None))
    found = values(items[::order])
    assert found["object/auroc"].reason == "no_object_scores"


def test_without_any_point_label_that_is_the_reason():
    items = [replace(item, truth=replace(item.truth, points=None, regions=None)) for item in category()]
    assert values(items)["point/auroc"].reason == "no_point_labels"


def test_the_threshold_of_an_oracle_value_is_kept():
    items = category()
    found = values(items)["object/f1max"]
    scores = np.array([item.prediction.object_score for item in items])
    called = scores >= found.threshold
    truth = np.array([item.truth.anomalous for item in items])
    assert found.value == 2 * (called & truth).sum() / (called.sum() + truth.sum())
    assert values(items)["object/auroc"].threshold is None


def test_the_mean_of_samples_is_over_those_with_a_value():
    items = category()
    found = values(items, protocol="per-sample")
    alone = [values([item])["point/auroc"].value for item in items[3:]]
    assert found["point/auroc"].value == pytest.approx(np.mean(alone))
    assert found["point/auroc"].counts["n_samples"] == 3
    assert found["object/auroc"].value == values(items)["object/auroc"].value  # protocols are of points
    assert values(items[:3], protocol="per-sample")["point/auroc"].reason == "no_positive"
    silent = replace(items[4], prediction=replace(items[4].prediction, point_scores=None))
    assert values([*items[:4], silent], protocol="per-sample")["point/ap"].reason == "no_point_scores"


# What identifies a population.


def test_the_digest_depends_on_labels_and_on_who_counts_but_not_on_scores():
    items = category()
    digest = values(items)["point/auroc"].truth
    assert values(category(seed=9))["point/auroc"].truth == digest
    assert values(items[::-1])["point/auroc"].truth == digest
    assert values(items)["object/auroc"].truth != digest
    fewer_valid = [replace(items[0], valid=np.arange(40) > 0), *items[1:]]
    other_regions = replace(
        items[4], truth=replace(items[4].truth, regions=items[4].truth.regions.clip(-1, 0))
    )
    renamed = replace(
        items[0],
        truth=replace(items[0].truth, sample_id="z"),
        prediction=replace(items[0].prediction, sample_id="z"),
    )
    for changed in (fewer_valid, items[1:], [*items[:4], other_regions, items[5]], [renamed, *items[1:]]):
        assert values(changed)["point/auroc"].truth != digest


# Intervals.


def test_intervals_contain_the_value_and_depend_on_the_seed_only():
    bootstrap = Bootstrap(replicates=200)
    items = category(n=12)
    found = evaluate(items, ALL, bootstrap=bootstrap, category="A")
    again = evaluate(items[::-1], ALL, bootstrap=bootstrap, category="A")
    other = evaluate(items, ALL, bootstrap=Bootstrap(replicates=200, seed=1), category="A")
    elsewhere = evaluate(items, ALL, bootstrap=bootstrap, category="B")
    for one, two, three, four in zip(found, again, other, elsewhere, strict=True):
        assert one.low <= one.value <= one.high
        np.testing.assert_array_equal(one.replicates, two.replicates)
        assert not np.array_equal(one.replicates, three.replicates)
        assert not np.array_equal(one.replicates, four.replicates)
        assert len(one.replicates) == (400 if one.metric.startswith("object") else 200)
        assert one.bracket == 0


def test_methods_on_the_same_samples_share_their_draws():
    bootstrap = Bootstrap(replicates=100)
    one, other = (
        evaluate(category(n=12), resolve_metrics([key]), bootstrap=bootstrap)[0] for key in 2 * [AUPRO]
    )
    np.testing.assert_array_equal(one.replicates, other.replicates)
    better = [with_scores(item, item.prediction.point_scores + item.truth.points) for item in category(n=12)]
    found = evaluate(better, resolve_metrics([AUPRO]), bootstrap=bootstrap)[0]
    assert (found.replicates > one.replicates).all()  # paired: every draw agrees on which is better


def test_one_object_of_a_kind_is_too_few_for_an_interval():
    items = [*category()[:3], category()[4]]
    found = evaluate(items, ALL, bootstrap=Bootstrap(replicates=100))
    assert {item.low for item in found} == {None}
    assert "no interval with fewer than 2 objects of a kind" in found[0].notes


def test_undefined_values_have_no_interval():
    found = evaluate(category()[:3], ALL, bootstrap=Bootstrap(replicates=50))
    assert {item.replicates is None for item in found if item.value is None} == {True}
