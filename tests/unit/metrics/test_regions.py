"""Regions: images, clouds, their twins by brute force, simulated scans with known defects, refusals."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial import cKDTree

from pc3dad.errors import MetricError
from pc3dad.metrics import regions as module
from pc3dad.metrics.regions import (
    STANDARD,
    RegionParameters,
    cloud_regions,
    cloud_regions_brute_force,
    find_regions,
    mask_regions,
    region_digest,
    stack_regions,
)
from pc3dad.types import PointCloud


def all_anomalous(points):
    return np.ones(len(points), dtype=bool)


def partition(regions):
    """Regions as sets of indices: what is left when numbers are forgotten."""
    return {frozenset(np.flatnonzero(regions == region).tolist()) for region in set(regions) - {-1}}


def plane_grid(height, width):
    """Points of a grid with unit spacing, row by row."""
    rows, columns = np.indices((height, width))
    return np.stack([columns.ravel(), rows.ravel(), np.zeros(height * width)], axis=1)


def disc(points, centre, radius):
    return np.linalg.norm(points - np.asarray(centre), axis=1) <= radius


# Images


def test_pixels_that_touch_at_a_corner_are_one_region():
    mask = np.array([[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]], dtype=bool)
    assert mask_regions(mask).tolist() == [[0, -1, -1, -1], [-1, 0, -1, 1], [-1, -1, -1, 1]]


def flooded(mask):
    """Plain twin of `mask_regions`."""
    regions = np.full(mask.shape, -1)
    for number, start in enumerate(zip(*np.nonzero(mask), strict=True)):
        front = [start] if regions[start] == -1 else []
        while front:
            row, column = front.pop()
            regions[row, column] = number
            touching = np.abs(np.argwhere(mask) - (row, column)).max(axis=1) <= 1
            front += [tuple(pixel) for pixel in np.argwhere(mask)[touching] if regions[tuple(pixel)] == -1]
    return np.searchsorted(np.unique(regions[mask]), regions) if mask.any() else regions


@given(arrays.arrays(bool, st.tuples(st.integers(0, 7), st.integers(0, 7))))
def test_image_regions_equal_flooding(mask):
    expected = np.where(mask, flooded(mask), -1)
    assert mask_regions(mask).tolist() == expected.tolist()


def test_image_regions_are_numbered_by_their_first_pixel():
    mask = np.random.default_rng(0).random((60, 80)) < 0.3
    regions = mask_regions(mask)[mask]
    _, first = np.unique(regions, return_index=True)
    assert len(first) > 50
    assert (np.diff(first) > 0).all()


def test_an_organised_cloud_uses_its_image():
    mask = np.zeros((4, 6), dtype=bool)
    mask[:, [0, 2]] = True  # two pixels apart: one region of points, two of an image
    points = plane_grid(4, 6)
    assert partition(cloud_regions(points, mask.ravel())) == partition(np.where(mask.ravel(), 0, -1))
    regions = find_regions(PointCloud(points, grid=(4, 6)), mask.ravel())
    assert regions.tolist() == mask_regions(mask).ravel().tolist()


def test_a_region_that_missing_pixels_cut_stays_one():
    points = plane_grid(1, 7)
    points[3] = np.nan
    mask = np.array([0, 1, 1, 1, 1, 0, 0], dtype=bool)
    assert find_regions(PointCloud(points, grid=(1, 7)), mask).tolist() == [-1, 0, 0, 0, 0, -1, -1]


def test_a_region_without_valid_pixel_keeps_its_number_so_that_it_can_be_counted():
    valid = np.array([0, 0, 1, 1, 1], dtype=bool)
    mask = np.array([1, 0, 1, 0, 1], dtype=bool)
    cloud = PointCloud(plane_grid(1, 5), valid=valid, grid=(1, 5))
    assert find_regions(cloud, mask).tolist() == [0, -1, 1, -1, 2]


# Clouds


def test_ids_are_numbered_by_their_first_point():
    points = np.random.default_rng(1).random((400, 3))
    anomalous = np.random.default_rng(2).random(400) < 0.3
    regions = cloud_regions(points, anomalous, parameters=RegionParameters(alpha=0.7))
    _, first = np.unique(regions[anomalous], return_index=True)
    assert len(first) > 5
    assert (np.diff(first) > 0).all()
    assert (regions[~anomalous] == -1).all()


@pytest.mark.parametrize(("gap", "expected"), [(2, 1), (3, 2), (4, 2)])
def test_two_discs_are_one_region_if_they_are_closer_than_the_reach(gap, expected):
    points = plane_grid(40, 40)  # the 6th neighbour is a diagonal one: the reach is 1.5 * sqrt(2) = 2.12
    anomalous = disc(points, (10, 20, 0), 5) | disc(points, (20 + gap, 20, 0), 5)
    assert cloud_regions(points, anomalous).max() + 1 == expected


@pytest.mark.parametrize(("seventh", "expected"), [(3, 1), (np.nextafter(3, 4), 2)])
def test_points_exactly_as_far_as_the_reach_are_joined(seventh, expected):
    points = np.zeros((8, 3))
    points[1:6, 1] = [0.5, -0.5, 0.6, -0.6, 0.7]
    points[6, 2] = 2  # the 6th nearest other point of the first: its reach is 3
    points[7, 0] = seventh
    anomalous = np.zeros(8, dtype=bool)
    anomalous[[0, 7]] = True
    parameters = RegionParameters(clamp=100)
    # The other end has neighbours of its own, so that the first point alone decides.
    around = points[7] + [[0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1], [0.1, 0.1, 0], [0, 0.1, 0.1], [0.1, 0, 0.1]]
    points, anomalous = np.concatenate([points, around]), np.concatenate([anomalous, np.zeros(6, bool)])
    assert cloud_regions(points, anomalous, parameters=parameters).max() + 1 == expected


@pytest.mark.parametrize("corner", [(1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 2, 1), (2, 3, 1), (1, 0.5, 7)])
def test_two_points_exactly_one_spacing_apart_are_joined_in_every_direction(corner):
    points = np.array([(0, 0, 0), corner], dtype=float)  # roots are rounded, their squares miss the square
    parameters = RegionParameters(k=1, alpha=1.0)
    assert cloud_regions(points, all_anomalous(points), parameters=parameters).tolist() == [0, 0]


def test_the_reach_follows_the_whole_cloud_and_not_the_anomalous_points():
    points = plane_grid(20, 20)
    anomalous = np.zeros(400, dtype=bool)
    anomalous[[42, 357]] = True  # two points alone: a radius from these two would always join them
    assert partition(cloud_regions(points, anomalous)) == {frozenset([42]), frozenset([357])}


@pytest.mark.parametrize(("height", "expected"), [(4.5, 1), (np.nextafter(4.5, 5), 2)])
def test_a_spacing_counts_at_most_three_times_the_median(height, expected):
    points = np.concatenate([plane_grid(20, 20), [[9, 9, height]]])
    anomalous = disc(points, (9, 9, 0), 4)
    anomalous[-1] = True
    parameters = RegionParameters(k=4)  # the 4th neighbour on the grid is 1 away: the reach is at most 4.5
    assert cloud_regions(points, anomalous, parameters=parameters).max() + 1 == expected


@pytest.mark.parametrize(("apart", "expected"), [(3, 1), (np.nextafter(3, 4), 2)])
def test_the_median_of_two_spacings_is_their_mean(apart, expected):
    points = np.array([[0, 0, 0], [0, 1, 0], [apart, 0, 0], [apart, 0, 3]], dtype=float)
    anomalous = np.array([True, False, True, False])  # spacings 1 and 3
    parameters = RegionParameters(k=1, clamp=1.0)
    assert cloud_regions(points, anomalous, parameters=parameters).max() + 1 == expected


def test_a_far_outlier_does_not_reach_everything():
    points = np.concatenate([plane_grid(20, 20), [[9.5, 9.5, 30]]])  # its spacing is 30, clamped to 3 medians
    anomalous = disc(points, (9.5, 9.5, 0), 4)
    anomalous[-1] = True
    assert cloud_regions(points, anomalous)[-1] == 1
    unclamped = RegionParameters(clamp=1000)
    assert cloud_regions(points, anomalous, parameters=unclamped)[-1] == 0


@pytest.mark.parametrize("n", [1, 2, 6])
def test_fewer_than_seven_valid_points_are_one_region(n):
    points = np.concatenate([np.arange(3.0 * n).reshape(n, 3) ** 5, np.full((3, 3), np.nan)])
    assert cloud_regions(points, all_anomalous(points)).tolist() == [0] * n + [-1] * 3


def test_seven_points_are_enough_for_regions():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [2, 0, 0], [0, 2, 0], [5, 0, 0]], float)
    assert partition(cloud_regions(points, all_anomalous(points))) == {frozenset(range(7))}
    parameters = RegionParameters(alpha=0.1)
    assert cloud_regions(points, all_anomalous(points), parameters=parameters).max() == 6


def test_nothing_anomalous_or_nothing_at_all_has_no_region():
    assert cloud_regions(np.ones((9, 3)), np.zeros(9, bool)).tolist() == [-1] * 9
    assert cloud_regions(np.ones((0, 3)), np.zeros(0, bool)).tolist() == []
    assert mask_regions(np.zeros((0, 5), bool)).shape == (0, 5)


def test_points_that_are_not_valid_take_no_part():
    points = plane_grid(12, 12)
    anomalous = disc(points, (5, 5, 0), 3)
    expected = cloud_regions(points, anomalous)
    junk = np.random.default_rng(0).uniform(5, 6, size=(50, 3))  # would shrink the spacing
    junk[:10] = np.nan
    junk[10:20, 1] = np.inf
    more = np.concatenate([points, junk])
    valid = np.arange(len(more)) < len(points)
    found = cloud_regions(more, np.concatenate([anomalous, np.ones(50, bool)]), valid=valid)
    assert found.tolist() == expected.tolist() + [-1] * 50


def test_points_that_are_not_finite_are_never_valid():
    points = np.concatenate([plane_grid(5, 5), [[np.nan, 0, 0], [0, -np.inf, 0]]])
    assert (
        cloud_regions(points, all_anomalous(points), valid=np.ones(27, bool)).tolist() == [0] * 25 + [-1] * 2
    )


@st.composite
def clouds(draw):
    """Few distinct coordinates, hence copies and ties, and points that are missing."""
    coordinate = st.one_of(st.integers(-3, 3).map(float), st.floats(-2, 2, width=32), st.just(np.nan))
    point = st.tuples(coordinate, coordinate, st.sampled_from([0.0, -0.0, 1.0]))
    points = draw(st.lists(point, min_size=1, max_size=40))
    flags = st.lists(st.booleans(), min_size=len(points), max_size=len(points))
    return np.array(points), np.array(draw(flags)), np.array(draw(flags))


@given(clouds(), st.sampled_from([STANDARD, RegionParameters(k=2, alpha=1.0, clamp=1.0)]))
def test_cloud_regions_equal_brute_force(cloud, parameters):
    points, anomalous, valid = cloud
    for given_valid in (None, valid):
        options = {"valid": given_valid, "parameters": parameters}
        expected = cloud_regions_brute_force(points, anomalous, **options)
        assert cloud_regions(points, anomalous, **options).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(8))
def test_random_clouds_equal_brute_force(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(900, 3)).astype(np.float32) * [1, 1, 0.1]
    anomalous = np.zeros(900, dtype=bool)
    for centre in points[rng.integers(900, size=3)]:
        anomalous |= disc(points, centre, 0.15 + 0.1 * seed)
    expected = cloud_regions_brute_force(points, anomalous)
    assert cloud_regions(points, anomalous).tolist() == expected.tolist()
    assert cloud_regions(points, anomalous, workers=2).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(8))
def test_clouds_full_of_copies_and_ties_equal_brute_force(seed):
    rng = np.random.default_rng(seed)
    positions = np.round(rng.normal(scale=3, size=(150, 3)), decimals=seed % 3)
    points = positions[rng.integers(150, size=300)]
    anomalous = rng.random(300) < 0.5
    for clamp in (0.5, 1.0, 2.0):
        parameters = RegionParameters(k=8, alpha=1.0, clamp=clamp)
        expected = cloud_regions_brute_force(points, anomalous, parameters=parameters)
        assert cloud_regions(points, anomalous, parameters=parameters).tolist() == expected.tolist()


def test_neighbours_outside_the_surroundings_of_the_defect_are_found():
    defect = [[0, 0, 0], [0, 0, 8]]
    beside = [[x, y, 8] for x in (-0.1, 0, 0.1) for y in (-0.1, 0.1)]  # around the second point
    aside = [[5.1, 0, 0], [-5.1, 0, 0], [0, 5.1, 0], [0, -5.1, 0], [5.2, 0, 0], [-5.2, 0, 0]]
    far = [[90, y, 0] for y in range(30)]  # makes a twentieth of the extent 4.8, less than 5.1
    points = np.array(defect + beside + aside + far, dtype=float)
    anomalous = np.arange(len(points)) < 2
    assert cloud_regions(points, anomalous)[:2].tolist() == [0, 1]
    assert cloud_regions(points[:8], anomalous[:8])[:2].tolist() == [0, 0]  # what a box around them shows


def test_regions_do_not_depend_on_the_order_of_points():
    rng = np.random.default_rng(5)
    points = rng.integers(0, 12, size=(1500, 3)) / 4  # full of ties and copies
    anomalous = rng.random(1500) < 0.1
    parameters = RegionParameters(alpha=1.0)
    expected = partition(cloud_regions(points, anomalous, parameters=parameters))
    assert len(expected) > 10
    for _ in range(5):
        order = rng.permutation(1500)
        regions = cloud_regions(points[order], anomalous[order], parameters=parameters)
        back = np.empty_like(regions)
        back[order] = regions
        assert partition(back) == expected


def test_copies_of_a_point_are_one_region_even_with_no_spacing_left():
    points = np.concatenate([plane_grid(10, 10), np.tile([[4.5, 4.5, 0.5]], (9, 1))])
    anomalous = np.arange(109) >= 100
    assert cloud_regions(points, anomalous)[100:].tolist() == [0] * 9
    anomalous[0] = True  # nine spacings of 0 make the median 0: nothing else is joined
    assert cloud_regions(points, anomalous)[[0, 100]].tolist() == [0, 1]


def test_every_copied_point_lies_in_the_region_of_the_original():
    rng = np.random.default_rng(7)
    points = plane_grid(40, 40) + rng.normal(scale=0.1, size=(1600, 3))
    anomalous = disc(points, (10, 10, 0), 5) | disc(points, (30, 30, 0), 5)
    copied = rng.integers(1600, size=200)
    regions = cloud_regions(np.concatenate([points, points[copied]]), anomalous[np.r_[:1600, copied]])
    assert (regions[1600:] == regions[copied]).all()
    assert regions[:1600].tolist() == cloud_regions(points, anomalous).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_defects_four_pixels_apart_are_the_same_in_the_image_and_the_cloud(seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((60, 60), dtype=bool)
    for row in range(2, 56, 12):  # windows of 8 x 8 pixels with 4 free ones between them
        for column in range(2, 56, 12):
            height, width = rng.integers(1, 9, size=2)
            mask[row : row + height, column : column + width] = True
    assert cloud_regions(plane_grid(60, 60), mask.ravel()).tolist() == mask_regions(mask).ravel().tolist()


def test_shape_points_are_regions_of_their_own():
    points = plane_grid(30, 30)
    dent = disc(points, (8, 15, 0), 3) | disc(points, (22, 15, 0), 3)
    stain = np.abs(points[:, 1] - 15) <= 1  # a colour defect joins both dents
    assert cloud_regions(points, dent | stain).max() == 0
    assert cloud_regions(points, dent).max() == 1


# Simulated scans of a sphere with three known defects (docs/metrics.md#regions)


def poisson(rng, n):
    points = rng.normal(size=(n, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def noisy(rng, n):
    return poisson(rng, n) * (1 + rng.normal(scale=0.5 * np.sqrt(4 * np.pi / n), size=(n, 1)))


def uneven(rng, n):
    """Eight times denser at one pole than at the other."""
    points = poisson(rng, 3 * n)
    return points[rng.random(3 * n) < (1 + 7 * (1 + points[:, 2]) / 2) / 8][:n]


def scan_lines(rng, n):
    """Rings of equal distance, three times denser along a ring than across."""
    step = np.sqrt(4 * np.pi / n * 3)
    rings = []
    for polar in np.arange(step / 2, np.pi, step):
        count = max(1, round(2 * np.pi * np.sin(polar) / (step / 3)))
        turn = 2 * np.pi * (np.arange(count) + rng.random()) / count
        ring = np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.full(count, np.cos(polar))
        rings.append(np.stack(ring, axis=1))
    return np.concatenate(rings)


DEFECTS = np.array([[0.9, 0.1, 0.43], [-0.6, 0.75, -0.28], [-0.3, -0.8, 0.52]])


def simulated(scan, n, seed):
    """A scan and the true region of each of its points."""
    points = scan(np.random.default_rng([seed, n]), n)
    truth = np.full(len(points), -1)
    for number, centre in enumerate(DEFECTS):
        truth[disc(points, centre, 0.3)] = number
    return points.astype(np.float32), truth


def mean_error(scan, n, *, clouds, parameters=STANDARD):
    errors = []
    for seed in range(clouds):
        points, truth = simulated(scan, n, seed)
        regions = cloud_regions(points, truth >= 0, parameters=parameters)
        errors.append(abs(regions.max() + 1 - len(DEFECTS)))
    return np.mean(errors)


@pytest.mark.parametrize("scan", [poisson, noisy, uneven, scan_lines])
@pytest.mark.parametrize(("n", "clouds", "most"), [(2048, 20, 0.1), (20_000, 10, 0.1)])
def test_three_defects_of_a_simulated_scan_are_three_regions(scan, n, clouds, most):
    assert mean_error(scan, n, clouds=clouds) <= most


def test_a_reach_of_one_spacing_would_break_defects_up():
    narrow = RegionParameters(alpha=1.0)
    assert mean_error(poisson, 20_000, clouds=10, parameters=narrow) >= 0.2


@pytest.mark.parametrize("scan", [poisson, noisy, uneven, scan_lines])
def test_each_simulated_defect_is_one_of_the_regions(scan):
    points, truth = simulated(scan, 20_000, seed=100)
    assert partition(cloud_regions(points, truth >= 0)) == partition(truth)


# Size


def test_a_million_copies_of_one_position_take_no_time():
    points = np.zeros((1_000_000, 3), dtype=np.float32)
    points[:2000] = poisson(np.random.default_rng(0), 2000)
    anomalous = all_anomalous(points)
    anomalous[1000:2000] = False
    regions = cloud_regions(points, anomalous)
    assert len(set(regions[2000:])) == 1
    assert not cloud_regions(np.ones((300_000, 3)), np.ones(300_000, bool)).any()


def test_copies_do_not_fill_a_leaf_of_a_tree(monkeypatch):
    sizes = []

    def recorded(points, **options):
        sizes.append(len(points))
        return cKDTree(points, **options)

    monkeypatch.setattr(module, "cKDTree", recorded)
    points = poisson(np.random.default_rng(0), 20_000)
    points[:10_000] = [0, 0, 1]
    cloud_regions(points, np.arange(20_000) % 2 == 0)
    assert max(sizes) == 10_007


def test_pairs_are_searched_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(module, "PAIRS", 1 << 16)
    points = poisson(np.random.default_rng(0), 60_000).astype(np.float32)
    tracemalloc.start()
    regions = cloud_regions(points, all_anomalous(points))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert regions.max() == 0
    assert peak < 30e6  # the 0.8 million pairs alone would be 60 MB


def test_the_number_of_pairs_at_a_time_changes_nothing(monkeypatch):
    points, truth = simulated(uneven, 3000, seed=3)
    anomalous = (truth >= 0) | (np.random.default_rng(0).random(3000) < 0.05)
    expected = cloud_regions(points, anomalous)
    monkeypatch.setattr(module, "PAIRS", 1)
    assert cloud_regions(points, anomalous).tolist() == expected.tolist()
    assert expected.max() > 10


def test_isolated_points_beside_a_dense_cluster_stay_cheap(monkeypatch):
    monkeypatch.setattr(module, "PAIRS", 1 << 16)
    rng = np.random.default_rng(0)
    dense = rng.normal(scale=1e-4, size=(20_000, 3))
    sparse = rng.normal(size=(20_100, 3))  # most points are sparse, so that the clamp is wide
    points = np.concatenate([dense, sparse])
    tracemalloc.start()
    regions = cloud_regions(points, all_anomalous(points))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(set(regions[:20_000])) < 20
    assert peak < 60e6


# Stacking and digests


def test_stacked_regions_are_unique_over_samples():
    parts = [
        np.array([1, -1, 0, 1], np.int32),
        np.array([], np.int8),
        np.array([-1]),
        np.array([7, 3], np.uint8),
    ]
    stacked = stack_regions(parts)
    assert stacked.tolist() == [1, -1, 0, 1, -1, 3, 2]
    assert stacked.dtype == np.int64


def test_no_sample_at_all_stacks_to_nothing():
    assert stack_regions([]).shape == (0,)


def test_stacking_huge_ids_does_not_overflow():
    huge = np.array([np.iinfo(np.int64).max])
    assert stack_regions([huge, huge, huge]).tolist() == [0, 1, 2]


def test_the_digest_names_all_that_regions_depend_on():
    xyz = plane_grid(3, 4)
    mask = xyz[:, 0] == 1
    moved, fewer, other = xyz.copy(), np.ones(12, bool), mask.copy()
    moved[0, 2], fewer[3], other[0] = 0.5, False, True
    digests = [
        region_digest(PointCloud(xyz), mask),
        region_digest(PointCloud(moved), mask),
        region_digest(PointCloud(xyz, valid=fewer), mask),
        region_digest(PointCloud(xyz, grid=(3, 4)), mask),
        region_digest(PointCloud(xyz, grid=(4, 3)), mask),
        region_digest(PointCloud(xyz), other),
        region_digest(PointCloud(xyz), mask, parameters=RegionParameters(k=5)),
        region_digest(PointCloud(xyz), mask, parameters=RegionParameters(alpha=2.0)),
        region_digest(PointCloud(xyz), mask, parameters=RegionParameters(clamp=2.0)),
    ]
    assert len(set(digests)) == len(digests)
    assert all(len(digest) == 64 for digest in digests)


def test_the_digest_changes_with_the_revision(monkeypatch):
    cloud, mask = PointCloud(plane_grid(3, 4)), np.ones(12, bool)
    before = region_digest(cloud, mask)
    monkeypatch.setattr(module, "REVISION", module.REVISION + 1)
    assert region_digest(cloud, mask) != before


def test_the_digest_ignores_the_origin_and_what_missing_points_hold():
    xyz, mask = plane_grid(3, 4), np.ones(12, bool)
    missing, zero = xyz.copy(), xyz.copy()
    missing[5], zero[5] = np.nan, 0
    valid = np.arange(12) != 5
    digest = region_digest(PointCloud(missing), mask)
    assert digest == region_digest(PointCloud(zero, valid=valid), mask)
    assert digest == region_digest(PointCloud(missing, origin=np.array([1.0, 2.0, 3.0])), mask)


# What is refused


@pytest.mark.parametrize(
    ("points", "anomalous", "valid", "message"),
    [
        (np.zeros((9, 2)), np.ones(9, bool), None, "points of shape"),
        (np.zeros((9, 3), int), np.ones(9, bool), None, "points of shape"),
        (np.zeros((9, 3)), np.ones(8, bool), None, "anomalous has shape"),
        (np.zeros((9, 3)), np.ones(9), None, "anomalous has shape"),
        (np.zeros((9, 3)), np.ones(9, bool), np.ones(8, bool), "valid has shape"),
        (np.full((9, 3), 1e200), np.ones(9, bool), None, "beyond the range of float32"),
        (np.full((9, 3), -1e200), np.ones(9, bool), None, "beyond the range of float32"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(points, anomalous, valid, message):
    for function in (cloud_regions, cloud_regions_brute_force):
        with pytest.raises(MetricError, match=message):
            function(points, anomalous, valid=valid)


@pytest.mark.parametrize("mask", [np.ones(4, bool), np.ones((2, 2)), np.ones((1, 2, 2), bool)])
def test_masks_that_are_no_images_of_booleans_are_refused(mask):
    with pytest.raises(MetricError, match="a mask of shape"):
        mask_regions(mask)


@pytest.mark.parametrize("grid", [None, (3, 4)])
def test_a_mask_of_another_length_is_refused(grid):
    with pytest.raises(MetricError, match="for 12 points"):
        find_regions(PointCloud(plane_grid(3, 4), grid=grid), np.ones(11, bool))
    with pytest.raises(MetricError, match="for 12 points"):
        region_digest(PointCloud(plane_grid(3, 4), grid=grid), np.ones(11, bool))


@pytest.mark.parametrize("part", [np.array([0.0]), np.array([[0]]), np.array([-2]), np.array([True])])
def test_parts_that_are_no_ids_are_refused(part):
    with pytest.raises(MetricError, match="sample 1 has regions"):
        stack_regions([np.array([0]), part])


@pytest.mark.parametrize("wrong", [{"k": 0}, {"alpha": 0.0}, {"alpha": np.nan}, {"clamp": np.inf}])
def test_parameters_that_define_nothing_are_refused(wrong):
    with pytest.raises(MetricError, match="cannot define regions"):
        RegionParameters(**wrong)
