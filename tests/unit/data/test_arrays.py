"""Labels in NumPy archives: one file per sample, nothing guessed."""

import numpy as np
import pytest

from pc3dad import registry
from pc3dad.data.arrays import Arrays, ArraysConfig
from pc3dad.data.base import Dataset, SampleRef, Severity
from pc3dad.data.verify import verify
from pc3dad.errors import DataError
from pc3dad.evaluation.bench import run_bench
from pc3dad.types import Split

XYZ = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
LABELS = np.arange(20) < 3


@pytest.fixture
def write(tmp_path):
    """Writes one sample; a change to None leaves an array out. Returns the root."""

    def save(sample="1", *, category="part", **changes):
        arrays = {"xyz": XYZ, "labels": LABELS, "object_label": 1, **changes}
        path = tmp_path / "truth" / category / f"{sample}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
        return tmp_path / "truth"

    return save


def read(root, sample="1"):
    dataset = Arrays(root, ArraysConfig())
    ref = SampleRef("part", Split.TEST, sample)
    return dataset.load(ref).cloud, dataset.truth(ref)


def test_it_is_a_data_set_like_any_other(write):
    entry = registry.datasets()["arrays"]
    assert isinstance(entry.open(write(), entry.configure({})), Dataset)


def test_all_samples_are_test_samples_in_natural_order(write):
    for name in ("10", "9", "crack/1"):
        root = write(name)
    dataset = Arrays(root, ArraysConfig())
    assert dataset.categories() == ["part"]
    assert [ref.id for ref in dataset.refs("part", Split.TEST)] == ["9", "10", "crack/1"]
    assert dataset.refs("part", Split.TRAIN) == []


def test_a_cloud_keeps_its_points_and_labels_above_zero_are_anomalous(write):
    cloud, truth = read(write(labels=np.where(LABELS, 255.0, 0)))
    assert (cloud.xyz == XYZ).all()
    assert cloud.grid is None
    assert (truth.points == LABELS).all()
    assert truth.anomalous is True
    assert truth.regions is None


@pytest.mark.parametrize("name", ["xyz", "points", "positions"])
def test_coordinates_have_the_names_of_other_readers(write, name):
    assert len(read(write(**{"xyz": None, name: XYZ}))[0]) == 20


def test_points_that_are_not_finite_are_missing_and_valid_takes_away_more(write):
    xyz = XYZ.copy()
    xyz[0, 1] = np.nan
    xyz[1] = 0  # a place like any other in a cloud
    cloud, _ = read(write(xyz=xyz, valid=np.arange(20) != 2))
    assert np.flatnonzero(~cloud.valid).tolist() == [0, 2]


@pytest.mark.parametrize("offset", [0.0, 5e6], ids=["float32", "map coordinates"])
def test_pixels_at_exactly_zero_are_missing_in_an_organised_cloud(write, offset):
    xyz = XYZ.reshape(4, 5, 3).astype(np.float64) + offset
    xyz[1, 2] = 0
    xyz[2, 2, 0] = 0  # one coordinate is not enough
    cloud, truth = read(write(xyz=xyz, labels=LABELS.reshape(4, 5)))
    assert cloud.grid == (4, 5)
    assert np.flatnonzero(~cloud.valid).tolist() == [7]
    assert (truth.points == LABELS).all()


def test_a_labelled_image_needs_no_coordinates(write):
    valid = np.ones((4, 5), bool)
    valid[0, 0] = False
    cloud, truth = read(write(xyz=None, labels=LABELS.reshape(4, 5), valid=valid))
    assert cloud.grid == (4, 5)
    assert cloud.xyz[6].tolist() == [1, 1, 0]
    assert np.flatnonzero(~cloud.valid).tolist() == [0]
    assert (truth.points == LABELS).all()


