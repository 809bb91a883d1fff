"""Real3D-AD: stand-ins with names by its rules and the published counts. No real archive was at hand."""

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pc3dad.data import labelled_clouds, tree
from pc3dad.data.base import Dataset, SampleRef, Severity
from pc3dad.data.real3d_ad import Real3dAd, Real3dAdConfig, kind_of
from pc3dad.data.verify import verify
from pc3dad.errors import DataError
from pc3dad.io import digest
from pc3dad.io.clouds import read_cloud
from pc3dad.testing import trees
from pc3dad.types import Split

DEFECT = "705_bulge_cut"
GOOD = "605_good_cut"


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return trees.real3d_ad(tmp_path_factory.mktemp("original"), points=40, categories=["chicken", "seahorse"])


@pytest.fixture
def root(original, tmp_path: Path) -> Path:
    """Rule 1: a copy in a folder whose name must not become a label or a split."""
    folder = tmp_path / "goodness" / "template" / "test"
    shutil.copytree(original / "Real3D-AD-PCD" / "chicken", folder / "chicken")
    return folder


def opened(root: Path, **options) -> Real3dAd:
    return Real3dAd(root, Real3dAdConfig(**options))


def chicken(name: str, split: Split = Split.TEST) -> SampleRef:
    return SampleRef("chicken", split, name)


def messages(dataset: Real3dAd, category: str = "chicken") -> str:
    return "\n".join(f"{one.severity}: {one.message}" for one in dataset.problems(category))


def test_it_is_a_data_set_with_the_published_counts(root):
    dataset = opened(root)
    assert isinstance(dataset, Dataset)
    assert dataset.categories() == ["chicken"]
    truths = [dataset.truth(ref) for ref in dataset.refs("chicken", Split.TEST)]
    assert Counter(truth.anomalous for truth in truths) == {True: 54, False: 52}
    assert len(dataset.refs("chicken", Split.TRAIN)) == 4
    assert dataset.refs("chicken", Split.VALIDATION) == dataset.refs("chicken", Split.UNLABELLED) == []


@pytest.mark.parametrize("nesting", [(), ("Real3D-AD-PCD",), ("Real3D-AD-PCD", "Real3D-AD-PCD")])
def test_archives_may_be_nested_twice_4_1(original, tmp_path, nesting):
    shutil.copytree(original / "Real3D-AD-PCD", tmp_path.joinpath("data", *nesting))
    nested, plain = opened(tmp_path / "data"), opened(original)
    assert nested.refs("chicken", Split.TEST) == plain.refs("chicken", Split.TEST)


@pytest.mark.parametrize(
    ("stem", "kind"),
    [
        ("142_good", "good"),
        ("142_good_cut", "good"),
        ("142_Good_copy", "good"),
        ("142_good_cut2", "good"),
        ("142_good_cut_2", "good"),
        ("142_good_copy3_cut", "good"),
        ("482_bulge_cut2", "bulge"),
        ("275_bulge", "bulge"),
        ("482_bulge_cut", "bulge"),
        ("328_bulges", "bulges"),
        ("328_bulges_cut", "bulges"),
        ("309_sink_copy", "sink"),
        ("60_template", "template"),
        ("128_template_2", "template"),
        ("1_prototype", "template"),
        ("142_goodish", "goodish"),
        ("142", "unknown"),
    ],
)
def test_names_tell_the_kind_and_good_cut_is_normal_4_2(stem, kind):
    assert kind_of(stem) == kind


def test_samples_come_by_kind_and_number_rule_2(root):
    test = root / "chicken" / "test"
    for number in (9, 10):
        shutil.copy(test / f"{GOOD}.pcd", test / f"{number}_good.pcd")
    names = [ref.id for ref in opened(root).refs("chicken", Split.TEST)]
    kinds = [kind_of(name) for name in names]
    assert list(dict.fromkeys(kinds)) == ["bulge", "bulges", "good", "sink"]
    assert names[kinds.index("good") :][:4] == ["9_good", "10_good", "605_good", "605_good_cut"]


