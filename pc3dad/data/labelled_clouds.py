"""Clouds in PCD files, with a text table of points and labels for each defective one.

What Real3D-AD and Anomaly-ShapeNet share: `<category>/{train,test,gt}`, where the name of a file alone says
what it is, and tables hold `x y z label` in another order than the scan.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np

from pc3dad.cards import DatasetCard
from pc3dad.config import Config
from pc3dad.data import tree
from pc3dad.data.base import Finding, SampleRef, Severity, fingerprint_files
from pc3dad.data.labels import THRESHOLD, match_labels
from pc3dad.data.verify import inventory_findings, junk_findings
from pc3dad.errors import DataError
from pc3dad.io import digest
from pc3dad.io.clouds import read_cloud
from pc3dad.io.text import read_label_table
from pc3dad.types import BoolArray, Float32Array, Float64Array, PointCloud, Sample, Split, Truth

GOOD = "good"
TEMPLATE = "template"
TEMPLATE_TOKENS = (TEMPLATE, "prototype")
FOLDERS = MappingProxyType({Split.TRAIN: "train", Split.TEST: "test"})
LABELS = "gt"  # in any case: Anomaly-ShapeNet writes GT
TOLERANCE = 1e-5  # file unit: scan and table were rounded independently of each other
TOLERANCE_ULPS = 4  # of the largest coordinate: what float32 cannot hold is no difference
UNPACK_AGAIN = "unpack or copy the data set again"


class LabelledCloudsConfig(Config):
    """Options that both loaders have."""

    points: Literal["labels", "scan"] = "labels"
    """Where the points of a defective sample come from. labels: points and labels from its text table, as
    published works do; scan: points from its PCD file, labels matched by coordinate, one to one."""


@dataclass(frozen=True, slots=True)
class Item:
    """One sample: its kind of defect (or "good"), and its files, there or not.

    Attributes:
        kind: kind of defect for display, or "good".
        scan: PCD file.
        labels: text table; None for a normal sample, which has none.
    """

    kind: str
    scan: Path
    labels: Path | None

    @property
    def files(self) -> tuple[Path, ...]:
        """All of its files."""
        return (self.scan,) if self.labels is None else (self.scan, self.labels)


class LabelledClouds:
    """What both loaders share. Each category is listed once in the life of the object.

    Where points come from tables, all clouds hold float32 coordinates without an origin and nothing else: a
    method must not see from precision, normals or colours of a cloud that its sample is defective.

    Args:
        root: folder that holds the category folders.
        config: options.
        folders: folders of the categories.
        kind_of: stem of a file name to "good", "template" or a kind of defect.
        mismatched: category and sample id to sha256 of the table, for tables known to have another number of
            rows than the scan has points.
        empty_hint: what to do about empty files.
    """

    card: ClassVar[DatasetCard]

    def __init__(
        self,
        root: Path,
        config: LabelledCloudsConfig,
        *,
        folders: tree.CategoryFolders,
        kind_of: Callable[[str], str],
        mismatched: Mapping[tuple[str, str], str],
        empty_hint: str = UNPACK_AGAIN,
    ) -> None:
        self.root = root
        self.config = config
        self.folders = folders
        self._kind_of = kind_of
        self._points = config.points
        self._mismatched = mismatched
        self._empty_hint = empty_hint
        self._listed: dict[str, Mapping[Split, Mapping[str, Item]]] = {}

    def categories(self) -> list[str]:
        """Categories found, sorted."""
        return sorted(self.folders.usable)

    def fingerprint(self, category: str) -> str:
        """Digest of options and files (`fingerprint_files`)."""
        folder = tree.pick(self.folders.usable, category, self.root)
        found = (path for path in tree.walk(folder) if not tree.is_junk(path))
        return fingerprint_files(self.card, self.config, self.root, found)

    def items(self, category: str, split: Split) -> Mapping[str, Item]:
        """Sample id to item, by kind and number; a sample counts if any of its files is there.

        Raises:
            DataError: unknown category, or two files of one folder have the same stem.
        """
        if category not in self._listed:
            folder = tree.pick(self.folders.usable, category, self.root)
            self._listed[category] = _list(folder, self._kind_of)
        return self._listed[category].get(split, {})

    def refs(self, category: str, split: Split) -> list[SampleRef]:
        """Samples of a split, by kind and number; the id is the name of the file without suffix.

        Raises:
            DataError: as `items`.
        """
        return [SampleRef(category, split, name) for name in self.items(category, split)]

    def load(self, ref: SampleRef) -> Sample:
        """Reads the points that `truth` labels.

        Raises:
            DataError: a file is missing, empty or unreadable.
        """
        item = self._item(ref)
        if item.labels is not None and self._points == "labels":
            xyz, _ = _read_rows(item.labels)
            return Sample(ref.id, ref.category, PointCloud(_as_float32(xyz)))
        cloud = read_cloud(item.scan)
        if self._points == "labels":  # nothing that a table does not have
            cloud = PointCloud(_as_float32(cloud.xyz + cloud.origin), valid=cloud.valid)
        return Sample(ref.id, ref.category, cloud)

    def truth(self, ref: SampleRef) -> Truth:
        """Object label from the file name, points from the table; a normal sample is all zero.

        Raises:
            DataError: a file is missing, empty or unreadable, or rows and scan cannot be matched.
        """
        item = self._item(ref)
        if item.labels is None:
            points = np.zeros(len(read_cloud(item.scan)), dtype=np.bool_)
            return Truth(ref.id, anomalous=False, points=points, defect=GOOD)
        return Truth(ref.id, anomalous=True, points=self._point_labels(ref, item), defect=item.kind)

    def findings(self, category: str, *, complete: Mapping[str, Collection[str]]) -> Iterator[Finding]:
        """What the names and sizes of files tell: missing, empty and unexpected ones, junk, known-bad tables.

        Args:
            category: name.
            complete: "test" and "gt" to the file names that a complete copy has, as far as they are known.
        """
        folder = tree.pick(self.folders.usable, category, self.root)
        items = [item for split in FOLDERS for item in self.items(category, split).values()]
        used = {path for item in items for path in item.files}
        there = {path.name for path in used}
        parents = {name: tree.child(folder, name) or folder / name for name in complete}
        lost = {
            parents[part] / name for part, names in complete.items() for name in names if name not in there
        }
        yield from inventory_findings(category, folder, expected=used | lost, used=used)
        if any(path.is_file() and path.stat().st_size == 0 for path in used):
            yield Finding(Severity.NOTE, category, f"about empty files: {self._empty_hint}")
        yield from junk_findings(category, folder)
        if (labels := tree.child(folder, LABELS)) is not None:
            yield Finding(Severity.NOTE, category, f"point labels are read from {labels.name}/")
        yield from self._mismatch_findings(category)

    def check(self, ref: SampleRef) -> Iterator[Finding]:
        """Opens the scan of a sample whose points come from the table, and compares how many both have.

        Raises:
            DataError: a file is missing, empty or unreadable.
        """
        item = self._item(ref)
        if item.labels is not None and self._points == "labels":
            points, rows = len(read_cloud(item.scan)), len(_read_rows(item.labels)[1])
            if points != rows and (ref.category, ref.id) not in self._mismatched:
                what = "tables have another number of rows than their scans have points"
                yield Finding(
                    Severity.WARNING, ref.category, what, (f"{ref.id} ({rows} rows, {points} points)",)
                )

    def check_category(self, category: str) -> Iterator[Finding | DataError]:
        """Compares the tables known not to fit their scans with the known files."""
        for name, path in self._known_tables(category).items():
            try:
                same = digest.of_file(path) == self._mismatched[category, name]
            except OSError as error:
                yield DataError(f"{path}: {error.strerror}", hint="check its permissions")
                continue
            what = "the known ones" if same else "other files than the known ones"
            yield Finding(
                Severity.NOTE, category, f"of the tables known not to fit their scans are {what}", (name,)
            )

    def _known_tables(self, category: str) -> dict[str, Path]:
        """Sample id to table, for the tables known not to fit that are there."""
        tests = self.items(category, Split.TEST)
        return {
            name: item.labels
            for name, item in tests.items()
            if (category, name) in self._mismatched and item.labels is not None and item.labels.is_file()
        }

    def _mismatch_findings(self, category: str) -> Iterator[Finding]:
        if known := tuple(self._known_tables(category)):
            effect = "points and labels both come from the table"
            if self._points == "scan":
                effect = "they have no point labels here"
            text = f"{len(known)} samples are known for tables that do not fit their scans; {effect}"
            yield Finding(Severity.NOTE, category, text, known)

    def _item(self, ref: SampleRef) -> Item:
        """The item of a sample, once its files are known to be there."""
        item = self.items(ref.category, ref.split).get(ref.id)
        if item is None:
            raise DataError(f"{ref.category} has no {ref.split} sample {ref.id!r}", hint="see `refs`")
        for path in item.files:
            if not path.exists():
                partner = item.labels if path == item.scan else item.scan
                raise tree.missing_partner(path, partner or item.scan)
            if path.stat().st_size == 0:
                raise DataError(f"{path} is empty", hint=self._empty_hint)
        return item

    def _point_labels(self, ref: SampleRef, item: Item) -> BoolArray | None:
        """(N,) bool, None where table and scan are known not to fit."""
        if item.labels is None or (self._points == "scan" and (ref.category, ref.id) in self._mismatched):
            return None
        xyz, labels = _read_rows(item.labels)
        if self._points == "labels":
            return labels
        return match_labels(
            item.labels, xyz, labels, read_cloud(item.scan), tolerance=matching_tolerance(xyz)
        )


def _as_float32(xyz: Float64Array) -> Float32Array:
    """The same coordinates; what is beyond float32 is infinite, and so not valid."""
    with np.errstate(over="ignore", invalid="ignore"):
        return xyz.astype(np.float32)


def matching_tolerance(xyz: Float64Array) -> float:
    """How far a row may be from its point, unit of the file, for (R, 3) coordinates of rows."""
    ulp = float(np.spacing(np.float32(np.abs(xyz).max(initial=0.0))))
    return max(TOLERANCE, TOLERANCE_ULPS * ulp)


def below_wrappers(root: Path, wrappers: Collection[str], categories: Collection[str]) -> Path:
    """The folder that holds the categories: `root`, or what archives wrap around them.

    Args:
        root: folder that the user names.
        wrappers: names of folders that archives unpack to, the preferred one first.
        categories: names of the categories.
    """
    folder, known = root, {name.casefold() for name in categories}
    while folder.is_dir() and not known & {path.name.casefold() for path in tree.folders(folder)}:
        inside = [inner for name in wrappers if (inner := tree.child(folder, name)) is not None]
        if not inside:
            break
        folder = inside[0]
    return folder


def suffixes_below(folder: Path | None) -> frozenset[str]:
    """Suffixes, in lower case, of all files below a folder; none if there is no folder."""
    found = tree.walk(folder) if folder is not None else iter(())
    return frozenset(path.suffix.lower() for path in found if not tree.is_junk(path))


def is_template(word: str) -> bool:
    """Whether the kind that a file name gives means a template."""
    return any(token in word for token in TEMPLATE_TOKENS)


def _list(category: Path, kind_of: Callable[[str], str]) -> Mapping[Split, Mapping[str, Item]]:
    """Templates of `train`, samples of `test`. Templates in `test` are no samples."""
    train, test, labels = (tree.child(category, name) for name in (*FOLDERS.values(), LABELS))
    templates = {stem: path for stem, path in _by_stem(train, ".pcd").items() if kind_of(stem) == TEMPLATE}
    scans, tables = _by_stem(test, ".pcd"), _by_stem(labels, ".txt")
    found = {}
    for stem in scans.keys() | tables.keys():
        kind = kind_of(stem)
        scan = scans.get(stem, (test or category / FOLDERS[Split.TEST]) / f"{stem}.pcd")
        table = tables.get(stem, (labels or category / LABELS) / f"{stem}.txt")
        if kind not in (GOOD, TEMPLATE):
            found[stem] = Item(kind, scan, table)
        elif kind == GOOD and stem in scans:
            found[stem] = Item(GOOD, scan, None)
    order = sorted(found, key=lambda stem: (tree.natural(found[stem].kind), tree.natural(stem)))
    return {
        Split.TRAIN: {
            stem: Item(GOOD, templates[stem], None) for stem in sorted(templates, key=tree.natural)
        },
        Split.TEST: {stem: found[stem] for stem in order},
    }


def _by_stem(folder: Path | None, suffix: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in _files_below(folder, suffix) if folder is not None else ():
        if path.stem in found:
            raise DataError(f"{found[path.stem]} and {path} are for the same sample", hint="keep one of them")
        found[path.stem] = path
    return found


def _files_below(folder: Path, suffix: str, inside: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Files in a folder and in those below it; a folder linked into itself is entered once."""
    real = folder.resolve()
    if real not in inside:
        yield from tree.files(folder, [suffix])
        for below in tree.folders(folder):
            yield from _files_below(below, suffix, inside | {real})


def _read_rows(path: Path) -> tuple[Float64Array, BoolArray]:
    """(N, 3) float64 coordinates in the unit of the file, and (N,) bool labels."""
    try:
        table = read_label_table(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", hint="check the permissions of the file") from error
    if table.xyz is None or table.labels is None:
        raise DataError(f"{path}: rows are not x y z label", hint="use the original release")
    return table.xyz, table.labels > THRESHOLD
