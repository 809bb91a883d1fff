"""The cache of regions: found, missing, damaged and unwritable files; the result is always the same."""

import os
from pathlib import Path

import numpy as np
import pytest

from pc3dad.data import region_cache
from pc3dad.data.region_cache import RegionCache, regions_folder
from pc3dad.errors import MetricError
from pc3dad.metrics.regions import RegionParameters, find_regions
from pc3dad.types import PointCloud


def sample(seed=0, grid=None):
    rng = np.random.default_rng(seed)
    xyz = rng.random((600, 3)) * [1, 1, 0.01]
    xyz[0] = np.nan
    mask = np.abs(xyz[:, 0] - 0.5) > 0.3
    mask[0] = True
    return PointCloud(xyz, grid=grid), mask


def only_file(folder):
    (path,) = folder.iterdir()
    return path


@pytest.fixture
def computed(monkeypatch):
    """Counts how often regions are computed."""
    calls = []

    def counted(*arguments, **options):
        calls.append(arguments)
        return find_regions(*arguments, **options)

    monkeypatch.setattr(region_cache, "find_regions", counted)
    return calls


def test_regions_are_computed_once(tmp_path, computed):
    cloud, mask = sample()
    expected = find_regions(cloud, mask)
    for _ in range(3):
        regions = RegionCache(tmp_path / "deep" / "folder").regions(cloud, mask)
        assert regions.tolist() == expected.tolist()
        assert regions.dtype == np.int32
    assert len(computed) == 1
    assert expected.max() == 1


def test_a_file_holds_ids_of_anomalous_points_only(tmp_path):
    cloud, mask = sample()
    RegionCache(tmp_path).regions(cloud, mask)
    with np.load(only_file(tmp_path)) as file:
        assert len(file["regions"]) == (mask & cloud.valid).sum()


def test_every_sample_and_every_parameter_has_its_own_file(tmp_path, computed):
    narrow = RegionParameters(alpha=0.2)
    for seed in range(3):
        for parameters in (RegionParameters(), narrow):
            cache = RegionCache(tmp_path, parameters=parameters)
            expected = find_regions(*sample(seed), parameters=parameters)
            for _ in range(2):
                assert cache.regions(*sample(seed)).tolist() == expected.tolist()
    assert len(list(tmp_path.iterdir())) == len(computed) == 6


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "folder", "text", "member", "shape", "type"])
def test_a_damaged_file_is_computed_again_and_mended(tmp_path, computed, damage):
    cloud, mask = sample()
    cache = RegionCache(tmp_path)
    expected = cache.regions(cloud, mask)
    path = only_file(tmp_path)
    content = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)
    if damage == "cut":
        path.write_bytes(content[:-30])
    elif damage == "flipped":
        at = content.index(arrays["regions"].tobytes()) + 5
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    elif damage == "text":
        path.write_text("regions")
    elif damage == "member":
        np.savez(path, digest=arrays["digest"])
    elif damage == "shape":
        np.savez(path, digest=arrays["digest"], regions=arrays["regions"][1:])
    else:
        np.savez(path, digest=arrays["digest"], regions=arrays["regions"] * 0.5)
    assert cache.regions(cloud, mask).tolist() == expected.tolist()
    assert len(computed) == 2
    if damage != "folder":  # a file cannot take the place of a folder
        assert path.read_bytes() == content


def test_a_file_of_another_sample_under_this_name_is_not_believed(tmp_path, computed):
    cloud, mask = sample()
    cache = RegionCache(tmp_path)
    expected = cache.regions(cloud, mask)
    mine = only_file(tmp_path)
    turned = PointCloud(cloud.xyz[:, [1, 0, 2]])
    cache.regions(turned, mask)
    (other,) = set(tmp_path.iterdir()) - {mine}
    mine.write_bytes(other.read_bytes())
    assert cache.regions(cloud, mask).tolist() == expected.tolist()
    assert len(computed) == 3


def test_a_folder_that_cannot_be_made_costs_nothing_but_time(tmp_path, computed):
    (tmp_path / "file").write_text("in the way")
    cache = RegionCache(tmp_path / "file" / "regions")
    cloud, mask = sample()
    for _ in range(2):
        assert cache.regions(cloud, mask).tolist() == find_regions(cloud, mask).tolist()
    assert len(computed) == 2


def test_a_full_disk_costs_nothing_but_time(tmp_path, computed, monkeypatch):
    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    cloud, mask = sample()
    assert RegionCache(tmp_path).regions(cloud, mask).tolist() == find_regions(cloud, mask).tolist()
    assert list(tmp_path.iterdir()) == []


def test_images_and_normal_samples_are_faster_than_files(tmp_path):
    cloud, mask = sample(grid=(20, 30))
    cache = RegionCache(tmp_path)
    assert cache.regions(cloud, mask).tolist() == find_regions(cloud, mask).tolist()
    assert (cache.regions(sample()[0], np.zeros(600, bool)) == -1).all()
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_kept(computed):
    cloud, mask = sample()
    cache = RegionCache(None)
    assert cache.regions(cloud, mask).tolist() == cache.regions(cloud, mask).tolist()
    assert len(computed) == 2


def test_a_wrong_mask_is_still_an_error(tmp_path):
    with pytest.raises(MetricError, match="for 600 points"):
        RegionCache(tmp_path).regions(sample()[0], np.ones(5, bool))


def test_the_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path))
    assert regions_folder() == tmp_path / "regions"
    monkeypatch.setenv("PC3DAD_HOME", "")
    monkeypatch.setenv("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", str(tmp_path))
    assert regions_folder() == tmp_path / "pc3dad" / "regions"


@pytest.mark.parametrize("cache", ["", "relative"])
def test_the_default_folder_lies_in_the_home(tmp_path, monkeypatch, cache):
    monkeypatch.delenv("PC3DAD_HOME", raising=False)
    monkeypatch.setenv("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", cache)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert regions_folder() == tmp_path / ".cache" / "pc3dad" / "regions"


def test_a_user_without_home_keeps_nothing(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("PC3DAD_HOME", "LOCALAPPDATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert regions_folder() is None
