"""The fpfh_knn baseline remembers the shapes of normal parts and finds what none of them has."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from pc3dad.baselines.fpfh_knn.config import FpfhKnnConfig
from pc3dad.baselines.fpfh_knn.method import FpfhKnn, farthest_first
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.errors import MethodError, WeightsError
from pc3dad.metrics import auroc
from pc3dad.types import PointCloud, Regime, Sample

BUMP = np.array([1.0, 0.0, 0.0])


def part(seed, *, n=4000, height=0.0):
    """A ball with a corner, at which it rises linearly: normal. A bump elsewhere is the defect."""
    directions = np.random.default_rng(seed).normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    corner = np.maximum(directions[:, 2] - 0.9, 0) * 5
    bump = height * np.exp(-120 * (1 - directions @ BUMP))
    return directions * (1 + corner + bump)[:, None]


def raised(xyz):
    return xyz @ BUMP / np.linalg.norm(xyz, axis=1) > 0.98


def sample(xyz, *, name="one", valid=None):
    return Sample(name, "part", PointCloud(np.asarray(xyz, dtype=np.float32), valid=valid))


def fitted(clouds, **options):
    """The method, fitted with these clouds."""
    source = SimpleNamespace(load=lambda ref: sample(clouds[ref], name=f"train_{ref}"))
    method = FpfhKnn(FpfhKnnConfig(**options))
    method.fit(TrainView(Regime.ONE_CLASS, "clouds", [(source, i) for i in range(len(clouds))]), RunContext())
    return method


def score(method, xyz, *, valid=None):
    return method.score(sample(xyz, valid=valid), RunContext())


@pytest.fixture(scope="module")
def method():
    return fitted([part(1), part(2)])


@pytest.mark.parametrize("height", [0.15, -0.15], ids=["bump", "dent"])
def test_finds_what_normal_parts_do_not_have(method, height):
    xyz = part(3, height=height)
    assert auroc(score(method, xyz).point_scores, raised(xyz)) > 0.98


def test_what_occurs_once_on_every_normal_part_is_normal(method):
    xyz = part(3, height=0.15)
    scores = score(method, xyz).point_scores
    assert scores[xyz[:, 2] > 1].mean() < 0.5 * scores[raised(xyz)].mean()


def test_a_defective_object_scores_higher_than_a_new_normal_one(method):
    assert score(method, part(3, height=0.15)).object_score > 1.5 * score(method, part(3)).object_score


def test_a_remembered_shape_scores_0():
    method = fitted([part(1)], coreset=0.5)
    remembered = score(method, part(1)).point_scores
    assert (remembered == 0).mean() == pytest.approx(0.5, abs=0.01)


def test_rotation_scale_and_order_of_points_do_not_matter(method):
    xyz = part(3, height=0.15)
    order = np.random.default_rng(1).permutation(len(xyz))
    turn = Rotation.from_euler("xyz", [0.3, 1.0, 2.0]).as_matrix()
    before, after = score(method, xyz), score(method, (1000 * xyz @ turn)[order])
    differing = np.abs(after.point_scores - before.point_scores[order]) > 0.01 * before.point_scores.max()
    assert differing.mean() < 0.01
    assert after.object_score == pytest.approx(before.object_score, rel=1e-3)


def test_the_order_of_training_samples_does_not_matter(method):
    xyz = part(3, height=0.15)
    again = score(fitted([part(2), part(1)]), xyz)
    np.testing.assert_allclose(again.point_scores, score(method, xyz).point_scores, rtol=1e-5)


def test_the_bank_is_a_tenth_of_the_descriptors(method):
    assert method.bank_.shape == (800, 33)


def test_the_bank_stays_small_however_many_samples_there_are():
    clouds = [part(seed, n=600) for seed in range(5)]
    assert len(fitted(clouds, max_candidates=1000).bank_) == 100


def test_a_saved_bank_gives_the_same_bits(method, tmp_path):
    method.save(tmp_path)
    again = FpfhKnn(FpfhKnnConfig())
    again.load(tmp_path)
    xyz = part(3, height=0.15)
    np.testing.assert_array_equal(score(again, xyz).point_scores, score(method, xyz).point_scores)


def test_a_damaged_bank_is_refused(tmp_path):
    (tmp_path / "state.safetensors").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="cannot load"):
        FpfhKnn(FpfhKnnConfig()).load(tmp_path)


def test_points_that_are_not_valid_get_0_and_do_not_count(method):
    xyz = part(3, height=0.15)
    valid = np.arange(len(xyz)) % 3 > 0
    masked = score(method, np.where(valid[:, None], xyz, 0), valid=valid)
    alone = score(method, xyz[valid])
    np.testing.assert_array_equal(masked.point_scores[valid], alone.point_scores)
    assert not masked.point_scores[~valid].any()
    assert masked.object_score == alone.object_score


def test_large_clouds_are_described_on_a_subset_and_say_so():
    method = fitted([part(1, n=20_000)], max_points=2000)
    xyz = part(3, n=20_000, height=0.15)
    found = score(method, xyz)
    assert (found.propagation, found.n_filled) == ("nearest", 18_000)
    assert auroc(found.point_scores, raised(xyz)) > 0.95


def test_a_scan_whose_points_come_twice_still_shows_its_bump():
    twice = [np.repeat(part(seed, n=2000, height=h), 2, axis=0) for seed, h in ((1, 0), (3, 0.15))]
    found = score(fitted(twice[:1]), twice[1])
    assert auroc(found.point_scores, raised(twice[1])) > 0.95


@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_tiny_clouds_can_be_learned_and_have_finite_scores(method, n):
    for ready in (method, fitted([part(1, n=n)])):
        found = score(ready, part(3, n=n))
        assert found.point_scores.shape == (n,)
        assert np.isfinite(found.point_scores).all()
        assert np.isfinite(found.object_score)


def test_a_cloud_without_a_valid_point_is_refused(method):
    with pytest.raises(MethodError, match="'one' has no valid point"):
        score(method, np.full((4, 3), np.nan))


def test_a_training_sample_without_a_valid_point_is_refused():
    with pytest.raises(MethodError, match="'train_1' has no valid point"):
        fitted([part(1), np.full((4, 3), np.nan)])


def test_training_without_a_sample_is_refused():
    with pytest.raises(MethodError, match="needs normal samples"):
        fitted([])


def test_the_coreset_is_the_farthest_first_traversal():
    descriptors = np.random.default_rng(0).normal(100, 30, size=(300, 33)).astype(np.float32)
    distances = cdist(descriptors, descriptors)
    expected = [int(np.linalg.norm(descriptors - descriptors.mean(axis=0), axis=1).argmax())]
    while len(expected) < 60:
        expected.append(int(distances[:, expected].min(axis=1).argmax()))
    np.testing.assert_array_equal(farthest_first(descriptors, 60), expected)


def test_the_coreset_names_no_descriptor_twice_even_among_copies():
    copies = np.tile(np.arange(3, dtype=np.float32)[:, None], (4, 33))
    chosen = farthest_first(copies, 12)
    assert sorted(chosen) == list(range(12))
    assert set(copies[chosen[:3], 0]) == {0, 1, 2}
