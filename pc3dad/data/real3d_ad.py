"""Real3D-AD: scanned toys in millimetres; complete templates to train on, mostly one-sided scans to test.

`<class>/train/<number>_template*.pcd`, `<class>/test/<number>_<type>[_cut|_copy].pcd` and, for defective
samples, `<class>/gt/<same name>.txt`. Scans keep the frame of the scanner, and no pose is like another.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pc3dad.cards import DatasetCard
from pc3dad.data import manifests, tree
from pc3dad.data.base import Finding, SampleRef, Severity
from pc3dad.data.cards import REAL3D_AD
from pc3dad.data.labelled_clouds import (
    GOOD,
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

WRAPPERS = ("Real3D-AD-PCD", "Real3D-AD-PLY")  # the second is refused, with a sentence that says so
COPY_SUFFIX = re.compile(r"(_(cut|copy)(_?[0-9]+)?)+$")  # a scan cut from, or pasted into, another one
TABLE_SUFFIXES = frozenset({".asc", ".txt"})


class Real3dAdConfig(LabelledCloudsConfig):
    """Options of the Real3D-AD loader."""


class Real3dAd(LabelledClouds):
    """Loader of Real3D-AD.

    Args:
        root: folder that holds the category folders, or what the archive unpacks to.
        config: options.

    Raises:
        DataError: `root` holds no usable category, or another release than the PCD scans.
    """

    card: ClassVar[DatasetCard] = REAL3D_AD

    def __init__(self, root: Path, config: Real3dAdConfig) -> None:
        self._inventory = manifests.read(self.card.slug)
        known_bad = self._inventory["known_pcd_txt_point_count_mismatch"]
        inside = below_wrappers(root, WRAPPERS, self.card.categories)
        super().__init__(
            inside,
            config,
            folders=tree.category_folders(inside, self.card, _require_scans),
            kind_of=kind_of,
            mismatched={(entry["category"], entry["sample"]): entry["gt_sha256"] for entry in known_bad},
        )

    def group(self, ref: SampleRef) -> str:
        """Names the physical object: all samples cut or copied from one scan have the same.

        Splits, bootstraps and cross-validation must keep a group together, or results leak.
        """
        number = re.match("[0-9]+", ref.id)
        return f"{ref.category}/{number[0] if number else ref.id}"

    def problems(self, category: str) -> Iterator[Finding]:
        """What `verify` cannot see from single samples: release, counts, files, known-bad tables."""
        inventory = self._inventory["categories"][category]
        kinds = Counter(item.kind == GOOD for item in self.items(category, Split.TEST).values())
        found = {
            "train": len(self.items(category, Split.TRAIN)),
            "test good": kinds[True],
            "test defective": kinds[False],
        }
        expected = [inventory[name] for name in ("train", "test_good", "test_defect")]
        yield Finding(Severity.NOTE, category, "this is the release with PCD scans")
        yield from compare_counts(category, found, dict(zip(found, expected, strict=True)))
        known_bad = [
            entry["sample"]
            for entry in self._inventory["known_pcd_txt_point_count_mismatch"]
            if entry["category"] == category
        ]
        complete = {
            "test": [f"{name}.pcd" for name in known_bad],
            "gt": [f"{name}.txt" for name in known_bad],
        }
        yield from self.findings(category, complete=complete)


def kind_of(stem: str) -> str:
    """What a file name says: "142_good_cut" is "good", "328_bulges" "bulges", "60_template" "template"."""
    kind = COPY_SUFFIX.sub("", re.sub("^[0-9]+", "", stem.casefold())).strip("_")
    return TEMPLATE if is_template(kind) else kind or "unknown"


def _require_scans(category: Path) -> None:
    """Refuses releases whose scores cannot be compared, and folders of something else.

    Raises:
        OtherReleaseError: it is of another release.
        DataError: it holds neither templates nor tests.
    """
    train, test = tree.child(category, "train"), tree.child(category, "test")
    original = f"get real3d-ad-pcd.zip from {REAL3D_AD.source} (licence: {REAL3D_AD.licence})"
    tables = suffixes_below(test)
    if tree.child(category, "train_cut") or (tables & TABLE_SUFFIXES and ".pcd" not in tables):
        raise tree.OtherReleaseError(
            f"{category} is of a train-cut copy of Real3D-AD (templates sliced into one-sided parts), whose "
            "scores cannot be compared with those of the original",
            hint=original,
        )
    found = suffixes_below(category)
    if ".ply" in found and ".pcd" not in found:
        raise tree.OtherReleaseError(
            f"{category} is of the mesh release Real3D-AD-PLY, which has no test scans", hint=original
        )
    if train is None and test is None:
        raise DataError(f"{category} is not of Real3D-AD: no folder train or test", hint=original)
