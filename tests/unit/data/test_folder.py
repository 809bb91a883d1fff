"""A user's own parts in every state of completeness."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pc3dad.config import build
from pc3dad.data.base import Dataset, SampleRef
from pc3dad.data.folder import Folder, FolderConfig
from pc3dad.errors import ConfigError, DataError
from pc3dad.types import Split

POINTS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
LABELS = np.array([0, 0, 1, 0, 1, 0])


def write_scan(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, POINTS)


def write_labels(path: Path, labels: np.ndarray = LABELS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, labels)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A category with everything, in a folder whose name must not become a label."""
    root = tmp_path / "good" / "parts"
    gear = root / "gear"
    for name in (
        "train/1.npy",
        "train/OK/10.npy",
        "train/OK/2.npy",
        "test/good/1.npy",
        "test/crack/10.npy",
        "test/crack/9.npy",
        "test/Dent/1.npy",
        "test/7.npy",
        "new.npy",
    ):
        write_scan(gear / name)
    write_labels(gear / "GT" / "crack" / "10.txt")
    return root


def opened(root: Path) -> Folder:
    return Folder(root, FolderConfig())


def gear(name: str, split: Split = Split.TEST) -> SampleRef:
    return SampleRef("gear", split, name)


def names(dataset: Folder, split: Split, category: str = "gear") -> list[str]:
    return [ref.id for ref in dataset.refs(category, split)]


def test_it_is_a_data_set(root):
    dataset = opened(root)
    assert isinstance(dataset, Dataset)
    assert dataset.categories() == ["gear"]


def test_the_folder_above_a_scan_decides_split_and_label(root):
    dataset = opened(root)
    assert names(dataset, Split.TRAIN) == ["train/1.npy", "train/OK/2.npy", "train/OK/10.npy"]
    assert names(dataset, Split.VALIDATION) == []
    assert names(dataset, Split.TEST) == [
        "test/crack/9.npy",
        "test/crack/10.npy",
        "test/Dent/1.npy",
        "test/good/1.npy",
    ]
    assert names(dataset, Split.UNLABELLED) == ["test/7.npy", "new.npy"]


@pytest.mark.parametrize("name", ["good", "NORMAL", "Ok", "positive"])
def test_names_that_mean_normal(tmp_path, name):
    write_scan(tmp_path / "gear" / "test" / name / "1.npy")
    truth = opened(tmp_path).truth(gear(f"test/{name}/1.npy"))
    assert (truth.anomalous, truth.defect, truth.points.tolist()) == (False, "good", [False] * 6)


@pytest.mark.parametrize("name", ["goodness", "not_ok", "temp", "gt_crack"])
def test_other_names_are_defects_whatever_they_contain(tmp_path, name):
    write_scan(tmp_path / "gear" / "test" / name / "1.npy")
    truth = opened(tmp_path).truth(gear(f"test/{name}/1.npy"))
    assert (truth.anomalous, truth.defect) == (True, name)


def test_labels_are_read_where_they_exist_and_unknown_elsewhere(root):
    dataset = opened(root)
    labelled, other, unlabelled = (
        dataset.truth(gear("test/crack/10.npy")),
        dataset.truth(gear("test/Dent/1.npy")),
        dataset.truth(gear("test/7.npy", Split.UNLABELLED)),
    )
    assert labelled.points.tolist() == LABELS.astype(bool).tolist()
    assert (other.anomalous, other.points, other.defect) == (True, None, "Dent")
    assert (unlabelled.anomalous, unlabelled.points, unlabelled.defect) == (None, None, None)


@pytest.mark.parametrize("folder", ["gt", "Gt", "ground_truth"])
def test_label_folders_match_in_any_case(root, folder):
    (root / "gear" / "GT").rename(root / "gear" / folder)
    assert opened(root).truth(gear("test/crack/10.npy")).points is not None