def test_both_names_of_templates_train_and_templates_in_test_are_skipped_4_2(root):
    train, test = root / "chicken" / "train", root / "chicken" / "test"
    (train / "505_template.pcd").rename(train / "1_prototype.pcd")
    shutil.copy(test / f"{DEFECT}.pcd", train / "705_bulge.pcd")
    shutil.copy(train / "1_prototype.pcd", test / "505_template.pcd")
    dataset = opened(root)
    names = [ref.id for ref in dataset.refs("chicken", Split.TRAIN)]
    assert names == ["1_prototype", "506_template", "507_template", "508_template"]
    assert len(dataset.refs("chicken", Split.TEST)) == 106
    unread = [one for one in dataset.problems("chicken") if "not read" in one.message]
    assert unread[0].items == ("test/505_template.pcd", "train/705_bulge.pcd")


def test_cut_and_copied_samples_are_one_physical_object_4_2(root):
    dataset = opened(root)
    groups = {name: dataset.group(chicken(name)) for name in ("705_bulge", DEFECT, GOOD)}
    assert groups["705_bulge"] == groups[DEFECT] != groups[GOOD]
    assert dataset.group(SampleRef("seahorse", Split.TEST, "705_bulge")) != groups[DEFECT]


def test_points_and_labels_of_a_defective_sample_both_come_from_the_table_4_4(root):
    dataset = opened(root)
    table = np.loadtxt(root / "chicken" / "gt" / f"{DEFECT}.txt")
    cloud, truth = dataset.load(chicken(DEFECT)).cloud, dataset.truth(chicken(DEFECT))
    np.testing.assert_allclose(cloud.xyz + cloud.origin, table[:, :3], atol=1e-5)
    np.testing.assert_array_equal(truth.points, table[:, 3] == 1)
    assert (truth.anomalous, truth.defect) == (True, "bulge")
    scan = read_cloud(root / "chicken" / "test" / f"{DEFECT}.pcd")
    assert not np.allclose(scan.xyz, cloud.xyz, atol=1e-3)  # the rows are in another order


def test_with_points_of_the_scan_labels_are_matched_by_coordinate_4_4(root):
    dataset, default = opened(root, points="scan"), opened(root)
    cloud, truth = dataset.load(chicken(DEFECT)).cloud, dataset.truth(chicken(DEFECT))
    np.testing.assert_array_equal(cloud.xyz, read_cloud(root / "chicken" / "test" / f"{DEFECT}.pcd").xyz)
    rows = default.load(chicken(DEFECT)).cloud.xyz[default.truth(chicken(DEFECT)).points]
    assert 0 < truth.points.sum() == len(rows)
    order = [np.lexsort(part.T) for part in (cloud.xyz[truth.points], rows)]
    np.testing.assert_allclose(cloud.xyz[truth.points][order[0]], rows[order[1]], atol=1e-4)


def test_with_points_of_the_scan_other_coordinates_fail_loudly_4_4(root):
    table = root / "chicken" / "gt" / f"{DEFECT}.txt"
    rows = np.loadtxt(table)
    rows[3, 0] += 0.01
    np.savetxt(table, rows)
    with pytest.raises(DataError, match=r"705_bulge_cut\.txt.*0\.01 away"):
        opened(root, points="scan").truth(chicken(DEFECT))


def test_the_tolerance_is_never_below_what_float32_can_hold_4_4():
    assert labelled_clouds.matching_tolerance(np.full((2, 3), 0.5)) == 1e-5
    assert labelled_clouds.matching_tolerance(np.full((2, 3), 224.0)) == pytest.approx(4 * 2.0**-16)


@pytest.mark.parametrize("name", ["705_bulge", "706_sink"])
def test_tables_known_not_to_fit_keep_the_object_label_4_4(root, name):
    default, scan = opened(root), opened(root, points="scan")
    assert len(default.load(chicken(name)).cloud) == len(default.truth(chicken(name)).points) == 41
    truth = scan.truth(chicken(name))
    assert (truth.anomalous, truth.points, len(scan.load(chicken(name)).cloud)) == (True, None, 40)


