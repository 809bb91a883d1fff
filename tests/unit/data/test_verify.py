"""What `verify` says about healthy, partial and damaged data sets (section 8 of the rules for loaders)."""

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from pc3dad.cli.data import app
from pc3dad.data.base import Finding, SampleRef, Severity
from pc3dad.data.cards import FOLDER
from pc3dad.data.eyecandies import Eyecandies, EyecandiesConfig
from pc3dad.data.folder import Folder, FolderConfig
from pc3dad.data.mvtec3d_ad import Mvtec3dAd, Mvtec3dAdConfig
from pc3dad.data.verify import inventory_findings, verify
from pc3dad.errors import DataError
from pc3dad.types import PointCloud, Sample, Split


def points(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(50, 3)).astype(np.float32)


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A healthy folder data set."""
    gear = tmp_path / "gear"
    for seed, name in enumerate(("train/1", "test/good/1", "test/crack/1", "test/crack/2", "test/crack/10")):
        (gear / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(gear / f"{name}.npy", points(seed))
    (gear / "gt" / "crack").mkdir(parents=True)
    for name in ("1", "2", "10"):
        np.savetxt(gear / "gt" / "crack" / f"{name}.txt", np.arange(50) < 5)
    return tmp_path


def findings(root: Path) -> list[Finding]:
    return list(verify(Folder(root, FolderConfig())))


def items(found: list[Finding], words: str) -> tuple[str, ...]:
    """What the one finding names whose message holds the words."""
    (finding,) = [one for one in found if words in one.message]
    return finding.items


def messages(found: list[Finding], severity: Severity) -> list[str]:
    return [finding.message for finding in found if finding.severity is severity]


def test_a_healthy_data_set_yields_notes_only(parts):
    found = findings(parts)
    assert {finding.severity for finding in found} == {Severity.NOTE}
    notes = " | ".join(messages(found, Severity.NOTE))
    assert "test: 4 samples, 1 normal, 3 defective, 7.5 % of the labelled points anomalous" in notes
    assert "50 points, 100.0 % valid, 0.0 % not finite or at (0, 0, 0)" in notes
    assert "unit metre" in notes
    assert "point labels are read from gt/" in notes


def test_damaged_files_are_counted_by_kind_and_each_is_named(parts):
    for name in ("crack/1", "crack/2", "good/1"):
        (parts / "gear" / "test" / f"{name}.npy").write_bytes(b"")
    (parts / "gear" / "test" / "crack" / "10.npy").write_bytes(b"junk")
    empty, junk = (one for one in findings(parts) if one.severity is Severity.ERROR)
    assert "crack/1.npy: the file is empty (and 2 more like it); copy or export it again" in empty.message
    assert [Path(item.partition(":")[0]).relative_to(parts).as_posix() for item in empty.items] == [
        "gear/test/crack/1.npy",
        "gear/test/crack/2.npy",
        "gear/test/good/1.npy",
    ]
    assert len(junk.items) == 1
    assert "crack/10.npy" in junk.items[0]


def test_one_file_that_serves_scan_and_labels_is_one_error(parts):
    (parts / "gear" / "test" / "crack" / "2.npy").write_bytes(b"")
    (error,) = [one for one in findings(parts) if one.severity is Severity.ERROR]
    assert len(error.items) == 1
    assert "more like it" not in error.message


def test_labels_of_another_length_are_errors(parts):
    np.savetxt(parts / "gear" / "gt" / "crack" / "2.txt", np.zeros(49))
    (error,) = messages(findings(parts), Severity.ERROR)
    assert "49 labels for 50 points" in error


def test_an_empty_mask_on_a_defective_sample_is_a_warning(parts):
    np.savetxt(parts / "gear" / "gt" / "crack" / "2.txt", np.zeros(50))
    found = findings(parts)
    assert messages(found, Severity.WARNING) == ["1 defective samples have no anomalous point"]
    assert items(found, "no anomalous point") == ("test/crack/2.npy",)


def test_missing_point_labels_are_a_note(parts):
    (parts / "gear" / "gt" / "crack" / "2.txt").unlink()
    assert items(findings(parts), "no point labels") == ("test/crack/2.npy",)


def test_copies_of_a_scan_are_a_warning_across_categories(parts):
    (parts / "nut" / "test").mkdir(parents=True)
    np.save(parts / "nut" / "test" / "7.npy", points(0))
    found = findings(parts)
    assert messages(found, Severity.WARNING) == ["1 scans are copies of another one"]
    assert items(found, "copies") == ("test/7.npy = gear train/1.npy",)


def test_files_that_the_layout_does_not_reach_are_a_warning(parts):
    np.savetxt(parts / "gear" / "gt" / "crack" / "3.txt", np.zeros(50))
    (parts / "gear" / "test" / "crack" / "deep").mkdir()
    np.save(parts / "gear" / "test" / "crack" / "deep" / "1.npy", points(9))
    found = findings(parts)
    (warning,) = messages(found, Severity.WARNING)
    assert warning.startswith("2 files are not used; ")
    assert items(found, "not used") == ("gt/crack/3.txt", "test/crack/deep/1.npy")


def test_junk_is_a_note(parts):
    (parts / "gear" / "test" / "crack" / "._1.npy").write_bytes(b"x")
    (parts / "gear" / ".DS_Store").write_bytes(b"x")
    found = findings(parts)
    assert {finding.severity for finding in found} == {Severity.NOTE}
    assert items(found, "2 files such as") == (".DS_Store", "test/crack/._1.npy")


def test_a_broken_layout_is_an_error_and_not_an_exception(parts):
    dataset = Folder(parts, FolderConfig())
    (parts / "gear" / "GT").mkdir()
    (error,) = messages(list(verify(dataset)), Severity.ERROR)
    assert "mean the same" in error


def write_tire(folder: Path, number: int, size: tuple[int, int], level: int) -> None:
    for part in ("xyz", "gt"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    row, column = np.indices(size)
    rng = np.random.default_rng(number)
    xyz = np.stack([column * 1e-3, row * 1e-3, 0.5 + rng.normal(0, 1e-4, size)], axis=-1).astype(np.float32)
    xyz[15:25, 15:25, 2] -= 0.02
    tifffile.imwrite(folder / "xyz" / f"{number:03}.tiff", xyz, photometric="rgb")
    mask = np.zeros(size, np.uint8)
    mask[16:18, 16:18] = level
    mask[0, 0] = level
    Image.fromarray(mask).save(folder / "gt" / f"{number:03}.png")


def test_points_that_are_not_finite_or_all_zero_are_a_share(parts):
    path = parts / "gear" / "train" / "1.npy"
    xyz = np.load(path)
    xyz[:5] = np.nan
    xyz[5:10] = 0
    np.save(path, xyz)
    notes = messages(findings(parts), Severity.NOTE)
    assert "50 points, 90.0 to 100.0 % valid, 0.0 to 20.0 % not finite or at (0, 0, 0)" in notes


def test_a_class_without_train_data_is_an_error_and_other_counts_are_warnings(tmp_path):
    """1.8"""
    write_tire(tmp_path / "tire" / "test" / "cut", 0, (40, 40), 254)
    found = list(verify(Mvtec3dAd(tmp_path, Mvtec3dAdConfig())))
    assert messages(found, Severity.ERROR) == ["no train samples"]
    counts, release, missing = messages(found, Severity.WARNING)
    assert "train/good 0 of 210" in counts
    assert "test/cut 1 of 27" in counts
    assert release.startswith("a copy padded to squares, probably with the support plane removed: 40 x 40")
    assert (
        missing == f"{239 * 2 + 112 * 3 - 27 - 2} files of the published set are missing"
    )  # rgb is left out
    assert "1 of 5 anomalous points are not valid points" in messages(found, Severity.NOTE)


def test_a_class_without_test_data_is_an_error(tmp_path):
    """1.8"""
    write_tire(tmp_path / "tire" / "train" / "good", 0, (40, 40), 0)
    found = list(verify(Mvtec3dAd(tmp_path, Mvtec3dAdConfig())))
    assert messages(found, Severity.ERROR) == ["no test samples"]


def test_categories_of_a_public_set_that_are_not_there_are_named(tmp_path):
    write_tire(tmp_path / "tire" / "train" / "good", 0, (40, 40), 0)
    absent = items(list(verify(Mvtec3dAd(tmp_path, Mvtec3dAdConfig()))), "categories are not here")
    assert absent[0] == "bagel"
    assert len(absent) == 9


def test_an_inventory_names_what_is_missing_empty_unexpected_and_respelt(tmp_path):
    for name in ("gt/1.txt", "GT/2.txt", "note.doc", "empty.txt", "._1.txt", "read.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"" if name == "empty.txt" else b"x")
    found = inventory_findings(
        "gear",
        tmp_path,
        expected=[tmp_path / "gt" / f"{number}.txt" for number in (1, 2, 3, 10)],
        optional=["spare.txt", "empty.txt"],
        used=[tmp_path / "GT" / "2.txt", "read.txt"],
    )
    assert [(one.severity, one.message, one.items) for one in found] == [
        (Severity.WARNING, "2 files of the published set are missing", ("gt/3.txt", "gt/10.txt")),
        (Severity.NOTE, "1 files that can be done without are missing", ("spare.txt",)),
        (Severity.ERROR, "1 files are empty", ("empty.txt",)),
        (Severity.WARNING, "1 files do not belong to the layout and are not read", ("note.doc",)),
        (Severity.NOTE, "1 files are spelt in another case than published", ("GT/2.txt",)),
    ]


def test_what_lies_beside_the_categories_is_named(parts):
    (parts / "gera" / "tset").mkdir(parents=True)
    for name in ("leftover.zip", "notes.bin", "README.md", ".DS_Store"):
        (parts / name).write_bytes(b"x")
    (parts / "gone").symlink_to(parts / "nowhere")
    found = findings(parts)
    assert [(one.severity, one.category, one.message, one.items) for one in found[:2]] == [
        (
            Severity.WARNING,
            "folder",
            "3 files or folders beside the categories are not read",
            ("gera/", "gone", "notes.bin"),
        ),
        (Severity.NOTE, "folder", "1 archives beside the categories are not read", ("leftover.zip",)),
    ]


def test_a_misspelt_category_of_a_public_set_is_named(tmp_path):
    write_tire(tmp_path / "tire" / "test" / "cut", 0, (40, 40), 254)
    write_tire(tmp_path / "rop" / "test" / "cut", 0, (40, 40), 254)
    assert items(list(verify(Mvtec3dAd(tmp_path, Mvtec3dAdConfig()))), "beside the categories") == ("rop/",)


def test_the_only_category_has_nothing_beside_it(parts):
    (parts / "gear" / "notes").mkdir()
    assert not [one for one in findings(parts / "gear") if "beside" in one.message]


def test_links_that_lead_nowhere_are_named_even_if_nobody_expects_them(parts):
    (parts / "gear" / "lost.dat").symlink_to(parts / "nowhere")
    found = findings(parts)
    assert items(found, "lead nowhere") == ("lost.dat",)
    assert messages(found, Severity.WARNING) == ["1 links lead nowhere, or entries are no files"]


def test_a_folder_that_cannot_be_listed_is_an_error(parts, monkeypatch):
    (parts / "gear" / "closed").mkdir()
    dataset, scandir = Folder(parts, FolderConfig()), os.scandir

    def guarded(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)  # tests may run as root, who may list everything
    found = list(verify(dataset))
    assert messages(found, Severity.ERROR) == ["1 folders cannot be listed"]
    assert items(found, "cannot be listed") == ("closed/",)


class ReadingMore(Folder):
    """A data set with further files, some of which are broken."""

    def check(self, ref):
        if ref.split is Split.TEST:
            yield DataError(f"/data/{ref.id}.png is broken")
            yield Finding(Severity.WARNING, ref.category, "renders are of another size", (ref.id,))

    def check_category(self, category):
        yield Finding(Severity.NOTE, category, "tables are known", ("a", "b"))
        raise DataError("/data/table.json is broken")


def test_files_that_only_verify_reads_are_reported_once_for_each_kind(parts):
    """A broken one stops neither the sample nor the category."""
    found = list(verify(ReadingMore(parts, FolderConfig())))
    (error,) = [one for one in found if one.severity is Severity.ERROR]
    assert error.message == "/data/test/crack/1.npy.png is broken (and 4 more like it)"
    assert error.items[-1] == "/data/table.json is broken"
    assert messages(found, Severity.WARNING) == ["4 renders are of another size"]
    assert len(items(found, "another size")) == 4
    assert items(found, "2 tables are known") == ("a", "b")


class Refusing(Folder):
    """A loader that does not turn the errors of the operating system into its own."""

    def truth(self, ref):
        raise PermissionError(13, "Permission denied", f"/data/{ref.id}")


def test_errors_of_the_operating_system_stop_nothing(parts):
    (error,) = [one for one in verify(Refusing(parts, FolderConfig())) if one.severity is Severity.ERROR]
    assert error.message.startswith("/data/train/1.npy: Permission denied (and 4 more like it)")


def test_they_are_not_read_when_a_run_is_planned(parts):
    assert not any("broken" in one.message for one in ReadingMore(parts, FolderConfig()).problems("gear"))


class LargeClouds:
    """A data set of large scans whose labels cannot be read, which happens while the scan is in memory."""

    card = FOLDER
    points = 200_000

    def categories(self):
        return ["gear"]

    def refs(self, category, split):
        return (
            [SampleRef(category, split, str(number)) for number in range(20)] if split is Split.TEST else []
        )

    def load(self, ref):
        xyz = np.random.default_rng(int(ref.id)).random((self.points, 3), dtype=np.float32)
        return Sample(ref.id, ref.category, PointCloud(xyz))

    def truth(self, ref):
        cloud = self.load(ref).cloud
        raise DataError(f"{ref.id} has no labels for {len(cloud)} points")

    def check(self, ref):
        try:
            self.truth(ref)
        except DataError as error:
            yield error


def test_memory_holds_one_scan_at_a_time_even_if_all_of_them_fail():
    dataset = LargeClouds()
    tracemalloc.start()
    try:
        (error,) = [one for one in verify(dataset) if one.severity is Severity.ERROR]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(error.items) == 20
    assert peak < 8 * dataset.points * 12  # of 20 scans of 12 bytes per point; checking one takes copies


def test_a_metric_set_in_other_units_is_a_warning(tmp_path):
    write_tire(tmp_path / "tire" / "test" / "cut", 0, (40, 40), 254)
    path = tmp_path / "tire" / "test" / "cut" / "xyz" / "000.tiff"
    tifffile.imwrite(path, tifffile.imread(path) * 1000, photometric="rgb")
    warnings = messages(
        list(verify(Mvtec3dAd(tmp_path, Mvtec3dAdConfig(foreground="all")))), Severity.WARNING
    )
    assert any("expected of the unit millimetre, but the data set is in metres" in text for text in warnings)


def shown(*words: str) -> str:
    """What the command prints at 80 columns."""
    return CliRunner().invoke(app, ["verify", *words], env={"COLUMNS": "80"}, standalone_mode=False).stdout


def test_the_command_shows_the_first_items_and_all_on_demand(parts):
    for number in range(20, 27):
        np.savetxt(parts / "gear" / "gt" / "crack" / f"{number}.txt", np.zeros(50))
    lines = shown("folder", "--root", str(parts)).splitlines()
    start = lines.index("warning: gear: 7 files are not used; docs/data/folder.md shows the layout")
    assert lines[start + 1 : start + 7] == [
        *(f"    gt/crack/{number}.txt" for number in range(20, 25)),
        "    and 2 more (--all names them)",
    ]
    everything = shown("folder", "--root", str(parts), "--all")
    assert "    gt/crack/26.txt\n" in everything
    assert "more (--all" not in everything


def test_the_command_shortens_paths_to_what_lies_below_the_root_and_repeats_no_error(parts):
    for name in ("1", "2"):
        (parts / "gear" / "test" / "crack" / f"{name}.npy").write_bytes(b"")
    text = shown("folder", "--root", f"{parts}/")
    assert "error: gear: gear/test/crack/1.npy: the file is empty (and 1 more like it)" in text
    assert "\n    gear/test/crack/2.npy: the file is empty\n" in text
    assert text.count("gear/test/crack/1.npy") == 1
    assert str(parts) not in text


def test_json_always_holds_every_item(parts):
    for number in range(20, 27):
        np.savetxt(parts / "gear" / "gt" / "crack" / f"{number}.txt", np.zeros(50))
    plain = json.loads(shown("folder", "--root", str(parts), "--json"))
    assert set(plain[0]) == {"severity", "category", "message", "items"}
    (lost,) = [one for one in plain if "not used" in one["message"]]
    assert (lost["severity"], lost["category"], len(lost["items"])) == ("warning", "gear", 7)


def test_real_eyecandies_subset_is_sound_but_partial(test_data):
    found = list(verify(Eyecandies(test_data / "data" / "eyecandies", EyecandiesConfig())))
    assert messages(found, Severity.ERROR) == []
    counts, missing = messages(found, Severity.WARNING)
    assert "train 20 of 1000, val 5 of 100, test_public 30 of 50, test_private 3 of 400" in counts
    assert missing == "11046 files of the published set are missing"
    named = items(found, "published set are missing")
    assert len(named) == (980 + 95 + 20) * 9 + 397 * 3  # of what a sample cannot do without
    assert "test_public/data/15_depth.png" in named
    assert "recognised as the original release by its layout" in messages(found, Severity.NOTE)


def test_real_tire_lacks_scans_and_each_is_named(test_data):
    """2.5: a copy whose readme calls it a subset has the public numbers of test samples."""
    found = list(verify(Mvtec3dAd(test_data / "data" / "mvtec3d_ad", Mvtec3dAdConfig())))
    no_train, scans = messages(found, Severity.ERROR)
    assert no_train == "no train samples"
    assert "(and 111 more like it); copy or unpack the data set again" in scans
    assert len(items(found, "more like it")) == 112
    counts = next(text for text in messages(found, Severity.WARNING) if "number of samples" in text)
    assert counts == "not the published number of samples: train/good 0 of 210, validation/good 0 of 29"
    assert "test/cut/xyz/026.tiff" in items(found, "published set are missing")
    assert "release not recognised: no scan can be read" in messages(found, Severity.NOTE)
    assert not any("do not belong" in text for text in messages(found, Severity.WARNING))
