"""What other evaluators compute: where they agree with our definitions, and each known deviation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pc3dad.errors import MetricError
from pc3dad.metrics.compat import (
    btp_2026_05,
    btp_f1_max,
    coverage_auc,
    mvtec3d_official,
    mvtec3d_official_curve,
    pro_200_rescaled,
)
from pc3dad.metrics.compat_btp import btp_radius, btp_regions
from pc3dad.metrics.ranking import aupro, auroc, average_precision, f1_max
from pc3dad.metrics.regions import mask_regions, stack_regions
from pc3dad.testing.golden import load

PER_REGION = (mvtec3d_official, pro_200_rescaled, btp_2026_05)
IN_SCORE_VALUE = (pro_200_rescaled, btp_2026_05)


def category(seed=0, size=48):
    """Pooled scores in (0, 1), labels and regions of six images; the first two have no defect."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((6, size, size), dtype=bool)
    for mask in masks[2:]:
        row, column = rng.integers(2, size // 2, 2)
        mask[row : row + 9, column : column + 7] = True
        mask[-6:-2, -8:-3] = True
    height = rng.normal(size=masks.shape) + 1.6 * masks
    scores = (height - height.min() + 0.1) / (np.ptp(height) + 0.2)
    regions = stack_regions([mask_regions(mask).ravel() for mask in masks])
    return scores.ravel(), masks.ravel(), regions


def with_outlier(scores, labels):
    """The highest anomalous score is raised; no rank changes if it was the highest of all."""
    raised = scores.copy()
    raised[np.argmax(np.where(labels, scores, -np.inf))] = 0.9999
    outlier = raised.copy()
    outlier[np.argmax(raised)] = 1e6
    return raised, outlier


# Agreement


@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_with_every_normal_score_as_threshold_mvtec_equals_aupro(seed, limit):
    scores, labels, regions = category(seed)
    n_normal = np.count_nonzero(~labels)
    value = mvtec3d_official(scores, labels, regions, limit=limit, thresholds=n_normal)
    assert value == pytest.approx(aupro(scores, labels, regions, limit=limit), abs=2 / n_normal / limit)


@pytest.mark.parametrize("value", [mvtec3d_official, btp_2026_05])
def test_on_smooth_scores_the_two_with_the_right_axes_are_close_to_aupro(value):
    population = category()
    assert value(*population) == pytest.approx(aupro(*population), abs=0.01)


@pytest.mark.parametrize("value", PER_REGION)
def test_a_scorer_that_knows_nothing_gets_about_half_the_limit(value):
    scores, labels, regions = category()
    noise = np.random.default_rng(5).random(len(scores))
    assert value(noise, labels, regions) == pytest.approx(0.15, abs=0.05)


@pytest.mark.parametrize("value", [mvtec3d_official, btp_2026_05])
def test_a_perfect_scorer_gets_one(value):
    scores, labels, regions = category()
    assert value(scores + 9 * labels, labels, regions) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("value", PER_REGION)
def test_neither_the_order_of_members_nor_the_names_of_regions_matter(value):
    scores, labels, regions = category()
    order = np.random.default_rng(1).permutation(len(scores))
    renamed = np.where(regions >= 0, 1000 - 7 * regions, -1)
    shuffled = value(scores[order], labels[order], renamed[order])
    assert shuffled == pytest.approx(value(scores, labels, regions), abs=1e-12)


def test_the_curve_of_mvtec_runs_from_rate_zero_to_one_and_never_falls():
    rates, overlaps = mvtec3d_official_curve(*category(), thresholds=37)
    assert len(rates) == len(overlaps) == 38
    assert (rates[0], rates[-1], overlaps[-1]) == (0, 1, 1)
    assert (np.diff(rates) >= 0).all()
    assert (np.diff(overlaps) >= 0).all()


def test_mvtec_looks_at_ranks_only():
    scores, labels, regions = category()
    assert mvtec3d_official(scores**8, labels, regions) == mvtec3d_official(scores, labels, regions)


def test_f1_max_of_btp_is_ours_where_nothing_ties():
    rng = np.random.default_rng(2)
    scores, labels = rng.permutation(40), rng.random(40) < 0.4
    assert btp_f1_max(scores, labels) == pytest.approx(f1_max(scores, labels), abs=1e-12)


# Deviations


@pytest.mark.parametrize(("power", "change"), [(8, 5e-4), (40, 0.02)])
@pytest.mark.parametrize("value", IN_SCORE_VALUE)
def test_equidistant_thresholds_change_the_value_although_the_ranking_does_not(value, power, change):
    scores, labels, regions = category()
    bent = scores**power
    assert aupro(bent, labels, regions) == pytest.approx(aupro(scores, labels, regions), abs=1e-12)
    assert abs(value(bent, labels, regions) - value(scores, labels, regions)) > change


def test_one_outlier_point_hides_all_other_scores_from_btp():
    scores, labels, regions = category()
    before, after = with_outlier(scores, labels)
    assert aupro(after, labels, regions) == aupro(before, labels, regions) > 0.3
    assert btp_2026_05(before, labels, regions) > 0.3
    assert btp_2026_05(after, labels, regions) == pytest.approx(0.15, abs=0.01)


def test_one_outlier_pixel_leaves_no_value_of_pointad():
    scores, labels, regions = category()
    before, after = with_outlier(scores, labels)
    assert pro_200_rescaled(before, labels, regions) > 0.3
    assert math.isnan(pro_200_rescaled(after, labels, regions))


@pytest.mark.parametrize(
    ("value", "expected"), [(mvtec3d_official, 0.0), (pro_200_rescaled, 0.0), (btp_2026_05, math.nan)]
)
def test_a_constant_score_gets_less_than_half_the_limit_or_nothing(value, expected):
    _, labels, regions = category()
    constant = np.full(len(labels), 0.4, dtype=np.float32)
    assert aupro(constant, labels, regions) == pytest.approx(0.15)
    assert value(constant, labels, regions) == pytest.approx(expected, nan_ok=True)


def test_tied_normal_scores_give_mvtec_wrong_rates():
    scores, labels, regions = category()
    two_levels = scores > 0.8
    exact = aupro(two_levels, labels, regions)
    assert mvtec3d_official(two_levels, labels, regions) < exact - 0.05
    assert btp_2026_05(two_levels, labels, regions) == pytest.approx(exact)
    assert math.isnan(pro_200_rescaled(two_levels, labels, regions))


def test_below_a_small_limit_mvtec_rests_on_one_segment():
    rates, _ = mvtec3d_official_curve(*category())
    assert np.count_nonzero(rates < 0.01) <= 1 + 1  # one beside the end of the curve


def test_the_rates_of_pointad_are_stretched_from_where_the_last_threshold_fell():
    # Thresholds 0, 2.5, 5, 7.5: rates 1, 0.2, 0.1, 0. Kept: 0.2, 0.1, 0 with overlaps 0.5, 0.5, 0; divided
    # by 0.2 and not by the limit.
    normal, anomalous = [0, 1, 1, 1, 1, 2, 2, 2, 4, 6], [3, 6.5, 7, 2, 2, 10]
    overlaps = {2.5: 4 / 6, 5.0: 3 / 6, 7.5: 1 / 6}
    area = (overlaps[2.5] + 2 * overlaps[5.0] + overlaps[7.5]) / 4
    labels = [0] * len(normal) + [1] * len(anomalous)
    regions = [-1] * len(normal) + [0] * len(anomalous)
    assert pro_200_rescaled(normal + anomalous, labels, regions, thresholds=4) == pytest.approx(area)


def test_f1_max_of_btp_depends_on_the_order_of_tied_objects():
    labels, tied = np.repeat([1, 0], 10), np.ones(20)
    assert f1_max(tied, labels) == pytest.approx(2 / 3)
    assert btp_f1_max(tied, labels) == 1
    assert btp_f1_max(tied, labels[::-1]) == pytest.approx(2 / 3)


# Coverage of one object


def test_coverage_of_five_points_by_hand():
    # Found: 1/2 from the first point on, 1 from the third. Area 0.5 * 0.4 + 0.75 * 0.2 + 0.4, read on a grid.
    value = coverage_auc([9, 8, 7, 6, 5], [1, 0, 1, 0, 0], [0] * 5)
    assert value == pytest.approx(0.75, abs=1e-4)


def test_perfect_coverage_falls_short_of_one_by_half_the_anomalous_share():
    labels = np.arange(1000) < 100
    assert coverage_auc(labels, labels, np.zeros(1000, int)) == pytest.approx(0.95, abs=1e-3)


def test_coverage_of_a_scorer_that_knows_nothing_is_one_half():
    rng = np.random.default_rng(3)
    labels, objects = rng.random(20_000) < 0.05, np.repeat(np.arange(20), 1000)
    assert coverage_auc(rng.random(20_000), labels, objects) == pytest.approx(0.5, abs=0.03)


def test_coverage_compares_within_objects_and_ignores_normal_ones():
    rng = np.random.default_rng(4)
    scores, labels = rng.random(600), rng.random(600) < 0.1
    objects = np.repeat([7, 3, 5], 200)
    labels[objects == 5] = False
    shifted = scores + np.where(objects == 7, 10, 0)
    louder = np.where(objects == 5, 99.0, scores)
    expected = coverage_auc(scores, labels, objects)
    assert coverage_auc(shifted, labels, objects) == pytest.approx(expected, abs=1e-12)
    assert coverage_auc(louder, labels, objects) == expected
    alone = [coverage_auc(scores[objects == i], labels[objects == i], objects[objects == i]) for i in (3, 7)]
    assert expected == pytest.approx(np.mean(alone))


def test_coverage_of_a_constant_score_depends_on_the_order_of_points():
    labels = np.arange(100) < 10
    constant, objects = np.zeros(100), np.zeros(100, int)
    assert coverage_auc(constant, labels, objects) > 0.9
    assert coverage_auc(constant, labels[::-1], objects) < 0.1


# Regions of BTP


def patch(n, start, spacing=0.1):
    """n x n points on a plane."""
    x, y = np.meshgrid(np.arange(n), np.arange(n))
    return spacing * np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1) + start


