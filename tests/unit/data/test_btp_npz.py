"""Sample files of BTP, written from the documented keys (btp.md 2.1, 2.3, 2.4); no real one was at hand."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pc3dad.config import build
from pc3dad.data.base import Dataset, SampleRef, Severity
from pc3dad.data.btp_npz import BtpNpz, BtpNpzConfig
from pc3dad.data.verify import verify
from pc3dad.errors import ConfigError, DataError
from pc3dad.types import Split

N_SAMPLED, N_POINTS = 16, 40


def arrays(*, defective: bool = True, seed: int = 0, **changes) -> dict[str, np.ndarray]:
    """All keys of one file; a change to None leaves a key out."""
    rng = np.random.default_rng(seed)
    original = (rng.normal(size=(N_POINTS, 3)) * 20 + 90).astype(np.float32)  # millimetres, not centred
    centre = original.mean(axis=0)
    scale = np.linalg.norm(original - centre, axis=1).max()
    rows = rng.permutation(N_POINTS)[:N_SAMPLED]
    written = {
        "points": ((original - centre) / scale)[rows].astype(np.float32),
        "labels": np.where(np.arange(N_SAMPLED) < 3, 1, 0) * int(defective),
        "sample_indices": rows,
        "original_points": original,
        "normalized_points": ((original - centre) / scale).astype(np.float32),
        "original_num_points": np.int64(N_POINTS),
        "normalize_center": centre,
        "normalize_scale": np.float32(scale),
        "source_path": np.array("/nowhere/Real3D-AD/shell/test/good/147_bulge.pcd"),
        "sampling_source": np.array("gt"),
        "class_name": np.array("shell"),
        "split": np.array("test"),
        "is_anomaly": np.bool_(defective),
    }
    return {key: value for key, value in {**written, **changes}.items() if value is not None}


def write(path: Path, **options) -> dict[str, np.ndarray]:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = arrays(**options)
    np.savez_compressed(path, **content)
    return content


def table(columns: int = 4, *, labels: float = 1) -> np.ndarray:
    """(n, columns) of the first release: millimetres, label in the last column."""
    rows = np.random.default_rng(0).normal(size=(N_SAMPLED, columns)) * 20
    if columns > 3:
        rows[:, -1] = np.where(np.arange(N_SAMPLED) < 3, labels, 0)
    return rows


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Below folders whose names must not become labels."""
    root = tmp_path / "positive" / "good"
    for seed, stem in enumerate(("147_bulge", "20_sink_cut")):
        write(root / "shell" / "test" / f"{stem}.npz", seed=seed)
    write(root / "shell" / "test" / "9_good_cut.npz", defective=False, seed=2)
    write(root / "shell" / "train" / "60_template.npz", defective=False, seed=3)
    return root


def opened(root: Path, **options) -> BtpNpz:
    return BtpNpz(root, BtpNpzConfig(**options))


def shell(stem: str = "147_bulge", split: Split = Split.TEST) -> SampleRef:
    return SampleRef("shell", split, f"{split}/{stem}")


def rewrite(root: Path, stem: str = "147_bulge", **options) -> dict[str, np.ndarray]:
    return write(root / "shell" / "test" / f"{stem}.npz", **options)


def as_table(root: Path, stem: str, rows: np.ndarray, folder: str = "test") -> None:
    """Replaces a file by one of the first release."""
    path = root / "shell" / folder / f"{stem}.npy"
    path.with_suffix(".npz").unlink(missing_ok=True)
    np.save(path, rows)