def test_regions_are_taken_as_they_are(write):
    regions = np.where(LABELS, np.arange(20) // 2, -1)
    _, truth = read(write(regions=regions))
    assert (truth.regions == regions).all()


def test_the_object_label_is_never_derived_from_points(write):
    _, truth = read(write(labels=np.zeros(20)))
    assert truth.anomalous is True
    assert not truth.points.any()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"object_label": None}, "holds no array object_label; store 0 or 1 .* never derived"),
        ({"labels": None}, "holds no array labels; store one label per point"),
        ({"object_label": 2}, "object_label is neither 0 nor 1"),
        ({"object_label": [0, 1]}, "object_label is neither 0 nor 1"),
        ({"object_label": np.nan}, "object_label is neither 0 nor 1"),
        ({"object_label": 0}, "object_label is 0 but points of it are anomalous"),
        ({"xyz": None}, r"labels of shape \(20,\) but no coordinates; add them as an array xyz"),
        ({"xyz": None, "labels": LABELS[:, None]}, "but no coordinates"),
        ({"labels": LABELS[:19]}, r"labels have shape \(19,\) for 20 points"),
        ({"labels": LABELS.reshape(4, 5)}, r"labels have shape \(4, 5\) for 20 points"),
        ({"xyz": XYZ.reshape(5, 4, 3), "labels": LABELS.reshape(4, 5)}, "for 5 x 4 points"),
        ({"labels": np.where(LABELS, np.nan, 0)}, "a label that is not finite"),
        (
            {"labels": np.where(LABELS, 0.25, 0)},
            "labels are not whole .*; threshold soft labels yourself, and",
        ),
        ({"labels": np.where(LABELS, 1, -1)}, "not whole numbers from 0 on; .* take points out with valid"),
        ({"valid": np.ones(3)}, "valid has shape"),
        ({"valid": np.where(LABELS, np.nan, 1)}, "valid holds other numbers than 0 and 1"),
        ({"valid": np.where(LABELS, -1, 1)}, "valid holds other numbers than 0 and 1"),
        ({"valid": np.full(20, 0.5)}, "valid holds other numbers than 0 and 1"),
        ({"points": XYZ}, "holds xyz and points, which mean the same; keep one of them"),
        ({"rgb": XYZ, "colors": XYZ}, "holds rgb and colors, which mean the same; keep one of them"),
        ({"regions": np.where(LABELS, 1.5, -1)}, "regions of type float64"),
        ({"regions": np.where(LABELS, 2**40, -1)}, "regions of type int64"),
        ({"regions": np.where(LABELS, 1, 0)}, "not those of its anomalous points; .* write -1 everywhere"),
        ({"regions": np.full(20, -1)}, "not those of its anomalous points"),
        ({"region": LABELS}, "an array 'region', which means nothing here, did you mean 'regions'"),
        ({"xyz": np.array([None] * 20)}, "is refused; save plain numbers"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(write, changes, words):
    with pytest.raises(DataError, match=words) as caught:
        read(write(**changes))
    assert str(caught.value).startswith(str(write()))


def test_a_missing_anomalous_point_needs_no_region(write):
    xyz = XYZ.copy()
    xyz[0] = np.nan
    _, truth = read(write(xyz=xyz, regions=np.where(LABELS & (np.arange(20) > 0), 0, -1)))
    assert truth.regions[:4].tolist() == [-1, 0, 0, -1]


def test_archives_outside_categories_and_empty_roots_are_refused(write, tmp_path):
    with pytest.raises(DataError, match=r"holds no <category>/<sample>\.npz"):
        Arrays(tmp_path, ArraysConfig())
    root = write()
    np.savez(root / "lost.npz", labels=LABELS)
    with pytest.raises(DataError, match=r"lost\.npz is in no category"):
        Arrays(root, ArraysConfig())
    with pytest.raises(DataError, match="is not a folder"):
        Arrays(root / "nowhere", ArraysConfig())


def test_two_archives_of_one_sample_are_refused(write):
    root = write()
    (root / "part" / "1.NPZ").write_bytes((root / "part" / "1.npz").read_bytes())
    if len(list((root / "part").iterdir())) == 1:
        pytest.skip("names of files differ by more than case here")
    with pytest.raises(DataError, match=r"part.1\.NPZ and 1\.npz are for the same sample; keep one of them"):
        Arrays(root, ArraysConfig())


def test_one_read_gives_a_sample_and_its_labels(write):
    dataset = Arrays(write(), ArraysConfig())
    ref = SampleRef("part", Split.TEST, "1")
    dataset.load(ref)
    write(labels=np.zeros(20))
    assert dataset.truth(ref).points.any()
    assert not dataset.truth(ref).points.any()  # asked again, it is read again


def test_verify_reads_every_file_and_names_those_that_are_not_read(write):
    root = write()
    write("2", labels=LABELS[:3])
    (root / "part" / "notes.txt").write_text("hello")
    (root / "part" / ".DS_Store").write_text("junk")
    found = list(verify(Arrays(root, ArraysConfig())))
    assert any("2.npz: labels have shape" in item.message for item in found)
    assert ("notes.txt",) in [item.items for item in found if item.severity is Severity.WARNING]


def test_the_fingerprint_follows_the_archives_alone(write):
    root = write()
    before = Arrays(root, ArraysConfig()).fingerprint("part")
    (root / "part" / "notes.txt").write_text("hello")
    assert Arrays(root, ArraysConfig()).fingerprint("part") == before
    write("2")
    assert Arrays(root, ArraysConfig()).fingerprint("part") != before


def test_methods_run_on_it(write, tmp_path):
    for number in range(4):
        bad = number < 2
        root = write(str(number), labels=LABELS & bad, object_label=int(bad))
    values = {"datasets": ["arrays"], "methods": ["random"], "roots": {"arrays": root}}
    report = run_bench({**values, "bootstrap": {"replicates": 0}}, out=tmp_path / "run")
    assert report.failed == ()
    assert {row.n_positive for row in report.table.rows if row.metric == "point/auroc"} == {6}