def test_five_known_tables_are_named_and_only_in_their_own_category_4_4(tmp_path):
    trees.real3d_ad(tmp_path, points=5, categories=["chicken", "fish", "seahorse", "starfish"])
    for path in (tmp_path / "Real3D-AD-PCD" / "fish").rglob("301_bulge.*"):
        path.rename(path.with_stem("705_bulge"))
    dataset = opened(tmp_path)
    found = {
        (category, item.split()[0])
        for category in dataset.categories()
        for one in dataset.problems(category)
        if "do not fit" in one.message
        for item in one.items
    }
    assert found == {
        ("chicken", "705_bulge"),
        ("chicken", "706_sink"),
        ("seahorse", "265_bulge"),
        ("seahorse", "265_bulge_cut"),
        ("starfish", "433_bulge"),
    }
    scan = opened(tmp_path, points="scan")
    refs = [ref for category in scan.categories() for ref in scan.refs(category, Split.TEST)]
    truths = [scan.truth(ref) for ref in refs if ref.id.startswith(("265", "433", "705", "706"))]
    unlabelled = [truth.sample_id for truth in truths if truth.points is None]
    assert sorted(unlabelled) == ["265_bulge", "265_bulge_cut", "433_bulge", "705_bulge", "706_sink"]


def test_known_tables_are_compared_by_digest_in_verify_only(root, monkeypatch):
    (compared,) = [one for one in verify(opened(root)) if "other files than the known ones" in one.message]
    assert (compared.severity, compared.items) == (Severity.NOTE, ("705_bulge", "706_sink"))
    monkeypatch.setattr(digest, "of_file", lambda path: pytest.fail(f"{path} is read when a run is planned"))
    (named,) = [one for one in opened(root).problems("chicken") if "do not fit" in one.message]
    assert named.items == ("705_bulge", "706_sink")


