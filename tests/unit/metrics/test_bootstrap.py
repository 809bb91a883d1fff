"""Bootstrap over samples: replicates equal those of the drawn samples, whoever computes them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc3dad.metrics import METRICS, count_ranks
from pc3dad.metrics.bootstrap import BINS, Bins, SampleCounts, draw, interval

ROWS = np.arange(60) < 30
SPECS = [spec for spec in METRICS.values() if spec.level == "point"]


def samples(*, n_points=60, levels=20, seed=0):
    """Scores, labels and regions of eight samples, the last five of them with one or two regions."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(8):
        regions = np.full(n_points, -1)
        if number >= 3:
            regions[:5] = 0
            regions[5:8] = number % 2
        scores = np.round((rng.standard_normal(n_points) + (regions >= 0)) * levels) / levels
        found.append((scores.astype(np.float32), regions >= 0, regions))
    return found


def table_of(parts, bins):
    table = SampleCounts(bins, len(parts), regions=True)
    for number, (scores, labels, regions) in enumerate(parts):
        table.add(number, np.sort(scores), scores[labels], regions[labels])
    return table


def bins_of(parts):
    scores, labels, _ = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Bins.choose(np.unique(scores[labels]), np.sort(scores))


def repeated(parts, times):
    """The population in which samples occur so many times, each copy with regions of its own."""
    chosen = [part for part, count in zip(parts, times, strict=True) for _ in range(count)]
    scores, labels, regions = zip(*chosen, strict=True)
    apart = [np.where(ids >= 0, ids + 10 * number, -1) for number, ids in enumerate(regions)]
    return np.concatenate(scores), np.concatenate(labels), np.concatenate(apart)


@pytest.mark.parametrize("levels", [3, 20, 100_000])
def test_a_replicate_equals_the_metric_of_the_drawn_samples(levels):
    parts = samples(levels=levels)
    strata = np.arange(8) >= 3
    weights = draw(strata, key=7, replicates=20)
    found = table_of(parts, bins_of(parts)).replicates(SPECS, weights)
    for number, times in enumerate(weights):
        counts = count_ranks(*repeated(parts, times))
        for spec in SPECS:
            assert found[spec.key][number] == pytest.approx(float(spec.function(counts)), abs=1e-12)


def test_few_anomalous_scores_have_exact_bins_and_many_have_a_bracket_around_the_value(monkeypatch):
    parts = samples(n_points=400, levels=100_000)
    exact = table_of(parts, bins_of(parts))
    monkeypatch.setattr("pc3dad.metrics.bootstrap.BINS", 8)
    coarse_bins = bins_of(parts)
    coarse = table_of(parts, coarse_bins)
    assert not coarse_bins.exact
    assert len(coarse_bins.edges) <= 16
    counts = count_ranks(*repeated(parts, [1] * 8))
    whole = coarse.weighted(np.ones((1, 8)))
    for spec in SPECS:
        value, binned = float(spec.function(counts)), float(spec.function(whole)[0])
        assert exact.bracket(spec) == 0
        assert abs(binned - value) <= coarse.bracket(spec)
        assert 0 < coarse.bracket(spec) < 0.5


def test_the_bounds_of_bins_contain_every_order_inside_them():
    scores, labels, regions = repeated(samples(levels=100_000), [1] * 8)
    joined = np.round(scores)  # what a bin does
    tied = count_ranks(joined, labels, regions)
    fine = count_ranks(scores, labels, regions)
    for spec in SPECS:
        low, high = (float(spec.function(counts)) for counts in (tied.pessimistic(), tied.optimistic()))
        assert low <= float(spec.function(fine)) <= high
        assert low <= float(spec.function(tied)) <= high


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 2**128 - 1))
def test_classes_keep_their_sizes(n_normal, n_anomalous, key):
    strata = np.arange(n_normal + n_anomalous) >= n_normal
    weights = draw(strata, key=key, replicates=5)
    assert (weights[:, ~strata].sum(axis=1) == n_normal).all()
    assert (weights[:, strata].sum(axis=1) == n_anomalous).all()


def test_a_replicate_does_not_depend_on_how_many_there_are():
    strata = np.arange(9) < 4
    np.testing.assert_array_equal(draw(strata, 3, 50)[:20], draw(strata, 3, 20))


def test_replicates_do_not_depend_on_the_size_of_the_batches(monkeypatch):
    parts = samples()
    weights = draw(np.arange(8) >= 3, key=1, replicates=30)
    table = table_of(parts, bins_of(parts))
    whole = table.replicates(SPECS, weights)
    monkeypatch.setattr("pc3dad.metrics.bootstrap.BATCH", 1)
    for key, values in table.replicates(SPECS, weights).items():
        np.testing.assert_array_equal(values, whole[key])


def test_samples_are_drawn_equally_often():
    weights = draw(np.zeros(10, bool), key=5, replicates=20_000)
    assert weights.mean(axis=0) == pytest.approx(np.ones(10), abs=0.05)
    assert weights.var(axis=0) == pytest.approx(np.full(10, 0.9), abs=0.05)  # binomial: n p (1 - p)


def test_the_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        parts = [(rng.random(1) + 0.3 * bad, np.array([bad]), np.array([0 if bad else -1])) for bad in ROWS]
        weights = draw(ROWS, key=int(rng.integers(2**60)), replicates=400)
        values = table_of(parts, bins_of(parts)).replicates(SPECS[:1], weights)["point/auroc"]
        low, high = interval(values)
        covered += low <= 1 - 0.7**2 / 2 <= high  # AUROC of two uniform scores 0.3 apart
    assert 0.88 <= covered / 200 <= 0.99


def test_draws_that_leave_a_metric_undefined_are_left_out_of_the_interval():
    assert interval(np.array([np.nan, *np.linspace(0, 1, 41)])) == pytest.approx((0.025, 0.975))
    assert interval(np.full(3, np.nan)) is None
    assert interval(np.array([*np.ones(40), *np.full(41, np.nan)])) is None
    assert interval(np.ones(39)) is None


def test_an_object_whose_defect_was_not_measured_leaves_some_draws_undefined():
    parts = [(np.float32([0, 1]), np.array([False, True]), np.array([-1, 0]))]
    parts.append((np.float32([0, 1]), np.array([False, False]), np.array([-1, -1])))
    found = table_of(parts, bins_of(parts)).replicates(SPECS, np.array([[2, 0], [1, 1], [0, 2]]))
    for key, values in found.items():
        assert np.isnan(values).tolist() == [False, False, True], key


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int64, np.float64])
def test_bins_are_exact_for_every_type_of_score(kind):
    scores = np.array([0, 1, 1, 0], dtype=kind)
    bins = Bins.choose(np.unique(scores[1:]), np.sort(scores))
    assert bins.exact
    assert bins.edges.dtype == scores.dtype
    assert bins.count(np.sort(scores))[bins.find(scores)].tolist() == [2, 2, 2, 2]


def test_the_extremes_of_a_type_have_bins_too():
    top = np.iinfo(np.int8).max
    bins = Bins.choose(np.array([top], dtype=np.int8), np.array([0, top], dtype=np.int8))
    assert bins.count(np.array([0, top], dtype=np.int8)).sum() == 1
    far = Bins.choose(np.array([-np.inf, np.inf]), np.array([-np.inf, np.inf]))
    assert far.count(np.array([-np.inf, 0.0, np.inf])).tolist() == [1, 1, 1]


def test_there_are_enough_bins():
    assert BINS >= 4096
