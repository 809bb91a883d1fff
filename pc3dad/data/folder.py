"""A user's own parts: scans in folders. Labels, masks, normal samples and photographs may each be missing.

See docs/data/folder.md for the layout. Coordinates keep the unit and frame of the files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from pc3dad.cards import DatasetCard
from pc3dad.config import Config
from pc3dad.data import tree
from pc3dad.data.base import Finding, SampleRef, Severity, fingerprint_files
from pc3dad.data.cards import FOLDER
from pc3dad.data.labels import SUFFIXES as LABEL_SUFFIXES
from pc3dad.data.labels import read_labels
from pc3dad.data.verify import junk_findings
from pc3dad.errors import DataError
from pc3dad.io import clouds
from pc3dad.io.images import read_rgb
from pc3dad.io.scan import unit_colours
from pc3dad.types import BoolArray, Sample, Split, Truth

GOOD = "good"
NORMAL_NAMES = frozenset({GOOD, "normal", "ok", "positive"})
LABEL_FOLDERS = ("gt", "ground_truth")
IMAGE_FOLDER = "rgb"
COMPANIONS = frozenset({*LABEL_FOLDERS, IMAGE_FOLDER})  # folders that belong to a category and are none
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
DOCUMENTS = frozenset({"readme", "license", "licence"})  # text files that are not scans
# What lies beside category folders and must be a scan; texts and images may be notes.
UNMISTAKABLE = (".ply", ".pcd", ".stl", ".obj", ".npz", ".npy", ".tif", ".tiff")
LAYOUT = "docs/data/folder.md shows the layout"


class FolderConfig(Config):
    """Options of the folder loader."""

    unit: str = Field(default="unknown", min_length=1, max_length=40)
    """Unit of the coordinates, for people: it is written beside results and changes no number."""


@dataclass(frozen=True, slots=True)
class _Scan:
    """One scan file and what its place says; `defect` is None where nothing is said."""

    path: Path
    split: Split
    defect: str | None


class Folder:
    """Loader of a user's own scans.

    Args:
        root: folder of category folders, or of the scans of a single category.
        config: options.

    Raises:
        DataError: `root` is not a folder, holds no scan where the layout expects one, or breaks the layout.
    """

    card: ClassVar[DatasetCard] = FOLDER

    def __init__(self, root: Path, config: FolderConfig) -> None:
        self.root = root
        self.config = config
        self._listings = tree.Listings()
        self._listed: dict[str, dict[str, _Scan]] = {}
        if not root.is_dir():
            raise DataError(f"{root} is not a folder", hint="pass the folder that holds your scans")
        self.folders = tree.CategoryFolders(root, _categories(root))
        if not self.folders.usable:
            suffixes = ", ".join(sorted(clouds.SUFFIXES))
            raise DataError(f"{root} holds no scan ({suffixes}) where one is looked for", hint=LAYOUT)

    def categories(self) -> list[str]:
        """Categories found, sorted."""
        return sorted(self.folders.usable)

    def refs(self, category: str, split: Split) -> list[SampleRef]:
        """Samples of one split; the id is the path below the category.

        Raises:
            DataError: unknown category, or a folder breaks the layout.
        """
        found = self._scans(category).items()
        return [SampleRef(category, split, name) for name, scan in found if scan.split is split]

    def load(self, ref: SampleRef) -> Sample:
        """Reads one scan, with its photograph if there is one.

        Raises:
            DataError: a file is unreadable, or the photograph is not aligned with the scan.
        """
        scan = self._scan(ref)
        cloud = clouds.read_cloud(scan.path)
        photograph = self._photograph(ref)
        if photograph is None:
            return Sample(ref.id, ref.category, cloud)
        image = read_rgb(photograph)
        if image.shape[:2] != cloud.grid:
            size = "not organised" if cloud.grid is None else f"{cloud.grid[0]} x {cloud.grid[1]}"
            raise DataError(
                f"{photograph}: has {image.shape[0]} x {image.shape[1]} pixels but {scan.path} is {size}",
                hint="give organised scans of the same size, or remove the photograph",
            )
        cloud = replace(cloud, rgb=unit_colours(image.reshape(-1, 3), integer=True))
        return Sample(ref.id, ref.category, cloud, image)

    def truth(self, ref: SampleRef) -> Truth:
        """Object label from the name of the folder, points from the label file; None where there is none.

        Raises:
            DataError: labels are unreadable, do not fit the scan, or mark a defect on a normal sample.
        """
        scan = self._scan(ref)
        if scan.defect is None:
            return Truth(ref.id)
        points = self._points(ref, scan)
        return Truth(ref.id, anomalous=scan.defect != GOOD, points=points, defect=scan.defect)

    def fingerprint(self, category: str) -> str:
        """Digest of options and files (`fingerprint_files`)."""
        folder = tree.pick(self.folders.usable, category, self.root)
        found = (path for path in tree.walk(folder) if not tree.is_junk(path))
        return fingerprint_files(self.card, self.config, self.root, found)

    def problems(self, category: str) -> Iterator[Finding]:
        """What `verify` cannot see from single samples: files that the layout does not reach, junk."""
        folder = self.folders.usable[category]
        reached: set[Path | None] = set()
        for name, scan in self._scans(category).items():
            ref = SampleRef(category, scan.split, name)
            reached |= {scan.path, self._label(ref), self._photograph(ref)}
        suffixes = {*clouds.SUFFIXES, *LABEL_SUFFIXES, *IMAGE_SUFFIXES}
        lost = [
            path.relative_to(folder).as_posix()
            for path in tree.walk(folder)
            if path.suffix.lower() in suffixes and path not in reached and not tree.is_junk(path)
        ]
        if lost:
            items = tuple(sorted(lost, key=tree.natural))
            yield Finding(Severity.WARNING, category, f"{len(lost)} files are not used; {LAYOUT}", items)
        if (labels := tree.child(folder, *LABEL_FOLDERS)) is not None:
            yield Finding(Severity.NOTE, category, f"point labels are read from {labels.name}/")
        yield from junk_findings(category, folder)

    def _scans(self, category: str) -> dict[str, _Scan]:
        """Id to scan, in natural order within each folder; folders are listed once."""
        if category not in self._listed:
            folder = tree.pick(self.folders.usable, category, self.root)
            scans = {scan.path.relative_to(folder).as_posix(): scan for scan in _scans(folder)}
            self._listed[category] = scans
        return self._listed[category]

    def _scan(self, ref: SampleRef) -> _Scan:
        scan = self._scans(ref.category).get(ref.id)
        if scan is None or scan.split is not ref.split:
            raise DataError(f"{ref.category} has no {ref.split} sample {ref.id!r}", hint="see `refs`")
        return scan

    def _points(self, ref: SampleRef, scan: _Scan) -> BoolArray | None:
        path = self._label(ref)
        if path is None:
            return (
                None if scan.defect != GOOD else np.zeros(len(clouds.read_cloud(scan.path)), dtype=np.bool_)
            )
        points = read_labels(path, clouds.read_cloud(scan.path))
        if scan.defect == GOOD and points.any():
            raise DataError(f"{path} marks a defect on a normal sample", hint="move the scan or the labels")
        return points

    def _label(self, ref: SampleRef) -> Path | None:
        """`gt/<defect>/<stem>.*` of a test scan."""
        gt = self._listings.child(self.folders.usable[ref.category], *LABEL_FOLDERS)
        parts = Path(ref.id).parts
        if gt is None or ref.split is not Split.TEST:
            return None
        return self._only(self._listings.child(gt, parts[-2]), Path(ref.id).stem, LABEL_SUFFIXES)

    def _photograph(self, ref: SampleRef) -> Path | None:
        """`rgb/<path of the scan below its category>.*`."""
        rgb = self._listings.child(self.folders.usable[ref.category], IMAGE_FOLDER)
        parent = None if rgb is None else rgb / Path(ref.id).parent
        return self._only(parent, Path(ref.id).stem, IMAGE_SUFFIXES)

    def _only(self, folder: Path | None, stem: str, suffixes: tuple[str, ...]) -> Path | None:
        """The file of that stem, None if there is none."""
        if folder is None or not folder.is_dir():
            return None
        found = self._listings.by_stem(folder, suffixes).get(stem, [])
        if len(found) > 1:
            raise DataError(f"{found[0]} and {found[1].name} are for the same scan", hint="keep one of them")
        return found[0] if found else None


def _scan_files(folder: Path) -> list[Path]:
    return [path for path in tree.files(folder, clouds.SUFFIXES) if path.stem.casefold() not in DOCUMENTS]


def _categories(root: Path) -> dict[str, Path]:
    """Name to folder: `root` itself if `train` or `test` is in it, or no sub-folder is a category."""
    if not (tree.child(root, "train") or tree.child(root, "test")):
        candidates = [path for path in tree.folders(root) if path.name.casefold() not in COMPANIONS]
        found = {path.name: path for path in candidates if any(_scans(path))}
        loose = tree.files(root, UNMISTAKABLE)
        if found and loose:
            problem = f"{root} holds category folders such as {next(iter(found))} but also {loose[0].name}"
            raise DataError(problem, hint="move such scans into a category folder")
        if found:
            return found
    return {root.resolve().name: root} if any(_scans(root)) else {}


def _scans(category: Path) -> Iterator[_Scan]:
    """Scans of a category; labels come from the name of the folder just above a scan."""
    train, test = tree.child(category, "train"), tree.child(category, "test")
    for folder in [train, *tree.folders(train)] if train else []:
        found = _scan_files(folder)
        if found and folder is not train and folder.name.casefold() not in NORMAL_NAMES:
            raise DataError(f"{folder} is in train, which holds normal samples only", hint=LAYOUT)
        yield from (_Scan(path, Split.TRAIN, GOOD) for path in found)
    for folder in tree.folders(test) if test else []:
        defect = GOOD if folder.name.casefold() in NORMAL_NAMES else folder.name
        yield from (_Scan(path, Split.TEST, defect) for path in _scan_files(folder))
    for folder in [test, category] if test else [category]:
        yield from (_Scan(path, Split.UNLABELLED, None) for path in _scan_files(folder))