def flooded(points, radius):
    """Plain twin: groups of indices, one after the other."""
    left, groups = set(range(len(points))), []
    while left:
        front = group = {min(left)}
        while front:
            left -= front
            front = {i for i in left for j in front if math.dist(points[i], points[j]) <= radius}
            group = group | front
        groups.append(sorted(group))
    return groups


@given(arrays(np.int8, st.tuples(st.integers(0, 25), st.just(3)), elements=st.integers(0, 3)))
def test_regions_equal_a_flood_and_are_numbered_by_smallest_index(points):
    regions = btp_regions(points, radius=1.0)
    assert [np.flatnonzero(regions == i).tolist() for i in range(regions.max(initial=-1) + 1)] == flooded(
        points.tolist(), 1.0
    )


def test_links_are_followed_across_chunks(monkeypatch):
    points = np.linspace([0, 0, 0], [50, 0, 0], 501)
    points = np.random.default_rng(0).permutation(np.delete(points, [100, 101, 102], axis=0))
    whole = btp_regions(points, radius=0.11)
    monkeypatch.setattr("pc3dad.metrics.compat_btp.LINKS", 7)
    assert btp_regions(points, radius=0.11).tolist() == whole.tolist()
    assert whole.max() == 1


def test_two_separate_patches_are_two_regions():
    points = np.concatenate([patch(8, 0), patch(7, 5)])
    assert btp_regions(points).tolist() == [0] * 64 + [1] * 49