def test_a_known_table_that_may_not_be_read_is_an_error_finding(root, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(digest, "of_file", refuse)
    (error,) = [one for one in verify(opened(root)) if one.severity is Severity.ERROR]
    assert "705_bulge.txt: Permission denied (and 1 more like it)" in error.message


def test_a_table_that_may_not_be_read_is_a_clear_error(root, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(labelled_clouds, "read_label_table", refuse)  # tests may run as root, who reads all
    with pytest.raises(DataError, match=r"705_bulge_cut\.txt: Permission denied"):
        opened(root).load(chicken(DEFECT))


def test_scans_that_are_not_read_for_scores_are_still_verified(root):
    scan = root / "chicken" / "test" / f"{DEFECT}.pcd"
    table = root / "chicken" / "gt" / "707_bulge.txt"
    scan.write_bytes(scan.read_bytes()[:250])
    table.write_text("\n".join(table.read_text().splitlines()[:-5]) + "\n")
    assert len(opened(root).load(chicken("707_bulge")).cloud) == 35
    error, warning = (one for one in verify(opened(root)) if one.severity is not Severity.NOTE)
    assert (error.severity, warning.severity) == (Severity.ERROR, Severity.WARNING)
    assert f"{DEFECT}.pcd" in error.message
    assert warning.message == "1 tables have another number of rows than their scans have points"
    assert warning.items == ("707_bulge (35 rows, 40 points)",)


@pytest.mark.parametrize("delimiter", [" ", "\t", ","])
def test_the_delimiter_is_taken_from_the_file_4_4(root, delimiter):
    table = root / "chicken" / "gt" / f"{DEFECT}.txt"
    before = opened(root).truth(chicken(DEFECT)).points
    np.savetxt(table, np.loadtxt(table), delimiter=delimiter)
    np.testing.assert_array_equal(opened(root).truth(chicken(DEFECT)).points, before)


def test_labels_are_numbers_above_one_half_4_4(root):
    (root / "chicken" / "gt" / f"{DEFECT}.txt").write_text("0 0 0 0.0\n0 0 1 1.0\n0 1 0 0.4\n1 0 0 1e0\n")
    assert opened(root).truth(chicken(DEFECT)).points.tolist() == [False, True, False, True]


def test_a_table_of_one_row_is_a_cloud_of_one_point_7(root):
    (root / "chicken" / "gt" / f"{DEFECT}.txt").write_text("1 2 3 1\n")
    assert opened(root).load(chicken(DEFECT)).cloud.xyz.tolist() == [[1, 2, 3]]
    assert opened(root).truth(chicken(DEFECT)).points.tolist() == [True]


@pytest.mark.parametrize("text", ["1\n0\n", "1 2 3\n", "1 2 3 nan\n", "no table"])
def test_tables_of_another_form_are_refused_7(root, text):
    (root / "chicken" / "gt" / f"{DEFECT}.txt").write_text(text)
    with pytest.raises(DataError, match=r"705_bulge_cut\.txt"):
        opened(root).truth(chicken(DEFECT))


def move_up(root: Path, millimetres: float) -> None:
    """Moves every scan and every table along z, in the precision of each."""
    for path in (root / "chicken" / "test").iterdir():
        xyz = read_cloud(path).xyz + np.float32([0, 0, millimetres])
        header, _, _ = path.read_bytes().partition(b"DATA binary\n")
        path.write_bytes(header + b"DATA binary\n" + xyz.astype("<f4").tobytes())
    for path in (root / "chicken" / "gt").iterdir():
        table = np.loadtxt(path)
        table[:, 2] += millimetres
        np.savetxt(path, table, fmt="%.6f %.6f %.6f %d")


@pytest.mark.parametrize("millimetres", [0, 200, 5000])
def test_the_precision_of_a_cloud_does_not_tell_whether_its_sample_is_defective(root, millimetres):
    move_up(root, millimetres)
    dataset = opened(root)
    for ref in dataset.refs("chicken", Split.TEST):
        cloud = dataset.load(ref).cloud
        assert (cloud.xyz.dtype, cloud.origin.tolist()) == (np.float32, [0, 0, 0])


def test_nor_do_scans_in_text_that_are_far_away(root):
    path = root / "chicken" / "test" / f"{GOOD}.pcd"
    xyz = read_cloud(path).xyz.astype(np.float64) + np.array([0, 0, 5000])
    header = path.read_bytes().split(b"DATA")[0].decode()
    path.write_text(header + "DATA ascii\n" + "\n".join(" ".join(map(repr, map(float, p))) for p in xyz))
    assert read_cloud(path).origin.any()
    cloud = opened(root).load(chicken(GOOD)).cloud
    np.testing.assert_array_equal(cloud.xyz, xyz.astype(np.float32))
    assert not cloud.origin.any()


def test_coordinates_beyond_float32_are_not_valid(root):
    (root / "chicken" / "gt" / f"{DEFECT}.txt").write_text("1e300 0 0 1\n1 2 3 0\n")
    assert opened(root).load(chicken(DEFECT)).cloud.valid.tolist() == [False, True]


def test_normal_samples_are_all_zero_and_not_unknown_rule_5(root):
    truth = opened(root).truth(chicken(GOOD))
    assert (truth.anomalous, truth.defect) == (False, "good")
    assert truth.points.tolist() == [False] * 40
    assert opened(root).truth(chicken("505_template", Split.TRAIN)).points.tolist() == [False] * 40


@pytest.mark.parametrize("points", ["labels", "scan"])
@pytest.mark.parametrize("lost", ["test/705_bulge_cut.pcd", "gt/705_bulge_cut.txt"])
def test_a_missing_partner_is_an_error_that_names_both_rule_3(root, lost, points):
    (root / "chicken" / lost).unlink()
    dataset = opened(root, points=points)
    assert chicken(DEFECT) in dataset.refs("chicken", Split.TEST)
    for read in (dataset.load, dataset.truth):
        with pytest.raises(DataError) as caught:
            read(chicken(DEFECT))
        assert "test/705_bulge_cut.pcd" in str(caught.value)
        assert "gt/705_bulge_cut.txt" in str(caught.value)
    assert "warning: 1 files of the published set are missing" in messages(dataset)


def test_a_defective_sample_without_a_folder_of_labels_is_never_normal(root):
    shutil.rmtree(root / "chicken" / "gt")
    with pytest.raises(DataError, match=r"gt/705_bulge_cut\.txt is missing"):
        opened(root).truth(chicken(DEFECT))
    assert opened(root).truth(chicken(GOOD)).anomalous is False


@pytest.mark.parametrize("name", ["gt", "GT", "Gt"])
def test_folders_match_in_any_case_and_the_one_found_is_told_rule_6(root, name):
    (root / "chicken" / "gt").rename(root / "chicken" / "moved")
    (root / "chicken" / "moved").rename(root / "chicken" / name)
    (root / "chicken" / "test").rename(root / "chicken" / "Test")
    dataset = opened(root)
    assert dataset.truth(chicken(DEFECT)).points.any()
    assert f"note: point labels are read from {name}/" in messages(dataset)


def test_two_folders_of_labels_are_not_guessed_between_rule_6(root):
    (root / "chicken" / "GT").mkdir()
    with pytest.raises(DataError, match="mean the same"):
        opened(root).refs("chicken", Split.TEST)


def test_junk_is_no_sample_rule_7(root):
    for name in ("._705_bulge.pcd", ".DS_Store", "Thumbs.db"):
        (root / "chicken" / "test" / name).write_bytes(b"junk")
    dataset = opened(root)
    assert len(dataset.refs("chicken", Split.TEST)) == 106
    assert "3 files such as" in messages(dataset)


@pytest.mark.parametrize("emptied", [f"test/{DEFECT}.pcd", f"gt/{DEFECT}.txt"])
def test_empty_files_are_errors_and_not_one_sample_less_rule_7(root, emptied):
    (root / "chicken" / emptied).write_bytes(b"")
    dataset = opened(root)
    with pytest.raises(DataError, match="is empty"):
        dataset.load(chicken(DEFECT))
    found = [one for one in dataset.problems("chicken") if one.severity is Severity.ERROR]
    assert found[0].items == (emptied,)


def test_another_count_is_a_warning_with_the_numbers_rule_8(root):
    (root / "chicken" / "test" / f"{GOOD}.pcd").unlink()
    assert "warning: not the published number of samples: test good 51 of 52" in messages(opened(root))


def test_a_category_without_templates_is_an_error_rule_8(root):
    shutil.rmtree(root / "chicken" / "train")
    assert any("no train samples" in one.message for one in verify(opened(root)))


def test_points_that_are_not_finite_are_kept_but_not_valid_rule_9(root):
    path = root / "chicken" / "test" / f"{GOOD}.pcd"
    content = bytearray(path.read_bytes())
    content[-12:] = np.array([np.nan, 0, 0], "<f4").tobytes()
    content[-24:-12] = bytes(12)  # (0, 0, 0) is a point like any other here
    path.write_bytes(content)
    cloud = opened(root).load(chicken(GOOD)).cloud
    assert (len(cloud), cloud.valid[-3:].tolist()) == (40, [True, True, False])


def test_ascii_scans_are_read_too_4_4(root):
    path = root / "chicken" / "test" / f"{GOOD}.pcd"
    xyz = read_cloud(path).xyz
    header = path.read_bytes().split(b"DATA")[0].decode()
    path.write_text(header + "DATA ascii\n" + "\n".join(" ".join(map(repr, map(float, p))) for p in xyz))
    np.testing.assert_array_equal(opened(root).load(chicken(GOOD)).cloud.xyz, xyz)


@pytest.mark.parametrize("nesting", [(), ("Real3D-AD-PLY",)])
def test_the_release_of_meshes_is_refused_in_one_sentence(tmp_path, nesting):
    folder = tmp_path.joinpath(*nesting) / "airplane"
    folder.mkdir(parents=True)
    (folder / "128_template.ply").write_text("ply")
    with pytest.raises(DataError, match=r"Real3D-AD-PLY, .*; get real3d-ad-pcd\.zip from https"):
        opened(tmp_path)


def test_beside_the_release_of_meshes_the_scans_are_taken(original, tmp_path):
    shutil.copytree(original, tmp_path / "both")
    (tmp_path / "both" / "Real3D-AD-PLY" / "chicken").mkdir(parents=True)
    assert opened(tmp_path / "both").categories() == ["chicken", "seahorse"]


@pytest.mark.parametrize("file", ["train_cut/1.asc", "test/good/1.txt", "test/sink/2.asc"])
def test_train_cut_copies_are_refused_in_one_sentence_4_4(tmp_path, file):
    path = tmp_path / "airplane" / file
    path.parent.mkdir(parents=True)
    path.write_text("0 0 0 1\n")
    with pytest.raises(DataError, match=r"train-cut copy .*; get real3d-ad-pcd\.zip from https"):
        opened(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"airplane/.*https://github.com/M-3LAB"):
        opened(tmp_path)
    (tmp_path / "airplane").mkdir()
    with pytest.raises(DataError, match="no folder train or test"):
        opened(tmp_path)
    with pytest.raises(DataError, match="not a folder"):
        opened(tmp_path / "nowhere")


def test_an_empty_category_is_left_out_and_named_and_the_others_work(root):
    (root / "car").mkdir()
    dataset = opened(root)
    assert dataset.categories() == ["chicken"]
    (error,) = [one for one in verify(dataset) if one.severity is Severity.ERROR]
    assert error.category == "car"
    assert f"left out: {root / 'car'} is not of Real3D-AD: no folder train or test" in error.message


@pytest.mark.parametrize("file", ["train_cut/1.asc", "train/1_template.ply"])
def test_one_category_of_another_release_refuses_all(root, file):
    path = root / "car" / file
    path.parent.mkdir(parents=True)
    path.write_text("x")
    with pytest.raises(DataError, match=r"car is of .*; get real3d-ad-pcd\.zip"):
        opened(root)


def test_unknown_samples_and_categories_are_clear_errors(root):
    for read in (opened(root).load, opened(root).truth):
        with pytest.raises(DataError, match="no test sample 'lost'"):
            read(chicken("lost"))
    with pytest.raises(DataError, match="no category 'duck'"):
        opened(root).refs("duck", Split.TEST)


def test_the_same_name_twice_is_an_error(root):
    (root / "chicken" / "test" / "more").mkdir()
    shutil.copy(root / "chicken" / "test" / f"{GOOD}.pcd", root / "chicken" / "test" / "more" / f"{GOOD}.pcd")
    with pytest.raises(DataError, match="are for the same sample"):
        opened(root).refs("chicken", Split.TEST)


def test_a_folder_linked_into_itself_is_entered_once(root):
    (root / "chicken" / "test" / "again").symlink_to(root / "chicken" / "test")
    assert len(opened(root).refs("chicken", Split.TEST)) == 106


def test_a_category_is_listed_once_however_many_samples_are_read(root, monkeypatch):
    listed = []
    files = tree.files
    monkeypatch.setattr(
        tree, "files", lambda parent, suffixes: listed.append(parent) or files(parent, suffixes)
    )
    dataset = opened(root)
    for ref in dataset.refs("chicken", Split.TEST):
        dataset.load(ref)
        dataset.truth(ref)
    assert Counter(path.name for path in listed) == {"train": 1, "test": 1, "gt": 1}


def test_the_fingerprint_follows_files_and_options_but_not_the_nesting(original, root):
    before = opened(root).fingerprint("chicken")
    assert before == opened(root).fingerprint("chicken")
    assert before != opened(root, points="scan").fingerprint("chicken")
    assert opened(original).fingerprint("chicken") == opened(original / "Real3D-AD-PCD").fingerprint(
        "chicken"
    )
    os.utime(root / "chicken" / "gt" / f"{DEFECT}.txt", (0, 0))
    assert before != opened(root).fingerprint("chicken")


def test_a_complete_tree_has_no_problem_and_says_what_it_is(original):
    findings = [one for category in ("chicken", "seahorse") for one in opened(original).problems(category)]
    assert {one.severity for one in findings} == {Severity.NOTE}
    assert "this is the release with PCD scans" in {one.message for one in findings}


def test_a_normal_sample_has_nothing_that_a_table_does_not_have(root):
    """Normals or colours of normal samples alone would tell which samples are defective."""
    path = root / "chicken" / "test" / f"{GOOD}.pcd"
    fields = "x y z normal_x normal_y normal_z"
    head = f"VERSION .7\nFIELDS {fields}\nSIZE 4 4 4 4 4 4\nTYPE F F F F F F\nWIDTH 2\nHEIGHT 1\nDATA ascii\n"
    path.write_text(f"{head}1 2 3 0 0 1\n4 5 6 0 0 1\n")
    assert opened(root).load(chicken(GOOD)).cloud.normals is None
    assert opened(root, points="scan").load(chicken(GOOD)).cloud.normals is not None