class TestLayout:  # 2.4: <root>/<cls>/{train,test}/<stem>.npz, listed unsorted by the authors
    def test_it_is_a_data_set(self, root):
        (root / "notes").mkdir()
        assert isinstance(opened(root), Dataset)
        assert opened(root).categories() == ["shell"]

    def test_samples_are_in_natural_order(self, root):
        found = {split: [ref.id for ref in opened(root).refs("shell", split)] for split in Split}
        assert found == {
            Split.TRAIN: ["train/60_template"],
            Split.VALIDATION: [],
            Split.TEST: ["test/9_good_cut", "test/20_sink_cut", "test/147_bulge"],
            Split.UNLABELLED: [],
        }

    def test_a_folder_without_sample_files_is_refused(self, tmp_path):
        with pytest.raises(DataError, match=r"holds no <category>/test/<stem>\.npz"):
            opened(tmp_path)
        with pytest.raises(DataError, match="not a folder"):
            opened(tmp_path / "lost")

    def test_two_files_of_one_stem_are_refused(self, root):
        np.save(root / "shell" / "test" / "147_bulge.npy", table())
        with pytest.raises(DataError, match="are for the same sample"):
            opened(root).refs("shell", Split.TEST)

    @pytest.mark.parametrize("name", ["147_bulge", "test/148_bulge", "train/60_template"])
    def test_unknown_samples_are_refused(self, root, name):
        with pytest.raises(DataError, match="no test sample"):
            opened(root).load(SampleRef("shell", Split.TEST, name))

    def test_the_fingerprint_follows_files_and_options(self, root):
        before = opened(root).fingerprint("shell")
        assert before != opened(root, points="original").fingerprint("shell")
        rewrite(root, seed=9)
        assert before != opened(root).fingerprint("shell")


class TestSampledPoints:  # 2.4
    def test_points_keep_the_order_in_which_they_were_drawn(self, root):
        content = rewrite(root)
        sample, truth = opened(root).load(shell()), opened(root).truth(shell())
        np.testing.assert_array_equal(sample.cloud.xyz, content["points"])
        np.testing.assert_array_equal(truth.points, np.arange(N_SAMPLED) < 3)

    def test_every_label_above_0_is_a_defect(self, root):
        rewrite(root, labels=np.arange(N_SAMPLED) - 8)
        np.testing.assert_array_equal(opened(root).truth(shell()).points, np.arange(N_SAMPLED) > 8)

    def test_labels_may_be_called_gt(self, root):
        rewrite(root, labels=None, gt=np.arange(N_SAMPLED) > 3)
        np.testing.assert_array_equal(opened(root).truth(shell()).points, np.arange(N_SAMPLED) > 3)

    def test_the_first_array_may_hold_points_and_labels(self, root):
        np.savez(root / "shell" / "test" / "147_bulge.npz", arr_0=table(7), other=np.zeros(3))
        sample, truth = opened(root).load(shell()), opened(root).truth(shell())
        np.testing.assert_array_equal(sample.cloud.xyz, table(7)[:, :3].astype(np.float32))
        np.testing.assert_array_equal(truth.points, np.arange(N_SAMPLED) < 3)

    def test_paths_inside_a_file_are_not_even_parsed(self, root):
        path = np.array({"a": "pickled"}, dtype=object)
        path_file = root / "shell" / "test" / "147_bulge.npz"
        np.savez(path_file, allow_pickle=True, **arrays(source_path=path))
        assert opened(root).truth(shell()).anomalous

    def test_whole_clouds_are_not_unpacked(self, root):
        unreadable = np.array([None])
        path = root / "shell" / "test" / "147_bulge.npz"
        np.savez(path, allow_pickle=True, **arrays(original_points=unreadable, original_labels=unreadable))
        assert len(opened(root).load(shell()).cloud) == N_SAMPLED
        assert opened(root).truth(shell()).points.sum() == 3
        for read in (opened(root, points="original").load, opened(root, points="original").truth):
            with pytest.raises(DataError, match="of type object is refused"):
                read(shell())

    @pytest.mark.parametrize(
        "changes",
        [
            {"labels": np.zeros(N_SAMPLED - 1)},
            {"labels": np.full(N_SAMPLED, np.nan)},
            {"labels": np.zeros(N_SAMPLED, object)},
            {"labels": None},
            {"points": np.zeros((N_SAMPLED, 2))},
            {"points": np.zeros(N_SAMPLED)},
            {"points": np.zeros((N_SAMPLED, 3), bool)},
            {"is_anomaly": np.array(2)},
            {"is_anomaly": np.array([True, False])},
        ],
        ids="-".join,
    )
    def test_arrays_of_another_form_are_refused(self, root, changes):
        rewrite(root, **changes)
        with pytest.raises(DataError, match=r"147_bulge\.npz"):
            opened(root).truth(shell())

    def test_a_cloud_without_a_finite_point_is_refused(self, root):
        rewrite(root, points=np.full((N_SAMPLED, 3), np.nan))
        with pytest.raises(DataError, match="no finite point"):
            opened(root).load(shell())