def test_two_points_are_one_region_however_far_apart():
    assert btp_regions([[0, 0, 0], [1000, 0, 0]]).tolist() == [0, 0]


def test_a_sample_of_two_defects_joins_them():
    points = np.concatenate([patch(10, 0), patch(10, 2)])
    assert btp_regions(points).max() == 1
    assert btp_regions(points[::33]).max() == 0


def test_the_radius_follows_the_scale_of_the_coordinates_and_skips_copies():
    points = np.random.default_rng(0).random((50, 3))
    assert btp_radius(7 * points) == pytest.approx(7 * btp_radius(points))
    assert btp_radius(np.repeat(points[:2], 3, axis=0)) == pytest.approx(
        2.5 * np.linalg.norm(points[0] - points[1])
    )


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.ones((1, 3)), np.ones((9, 3))])
def test_without_two_different_points_the_radius_is_zero_and_all_are_one_region(points):
    assert btp_radius(points) == 0
    assert btp_regions(points).tolist() == [0] * len(points)


def test_many_copies_of_a_point_cost_no_more_than_one():
    points = np.concatenate([np.zeros((200_000, 3)), patch(5, 9)])
    assert btp_regions(points, radius=1.0).tolist() == [0] * 200_000 + [1] * 25
    assert btp_regions(points).shape == (200_025,)


def test_small_regions_are_left_out_unless_all_are():
    points = np.concatenate([patch(3, 0)[:2], patch(3, 5)])
    assert btp_regions(points, radius=1.0, min_points=3).tolist() == [-1] * 2 + [0] * 9
    assert btp_regions(points, radius=1.0, min_points=10).tolist() == [0] * 11


def test_points_left_out_of_regions_count_neither_as_defect_nor_as_normal():
    scores, labels, regions = category()
    dropped = np.where(regions == 0, -1, regions)
    elsewhere = np.where(regions == 0, 0.5, scores)
    assert btp_2026_05(elsewhere, labels, dropped) == btp_2026_05(scores, labels, dropped)


# What is undefined or refused


@pytest.mark.parametrize("value", PER_REGION)
@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_kind_leave_it_undefined(value, label):
    assert math.isnan(value([0.1, 0.2], [label] * 2, [label - 1] * 2))
    assert math.isnan(value([], [], []))


def test_labels_of_one_kind_leave_values_of_objects_undefined():
    assert math.isnan(btp_f1_max([1, 2], [1, 1]))
    assert math.isnan(btp_f1_max([1, 2], [0, 0]))
    assert math.isnan(coverage_auc([1, 2], [0, 0], [0, 1]))


