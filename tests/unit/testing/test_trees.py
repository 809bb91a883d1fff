"""Stand-in trees have the names and counts of the inventories and are read by the loaders."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pc3dad import registry
from pc3dad.data import manifests
from pc3dad.data.base import Severity
from pc3dad.io.clouds import read_cloud
from pc3dad.testing import trees
from pc3dad.types import Split


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def opened(slug: str, root: Path, **options):
    entry = registry.datasets()[slug]
    return entry.open(root, entry.configure(options))


def test_real3d_ad_has_the_published_counts(tmp_path):
    trees.real3d_ad(tmp_path, points=3)
    dataset = opened("real3d_ad", tmp_path)
    totals = manifests.read("real3d_ad")["totals"]
    count = {split: sum(len(dataset.refs(name, split)) for name in dataset.categories()) for split in Split}
    assert (count[Split.TRAIN], count[Split.TEST]) == (totals["train"], totals["test"])
    tables = [name for name in names(tmp_path) if name.endswith(".txt")]
    assert len(tables) == totals["defect"]


def test_real3d_ad_has_every_kind_of_name_and_the_known_bad_samples():
    of_chicken = {name for _, name in trees.real3d_ad_names("chicken")}
    assert {"705_bulge", "706_sink", "605_good", "605_good_cut"} <= of_chicken
    assert any(name.endswith("_copy") for name in of_chicken)
    assert any("bulges" in name for name in of_chicken)
    for entry in manifests.read("real3d_ad")["known_pcd_txt_point_count_mismatch"]:
        assert ("test", entry["sample"]) in set(trees.real3d_ad_names(entry["category"]))


def test_anomaly_shapenet_has_the_published_counts(tmp_path):
    trees.anomaly_shapenet(tmp_path, points=3)
    trees.anomaly_shapenet(tmp_path, points=3, subset="new_pcd")
    parts = Counter((path.parts[-4], path.parts[-2]) for path in tmp_path.rglob("*.*"))
    assert parts == {
        ("pcd", "train"): 160,
        ("pcd", "test"): 1312,
        ("pcd", "GT"): 712,
        ("new_pcd", "train"): 48,
        ("new_pcd", "test"): 411,
        ("new_pcd", "GT"): 231,
    }


@pytest.mark.parametrize(("slug", "category"), [("real3d_ad", "fish"), ("anomaly_shapenet", "cap3")])
def test_the_same_seed_gives_the_same_bytes(tmp_path, slug, category):
    build = getattr(trees, slug)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        build(tmp_path / name, seed=seed, categories=[category])
    files = names(tmp_path / "a")
    assert files == names(tmp_path / "b") == names(tmp_path / "c")
    first, again, other = ([(tmp_path / name / file).read_bytes() for file in files] for name in "abc")
    assert first == again
    assert first != other


def test_tables_hold_rounded_points_of_the_scan_in_another_order(tmp_path):
    trees.anomaly_shapenet(tmp_path, points=200, categories=["cap3"])
    folder = tmp_path / "Anomaly-ShapeNet-v2" / "dataset" / "pcd" / "cap3"
    xyz = read_cloud(folder / "test" / "cap3_bulge0.pcd").xyz
    table = np.loadtxt(folder / "GT" / "cap3_bulge0.txt", delimiter=",")
    assert len(table) == len(xyz) == 200
    assert not np.allclose(table[:, :3], xyz, atol=0.01)
    distance = np.linalg.norm(table[:, None, :3] - xyz[None], axis=2).min(axis=1)
    assert 0 < distance.max() < 1e-6
    assert table[:, 3].sum() == 5  # 2.4 %


@pytest.mark.parametrize(("slug", "category"), [("real3d_ad", "starfish"), ("anomaly_shapenet", "cap3")])
def test_trees_pass_their_own_inventory_check(tmp_path, slug, category):
    getattr(trees, slug)(tmp_path, categories=[category])
    found = list(opened(slug, tmp_path).problems(category))
    assert {one.severity for one in found} == {Severity.NOTE}


def test_real_point_counts_lie_within_the_published_limits(tmp_path, monkeypatch):
    inventory = manifests.read("real3d_ad")
    inventory["categories"]["seahorse"]["test_kpoints_min_max_mean"] = [0.2, 0.9, 0.4]
    monkeypatch.setattr(manifests, "read", lambda slug: inventory)
    trees.real3d_ad(tmp_path, points="real", categories=["seahorse"])
    sizes = [len(read_cloud(path)) for path in tmp_path.rglob("test/*.pcd")]
    assert 200 <= min(sizes) < max(sizes) <= 900
    assert np.mean(sizes) == pytest.approx(400, rel=0.15)


def test_eyecandies_has_the_published_items_and_is_read(tmp_path, monkeypatch):
    inventory = manifests.read("eyecandies")
    inventory["per_category"]["train"]["good"] = 2  # 1000 take long to write
    inventory["per_category"]["val"]["good"] = 2
    inventory["per_category"]["test_private"].update(good=1, bad=1)
    monkeypatch.setattr(manifests, "read", lambda slug: inventory)
    trees.eyecandies(tmp_path, categories=["CandyCane"])
    assert len(names(tmp_path)) == 17 * (2 + 2 + 50) + 10 * 2
    dataset = opened("eyecandies", tmp_path)
    refs = dataset.refs("CandyCane", Split.TEST)
    truths = [dataset.truth(ref) for ref in refs]
    assert Counter(truth.defect for truth in truths) == {
        "good": 25,
        "bumps": 5,
        "dents": 5,
        "colors": 5,
        "normals": 5,
        "bumps+dents+colors+normals": 5,
    }
    sample = dataset.load(refs[30])
    assert sample.cloud.valid[truths[30].points].all()  # defects lie on the sweet


@pytest.mark.parametrize("full_size", [False, True])
def test_mvtec3d_ad_has_the_counts_of_the_inventory_and_is_read(tmp_path, full_size, monkeypatch):
    facts = {"train_good": 2, "validation_good": 1, "test": {"good": 1, "cut": 2, "open": 1, "combined": 1}}
    facts["image_width_x_height"] = "900x400"
    monkeypatch.setattr(manifests, "read", lambda slug: {"categories": {"rope": facts}})
    trees.mvtec3d_ad(tmp_path, categories=["rope"], full_size=full_size)
    dataset = opened("mvtec3d_ad", tmp_path)
    assert not any("number of samples" in one.message for one in dataset.problems("rope"))
    ref = dataset.refs("rope", Split.TEST)[-1]
    assert dataset.load(ref).cloud.grid == ((400, 900) if full_size else (20, 45))
    assert dataset.truth(ref).points.any()


def test_a_category_that_does_not_exist_is_an_error(tmp_path):
    for build in (trees.real3d_ad, trees.anomaly_shapenet, trees.eyecandies, trees.mvtec3d_ad):
        with pytest.raises(ValueError, match="no category nothing"):
            build(tmp_path, categories=["nothing"])
