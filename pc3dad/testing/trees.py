"""Stand-ins for public data sets: folders with the names and counts of their inventories.

For tests and benchmarks of loaders where the real archives may not be. Contents are made up, and the same
for the same seed. Inventories of Real3D-AD and of the newer categories of Anomaly-ShapeNet hold counts only:
there names follow the rules of the data set. Tables of defective samples hold rounded coordinates in another
order than the scan; those that are known not to fit their scan do not fit it here either.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pc3dad import seeding
from pc3dad.data import manifests
from pc3dad.data.anomaly_shapenet import MANIFEST as ANOMALY_SHAPENET_V2
from pc3dad.data.anomaly_shapenet import published_names
from pc3dad.testing.organised_trees import chosen, eyecandies, mvtec3d_ad
from pc3dad.types import BoolArray, Float32Array

__all__ = [
    "Points",
    "anomaly_shapenet",
    "anomaly_shapenet_names",
    "eyecandies",
    "mvtec3d_ad",
    "real3d_ad",
    "real3d_ad_names",
]

Points = int | Literal["real"]
"""Points per cloud; "real" draws numbers between the published limits, around the published mean."""

ROWS_AT_ONCE = 1 << 16
FIRST_NUMBERS = {"chicken": 705, "seahorse": 265, "starfish": 433}  # Real3D-AD: of tables that do not fit
NEW_DEFECTS = (
    *(f"{kind}{index}" for kind in ("bulge", "concavity") for index in range(7)),
    *("hole0", "hole1", "broken2", "broken3", "crak4", "crak5", "scratch6", "scratch7", "bending8"),
)
REAL3D_ROW = "%.6f %.6f %.6f %d\n"
ANOMALY_SHAPENET_ROW = "%.6f,%.6f,%.6f,%.1f\n"


@dataclass(frozen=True, slots=True)
class _Shape:
    """An ellipsoid; a share of its points, in percent, is moved outwards or inwards by a defect."""

    size: tuple[float, float, float]
    centre: tuple[float, float, float]
    share: float = 0.0
    outwards: bool = True
    one_sided: bool = False


def real3d_ad(
    root: Path, *, points: Points = 64, seed: int = 0, categories: Iterable[str] | None = None
) -> Path:
    """Writes `Real3D-AD-PCD/<class>/{train,test,gt}` below `root`, all categories or those named.

    Returns:
        `root`, which the loader takes.
    """
    inventory = manifests.read("real3d_ad")
    unfit = {(one["category"], one["sample"]) for one in inventory["known_pcd_txt_point_count_mismatch"]}
    for category in chosen(categories, inventory["categories"]):
        facts = inventory["categories"][category]
        folder = root / "Real3D-AD-PCD" / category
        for split, name in real3d_ad_names(category):
            defective = split == "test" and "_good" not in name
            shape = _Shape(
                tuple(facts["size_mm_lwh"]),
                centre=(100.0, -20.0, 215.0),  # frame of a scanner, not centred
                share=facts["anomalous_point_percent"] if defective else 0.0,
                outwards="sink" not in name,
                one_sided=split == "test",
            )
            rng = seeding.generator(seed, "real3d_ad", category, name)
            limits = [1000 * value for value in facts[f"{split}_kpoints_min_max_mean"]]
            xyz, anomalous = _cloud(shape, _count(points, limits, rng), rng)
            _write_pcd(folder / split / f"{name}.pcd", xyz)
            if defective:
                table = folder / "gt" / f"{name}.txt"
                _write_table(table, xyz, anomalous, rng, REAL3D_ROW, extra=(category, name) in unfit)
    return root


def real3d_ad_names(category: str) -> Iterator[tuple[str, str]]:
    """Split and name of each sample of one category: its count, its known-bad samples, every kind of name."""
    facts = manifests.read("real3d_ad")["categories"][category]
    first = FIRST_NUMBERS.get(category, 301)
    yield from (("train", f"{first - 200 + index}_template") for index in range(facts["train"]))
    for index in range(facts["test_good"]):
        yield "test", f"{first - 100 + index // 2}_good" + ("_cut" if index % 2 else "")
    for index in range(facts["test_defect"]):
        number = index // 2
        kind = ("bulge", "sink", "bulge", "sink", "bulges")[number % 5]
        copied = ("_cut", "_copy")[number % 2 if number > 1 else 0]
        yield "test", f"{first + number}_{kind}" + (copied if index % 2 else "")


def anomaly_shapenet(
    root: Path,
    *,
    points: Points = 64,
    seed: int = 0,
    categories: Iterable[str] | None = None,
    subset: Literal["pcd", "new_pcd"] = "pcd",
) -> Path:
    """Writes `Anomaly-ShapeNet-v2/dataset/<subset>/<class>/{train,test,GT}`, all categories or those named.

    Returns:
        `root`, which the loader takes.
    """
    inventory = manifests.read(ANOMALY_SHAPENET_V2)
    totals = inventory["pcd_totals"]
    limits = [totals[f"points_{name}"] for name in ("min", "max", "mean")]
    share = 100 * totals["anomalous_points"] / totals["labelled_points"]
    unfit = {one["sample"] for one in inventory["known_bad_gt"]}
    for category in chosen(categories, inventory[subset]):
        folder = root / "Anomaly-ShapeNet-v2" / "dataset" / subset / category
        for split, name, defective in anomaly_shapenet_names(category, subset):
            rng = seeding.generator(seed, "anomaly_shapenet", category, name)
            shape = _Shape(
                size=(0.8, 1.1, 0.7),
                centre=(0.02, -0.05, 0.01),
                share=share if defective else 0.0,
                outwards="bulge" in name,
            )
            xyz, anomalous = _cloud(shape, _count(points, limits, rng), rng)
            _write_pcd(folder / split / f"{name}.pcd", xyz)
            if defective:
                table = folder / "GT" / f"{name}.txt"
                _write_table(table, xyz, anomalous, rng, ANOMALY_SHAPENET_ROW, extra=name in unfit)
    return root


def anomaly_shapenet_names(
    category: str, subset: Literal["pcd", "new_pcd"] = "pcd"
) -> Iterator[tuple[str, str, bool]]:
    """Split, name and whether it is defective of each sample of one category."""
    facts = manifests.read(ANOMALY_SHAPENET_V2)[subset][category]
    stem = category.rstrip("0123456789") if category == "desk0" else category  # as the archive has it
    yield from (("train", f"{stem}_template{index}", False) for index in range(facts["train_template"]))
    if subset == "pcd":
        yield from (("test", name, defective) for name, defective in published_names(category).items())
        return
    good = facts["test_positive"]
    yield from (("test", f"{stem}_positive{index}", False) for index in range(good))
    yield from (("test", f"{stem}_{defect}", True) for defect in NEW_DEFECTS[: facts["test_total"] - good])


def _count(points: Points, limits: Iterable[float], rng: np.random.Generator) -> int:
    """A number of points for one cloud; limits are the least, the largest and the mean."""
    if points != "real":
        return points
    low, high, mean = limits
    share = (mean - low) / (high - low)
    return int(low + (high - low) * rng.beta(2 * share, 2 * (1 - share)))


def _cloud(shape: _Shape, n_points: int, rng: np.random.Generator) -> tuple[Float32Array, BoolArray]:
    """(N, 3) float32 points in the unit of the shape, and (N,) bool labels."""
    normals = rng.normal(size=(n_points, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    if shape.one_sided:
        normals[:, 2] = np.abs(normals[:, 2])
    xyz = np.array(shape.centre) + normals * (np.array(shape.size) / 2)
    anomalous = np.zeros(n_points, dtype=np.bool_)
    if shape.share:
        towards = normals @ normals[0]
        n_anomalous = max(1, round(n_points * shape.share / 100))
        anomalous[np.argpartition(-towards, n_anomalous - 1)[:n_anomalous]] = True
        height = 0.04 * min(shape.size) * (1 if shape.outwards else -1)
        xyz[anomalous] += height * normals[anomalous]
    return xyz.astype(np.float32), anomalous


def _write_pcd(path: Path, xyz: Float32Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\n"
        f"COUNT 1 1 1\nWIDTH {len(xyz)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(xyz)}\nDATA binary\n"
    )
    path.write_bytes(header.encode() + xyz.astype("<f4").tobytes())


def _write_table(
    path: Path, xyz: Float32Array, anomalous: BoolArray, rng: np.random.Generator, row: str, *, extra: bool
) -> None:
    """Writes one row per point in another order; `extra` adds one that no point has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = np.column_stack([xyz, anomalous]).astype(np.float64)
    if extra:
        table = np.vstack([table, table.max(axis=0)])
    rng.shuffle(table)
    with path.open("w") as stream:
        for start in range(0, len(table), ROWS_AT_ONCE):
            rows = table[start : start + ROWS_AT_ONCE]
            stream.write(row * len(rows) % tuple(rows.ravel().tolist()))
