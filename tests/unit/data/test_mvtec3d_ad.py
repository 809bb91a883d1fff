"""MVTec 3D-AD: stand-ins with true names, and the real masks of tire. No real xyz TIFF was at hand."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pc3dad.data.base import Dataset, Finding, SampleRef, Severity
from pc3dad.data.mvtec3d_ad import Mvtec3dAd, Mvtec3dAdConfig
from pc3dad.data.verify import verify
from pc3dad.errors import DataError
from pc3dad.types import Split

SIZE = (60, 90)  # H x W, not square


def scan(size: tuple[int, int] = SIZE, seed: int = 0) -> np.ndarray:
    """(H, W, 3) float32 metres: a noisy tilted support, a hemisphere, a speck beside it, missing pixels."""
    row, column = np.indices(size)
    x, y = (column - size[1] / 2) * 1e-3, (row - size[0] / 2) * 1e-3
    rng = np.random.default_rng(seed)
    z = 0.55 + 0.1 * x + rng.normal(0, 2e-4, size) - np.sqrt(np.maximum(0.015**2 - x**2 - y**2, 0))
    z[size[0] // 2, size[1] // 2 + 22] -= 0.02
    xyz = np.stack([x, y, z], axis=-1).astype(np.float32)
    xyz[rng.random(size) < 0.05] = 0
    return xyz


def blob(size: tuple[int, int] = SIZE) -> np.ndarray:
    row, column = np.indices(size)
    return np.hypot(row - size[0] / 2, column - size[1] / 2) < 12  # higher than the margin of the plane


def write_sample(folder: Path, number: str, *, level: int | None = None, size=SIZE, levels=()) -> None:
    """xyz and rgb, and gt if a level is given: a 4 x 4 defect of that level, one more per further level."""
    for part in ("xyz", "rgb") + (("gt",) if level is not None else ()):
        (folder / part).mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(folder / "xyz" / f"{number}.tiff", scan(size, int(number)), photometric="rgb")
    Image.fromarray(np.full((*size, 3), 51, np.uint8)).save(folder / "rgb" / f"{number}.png")
    if level is not None:
        mask = np.zeros(size, np.uint8)
        for index, one in enumerate([level, *levels]):
            mask[20:24, 40 + 5 * index : 44 + 5 * index] = one
        Image.fromarray(mask).save(folder / "gt" / f"{number}.png")


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """Rope (not square) and foam (the one category with a colour class)."""
    root = tmp_path_factory.mktemp("original")
    for number in ("002", "010", "000"):
        write_sample(root / "rope" / "train" / "good", number)
    write_sample(root / "rope" / "validation" / "good", "000")
    write_sample(root / "rope" / "test" / "good", "000", level=0)
    write_sample(root / "rope" / "test" / "cut", "000", level=254)
    write_sample(root / "rope" / "test" / "open", "000", level=253)
    write_sample(root / "foam" / "test" / "good", "000", level=0)
    write_sample(root / "foam" / "test" / "color", "000", level=255)
    write_sample(root / "foam" / "test" / "cut", "000", level=253)
    write_sample(root / "foam" / "test" / "combined", "000", level=255, levels=(253, 254))
    ids = {"255": "color", "254": "contamination", "253": "cut", "0": "good"}
    (root / "foam" / "class_ids.json").write_text(json.dumps(ids))
    return root


@pytest.fixture
def root(original, tmp_path: Path) -> Path:
    """1.1: a copy in a folder whose names must not become labels or splits."""
    root = tmp_path / "good" / "positive" / "temp" / "gt" / "test"
    shutil.copytree(original, root)
    return root


def opened(root: Path, **options) -> Mvtec3dAd:
    return Mvtec3dAd(root, Mvtec3dAdConfig(**options))


def rope(name: str, split: Split = Split.TEST) -> SampleRef:
    return SampleRef("rope", split, name)


def foam(kind: str) -> SampleRef:
    return SampleRef("foam", Split.TEST, f"test_{kind}_000")


def test_it_is_a_data_set(root):
    assert isinstance(opened(root), Dataset)
    assert opened(root).categories() == ["foam", "rope"]


def test_refs_are_sorted_by_type_and_number(root):
    dataset = opened(root)
    names = {split: [ref.id for ref in dataset.refs("rope", split)] for split in Split}
    assert names == {
        Split.TRAIN: ["train_good_000", "train_good_002", "train_good_010"],
        Split.VALIDATION: ["validation_good_000"],
        Split.TEST: ["test_cut_000", "test_good_000", "test_open_000"],
        Split.UNLABELLED: [],
    }


def test_archives_that_unpack_one_level_deeper_are_accepted(root):
    (root / "rope").rename(root / "moved")
    (root / "rope").mkdir()
    (root / "moved").rename(root / "rope" / "rope")
    assert len(opened(root).refs("rope", Split.TRAIN)) == 3


def test_folders_and_suffixes_match_in_any_case(root):
    (root / "rope" / "test").rename(root / "rope" / "Test")
    cut = root / "rope" / "Test" / "cut"
    (cut / "gt").rename(cut / "GT")
    (cut / "xyz" / "000.tiff").rename(cut / "xyz" / "000.TIF")
    dataset = opened(root)
    assert dataset.truth(rope("test_cut_000")).points.sum() == 16
    assert dataset.load(rope("test_cut_000")).cloud.grid == SIZE


def test_junk_is_no_sample(root):
    for name in ("._000.tiff", ".DS_Store", "Thumbs.db"):
        (root / "rope" / "test" / "cut" / "xyz" / name).write_bytes(b"junk")
    assert len(opened(root).refs("rope", Split.TEST)) == 3


def test_scan_comes_back_as_stored_with_its_photograph(root):
    sample = opened(root, foreground="all").load(rope("test_cut_000"))
    xyz = tifffile.imread(root / "rope" / "test" / "cut" / "xyz" / "000.tiff").reshape(-1, 3)
    np.testing.assert_array_equal(sample.cloud.xyz, xyz)
    np.testing.assert_array_equal(sample.cloud.valid, (xyz != 0).any(axis=1))
    assert sample.image.shape == (*SIZE, 3)
    assert sample.cloud.rgb[0].tolist() == pytest.approx([0.2, 0.2, 0.2])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_missing_pixels_keep_their_place_and_a_coordinate_of_zero_is_none_of_them(root, kind):
    """1.4, 1.9, 2.4 and 2.5: a pixel is missing if it is not finite or all three coordinates are zero."""
    path = root / "rope" / "test" / "cut" / "xyz" / "000.tiff"
    xyz = np.full((*SIZE, 3), 0.5, kind)
    xyz[0, 0] = np.nan
    xyz[0, 1] = 0
    xyz[0, 2] = 0, 0, 0.5
    xyz[0, 3] = 0.5, 0.5, 0
    tifffile.imwrite(path, xyz, photometric="rgb")
    cloud = opened(root, foreground="all").load(rope("test_cut_000")).cloud
    np.testing.assert_array_equal(cloud.xyz + cloud.origin, xyz.reshape(-1, 3))
    assert np.flatnonzero(~cloud.valid).tolist() == [0, 1]


def test_files_are_paired_by_name_and_not_by_position(root):
    """1.3"""
    folder = root / "rope" / "test" / "cut"
    write_sample(folder, "001", level=253)
    (folder / "xyz" / "000.tiff").unlink()
    (folder / "gt" / "001.png").unlink()
    dataset = opened(root)
    xyz = tifffile.imread(folder / "xyz" / "001.tiff").reshape(-1, 3)
    np.testing.assert_array_equal(dataset.load(rope("test_cut_001")).cloud.xyz, xyz)
    with pytest.raises(DataError, match=r"gt/001\.png is missing, the partner of .*xyz/001\.tiff"):
        dataset.truth(rope("test_cut_001"))


@pytest.mark.parametrize("size", [(40, 90), (80, 60), (60, 60)])
def test_foreground_is_the_object_without_support_and_specks(tmp_path, size):
    write_sample(tmp_path / "rope" / "test" / "cut", "000", level=254, size=size)
    cloud = opened(tmp_path).load(rope("test_cut_000")).cloud
    measured = (cloud.xyz != 0).any(axis=1)
    expected = blob(size).ravel() & measured
    assert (cloud.valid & expected).sum() == expected.sum()
    assert (cloud.valid & ~expected).sum() < 0.5 * expected.sum()
    assert not cloud.valid.reshape(size)[size[0] // 2, size[1] // 2 + 22]


def test_foreground_changes_no_coordinate(root):
    part, whole = (
        opened(root, foreground=kind).load(rope("test_cut_000")).cloud for kind in ("object", "all")
    )
    np.testing.assert_array_equal(part.xyz, whole.xyz)
    assert not (part.valid & ~whole.valid).any()


def test_foreground_depends_on_the_scan_and_the_seed_but_not_on_names(root):
    shutil.copy(root / "rope/train/good/xyz/002.tiff", root / "rope/test/cut/xyz/000.tiff")
    dataset = opened(root)
    first = dataset.load(rope("train_good_002", Split.TRAIN)).cloud.valid
    np.testing.assert_array_equal(first, dataset.load(rope("test_cut_000")).cloud.valid)
    assert opened(root, foreground_seed=1).fingerprint("rope") != dataset.fingerprint("rope")


def test_a_scan_whose_plane_was_removed_before_keeps_its_object(root):
    path = root / "rope" / "test" / "cut" / "xyz" / "000.tiff"
    xyz = tifffile.imread(path)
    xyz[~blob()] = 0
    tifffile.imwrite(path, xyz, photometric="rgb")
    cloud = opened(root).load(rope("test_cut_000")).cloud
    np.testing.assert_array_equal(cloud.valid, (xyz != 0).any(axis=2).ravel())


def test_every_grey_level_above_zero_is_a_defect(root):
    dataset = opened(root)
    for kind in ("cut", "open"):
        truth = dataset.truth(rope(f"test_{kind}_000"))
        assert (truth.anomalous, truth.defect, truth.points.sum()) == (True, kind, 16)
        assert truth.shape_points is None
        assert truth.shape_anomalous is None


def test_normal_samples_of_all_splits_are_all_zero(root):
    dataset = opened(root)
    for one in (rope("test_good_000"), rope("train_good_000", Split.TRAIN)):
        truth = dataset.truth(one)
        assert (truth.anomalous, truth.defect) == (False, "good")
        assert truth.points.tolist() == [False] * (SIZE[0] * SIZE[1])


def test_colour_defects_of_foam_are_no_shape_defects(root):
    dataset = opened(root)
    colour, cut, combined = (dataset.truth(foam(kind)) for kind in ("color", "cut", "combined"))
    assert (colour.anomalous, colour.shape_anomalous) == (True, False)
    assert (colour.points.sum(), colour.shape_points.sum()) == (16, 0)
    assert (cut.shape_anomalous, cut.shape_points) == (None, None)
    assert (combined.anomalous, combined.shape_anomalous) == (True, True)
    assert (combined.points.sum(), combined.shape_points.sum()) == (48, 32)


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"x": "color"}', b"[" * 100000])
def test_combined_foam_needs_the_names_of_levels(root, content):
    path = root / "foam" / "class_ids.json"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(DataError, match=r"class_ids\.json"):
        opened(root).truth(foam("combined"))
    assert opened(root).truth(foam("color")).shape_anomalous is False


def test_an_empty_mask_keeps_the_object_label(root):
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(root / "rope" / "test" / "cut" / "gt" / "000.png")
    truth = opened(root).truth(rope("test_cut_000"))
    assert truth.anomalous
    assert not truth.points.any()


def test_a_defect_on_a_normal_sample_is_an_error(root):
    shutil.copy(root / "rope/test/cut/gt/000.png", root / "rope/test/good/gt/000.png")
    with pytest.raises(DataError, match="folder of normal samples"):
        opened(root).truth(rope("test_good_000"))


@pytest.mark.parametrize("part", ["gt", "rgb"])
def test_a_partner_of_another_size_is_an_error(root, part):
    path = root / "rope" / "test" / "cut" / part / "000.png"
    Image.open(path).resize((30, 30)).save(path)
    dataset, one = opened(root), rope("test_cut_000")
    with pytest.raises(DataError, match=r"30 x 30 pixels but .*000\.tiff has 60 x 90"):
        dataset.truth(one) if part == "gt" else dataset.load(one)


@pytest.mark.parametrize(("part", "suffix"), [("xyz", "tiff"), ("rgb", "png"), ("gt", "png")])
def test_a_missing_file_is_an_error_that_names_both_and_not_one_sample_less(root, part, suffix):
    (root / "rope" / "test" / "cut" / part / f"000.{suffix}").unlink()
    dataset, one = opened(root), rope("test_cut_000")
    assert one in dataset.refs("rope", Split.TEST)
    with pytest.raises(DataError, match=rf"cut/{part}/000\.{suffix} is missing, the partner of .*cut/.*/000"):
        dataset.truth(one) if part == "gt" else dataset.load(one)


def test_photographs_may_be_left_out_altogether(root):
    shutil.rmtree(root / "rope" / "test" / "cut" / "rgb")
    sample = opened(root).load(rope("test_cut_000"))
    assert sample.image is None
    assert sample.cloud.rgb is None


def test_zero_byte_files_are_reported_and_not_skipped(root):
    (root / "rope" / "test" / "cut" / "xyz" / "000.tiff").write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        opened(root).load(rope("test_cut_000"))


@pytest.mark.parametrize("name", ["test_cut_001", "train_good_000", "test_../cut_000", ""])
def test_unknown_samples_are_refused(root, name):
    with pytest.raises(DataError, match="has no test sample"):
        opened(root).load(rope(name))


def test_a_wrong_root_names_page_and_licence(tmp_path):
    with pytest.raises(DataError, match=r"mvtec\.com.*CC BY-NC-SA"):
        opened(tmp_path)
    (tmp_path / "rope" / "images").mkdir(parents=True)
    with pytest.raises(DataError, match="no folder train, validation or test"):
        opened(tmp_path)


def test_fingerprint_follows_files_and_options(root):
    before = opened(root).fingerprint("rope")
    assert opened(root).fingerprint("rope") == before
    assert opened(root, foreground="all").fingerprint("rope") != before
    os.utime(root / "rope" / "test" / "cut" / "gt" / "000.png", (1, 1))
    assert opened(root).fingerprint("rope") != before


@pytest.fixture(scope="module")
def complete_original(tmp_path_factory) -> Path:
    """Every published file of tire, with one byte each; (H, W) of tire is not square."""
    folder = tmp_path_factory.mktemp("complete") / "tire"
    counts = {"train/good": 210, "validation/good": 29, "test/good": 25, "test/combined": 5}
    counts |= {"test/contamination": 28, "test/cut": 27, "test/hole": 27}
    for name, count in counts.items():
        for part in ("xyz", "rgb", "gt") if name.startswith("test") else ("xyz", "rgb"):
            (folder / name / part).mkdir(parents=True)
            for number in range(count):
                suffix = "tiff" if part == "xyz" else "png"
                (folder / name / part / f"{number:03}.{suffix}").write_bytes(b"x")
    (folder / "calibration").mkdir()
    for name in ("calibration/camera_parameters.json", "class_ids.json", "license.txt", "readme.txt"):
        (folder / name).write_bytes(b"x")
    return folder


@pytest.fixture
def complete(complete_original, tmp_path: Path) -> Path:
    shutil.copytree(complete_original, tmp_path / "complete" / "tire")
    return tmp_path / "complete"


def problems(root: Path, category: str = "tire") -> list[Finding]:
    return list(opened(root).problems(category))


def test_a_complete_category_has_nothing_to_report(complete):
    """2.2 and 2.3: counts of each type, ids from 000, documents of the release."""
    assert problems(complete) == []


def test_every_missing_empty_and_unexpected_file_is_named(complete):
    folder = complete / "tire"
    (folder / "test" / "cut" / "gt" / "013.png").unlink()
    (folder / "train" / "good" / "xyz" / "209.tiff").unlink()
    (folder / "readme.txt").unlink()
    (folder / "validation" / "good" / "rgb" / "007.png").write_bytes(b"")
    (folder / "train" / "good" / "rgb" / "210.txt").write_bytes(b"x")
    (folder / "test" / "cut" / "gt" / ".DS_Store").write_bytes(b"x")
    assert [(one.severity, one.items) for one in problems(complete)] == [
        (Severity.WARNING, ("test/cut/gt/013.png", "train/good/xyz/209.tiff")),
        (Severity.NOTE, ("readme.txt",)),
        (Severity.ERROR, ("validation/good/rgb/007.png",)),
        (Severity.WARNING, ("train/good/rgb/210.txt",)),
        (Severity.NOTE, ("test/cut/gt/.DS_Store",)),
    ]


def test_another_number_of_samples_is_a_warning_with_the_numbers(complete):
    """1.8"""
    for part, suffix in (("xyz", "tiff"), ("rgb", "png"), ("gt", "png")):
        (complete / "tire" / "test" / "cut" / part / f"026.{suffix}").unlink()
    shutil.rmtree(complete / "tire" / "test" / "hole")
    counts, missing = problems(complete)
    assert counts.message == "not the published number of samples: test/cut 26 of 27, test/hole 0 of 27"
    assert missing.message == "84 files of the published set are missing"


def test_photographs_that_are_left_out_altogether_are_a_note(complete):
    for path in complete.rglob("rgb"):
        shutil.rmtree(path)
    (note,) = problems(complete)
    assert (note.severity, len(note.items)) == (Severity.NOTE, 351)


def test_another_case_of_folders_is_noted(complete):
    """1.6"""
    (complete / "tire" / "test").rename(complete / "tire" / "TEST")
    (note,) = problems(complete)
    assert note.message == "336 files are spelt in another case than published"
    assert "TEST/cut/gt/000.png" in note.items


def test_a_copy_padded_to_squares_is_recognised_by_one_header_per_folder(complete):
    """2.5"""
    for number in range(2):
        path = complete / "tire" / "test" / "cut" / "xyz" / f"{number:03}.tiff"
        tifffile.imwrite(path, np.zeros((800, 800, 3), np.float32), photometric="rgb")
    (warning,) = problems(complete)
    assert warning.message == (
        "a copy padded to squares, probably with the support plane removed: 800 x 800, "
        "published are 800 x 600"
    )
    assert warning.items == ("test/cut",)


def releases(root: Path) -> list[tuple[Severity, str, tuple[str, ...]]]:
    """What `verify` says of the release of dowel, a category of square images."""
    found = verify(opened(root, foreground="all"))
    words = ("release", "support plane", "another size")
    return [
        (one.severity, one.message, one.items)
        for one in found
        if one.category == "dowel" and any(word in one.message for word in words)
    ]


def test_the_original_release_is_recognised_by_size_and_support_plane(tmp_path):
    """8"""
    write_sample(tmp_path / "dowel" / "train" / "good", "000", size=(400, 400))
    ((severity, text, _),) = releases(tmp_path)
    assert severity is Severity.NOTE
    assert text.startswith("recognised as the original release")


def test_a_square_copy_without_support_plane_is_recognised_by_its_rim(tmp_path):
    """2.5 and 8: padding does not change the size of square images."""
    for number in ("000", "001"):
        write_sample(tmp_path / "dowel" / "train" / "good", number, size=(400, 400))
    path = tmp_path / "dowel" / "train" / "good" / "xyz" / "001.tiff"
    xyz = tifffile.imread(path)
    xyz[~blob((400, 400))] = 0
    tifffile.imwrite(path, xyz, photometric="rgb")
    ((severity, text, items),) = releases(tmp_path)
    assert severity is Severity.WARNING
    assert text.startswith("a copy whose support plane was removed")
    assert items == ("train_good_001",)


def test_scans_of_several_sizes_are_named(tmp_path):
    for number, size in (("000", (400, 400)), ("001", (400, 400)), ("002", (60, 90))):
        write_sample(tmp_path / "dowel" / "train" / "good", number, size=size)
    ((severity, text, items),) = releases(tmp_path)
    assert (severity, text) == (Severity.WARNING, "1 scans have another size than the others")
    assert items == ("train_good_002",)


def test_reading_samples_again_lists_no_folder_and_hides_no_file_from_the_fingerprint(root, monkeypatch):
    write_sample(root / "rope" / "test" / "cut", "001", level=254)
    dataset = opened(root)
    dataset.load(rope("test_cut_000"))
    before = dataset.fingerprint("rope")
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", lambda folder: pytest.fail(f"{folder} is listed again"))
        dataset.load(rope("test_cut_001"))
        dataset.truth(rope("test_cut_001"))
    shutil.copy(root / "rope/test/cut/gt/000.png", root / "rope/test/cut/gt/002.png")
    assert dataset.fingerprint("rope") != before


def test_all_real_tire_masks_hold_the_levels_of_their_type(test_data):
    folder = test_data / "data" / "mvtec3d_ad"
    dataset = opened(folder)
    names = {
        int(level): name for level, name in json.loads((folder / "tire/class_ids.json").read_text()).items()
    }
    refs = dataset.refs("tire", Split.TEST)
    assert len(refs) == 112
    for one in refs:
        truth = dataset.truth(one)
        kind, number = one.id.split("_")[1:]
        levels = np.unique(np.array(Image.open(folder / "tire" / "test" / kind / "gt" / f"{number}.png")))
        found = {names[int(level)] for level in levels if level}
        assert truth.points.shape == (800 * 600,)
        assert truth.anomalous is (kind != "good")
        assert truth.points.any() == truth.anomalous
        if kind == "combined":
            assert len(found) == 2
        else:
            assert found == ({kind} if truth.anomalous else set())


def test_real_tire_without_scans_says_which_one_is_missing(test_data):
    dataset = opened(test_data / "data" / "mvtec3d_ad")
    with pytest.raises(DataError, match=r"tire/test/combined/xyz/000\.tiff is missing"):
        dataset.load(dataset.refs("tire", Split.TEST)[0])


def test_names_of_levels_in_a_pipe_do_not_block(root):
    (root / "foam" / "class_ids.json").unlink()
    os.mkfifo(root / "foam" / "class_ids.json")
    with pytest.raises(DataError, match="not a regular file"):
        opened(root).truth(foam("combined"))


def errors(dataset: Mvtec3dAd) -> list[Finding]:
    """Without those about splits that the stand-in does not have."""
    found = [one for one in verify(dataset) if one.severity is Severity.ERROR]
    return [one for one in found if not one.message.startswith("no ")]


def test_documents_that_no_sample_needs_are_read_by_verify(root):
    calibration = root / "rope" / "calibration" / "camera_parameters.json"
    calibration.parent.mkdir()
    calibration.write_text("junk")
    (root / "rope" / "class_ids.json").write_text('{"cut": 254}')
    dataset = opened(root, foreground="all")
    levels, camera = errors(dataset)
    assert "class_ids.json is not a table of grey levels" in levels.message
    assert "camera_parameters.json is not JSON" in camera.message
    assert not [one for one in dataset.problems("rope") if "json is not" in one.message]


def test_an_empty_category_is_left_out_and_named_and_the_others_work(root):
    (root / "bagel").mkdir()
    dataset = opened(root, foreground="all")
    assert dataset.categories() == ["foam", "rope"]
    (error,) = errors(dataset)
    assert error.category == "bagel"
    assert "left out" in error.message
    assert "no folder train, validation or test" in error.message


def test_an_empty_folder_of_the_name_does_not_hide_a_category(root):
    (root / "rope" / "rope").mkdir()
    assert len(opened(root).refs("rope", Split.TEST)) == 3


def test_two_samples_of_one_id_are_an_error_that_names_both(root):
    shutil.copytree(root / "rope" / "test" / "cut", root / "rope" / "test" / "cut_a")
    for path in (root / "rope" / "test" / "cut").glob("*/000.*"):
        shutil.copy(path, path.with_stem("a_000"))
    with pytest.raises(DataError, match=r"cut/xyz/a_000\.tiff and .*cut_a/xyz/000\.tiff are both"):
        opened(root).refs("rope", Split.TEST)


def test_a_split_that_is_a_link_to_another_has_all_of_its_files(root):
    shutil.rmtree(root / "rope" / "validation")
    (root / "rope" / "validation").symlink_to("train")
    dataset = opened(root)
    assert len(dataset.refs("rope", Split.VALIDATION)) == 3
    (missing,) = [one for one in dataset.problems("rope") if "published set are missing" in one.message]
    assert "validation/good/xyz/002.tiff" not in missing.items
    assert "validation/good/xyz/003.tiff" in missing.items