class TestOriginalPoints:  # 2.4: original_labels is not written by the authors
    def test_the_whole_cloud_keeps_its_unit_and_frame(self, root):
        content = rewrite(root)
        cloud = opened(root, points="original").load(shell()).cloud
        np.testing.assert_allclose(cloud.xyz + cloud.origin, content["original_points"], rtol=1e-6)

    def test_own_labels_count_where_the_file_has_them(self, root):
        rewrite(root, original_labels=(np.arange(N_POINTS) < 5).astype(np.uint8))
        truth = opened(root, points="original").truth(shell())
        np.testing.assert_array_equal(truth.points, np.arange(N_POINTS) < 5)

    def test_without_them_the_points_of_a_defective_sample_are_unknown(self, root):
        truth = opened(root, points="original").truth(shell())
        assert (truth.anomalous, truth.points) == (True, None)

    def test_those_of_a_normal_one_are_zero(self, root):
        truth = opened(root, points="original").truth(shell("9_good_cut"))
        assert (truth.anomalous, len(truth.points), truth.points.any()) == (False, N_POINTS, False)

    def test_files_of_the_first_release_do_not_have_them(self, root):
        as_table(root, "147_bulge", table())
        for read in (opened(root, points="original").load, opened(root, points="original").truth):
            with pytest.raises(DataError, match=r"no original_points .*use points=sampled"):
                read(shell())


class TestObjectLabel:  # 2.1 and 2.3, point 5
    def test_a_defect_that_no_sampled_point_hit_stays_a_defect(self, root):
        rewrite(root, labels=np.zeros(N_SAMPLED))
        truth = opened(root).truth(shell())
        assert (truth.anomalous, truth.defect, truth.points) == (True, "bulge", None)

    def test_it_counts_as_normal_by_sampled_labels_as_in_the_published_code(self, root):
        rewrite(root, labels=np.zeros(N_SAMPLED))
        truth = opened(root, object_label="sampled").truth(shell())
        assert (truth.anomalous, truth.defect) == (False, "good")
        assert opened(root, object_label="sampled").truth(shell("20_sink_cut")).anomalous

    def test_verify_names_such_objects(self, root):
        rewrite(root, labels=np.zeros(N_SAMPLED))
        found = {one.message: one.items for one in verify(opened(root))}
        assert found["1 defective samples have no point labels"] == ("test/147_bulge",)

    @pytest.mark.parametrize(
        ("stem", "defect"),
        [
            ("142_good", "good"),
            ("142_GOOD_cut", "good"),
            ("142_good_copy", "good"),
            ("bag0_positive13", "good"),
            ("147_bulge", "bulge"),
            ("328_bulges_cut", "bulge"),
            ("309_sink_copy", "sink"),
            ("bag0_crak4", "crack"),
            ("desk_concavity6", "concavity"),
        ],
    )
    def test_without_a_flag_the_words_of_the_name_tell(self, root, stem, defect):
        as_table(root, stem, table(labels=int(defect != "good")))
        truth = opened(root).truth(shell(stem))
        assert (truth.anomalous, truth.defect) == (defect != "good", defect)

    @pytest.mark.parametrize("stem", ["goodness_1", "1_template", "147", "147_dent"])
    def test_names_that_do_not_tell_are_refused(self, root, stem):
        as_table(root, stem, table())
        with pytest.raises(DataError, match="neither is_anomaly nor its name tells"):
            opened(root).truth(shell(stem))

    def test_the_flag_tells_where_the_name_does_not(self, root):
        write(root / "shell" / "test" / "part_7.npz")
        truth = opened(root).truth(shell("part_7"))
        assert (truth.anomalous, truth.defect) == (True, None)

    @pytest.mark.parametrize("points", ["sampled", "original"])
    def test_a_defect_on_a_normal_sample_is_refused(self, root, points):
        rewrite(root, "9_good_cut", is_anomaly=np.bool_(0), original_labels=np.ones(N_POINTS))
        with pytest.raises(DataError, match=r"9_good_cut\.npz marks a defect on a normal sample"):
            opened(root, points=points).truth(shell("9_good_cut"))

    @pytest.mark.parametrize(
        ("stem", "kind", "flag"), [("147_bulge", "bulge", False), ("1_good", "good", True)]
    )
    def test_a_name_and_a_flag_that_disagree_are_refused(self, root, stem, kind, flag):
        rewrite(root, stem, defective=flag)
        words = rf"{stem}\.npz is {kind} by its name but has is_anomaly={flag}; convert"
        with pytest.raises(DataError, match=words):
            opened(root).truth(shell(stem))

    def test_sampled_points_do_not_label_objects_that_are_scored_on_original_ones(self):
        """Such an object would be normal, and points of it defective."""
        with pytest.raises(ConfigError, match=r"object_label='sampled' is refused: .*original points"):
            build(BtpNpzConfig, "btp_npz", {"points": "original", "object_label": "sampled"})