@pytest.mark.parametrize("value", IN_SCORE_VALUE)
def test_a_range_that_overflows_leaves_it_undefined(value):
    assert math.isnan(value([-1.7e308, 0, 1.7e308], [0, 0, 1], [-1, -1, 0]))


def test_a_range_too_small_for_steps_leaves_pointad_undefined():
    assert math.isnan(pro_200_rescaled([0, 5e-324, 5e-324], [0, 0, 1], [-1, -1, 0]))


@pytest.mark.parametrize("scores", [[True, False, True], [3, -2, 1], np.float16([0.5, 0.25, 1])])
@pytest.mark.parametrize("value", [*PER_REGION, coverage_auc])
def test_scores_may_be_of_any_real_type(value, scores):
    groups = [0, 0, 0] if value is coverage_auc else [-1, -1, 0]
    as_floats = np.asarray(scores, dtype=np.float64)
    assert value(scores, [0, 0, 1], groups) == pytest.approx(value(as_floats, [0, 0, 1], groups), nan_ok=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [0.1, math.nan, 0.3]}, "NaN or infinite"),
        ({"scores": [0.1, math.inf, 0.3]}, "NaN or infinite"),
        ({"scores": [0.1, 0.2]}, "shape"),
        ({"labels": [0, 2, 1]}, "other values than 0 and 1"),
        ({"labels": [0.0, 0.5, 1.0]}, "integer"),
        ({"labels": [[0], [0, 1]]}, "labels are no array"),
        ({"groups": [[-1, -1, 0]]}, "shape"),
    ],
)
@pytest.mark.parametrize("value", [*PER_REGION, coverage_auc])
def test_input_that_does_not_fit_is_refused(value, change, message):
    given = {"scores": [0.1, 0.2, 0.3], "labels": [0, 0, 1], "groups": [-1, -1, 0]} | change
    with pytest.raises(MetricError, match=message):
        value(*given.values())


@pytest.mark.parametrize("value", PER_REGION)
def test_a_normal_member_in_a_region_is_refused(value):
    with pytest.raises(MetricError, match="normal members have a region"):
        value([1, 2], [0, 1], [0, 0])


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": 1.1}, {"limit": math.nan}, {"thresholds": 1}])
@pytest.mark.parametrize("value", PER_REGION)
def test_options_out_of_range_are_refused(value, options):
    with pytest.raises(MetricError):
        value([1, 2], [0, 1], [-1, 0], **options)


@pytest.mark.parametrize(
    "points", [np.zeros(3), np.zeros((2, 2)), [[math.nan, 0, 0]], [["a", "b", "c"]], [[0], [0, 1]]]
)
def test_points_that_are_no_coordinates_are_refused(points):
    with pytest.raises(MetricError):
        btp_regions(points)


@pytest.mark.parametrize("radius", [-1.0, math.inf, math.nan])
def test_a_radius_that_is_no_length_is_refused(radius):
    with pytest.raises(MetricError, match="no length"):
        btp_regions(np.zeros((2, 3)), radius=radius)


# The evaluation of BTP from its stored scores


@pytest.mark.parametrize("level", ["obj", "point", "full_point"])
def test_the_table_of_btp_follows_from_its_scores(test_data, level):
    file = load(test_data / "golden" / "13b_btp_evaluate_end_to_end.npz")
    expected = {
        key.removeprefix(f"metric/{level}_"): float(value)
        for key, value in file.outputs.items()
        if key.startswith(f"metric/{level}_")
    }
    tables = {"obj": object_table, "point": sampled_table, "full_point": full_table}
    assert tables[level](file.inputs, file.outputs) == pytest.approx(expected, abs=1e-6)


def object_table(_inputs, outputs):
    population = outputs["object_scores"], outputs["object_labels"]
    return {
        "AUROC": auroc(*population),
        "AP": average_precision(*population),
        "F1max": btp_f1_max(*population),
    }


def sampled_table(inputs, outputs):
    return point_table(inputs["points"], inputs["labels"], outputs["point_scores"])


def full_table(inputs, outputs):
    in_file = 3 * inputs["full_points"] + 1  # the stored coordinates, as the golden README says
    return point_table(in_file, inputs["full_labels"], outputs["full_scores"])


def point_table(points, labels, scores):
    regions = np.full(labels.shape, -1)
    for cloud, label, region in zip(points, labels, regions, strict=True):
        region[label > 0] = btp_regions(cloud[label > 0])
    pooled = stack_regions(list(regions))
    population = scores.ravel(), labels.ravel()
    return {
        "std_AUPRO": btp_2026_05(*population, pooled),
        "AUROC": auroc(*population),
        "AP": average_precision(*population),
        "region_count": pooled.max() + 1,
    }
