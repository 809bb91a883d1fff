"""Anomaly-ShapeNet: stand-ins with the published names. No real archive was at hand."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pc3dad.data.anomaly_shapenet import (
    AnomalyShapenet,
    AnomalyShapenetConfig,
    kind_of,
    published_names,
)
from pc3dad.data.base import Dataset, Finding, SampleRef, Severity
from pc3dad.data.cards import ANOMALY_SHAPENET
from pc3dad.data.verify import verify
from pc3dad.errors import DataError
from pc3dad.io.clouds import read_cloud
from pc3dad.testing import trees
from pc3dad.types import Split

SCANS = Path("Anomaly-ShapeNet-v2", "dataset", "pcd")


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("original")
    trees.anomaly_shapenet(root, points=40, categories=["helmet0", "helmet1"])
    return trees.anomaly_shapenet(root, points=40, categories=["desk0", "cap1"], subset="new_pcd")


@pytest.fixture
def root(original, tmp_path: Path) -> Path:
    """Rule 1: the 40 categories, in a folder whose name must not become a label or a split."""
    folder = tmp_path / "positive" / "template" / "test"
    shutil.copytree(original / SCANS, folder)
    return folder


def opened(root: Path, **options) -> AnomalyShapenet:
    return AnomalyShapenet(root, AnomalyShapenetConfig(**options))


def helmet(name: str, split: Split = Split.TEST) -> SampleRef:
    return SampleRef("helmet0", split, name)


def findings(dataset: AnomalyShapenet, category: str = "helmet0") -> dict[str, Finding]:
    return {one.message: one for one in dataset.problems(category)}


def test_it_is_a_data_set_with_the_published_names_5_3(root):
    dataset = opened(root)
    assert isinstance(dataset, Dataset)
    assert dataset.categories() == ["helmet0", "helmet1"]
    truths = [dataset.truth(ref) for ref in dataset.refs("helmet0", Split.TEST)]
    assert {truth.sample_id: truth.anomalous for truth in truths} == published_names("helmet0")
    assert len(dataset.refs("helmet0", Split.TRAIN)) == 4
    assert dataset.refs("helmet0", Split.VALIDATION) == []


@pytest.mark.parametrize(
    "nesting",
    [
        "Anomaly-ShapeNet-v2/Anomaly-ShapeNet-v2/dataset/pcd",
        "Anomaly-ShapeNet-v2/dataset/pcd",
        "dataset/pcd",
        "pcd",
        "",
    ],
)
def test_archives_may_be_nested_and_any_of_their_folders_is_the_root_5_2(original, tmp_path, nesting):
    shutil.copytree(original / SCANS, tmp_path / "data" / nesting)
    assert opened(tmp_path / "data").categories() == ["helmet0", "helmet1"]


@pytest.mark.parametrize(
    ("stem", "kind"),
    [
        ("helmet0_positive14", "good"),
        ("helmet0_template3", "template"),
        ("helmet0_crak4", "crack"),
        ("desk_concavity6", "concavity"),
        ("cap3_bending", "bending"),
        ("1_bulge", "bulge"),
        ("positive_hole1", "hole"),
        ("123", "unknown"),
    ],
)
def test_names_tell_the_kind_by_their_last_word_5_3(stem, kind):
    assert kind_of(stem) == kind


def test_crak_is_displayed_as_crack_and_keeps_its_id_5_3(root):
    dataset = opened(root)
    cracks = [ref for ref in dataset.refs("helmet0", Split.TEST) if "crak" in ref.id]
    assert len(cracks) == 2
    assert {dataset.truth(ref).defect for ref in cracks} == {"crack"}


def test_samples_come_by_kind_and_number_and_indices_have_gaps_rule_2(root):
    names = [ref.id for ref in opened(root).refs("helmet0", Split.TEST)]
    kinds = list(dict.fromkeys(kind_of(name) for name in names))
    assert kinds == ["bending", "broken", "bulge", "concavity", "crack", "good", "hole", "scratch"]
    good = [name for name in names if kind_of(name) == "good"]
    assert good == [f"helmet0_positive{index}" for index in range(15)]
    assert [name for name in names if "broken" in name] == ["helmet0_broken2", "helmet0_broken3"]


def test_templates_in_test_are_skipped_5_3(root):
    folder = root / "helmet0"
    shutil.copy(folder / "train" / "helmet0_template0.pcd", folder / "test")
    assert len(opened(root).refs("helmet0", Split.TEST)) == 38
    assert findings(opened(root))["1 files do not belong to the layout and are not read"].items == (
        "test/helmet0_template0.pcd",
    )


def test_newer_categories_are_a_subset_of_their_own_5_1(original):
    new = opened(original, subset="new_pcd")
    assert new.categories() == ["cap1", "desk0"]
    assert new.fingerprint("desk0") != opened(original).fingerprint("helmet0")
    assert not set(new.categories()) & set(ANOMALY_SHAPENET.categories)
    assert all(one.severity is Severity.NOTE for one in new.problems("cap1"))
    with pytest.raises(DataError, match="no category 'helmet0'"):
        new.refs("helmet0", Split.TEST)


def test_a_subset_that_is_not_there_is_named(root):
    with pytest.raises(DataError, match=r"subset new_pcd.*cabinet0/"):
        opened(root, subset="new_pcd")


def test_desk0_files_are_named_without_the_digit_5_3(original):
    dataset = opened(original, subset="new_pcd")
    refs = dataset.refs("desk0", Split.TEST)
    assert {ref.id.split("_")[0] for ref in refs} == {"desk"}
    assert Counter(dataset.truth(ref).anomalous for ref in refs) == {True: 20, False: 15}
    assert dataset.refs("desk0", Split.TRAIN)[0].id == "desk_template0"


def test_points_and_labels_of_a_defective_sample_both_come_from_the_table_5_4(root):
    dataset, ref = opened(root), helmet("helmet0_hole0")
    table = np.loadtxt(root / "helmet0" / "GT" / "helmet0_hole0.txt", delimiter=",")
    cloud, truth = dataset.load(ref).cloud, dataset.truth(ref)
    np.testing.assert_allclose(cloud.xyz + cloud.origin, table[:, :3], atol=1e-7)
    np.testing.assert_array_equal(truth.points, table[:, 3] == 1)
    assert not np.allclose(
        cloud.xyz, read_cloud(root / "helmet0" / "test" / "helmet0_hole0.pcd").xyz, atol=0.01
    )


def test_rounded_rows_in_another_order_are_matched_one_to_one_5_4(root):
    scan, default = opened(root, points="scan"), opened(root)
    for ref in scan.refs("helmet0", Split.TEST)[:12]:
        cloud, truth = scan.load(ref).cloud, scan.truth(ref)
        rows, labels = default.load(ref).cloud.xyz, default.truth(ref).points
        nearest = np.linalg.norm(cloud.xyz[:, None] - rows[None], axis=2).argmin(axis=1)
        assert len(set(nearest)) == len(rows)
        np.testing.assert_array_equal(truth.points, labels[nearest])


def test_five_tables_of_helmet1_have_one_row_more_5_4(root):
    default, scan = opened(root), opened(root, points="scan")
    unlabelled = []
    for ref in scan.refs("helmet1", Split.TEST):
        truth = scan.truth(ref)
        if truth.points is None:
            unlabelled.append(ref.id)
            assert truth.anomalous
            assert len(default.truth(ref).points) == len(default.load(ref).cloud) == 41
    expected = [f"helmet1_{name}" for name in ("bulge0", "bulge2", "bulge6", "concavity3", "concavity5")]
    assert unlabelled == expected
    named = next(one for message, one in findings(scan, "helmet1").items() if "do not fit" in message)
    assert [item.split()[0] for item in named.items] == expected


@pytest.mark.parametrize("delimiter", [",", " ", ", "])
def test_the_delimiter_is_taken_from_the_file_5_2(root, delimiter):
    ref, table = helmet("helmet0_hole0"), root / "helmet0" / "GT" / "helmet0_hole0.txt"
    before = opened(root).truth(ref).points
    np.savetxt(table, np.loadtxt(table, delimiter=","), delimiter=delimiter)
    np.testing.assert_array_equal(opened(root).truth(ref).points, before)


@pytest.mark.parametrize("emptied", ["test/helmet0_hole0.pcd", "GT/helmet0_hole0.txt"])
def test_empty_files_of_p7zip_say_to_use_unar_or_unrar_5_2(root, emptied):
    (root / "helmet0" / emptied).write_bytes(b"")
    dataset = opened(root)
    with pytest.raises(DataError, match=r"helmet0_hole0.*is empty; p7zip .* unar or unrar"):
        dataset.load(helmet("helmet0_hole0"))
    found = findings(dataset)
    assert found["1 files are empty"].items == (emptied,)
    assert any("unar or unrar" in message for message in found)


def test_missing_partners_are_errors_that_name_both_rule_3(root):
    (root / "helmet0" / "GT" / "helmet0_hole0.txt").unlink()
    (root / "helmet0" / "test" / "helmet0_crak4.pcd").unlink()
    dataset = opened(root)
    for name in ("helmet0_hole0", "helmet0_crak4"):
        for read in (dataset.load, dataset.truth):
            with pytest.raises(DataError) as caught:
                read(helmet(name))
            assert f"test/{name}.pcd" in str(caught.value)
            assert f"GT/{name}.txt" in str(caught.value)


def test_every_test_file_stands_in_the_published_list_rule_8(root):
    test = root / "helmet0" / "test"
    (test / "helmet0_positive3.pcd").rename(test / "helmet0_positive99.pcd")
    found = findings(opened(root))
    missing = found["1 files of the published set are missing"]
    assert missing.items == ("test/helmet0_positive3.pcd",)
    unlisted = found["1 test samples are not in the published list of release v2"]
    assert (unlisted.items, unlisted.severity) == (("helmet0_positive99",), Severity.WARNING)


def test_another_count_is_a_warning_with_the_numbers_rule_8(root):
    for part, suffix in (("test", "pcd"), ("GT", "txt")):
        (root / "helmet0" / part / f"helmet0_crak4.{suffix}").unlink()
    (root / "helmet0" / "train" / "helmet0_template1.pcd").unlink()
    found = findings(opened(root))
    assert "not the published number of samples: train 3 of 4, crack 1 of 2" in found


@pytest.mark.parametrize("name", ["GT", "gt"])
def test_the_folder_of_labels_is_found_in_any_case_and_told_rule_6(root, name):
    (root / "helmet0" / "GT").rename(root / "helmet0" / "moved")
    (root / "helmet0" / "moved").rename(root / "helmet0" / name)
    assert opened(root).truth(helmet("helmet0_hole0")).points.any()
    assert f"point labels are read from {name}/" in findings(opened(root))


def test_a_complete_tree_has_no_problem_and_is_recognised_as_v2(root):
    found = findings(opened(root))
    assert {one.severity for one in found.values()} == {Severity.NOTE}
    assert "names are those of release v2" in found


def test_copies_with_sub_folders_are_searched_recursively_and_recognised_5_2(root):
    test = root / "helmet0" / "test"
    for path in list(test.iterdir()):
        folder = test / ("positive" if "positive" in path.stem else "hole")  # the file name counts, not this
        folder.mkdir(exist_ok=True)
        path.rename(folder / path.name)
    dataset = opened(root)
    truths = [dataset.truth(ref) for ref in dataset.refs("helmet0", Split.TEST)]
    assert {truth.sample_id: truth.anomalous for truth in truths} == published_names("helmet0")
    assert not any("missing" in message for message in findings(dataset))
    assert any("derived copy with 16384" in message for message in findings(dataset))


def test_copies_are_recognised_by_the_name_of_their_folder_5_2(root):
    root.rename(root.parent / "16384")
    dataset = opened(root.parent)
    assert any("derived copy with 16384" in message for message in findings(dataset))


def test_copies_are_recognised_by_the_size_of_their_scans_without_reading_them_5_2(tmp_path):
    trees.anomaly_shapenet(tmp_path, points=16384, categories=["ashtray0"])
    assert any("derived copy with 16384" in message for message in findings(opened(tmp_path), "ashtray0"))


def test_problems_read_no_scan(root, monkeypatch):
    for path in (root / "helmet0").rglob("*.pcd"):
        path.write_bytes(b"not a scan")
    assert {one.severity for one in findings(opened(root)).values()} == {Severity.NOTE}


def test_folders_of_meshes_and_of_something_else_are_refused(tmp_path):
    (tmp_path / "obj" / "ashtray0").mkdir(parents=True)
    (tmp_path / "obj" / "ashtray0" / "ashtray0_template0.obj").write_text("v 0 0 0\n")
    with pytest.raises(DataError, match=r"holds meshes only; pass the folder that holds `pcd`"):
        opened(tmp_path / "obj")
    with pytest.raises(DataError, match=r"looked for folders such as ashtray0/"):
        opened(tmp_path)


def test_points_that_are_doubled_keep_their_labels_5_4(root):
    ref, table = helmet("helmet0_hole0"), root / "helmet0" / "GT" / "helmet0_hole0.txt"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, *lines[::-1]]) + "\n")
    cloud, truth = opened(root).load(ref).cloud, opened(root).truth(ref)
    np.testing.assert_array_equal(cloud.xyz[:40], cloud.xyz[40:][::-1])
    np.testing.assert_array_equal(truth.points[:40], truth.points[40:][::-1])


def test_an_empty_category_is_left_out_and_named_and_the_others_work(root):
    (root / "bag0").mkdir()
    dataset = opened(root)
    assert dataset.categories() == ["helmet0", "helmet1"]
    (left_out,) = [one for one in verify(dataset) if one.message.startswith("left out")]
    assert (left_out.severity, left_out.category) == (Severity.ERROR, "bag0")


def test_scans_that_are_not_read_for_scores_are_still_verified(root):
    (root / "helmet0" / "test" / "helmet0_hole0.pcd").write_bytes(b"not a scan")
    table = root / "helmet0" / "GT" / "helmet0_crak4.txt"
    table.write_text("\n".join(table.read_text().splitlines()[1:]) + "\n")
    assert len(opened(root).load(helmet("helmet0_crak4")).cloud) == 39
    error, warning = (one for one in verify(opened(root)) if one.severity is not Severity.NOTE)
    assert "helmet0_hole0.pcd" in error.message
    assert warning.message == "1 tables have another number of rows than their scans have points"
    assert warning.items == ("helmet0_crak4 (39 rows, 40 points)",)


def test_coordinates_of_tables_are_as_precise_as_those_of_scans(root):
    table = root / "helmet0" / "GT" / "helmet0_hole0.txt"
    rows = np.loadtxt(table, delimiter=",") + np.array([500, 0, 0, 0])
    np.savetxt(table, rows, delimiter=",", fmt="%.9f")
    cloud = opened(root).load(helmet("helmet0_hole0")).cloud
    assert not cloud.origin.any()
    np.testing.assert_array_equal(cloud.xyz, np.loadtxt(table, delimiter=",")[:, :3].astype(np.float32))


def test_categories_that_a_subset_lacks_are_named(original):
    note = next(one for one in verify(opened(original, subset="new_pcd")) if "not here" in one.message)
    assert note.message == "10 of 12 categories are not here"
    assert "cabinet0" in note.items
