"""What `verify` says about healthy, partial and damaged data sets."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pc3dad.data.base import Finding, Severity
from pc3dad.data.eyecandies import Eyecandies, EyecandiesConfig
from pc3dad.data.folder import Folder, FolderConfig
from pc3dad.data.mvtec3d_ad import Mvtec3dAd, Mvtec3dAdConfig
from pc3dad.data.verify import verify


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


def messages(found: list[Finding], severity: Severity) -> list[str]:
    return [finding.message for finding in found if finding.severity is severity]


def test_a_healthy_data_set_yields_notes_only(parts):
    found = findings(parts)
    assert {finding.severity for finding in found} == {Severity.NOTE}
    notes = " | ".join(messages(found, Severity.NOTE))
    assert "test: 4 samples, 1 normal, 3 defective, 7.5 % of the labelled points anomalous" in notes
    assert "50 points, 100.0 % valid, 0.0 % not measured" in notes
    assert "unit metre" in notes
    assert "point labels are read from gt/" in notes


def test_damaged_files_are_counted_by_kind_and_stop_nothing(parts):
    for name in ("1", "2"):
        (parts / "gear" / "test" / "crack" / f"{name}.npy").write_bytes(b"")
    (parts / "gear" / "test" / "crack" / "10.npy").write_bytes(b"junk")
    found = findings(parts)
    errors = messages(found, Severity.ERROR)
    assert len(errors) == 2
    assert "crack/1.npy" in errors[0]
    assert "empty" in errors[0]
    assert "(and 1 more like it)" in errors[0]
    assert "crack/10.npy" in errors[1]


def test_labels_of_another_length_are_errors(parts):
    np.savetxt(parts / "gear" / "gt" / "crack" / "2.txt", np.zeros(49))
    (error,) = messages(findings(parts), Severity.ERROR)
    assert "49 labels for 50 points" in error


def test_an_empty_mask_on_a_defective_sample_is_a_warning(parts):
    np.savetxt(parts / "gear" / "gt" / "crack" / "2.txt", np.zeros(50))
    (warning,) = messages(findings(parts), Severity.WARNING)
    assert warning == "1 defective samples have no anomalous point, such as test/crack/2.npy"


def test_missing_point_labels_are_a_note(parts):
    (parts / "gear" / "gt" / "crack" / "2.txt").unlink()
    notes = messages(findings(parts), Severity.NOTE)
    assert "1 defective samples have no point labels, such as test/crack/2.npy" in notes


def test_copies_of_a_scan_are_a_warning_across_categories(parts):
    (parts / "nut" / "test").mkdir(parents=True)
    np.save(parts / "nut" / "test" / "7.npy", points(0))
    (warning,) = messages(findings(parts), Severity.WARNING)
    assert warning == "1 scans are copies of another one, such as test/7.npy = gear train/1.npy"


def test_files_that_the_layout_does_not_reach_are_a_warning(parts):
    np.savetxt(parts / "gear" / "gt" / "crack" / "3.txt", np.zeros(50))
    (parts / "gear" / "test" / "crack" / "deep").mkdir()
    np.save(parts / "gear" / "test" / "crack" / "deep" / "1.npy", points(9))
    (warning,) = messages(findings(parts), Severity.WARNING)
    assert warning.startswith("2 files are not used, such as")


def test_junk_is_a_note(parts):
    (parts / "gear" / "test" / "crack" / "._1.npy").write_bytes(b"x")
    (parts / "gear" / ".DS_Store").write_bytes(b"x")
    found = findings(parts)
    assert {finding.severity for finding in found} == {Severity.NOTE}
    assert any("2 files such as" in note for note in messages(found, Severity.NOTE))


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


def test_a_public_set_is_compared_with_its_inventory(tmp_path):
    write_tire(tmp_path / "tire" / "test" / "cut", 0, (40, 40), 254)
    found = list(verify(Mvtec3dAd(tmp_path, Mvtec3dAdConfig())))
    assert messages(found, Severity.ERROR) == ["no train samples"]
    counts, release = messages(found, Severity.WARNING)
    assert "train/good 0 of 210" in counts
    assert "test/cut 1 of 27" in counts
    assert release.startswith("this is a copy padded to squares, probably with the plane removed")
    assert release.endswith("1 of 40 x 40, published are 800 x 600")
    assert "1 of 5 anomalous points are not valid points" in messages(found, Severity.NOTE)


def test_a_metric_set_in_other_units_is_a_warning(tmp_path):
    write_tire(tmp_path / "tire" / "test" / "cut", 0, (40, 40), 254)
    path = tmp_path / "tire" / "test" / "cut" / "xyz" / "000.tiff"
    tifffile.imwrite(path, tifffile.imread(path) * 1000, photometric="rgb")
    warnings = messages(
        list(verify(Mvtec3dAd(tmp_path, Mvtec3dAdConfig(foreground="all")))), Severity.WARNING
    )
    assert any("expected of the unit millimetre, but the data set is in metres" in text for text in warnings)


def test_real_eyecandies_subset_is_sound_but_partial(test_data):
    found = list(verify(Eyecandies(test_data / "data" / "eyecandies", EyecandiesConfig())))
    assert messages(found, Severity.ERROR) == []
    (warning,) = messages(found, Severity.WARNING)
    assert "train 20 of 1000, val 5 of 100, test_public 30 of 50, test_private 3 of 400" in warning


def test_real_tire_lacks_scans_and_says_so_once_per_folder(test_data):
    folder = test_data / "data" / "mvtec3d_ad"
    found = list(verify(Mvtec3dAd(folder, Mvtec3dAdConfig())))
    errors = messages(found, Severity.ERROR)
    kinds = json.loads((folder / "tire" / "class_ids.json").read_text()).values()
    assert (
        len(errors) == 1 + len(kinds) + 1
    )  # no train; one per type folder; "combined" has no level of its own
    assert sum("tiff is missing" in error for error in errors) == 5
    assert "image sizes are those of the original release" in messages(found, Severity.NOTE)
