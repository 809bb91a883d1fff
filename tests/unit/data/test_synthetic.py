"""The embedded data set: repeatable, labelled exactly, and not to be seen through by shortcuts."""

import hashlib
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from pc3dad.data.base import Dataset, SampleRef
from pc3dad.data.defects import DEFECTS, VISIBLE
from pc3dad.data.shapes import SHAPES
from pc3dad.data.synthetic.dataset import NOISE, Synthetic, SyntheticConfig
from pc3dad.errors import DataError
from pc3dad.geometry import neighbors
from pc3dad.types import Split

DATA = Synthetic(None, SyntheticConfig())
REFS = [ref for category in DATA.categories() for ref in DATA.refs(category, Split.TEST)]
DEFECTIVE = [ref for ref in REFS if DATA.truth(ref).anomalous]

DIGEST = """
import hashlib
from pc3dad.data.synthetic.dataset import Synthetic, SyntheticConfig
from pc3dad.types import Split
data, digest = Synthetic(None, SyntheticConfig(seed=5, points=500)), hashlib.sha256()
for category in data.categories():
    for ref in data.refs(category, Split.TEST):
        digest.update(data.load(ref).cloud.xyz.tobytes() + data.truth(ref).regions.tobytes())
print(digest.hexdigest())
"""


def test_is_a_data_set():
    assert isinstance(DATA, Dataset)
    assert DATA.categories() == ["bottle", "flange"] == sorted(DATA.card.categories)


def test_has_as_many_samples_as_configured():
    sizes = [len(DATA.refs("bottle", split)) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)]
    assert sizes == [6, 0, 17]
    assert len(DEFECTIVE) == 2 * 9


def test_two_processes_give_the_same_bytes():
    runs = [
        subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout


@pytest.mark.parametrize("options", [{"seed": 1}, {"points": 8001}])
def test_other_options_give_other_clouds_and_another_fingerprint(options):
    other = Synthetic(None, SyntheticConfig(**options))
    assert not np.array_equal(other.load(REFS[0]).cloud.xyz, DATA.load(REFS[0]).cloud.xyz)
    assert other.fingerprint("bottle") != DATA.fingerprint("bottle") != DATA.fingerprint("flange")


def test_training_samples_are_good_and_no_two_samples_are_alike():
    train = DATA.refs("bottle", Split.TRAIN)
    assert {DATA.truth(ref).defect for ref in train} == {"good"}
    refs = [*train, *REFS]
    assert len({hashlib.sha256(DATA.load(ref).cloud.xyz.tobytes()).digest() for ref in refs}) == len(refs)


def test_ids_do_not_tell_the_label():
    for category in DATA.categories():
        refs = DATA.refs(category, Split.TEST)
        assert [ref.id for ref in refs] == [f"test_{index:03d}" for index in range(17)]
        labels = [DATA.truth(ref).anomalous for ref in refs]
        assert sum(one != two for one, two in pairwise(labels)) > 3  # mixed, not one block after the other


def test_all_kinds_of_defects_take_turns():
    for category in DATA.categories():
        kinds = [DATA.truth(ref).defect for ref in DEFECTIVE if ref.category == category]
        assert sorted(kinds) == sorted(list(DEFECTS) * 3)


@pytest.mark.parametrize("category", sorted(SHAPES))
def test_parts_of_a_category_differ_in_size_by_more_than_a_defect(category):
    sizes = [np.ptp(DATA.load(ref).cloud.xyz[:, 2]) for ref in REFS if ref.category == category]
    assert np.std(sizes) > 2


def test_labels_agree_with_the_intact_twin():
    """Point by point: inside further away than three times the noise, outside nearer."""
    for ref in DEFECTIVE:
        part, truth = DATA._make(ref), DATA.truth(ref)
        moved = np.linalg.norm(part.xyz - part.intact, axis=1)
        assert (moved[truth.points] > VISIBLE - 1e-4).all()
        assert (moved[~truth.points] < VISIBLE + 1e-4).all()
        assert moved.max() > 5 * VISIBLE
    assert VISIBLE >= 3 * NOISE - 1e-9


def test_good_samples_have_labels_that_say_so():
    ref = next(ref for ref in REFS if ref not in DEFECTIVE)
    truth, part = DATA.truth(ref), DATA._make(ref)
    assert truth.anomalous is False
    assert not truth.points.any()
    assert (truth.regions == -1).all()
    np.testing.assert_array_equal(part.xyz, part.intact)


def test_regions_are_numbered_separate_and_of_the_stated_size():
    for ref in DEFECTIVE:
        truth, xyz = DATA.truth(ref), DATA.load(ref).cloud.xyz
        np.testing.assert_array_equal(truth.points, truth.regions >= 0)
        numbers = range(truth.regions.max() + 1)
        for number in numbers:
            assert 0.003 < (truth.regions == number).mean() < 0.04
        for number in numbers[1:]:
            own, others = xyz[truth.regions == number], xyz[(truth.regions >= 0) & (truth.regions < number)]
            assert neighbors.knn(own, others, k=1)[0].min() > 0.5


def test_density_does_not_tell_where_the_defect_is():
    for category in DATA.categories():
        density, labels = [], []
        for ref in (ref for ref in DEFECTIVE if ref.category == category):
            xyz = DATA.load(ref).cloud.xyz
            density.append(neighbors.knn(xyz, xyz, k=12)[0][:, -1])
            labels.append(DATA.truth(ref).points)
        scores, wanted = np.concatenate(density), np.concatenate(labels)
        better = (scores[wanted][:, None] > scores[~wanted][::50]).mean()
        assert 0.35 < better < 0.65


@pytest.mark.parametrize("category", sorted(SHAPES))
def test_points_are_uniform_by_area(category):
    """The median distance to the nearest point is that of random points of the density points / area."""
    surface = SHAPES[category](np.random.default_rng(0))
    xyz, normals = surface.draw(40_000, np.random.default_rng(1))
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-9)
    spacing = np.median(neighbors.knn(xyz, xyz, k=2)[0][:, 1])
    assert spacing == pytest.approx(
        0.5 * np.sqrt(surface.area / len(xyz)) * np.sqrt(np.log(2) * 4 / np.pi), rel=0.03
    )


@pytest.mark.parametrize("category", sorted(SHAPES))
def test_normals_point_outwards(category):
    """By the divergence theorem, the flux of the position through a closed surface is its volume."""
    xyz, normals = SHAPES[category](np.random.default_rng(0)).draw(20_000, np.random.default_rng(1))
    assert ((xyz - xyz.mean(axis=0)) * normals).sum(axis=1).mean() > 5


def test_unknown_names_are_refused():
    with pytest.raises(DataError, match="no category 'cup'"):
        DATA.refs("cup", Split.TEST)
    with pytest.raises(DataError, match="no test sample 'test_099'"):
        DATA.load(SampleRef("bottle", Split.TEST, "test_099"))
