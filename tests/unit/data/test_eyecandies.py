"""Eyecandies: stand-ins of the true layout, and the real samples of CandyCane."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pc3dad.data import manifests
from pc3dad.data.base import Dataset, Finding, SampleRef, Severity
from pc3dad.data.eyecandies import Eyecandies, EyecandiesConfig
from pc3dad.data.verify import verify
from pc3dad.errors import DataError
from pc3dad.types import Split

KINDS = ("bumps", "dents", "colors", "normals")
POSE = np.array(
    [[1, 0, 0, 0], [0, 0.5**0.5, -(0.5**0.5), -2.1213], [0, 0.5**0.5, 0.5**0.5, 2.2213], [0, 0, 0, 1]]
)


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def write_sample(folder: Path, number: str, defects: tuple[str, ...] = (), *, labels: bool = True) -> None:
    """One sample: a belt at depth level 40000 with a nearer square in the middle, a defect per kind."""
    level = np.full((512, 512), 40000, np.uint16)
    level[200:300, 200:300] = 30000
    save(folder / f"{number}_depth.png", level)
    (folder / f"{number}_info_depth.yaml").write_text("normalization:\n  max: 4.9\n  min: 2.3\n")
    np.savetxt(folder / f"{number}_pose.txt", POSE)
    if not labels:
        return
    union = np.zeros((512, 512), np.uint8)
    for index, kind in enumerate(KINDS):
        mask = np.zeros_like(union)
        if kind in defects:
            mask[210 + 10 * index : 215 + 10 * index, 220:230] = 255
        save(folder / f"{number}_{kind}_mask.png", mask)
        union |= mask
    save(folder / f"{number}_mask.png", union)
    flags = "".join(f"anomalous_{kind}: {int(kind in defects)}\n" for kind in KINDS)
    (folder / f"{number}_metadata.yaml").write_text(f"anomalous: {int(bool(defects))}\n{flags}")


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """Every split of one category."""
    category = tmp_path_factory.mktemp("original") / "Lollipop"
    for number in ("000", "002", "010"):
        write_sample(category / "train" / "data", number)
    write_sample(category / "val" / "data", "00")
    write_sample(category / "test_public" / "data", "2")
    write_sample(category / "test_public" / "data", "10", ("dents", "colors"))
    write_sample(category / "test_public" / "data", "11", ("normals",))
    write_sample(category / "test_private" / "data", "000", labels=False)
    return category


@pytest.fixture
def root(original, tmp_path: Path) -> Path:
    """1.1: a copy in a folder whose names must not become labels or splits."""
    root = tmp_path / "goodness" / "positive" / "temp" / "test"
    shutil.copytree(original, root / "Lollipop")
    return root


def opened(root: Path, **options) -> Eyecandies:
    return Eyecandies(root, EyecandiesConfig(**options))


def ref(name: str, split: Split = Split.TEST) -> SampleRef:
    return SampleRef("Lollipop", split, name)


def data(root: Path, name: str) -> Path:
    return root / "Lollipop" / "test_public" / "data" / name


def test_it_is_a_data_set(root):
    dataset = opened(root)
    assert isinstance(dataset, Dataset)
    assert dataset.categories() == ["Lollipop"]


def test_refs_list_ids_of_any_width_in_natural_order(root):
    dataset = opened(root)
    names = {split: [ref.id for ref in dataset.refs("Lollipop", split)] for split in Split}
    assert names == {
        Split.TRAIN: ["train_000", "train_002", "train_010"],
        Split.VALIDATION: ["val_00"],
        Split.TEST: ["test_public_2", "test_public_10", "test_public_11"],
        Split.UNLABELLED: ["test_private_000"],
    }


def test_a_split_that_is_not_there_is_empty(root):
    (root / "Lollipop" / "val" / "data").rename(root / "elsewhere")
    assert opened(root).refs("Lollipop", Split.VALIDATION) == []


def test_junk_is_no_sample(root):
    for name in ("._2_depth.png", ".DS_Store", "Thumbs.db"):
        data(root, name).write_bytes(b"junk")
    assert len(opened(root).refs("Lollipop", Split.TEST)) == 3


def test_folders_match_in_any_case(root):
    """1.6"""
    category = root / "Lollipop"
    (category / "test_public").rename(category / "Test_Public")
    (category / "Test_Public" / "data").rename(category / "Test_Public" / "DATA")
    dataset = opened(root)
    assert len(dataset.refs("Lollipop", Split.TEST)) == 3
    assert dataset.truth(ref("test_public_10")).anomalous
    (note,) = [one for one in dataset.problems("Lollipop") if "another case" in one.message]
    assert "Test_Public/DATA/10_depth.png" in note.items


@pytest.mark.parametrize(
    "name", ["notes_old.txt", "backup_depth.png", "5_thumbnail.png", "7_depth.tiff", "8.png"]
)
def test_only_a_number_and_a_known_item_make_a_sample(root, name):
    """3.2"""
    data(root, name).write_bytes(b"x")
    dataset = opened(root)
    assert len(dataset.refs("Lollipop", Split.TEST)) == 3
    (warning,) = [one for one in dataset.problems("Lollipop") if "not read" in one.message]
    assert warning.items == (f"test_public/data/{name}",)


def test_any_file_makes_a_sample_so_that_a_partial_one_is_not_lost(root):
    """3.2: samples are listed by id, never counted by dividing the number of files."""
    data(root, "7_image_3.png").write_bytes(b"x")
    assert ref("test_public_7") in opened(root).refs("Lollipop", Split.TEST)


def test_cloud_is_in_the_world_frame_in_metres(root):
    cloud = opened(root, foreground="all").load(ref("test_public_2")).cloud
    z = 40000 / 65535 * 2.6 + 2.3
    v, u = 511, 7
    camera = np.array([(u - 256) * z / 711.11, -(v - 256) * z / 711.11, -z, 1])
    np.testing.assert_allclose(cloud.xyz[v * 512 + u], (POSE @ camera)[:3], atol=1e-6)
    assert cloud.grid == (512, 512)
    assert cloud.valid.all()


def test_depth_limits_are_those_of_the_sample(root):
    """3.3"""
    data(root, "2_info_depth.yaml").write_text("normalization: {min: 3.0, max: 4.0}")
    to_camera = np.linalg.inv(POSE)
    depths = []
    for name in ("test_public_2", "test_public_10"):
        xyz = opened(root, foreground="all").load(ref(name)).cloud.xyz
        depths.append(-(xyz[0] @ to_camera[2, :3] + to_camera[2, 3]))
    assert depths == pytest.approx([40000 / 65535 + 3.0, 40000 / 65535 * 2.6 + 2.3], abs=1e-5)


def test_depth_level_zero_is_a_measurement(root):
    level = np.full((512, 512), 40000, np.uint16)
    level[511] = 0
    save(data(root, "2_depth.png"), level)
    assert opened(root, foreground="all").load(ref("test_public_2")).cloud.valid.all()


def test_options_change_image_and_normals_and_nothing_else(root):
    save(data(root, "2_image_5.png"), np.full((512, 512, 3), 255, np.uint8))
    save(data(root, "2_normals.png"), np.full((512, 512, 3), (128, 128, 255), np.uint8))
    plain = opened(root, light=4).load(ref("test_public_2"))
    assert plain.image is None
    assert plain.cloud.rgb is None
    assert plain.cloud.normals is None
    full = opened(root, normals=True).load(ref("test_public_2"))
    assert full.image.shape == (512, 512, 3)
    assert full.cloud.rgb.max() == 1
    np.testing.assert_allclose(full.cloud.normals[0], POSE[:3, 2], atol=0.01)
    np.testing.assert_array_equal(full.cloud.xyz, plain.cloud.xyz)


def test_labels_separate_shape_defects_from_colour_and_shading(root):
    dataset = opened(root)
    mixed = dataset.truth(ref("test_public_10"))
    assert (mixed.anomalous, mixed.shape_anomalous, mixed.defect) == (True, True, "dents+colors")
    assert (mixed.points.sum(), mixed.shape_points.sum()) == (100, 50)
    shading = dataset.truth(ref("test_public_11"))
    assert (shading.anomalous, shading.shape_anomalous, shading.defect) == (True, False, "normals")
    assert (shading.points.sum(), shading.shape_points.sum()) == (50, 0)


def test_metadata_decides_and_not_the_order_of_numbers(root):
    """3.4: in CandyCane the first 25 are good, which other categories need not follow."""
    write_sample(data(root, ""), "0", ("bumps",))
    assert opened(root).truth(ref("test_public_0")).anomalous
    assert not opened(root).truth(ref("test_public_2")).anomalous


def test_normal_samples_are_all_zero_and_private_ones_unknown(root):
    dataset = opened(root)
    for name, split in (
        ("train_000", Split.TRAIN),
        ("val_00", Split.VALIDATION),
        ("test_public_2", Split.TEST),
    ):
        truth = dataset.truth(ref(name, split))
        assert (truth.anomalous, truth.defect, truth.points.shape) == (False, "good", (512 * 512,))
        assert not truth.points.any()
    private = dataset.truth(ref("test_private_000", Split.UNLABELLED))
    assert (private.anomalous, private.points, private.defect) == (None, None, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("anomalous_dents: 1", "anomalous_dents: 0", "disagree about dents"),
        ("anomalous_bumps: 0", "anomalous_bumps: 1", "disagree about bumps"),
        ("anomalous: 1", "anomalous: 0", "contradicts itself"),
        ("anomalous_dents: 1\n", "", "anomalous_dents"),
        ("anomalous: 1", "anomalous: maybe", "anomalous"),
    ],
)
def test_metadata_against_masks_is_an_error(root, old, new, message):
    path = data(root, "10_metadata.yaml")
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        opened(root).truth(ref("test_public_10"))


def test_mask_that_is_not_the_union_is_an_error(root):
    save(data(root, "10_mask.png"), np.zeros((512, 512), np.uint8))
    with pytest.raises(DataError, match="not the union"):
        opened(root).truth(ref("test_public_10"))


@pytest.mark.parametrize("item", ["depth.png", "info_depth.yaml", "pose.txt"])
def test_a_missing_file_names_both_of_a_pair(root, item):
    data(root, f"10_{item}").unlink()
    with pytest.raises(DataError, match=rf"10_{item} is missing.*test_public/data/10_"):
        opened(root).load(ref("test_public_10"))


@pytest.mark.parametrize(
    ("item", "content"),
    [
        ("depth.png", b""),
        ("info_depth.yaml", b""),
        ("info_depth.yaml", b"normalization: {min: 3, max: 2}"),
        ("info_depth.yaml", b"normalization: 7"),
        ("info_depth.yaml", b"a: [" * 5000),
        ("info_depth.yaml", b"\xff\x00"),
        ("info_depth.yaml", b"normalization: {min: 1, max: 1%s}" % (b"0" * 400)),
        ("info_depth.yaml", b"a: &limits {min: 2.3, max: 4.9}\nnormalization: *limits"),
        ("pose.txt", b""),
        ("pose.txt", b"1 2\n3\n"),
        ("pose.txt", b"2 0 0 0\n0 2 0 0\n0 0 2 0\n0 0 0 1"),
        ("pose.txt", b"-1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1"),
        ("pose.txt", b"1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 1 1"),
        ("pose.txt", b"nan 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1"),
    ],
)
def test_a_damaged_file_is_one_clear_error(root, item, content):
    data(root, f"2_{item}").write_bytes(content)
    with pytest.raises(DataError, match=f"2_{item}"):
        opened(root).load(ref("test_public_2"))


def test_another_size_is_refused_because_the_camera_would_not_fit(root):
    save(data(root, "2_depth.png"), np.full((256, 256), 40000, np.uint16))
    with pytest.raises(DataError, match="256 x 256"):
        opened(root).load(ref("test_public_2"))


@pytest.mark.parametrize("name", ["test_public_3", "train_000", "../x", ""])
def test_unknown_samples_are_refused(root, name):
    with pytest.raises(DataError):
        opened(root).load(ref(name))


@pytest.mark.parametrize(
    ("folders", "author"),
    [
        (("train/good/rgb", "train/good/xyz", "test/bad/xyz", "test/bad/gt"), "M3DM"),
        (("test/good/rgb", "test/good/pcd", "test/good/2d_rendering"), "PointAD"),
        (("test/anomaly/2d_3d_cor/1000",), "PointAD"),
    ],
)
def test_a_converted_copy_is_refused_by_the_name_of_who_converts(tmp_path, folders, author):
    """3.4 and 8"""
    for name in folders:
        (tmp_path / "Lollipop" / name).mkdir(parents=True)
    with pytest.raises(DataError, match=f"converted for {author}, with another frame"):
        opened(tmp_path)


def test_a_folder_that_is_something_else_is_refused(tmp_path):
    (tmp_path / "Lollipop" / "train" / "good").mkdir(parents=True)
    with pytest.raises(DataError, match=r"is not Eyecandies: none of train, val, .* holds data/"):
        opened(tmp_path)


@pytest.fixture
def complete(tmp_path: Path, monkeypatch) -> Path:
    """Every published file of a category of which two samples per split were published; all hold one byte."""
    inventory: dict[str, Any] = {
        name: {"good": 2, "bad": 0} for name in ("train", "val", "test_public", "test_private")
    }
    monkeypatch.setattr(manifests, "read", lambda slug: {"per_category": inventory})
    items = [*(f"image_{light}.png" for light in range(6)), "depth.png", "info_depth.yaml", "normals.png"]
    labels = ["metadata.yaml", "mask.png", "object_params.yaml", *(f"{kind}_mask.png" for kind in KINDS)]
    for name, width in (("train", 3), ("val", 2), ("test_public", 2), ("test_private", 3)):
        folder = tmp_path / "Lollipop" / name / "data"
        folder.mkdir(parents=True)
        for item in [*items, "pose.txt", *(labels if name != "test_private" else ())]:
            for number in range(2):
                (folder / f"{number:0{width}}_{item}").write_bytes(b"x")
    return tmp_path


def problems(root: Path) -> list[Finding]:
    return [one for one in opened(root).problems("Lollipop") if "original release" not in one.message]


def test_a_complete_category_has_17_files_per_labelled_sample_and_10_per_private_one(complete):
    """3.2"""
    files = list((complete / "Lollipop").rglob("*.*"))
    assert len(files) == 2 * (3 * 17 + 10)
    assert problems(complete) == []
    (release,) = opened(complete).problems("Lollipop")
    assert "recognised as the original release" in release.message


def test_every_missing_empty_and_unexpected_file_is_named(complete):
    folder = complete / "Lollipop"
    (folder / "test_public" / "data" / "01_depth.png").unlink()
    (folder / "val" / "data" / "00_dents_mask.png").unlink()
    (folder / "val" / "data" / "00_image_4.png").unlink()
    (folder / "train" / "data" / "001_image_3.png").write_bytes(b"")
    (folder / "test_private" / "data" / "000_mask.png").write_bytes(b"x")
    (folder / "train" / "data" / "thumbnails.zip").write_bytes(b"x")
    (folder / "train" / "data" / "._000_depth.png").write_bytes(b"x")
    assert [(one.severity, one.items) for one in problems(complete)] == [
        (Severity.WARNING, ("test_public/data/01_depth.png", "val/data/00_dents_mask.png")),
        (Severity.NOTE, ("val/data/00_image_4.png",)),
        (Severity.ERROR, ("train/data/001_image_3.png",)),
        (Severity.WARNING, ("test_private/data/000_mask.png", "train/data/thumbnails.zip")),
        (Severity.NOTE, ("train/data/._000_depth.png",)),
    ]


def test_a_missing_sample_is_one_line_of_counts_and_each_of_its_files(complete):
    for path in (complete / "Lollipop" / "train" / "data").glob("001_*"):
        path.unlink()
    counts, missing, spare = problems(complete)
    assert counts.message == "not the published number of samples: train 1 of 2"
    assert missing.message == "9 files of the published set are missing"
    assert "train/data/001_depth.png" in missing.items
    assert spare.message == "8 files that can be done without are missing"
    assert "train/data/001_image_0.png" in spare.items


def test_a_split_that_is_not_there_is_missing_as_a_whole(complete):
    shutil.rmtree(complete / "Lollipop" / "test_private")
    counts, missing, _ = problems(complete)
    assert "test_private 0 of 2" in counts.message
    assert "test_private/data/000_depth.png" in missing.items


def test_reading_samples_again_lists_no_folder_and_hides_no_file_from_the_fingerprint(root, monkeypatch):
    dataset = opened(root)
    dataset.load(ref("test_public_2"))
    before = dataset.fingerprint("Lollipop")
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", lambda folder: pytest.fail(f"{folder} is listed again"))
        dataset.load(ref("test_public_10"))
        dataset.truth(ref("test_public_10"))
    data(root, "12_depth.png").write_bytes(b"new")
    assert dataset.fingerprint("Lollipop") != before


def test_fingerprint_follows_files_and_options(root):
    dataset = opened(root)
    before = dataset.fingerprint("Lollipop")
    data(root, ".DS_Store").write_bytes(b"junk")
    assert dataset.fingerprint("Lollipop") == before
    assert opened(root, foreground="all").fingerprint("Lollipop") != before
    os.utime(data(root, "2_depth.png"), (1, 1))
    assert dataset.fingerprint("Lollipop") != before


@pytest.fixture(scope="module")
def candy_cane(test_data):
    return Eyecandies(test_data / "data" / "eyecandies", EyecandiesConfig())


def test_real_objects_are_about_five_per_cent_of_the_image_and_hold_nearly_all_defects(candy_cane):
    counts, defects, outside, total = [], [], 0, 0
    for one in candy_cane.refs("CandyCane", Split.TEST):
        cloud, truth = candy_cane.load(one).cloud, candy_cane.truth(one)
        x, y, z = cloud.valid_xyz.T
        assert np.abs([x, y]).max() < 0.85
        assert 0.01 < z.min() < z.max() < 0.2
        counts.append(len(x))
        if truth.anomalous:
            defects.append(truth.defect)
            total += truth.points.sum()
            outside += (truth.points & ~cloud.valid).sum()
    assert 9000 < min(counts) <= max(counts) < 18000
    assert 12000 < np.median(counts) < 14500
    assert defects == ["bumps", "dents", "colors", "normals", "bumps+dents+colors+normals"] * 3
    assert 0 < outside / total < 0.02  # rims of masks on the belt


def test_real_belt_is_the_plane_z_1_mm_and_normals_point_up(test_data):
    dataset = Eyecandies(test_data / "data" / "eyecandies", EyecandiesConfig(normals=True, foreground="all"))
    cloud = dataset.load(dataset.refs("CandyCane", Split.TEST)[0]).cloud
    belt = cloud.xyz[:, 2] < 0.003
    assert belt.mean() > 0.5
    assert np.median(cloud.xyz[belt, 2]) == pytest.approx(0.001, abs=5e-4)
    assert cloud.normals[belt, 2].mean() > 0.99


def test_real_masks_cover_a_small_part_of_the_image(candy_cane):
    """3.4: the smallest defects nearly vanish when an image is reduced."""
    shares = [
        truth.points.mean()
        for one in candy_cane.refs("CandyCane", Split.TEST)
        if (truth := candy_cane.truth(one)).anomalous
    ]
    assert 0.0003 <= min(shares) < max(shares) < 0.0045


def test_verify_reads_every_file_and_names_each_that_is_broken(root):
    folder = root / "Lollipop" / "test_public" / "data"
    save(folder / "2_image_1.png", np.zeros((512, 512, 3), np.uint8))
    for name in ("2_image_0.png", "2_normals.png", "10_image_3.png"):
        (folder / name).write_bytes(b"junk")
    save(folder / "10_image_4.png", np.zeros((64, 64, 3), np.uint8))
    (folder / "11_object_params.yaml").write_text("{:::")
    found = [one for one in verify(opened(root)) if one.severity is Severity.ERROR]
    named = {name for one in found for item in one.items for name in item.split() if "/data/" in name}
    assert {Path(name.rstrip(":")).name for name in named} == {
        "2_image_0.png",
        "2_normals.png",
        "10_image_3.png",
        "10_image_4.png",
        "11_object_params.yaml",
    }
    (images,) = [one for one in found if "(and 2 more like it)" in one.message]
    assert len(images.items) == 3


def test_an_empty_category_is_left_out_and_named_and_the_others_work(root):
    (root / "Confetto").mkdir()
    dataset = opened(root)
    assert dataset.categories() == ["Lollipop"]
    (error,) = [one for one in verify(dataset) if one.category == "Confetto"]
    assert "Confetto is not Eyecandies: none of train" in error.message


def test_one_converted_category_refuses_all(root):
    (root / "Confetto" / "test" / "good" / "xyz").mkdir(parents=True)
    with pytest.raises(DataError, match="Confetto is a copy converted for M3DM"):
        opened(root)