class TestFirstRelease:  # 2.3, history: FPS on raw millimetres, .npy of [2048, 4], templates [2048, 3]
    @pytest.mark.parametrize("columns", [4, 7])
    def test_the_label_is_the_last_column(self, root, columns):
        as_table(root, "147_bulge", table(columns))
        np.testing.assert_array_equal(opened(root).truth(shell()).points, np.arange(N_SAMPLED) < 3)
        assert len(opened(root).load(shell()).cloud) == N_SAMPLED

    def test_templates_have_no_labels_and_are_normal(self, root):
        as_table(root, "60_template", table(3), folder="train")
        truth = opened(root).truth(shell("60_template", Split.TRAIN))
        assert (truth.anomalous, len(truth.points), truth.points.any()) == (False, N_SAMPLED, False)

    def test_other_files_without_labels_are_refused(self, root):
        as_table(root, "147_bulge", table(3))
        with pytest.raises(DataError, match="has no labels"):
            opened(root).truth(shell())

    def test_a_defective_sample_in_train_is_refused(self, root):
        write(root / "shell" / "train" / "1_template.npz")
        with pytest.raises(DataError, match="defective but in train"):
            opened(root).truth(shell("1_template", Split.TRAIN))

    def test_pickled_arrays_are_refused(self, root):
        as_table(root, "147_bulge", table().astype(object))
        with pytest.raises(DataError, match=r"147_bulge\.npy"):
            opened(root).load(shell())


class TestProblems:
    def found(self, root: Path, severity: Severity, **options) -> dict[str, tuple[str, ...]]:
        findings = opened(root, **options).problems("shell")
        return {one.message: one.items for one in findings if one.severity is severity}

    def test_counts_are_compared_with_those_of_the_data_set(self, root):
        (text,) = self.found(root, Severity.WARNING)
        assert text == "not the published number of samples: good 1 of 52, anomaly 2 of 48"

    def test_files_that_were_not_normalised_are_named(self, root):
        as_table(root, "147_bulge", table())
        rewrite(root, "20_sink_cut", normalize_scale=None, normalize_center=None)
        old = next(items for text, items in self.found(root, Severity.WARNING).items() if "normalise" in text)
        assert old == ("test/20_sink_cut.npz", "test/147_bulge.npy")

    def test_whole_clouds_without_labels_are_noted(self, root):
        rewrite(root, original_labels=np.zeros(N_POINTS))
        (items,) = self.found(root, Severity.NOTE, points="original").values()
        assert "test/147_bulge.npz" not in items
        assert "test/20_sink_cut.npz" in items
        assert not self.found(root, Severity.NOTE)

    def test_empty_and_unused_files_are_named(self, root):
        (root / "shell" / "test" / "147_bulge.npz").write_bytes(b"")
        (root / "shell" / "test" / "notes.txt").write_text("x")
        assert self.found(root, Severity.ERROR) == {"1 files are empty": ("test/147_bulge.npz",)}
        assert ("test/notes.txt",) in self.found(root, Severity.WARNING).values()

    def test_verify_reads_a_whole_tree(self, root):
        assert not [one for one in verify(opened(root)) if one.severity is Severity.ERROR]


class TestDamage:
    def test_cut_files_are_refused(self, root):
        path = root / "shell" / "test" / "147_bulge.npz"
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(DataError, match=r"147_bulge\.npz: damaged"):
            opened(root).load(shell())

    def test_an_empty_archive_is_refused(self, root):
        with zipfile.ZipFile(root / "shell" / "test" / "147_bulge.npz", "w"):
            pass
        with pytest.raises(DataError, match="holds nothing for `points`"):
            opened(root).load(shell())

    @given(data=st.binary(max_size=400))
    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_bytes_give_a_clear_error(self, root, data):
        path = root / "shell" / "test" / "147_bulge.npz"
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"147_bulge\.npz"):
            opened(root).load(shell())
        list(opened(root).problems("shell"))