def test_scans_alone_are_one_category_named_after_their_folder(tmp_path):
    write_scan(tmp_path / "shelf" / "a.npy")
    (tmp_path / "shelf" / "README.txt").write_text("not a scan")
    dataset = opened(tmp_path / "shelf")
    assert dataset.categories() == ["shelf"]
    assert names(dataset, Split.UNLABELLED, "shelf") == ["a.npy"]


def test_the_root_may_be_a_single_category(root):
    dataset = opened(root / "gear")
    assert dataset.categories() == ["gear"]
    assert len(names(dataset, Split.TEST)) == 4


def test_several_categories_are_sorted(root):
    write_scan(root / "bolt" / "test" / "1.npy")
    (root / "empty").mkdir()
    assert opened(root).categories() == ["bolt", "gear"]


def test_equal_stems_stay_two_samples(root):
    (root / "gear" / "test" / "crack" / "10.csv").write_text("\n".join(f"{x},{y},{z}" for x, y, z in POINTS))
    dataset = opened(root)
    found = names(dataset, Split.TEST)
    assert {"test/crack/10.csv", "test/crack/10.npy"} <= set(found)
    assert len(set(found)) == len(found)
    np.testing.assert_allclose(dataset.load(gear("test/crack/10.csv")).cloud.xyz, POINTS, rtol=1e-6)


def test_junk_is_no_sample(root):
    for name in ("._1.npy", ".DS_Store", "Thumbs.db"):
        (root / "gear" / "test" / "crack" / name).write_bytes(b"junk")
    assert len(names(opened(root), Split.TEST)) == 4


def test_zero_byte_scans_are_an_error_and_not_one_sample_less(root):
    (root / "gear" / "test" / "crack" / "9.npy").write_bytes(b"")
    dataset = opened(root)
    assert "test/crack/9.npy" in names(dataset, Split.TEST)
    with pytest.raises(DataError, match=r"9\.npy"):
        dataset.load(gear("test/crack/9.npy"))


def test_a_defect_in_train_breaks_the_layout(root):
    write_scan(root / "gear" / "train" / "crack" / "1.npy")
    with pytest.raises(DataError, match="normal samples only"):
        opened(root).refs("gear", Split.TRAIN)


def test_labels_of_another_length_are_an_error(root):
    write_labels(root / "gear" / "GT" / "crack" / "10.txt", LABELS[1:])
    with pytest.raises(DataError, match="5 labels for 6 points"):
        opened(root).truth(gear("test/crack/10.npy"))


def test_two_label_files_for_one_scan_are_an_error(root):
    np.save(root / "gear" / "GT" / "crack" / "10.npy", LABELS)
    with pytest.raises(DataError, match="same scan"):
        opened(root).truth(gear("test/crack/10.npy"))


def test_a_defect_marked_on_a_normal_sample_is_an_error(root):
    write_labels(root / "gear" / "GT" / "good" / "1.txt")
    with pytest.raises(DataError, match="normal sample"):
        opened(root).truth(gear("test/good/1.npy"))


@pytest.mark.parametrize("suffix", ["png", "jpg", "JPG"])
def test_photographs_belong_to_organised_scans_of_their_size(root, suffix):
    path = root / "gear" / "test" / "crack" / "5.tiff"
    tifffile.imwrite(path, np.ones((4, 5, 3), np.float32), photometric="rgb")
    photograph = root / "gear" / "rgb" / "test" / "crack" / f"5.{suffix}"
    photograph.parent.mkdir(parents=True)
    Image.fromarray(np.full((4, 5, 3), 255, np.uint8)).save(photograph)
    sample = opened(root).load(gear("test/crack/5.tiff"))
    assert sample.image.shape == (4, 5, 3)
    assert sample.cloud.rgb.shape == (20, 3)
    assert opened(root).load(gear("test/crack/10.npy")).image is None
    Image.fromarray(np.full((5, 4, 3), 255, np.uint8)).save(photograph)
    with pytest.raises(DataError, match=r"5 x 4 pixels but .*5\.tiff is 4 x 5"):
        opened(root).load(gear("test/crack/5.tiff"))


