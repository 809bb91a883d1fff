"""Anomaly-ShapeNet: defects modelled into ShapeNet shapes, 40 categories and 12 newer ones.

`pcd/<class>/train/<class>_template<k>.pcd`, `pcd/<class>/test/<class>_<type><k>.pcd` and, for defective
samples, `pcd/<class>/GT/<same name>.txt`. About unit size, neither centred nor scaled; +Y is up.
"""

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Literal

from pc3dad.cards import DatasetCard
from pc3dad.data import manifests, tree
from pc3dad.data.base import Finding, Severity
from pc3dad.data.cards import ANOMALY_SHAPENET, ANOMALY_SHAPENET_NEW_CATEGORIES
from pc3dad.data.labelled_clouds import (
    FOLDERS,
    GOOD,
    LABELS,
    TEMPLATE,
    LabelledClouds,
    LabelledCloudsConfig,
    below_wrappers,
    is_template,
    suffixes_below,
)
from pc3dad.data.verify import compare_counts
from pc3dad.errors import DataError
from pc3dad.types import Split

MANIFEST = "anomaly_shapenet_v2"
WRAPPERS = ("Anomaly-ShapeNet-v2", "dataset")
DERIVED = "16384"  # a copy reduced to so many points per cloud; the smallest original has 17,422
DERIVED_BYTES = 16384 * 3 * 4  # of a binary file, after its header
HEADER_BYTES = 1024  # or less
DISPLAYED = {"positive": GOOD, "crak": "crack"}  # token of file names to kind
UNRAR = "p7zip leaves empty files of this RAR archive: unpack it again with unar or unrar"


class AnomalyShapenetConfig(LabelledCloudsConfig):
    """Options of the Anomaly-ShapeNet loader."""

    subset: Literal["pcd", "new_pcd"] = "pcd"
    """pcd: the 40 categories of the benchmark; new_pcd: 12 newer ones. They are never mixed."""


class AnomalyShapenet(LabelledClouds):
    """Loader of Anomaly-ShapeNet v2.

    Args:
        root: folder that holds the category folders, or what the archive unpacks to.
        config: options.

    Raises:
        DataError: `root` holds no category of the subset, or no scans of any.
    """

    card: ClassVar[DatasetCard] = ANOMALY_SHAPENET

    def __init__(self, root: Path, config: AnomalyShapenetConfig) -> None:
        card = self.card
        if config.subset == "new_pcd":
            changes = {
                "title": f"{card.title} (subset new_pcd)",
                "categories": ANOMALY_SHAPENET_NEW_CATEGORIES,
            }
            card = card.model_copy(update=changes)
        self._inventory = manifests.read(MANIFEST)
        self._subset = config.subset
        known_bad = self._inventory["known_bad_gt"]
        inside = below_wrappers(root, (*WRAPPERS, config.subset, DERIVED), card.categories)
        super().__init__(
            inside,
            config,
            folders=tree.category_folders(inside, card, _require_scans),
            kind_of=kind_of,
            mismatched={(entry["category"], entry["sample"]): entry["gt_sha256"] for entry in known_bad},
            empty_hint=UNRAR,
        )

    def problems(self, category: str) -> Iterator[Finding]:
        """What `verify` cannot see from single samples: release, counts, files, known-bad tables."""
        published = published_names(category)
        tests = self.items(category, Split.TEST)
        yield from self._release(category, published)
        kinds = Counter(item.kind for item in tests.values())
        found = {"train": len(self.items(category, Split.TRAIN))}
        expected = _expected_counts(self._inventory[self._subset][category])
        if published:
            found |= kinds
        else:
            found |= {GOOD: kinds[GOOD], "defective": kinds.total() - kinds[GOOD]}
        yield from compare_counts(category, found, expected)
        complete = {
            FOLDERS[Split.TEST]: [f"{name}.pcd" for name in published],
            LABELS: [f"{name}.txt" for name, anomalous in published.items() if anomalous],
        }
        yield from self.findings(category, complete=complete)

    def _release(self, category: str, published: Collection[str]) -> Iterator[Finding]:
        """Tells v2 from the copy with 16,384 points per cloud, and from others."""
        tests = self.items(category, Split.TEST)
        reduced = self._is_reduced(category)
        unlisted = sorted(set(tests) - set(published), key=tree.natural) if published else []
        if reduced:
            text = "this is a derived copy with 16384 points per cloud, not the original release v2"
            yield Finding(Severity.WARNING, category, text)
        if unlisted:
            text = f"{len(unlisted)} test samples are not in the published list of release v2"
            yield Finding(Severity.WARNING, category, text, tuple(unlisted))
        if published and not reduced and not unlisted:
            yield Finding(Severity.NOTE, category, "names are those of release v2")

    def _is_reduced(self, category: str) -> bool:
        """By the name of a folder around the categories, folders inside `test`, or the sizes of the scans."""
        scans = [item.scan for item in self.items(category, Split.TEST).values()]
        sizes = [path.stat().st_size for path in scans if path.is_file()]
        folder = self.folders.usable[category]
        return (
            DERIVED in (self.root.name, self.root.parent.name)
            or any(path.parent.parent != folder for path in scans)
            or (bool(sizes) and min(sizes) >= DERIVED_BYTES and max(sizes) < DERIVED_BYTES + HEADER_BYTES)
        )


def kind_of(stem: str) -> str:
    """What a file name says: "cap0_crak4" is "crack", "desk_positive3" "good", "cap0_template1" template."""
    token = stem.casefold().rsplit("_", 1)[-1].rstrip("0123456789")
    return TEMPLATE if is_template(token) else DISPLAYED.get(token, token or "unknown")


def published_names(category: str) -> Mapping[str, bool]:
    """Published test samples of a category, id to whether it is defective; empty where none are listed."""
    listed = resources.files(manifests).joinpath(f"{MANIFEST}_pcd_test_ids.csv").read_text()
    rows = csv.DictReader(listed.splitlines())
    return {row["sample_id"]: row["label"] == "1" for row in rows if row["category"] == category}


def _expected_counts(inventory: Mapping[str, Any]) -> dict[str, int]:
    """Counts of one category by kind; the newer categories have only a total of defective samples."""
    counts = {"train": inventory["train_template"], GOOD: inventory["test_positive"]}
    others = {
        DISPLAYED.get(name, name): count
        for name, count in inventory.items()
        if name not in ("train_template", "test_positive", "test_total")
    }
    return counts | (others or {"defective": inventory["test_total"] - inventory["test_positive"]})


def _require_scans(category: Path) -> None:
    """Refuses folders of meshes and of something else."""
    if tree.child(category, "train") is None and tree.child(category, "test") is None:
        held = "holds meshes only" if ".obj" in suffixes_below(category) else "has no folder train or test"
        raise DataError(
            f"{category} {held}",
            hint=f"pass the folder that holds `pcd`; it comes from {ANOMALY_SHAPENET.source}",
        )