def test_a_photograph_of_an_unorganised_scan_is_an_error(root):
    photograph = root / "gear" / "rgb" / "test" / "crack" / "10.png"
    photograph.parent.mkdir(parents=True)
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(photograph)
    with pytest.raises(DataError, match="not organised"):
        opened(root).load(gear("test/crack/10.npy"))


@pytest.mark.parametrize("name", ["test/crack/11.npy", "../gear/test/crack/10.npy", "train/1.npy", ""])
def test_unknown_samples_are_refused(root, name):
    with pytest.raises(DataError, match="has no test sample"):
        opened(root).load(gear(name))


def test_a_root_without_scans_says_what_is_looked_for(tmp_path):
    (tmp_path / "gear" / "photos").mkdir(parents=True)
    with pytest.raises(DataError, match=r"\.ply"):
        opened(tmp_path)
    with pytest.raises(DataError, match="not a folder"):
        opened(tmp_path / "none")


def test_missing_points_keep_their_place_and_a_point_at_zero_is_none_of_them(tmp_path):
    """1.9"""
    xyz = np.ones((4, 3), np.float32)
    xyz[1] = np.nan
    xyz[2] = 0
    (tmp_path / "gear" / "test").mkdir(parents=True)
    np.save(tmp_path / "gear" / "test" / "1.npy", xyz)
    cloud = opened(tmp_path).load(gear("test/1.npy", Split.UNLABELLED)).cloud
    assert cloud.valid.tolist() == [True, False, True, True]


def test_reading_samples_again_lists_no_folder_and_hides_no_file_from_the_fingerprint(root, monkeypatch):
    write_labels(root / "gear" / "GT" / "crack" / "9.txt")
    dataset = opened(root)
    dataset.load(gear("test/crack/10.npy"))
    dataset.truth(gear("test/crack/10.npy"))
    before = dataset.fingerprint("gear")
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", lambda folder: pytest.fail(f"{folder} is listed again"))
        dataset.load(gear("test/crack/9.npy"))
        assert dataset.truth(gear("test/crack/9.npy")).points is not None
    write_scan(root / "gear" / "test" / "crack" / "12.npy")
    assert dataset.fingerprint("gear") != before


def test_fingerprint_follows_scans_and_labels(root):
    before = opened(root).fingerprint("gear")
    assert opened(root).fingerprint("gear") == before
    write_labels(root / "gear" / "GT" / "Dent" / "1.txt")
    assert opened(root).fingerprint("gear") != before


def test_the_unit_is_a_free_word(root):
    assert FolderConfig().unit == "unknown"
    with pytest.raises(ConfigError, match="unit"):
        build(FolderConfig, "folder", {"unit": ""})


@pytest.mark.parametrize("name", ["notes.txt", "parts.csv", "overview.png"])
def test_stray_texts_and_images_do_not_hide_categories(root, name):
    (root / name).write_text("bought in May")
    assert opened(root).categories() == ["gear"]


def test_scans_beside_categories_are_ambiguous(root):
    write_scan(root / "loose.npy")
    with pytest.raises(DataError, match=r"loose\.npy; move such scans into a category folder"):
        opened(root)


def test_photographs_of_loose_scans_are_no_category(tmp_path):
    write_scan(tmp_path / "shelf" / "a.npy")
    (tmp_path / "shelf" / "rgb").mkdir()
    (tmp_path / "shelf" / "rgb" / "a.png").write_bytes(b"x")
    assert opened(tmp_path / "shelf").categories() == ["shelf"]


def test_a_broken_link_is_an_error_and_not_one_sample_less(root):
    (root / "gear" / "test" / "crack" / "11.npy").symlink_to(root / "gone.npy")
    assert "test/crack/11.npy" in names(opened(root), Split.TEST)
    with pytest.raises(DataError, match=r"11\.npy: no such file"):
        opened(root).load(gear("test/crack/11.npy"))


def test_fingerprint_takes_names_that_are_not_utf_8(root):
    before = opened(root).fingerprint("gear")
    (root / "gear" / os.fsdecode(b"caf\xe9.txt")).write_text("1 2 3")
    assert opened(root).fingerprint("gear") != before
