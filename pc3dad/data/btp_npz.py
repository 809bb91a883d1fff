"""Sample files of BTP, read in place.

`<root>/<category>/{train,test}/<stem>.npz`, or `.npy` of the first release; see docs/data/btp_npz.md. Paths
that are stored inside the files are never read.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np
from pydantic import ValidationInfo, field_validator

from pc3dad.cards import DatasetCard
from pc3dad.config import Config
from pc3dad.data import tree
from pc3dad.data.base import Finding, SampleRef, Severity, fingerprint_files
from pc3dad.data.cards import BTP_NPZ
from pc3dad.data.published import published_kinds
from pc3dad.data.verify import compare_counts, inventory_findings, junk_findings
from pc3dad.errors import DataError
from pc3dad.io.npz import ZIP_ERRORS, parse_npy, read_members
from pc3dad.io.scan import AnyArray, check_file, make_cloud, read_bytes
from pc3dad.types import BoolArray, Sample, Split, Truth

FOLDERS = {Split.TRAIN: "train", Split.TEST: "test"}
SUFFIXES = (".npz", ".npy")
GOOD = "good"
KINDS: Mapping[str, str] = MappingProxyType(  # words of file names; Anomaly-ShapeNet spells crack without c
    {
        "good": GOOD,
        "positive": GOOD,
        **{name: name for name in ("bulge", "sink", "concavity", "hole", "broken", "scratch", "bending")},
        "bulges": "bulge",
        "crack": "crack",
        "crak": "crack",
    }
)
SAMPLED, LABELS, ORIGINAL, ORIGINAL_LABELS = "points", ("labels", "gt"), "original_points", "original_labels"
FLAG = "is_anomaly"
READ: Mapping[str, tuple[str, ...]] = MappingProxyType(  # original clouds take 50 times as long to unpack
    {
        "sampled": (SAMPLED, *LABELS, FLAG),
        "original": (SAMPLED, *LABELS, ORIGINAL, ORIGINAL_LABELS, FLAG),
    }
)
NORMALISED = "normalize_scale"  # only files of normalised clouds have it
CONVERT_AGAIN = "convert the data set again with the present release of BTP"


class BtpNpzConfig(Config):
    """Options of the loader of BTP's sample files."""

    points: Literal["sampled", "original"] = "sampled"
    """sampled: the 2048 points that BTP scores, normalised; original: the whole cloud in the unit of its
    scan, without point labels where the file has none for it. Results of the two are never comparable."""
    object_label: Literal["file", "sampled"] = "file"
    """file: the flag of the file, else the words of its name; sampled: defective if a sampled point is, as
    BTP trains and evaluates, so that defects which no sampled point hit count as normal. It goes with
    points=sampled only: such an object would be normal although points of its whole cloud are defective."""

    @field_validator("object_label")
    @classmethod
    def _of_the_points_that_are_read(cls, object_label: str, info: ValidationInfo) -> str:
        if object_label == "sampled" and info.data.get("points") == "original":
            raise ValueError("sampled points cannot label an object that is scored on its original points")
        return object_label


class BtpNpz:
    """Loader of BTP's sample files.

    Args:
        root: folder that holds the category folders.
        config: options.

    Raises:
        DataError: `root` holds no sample file where the layout expects one.
    """

    card: ClassVar[DatasetCard] = BTP_NPZ

    def __init__(self, root: Path, config: BtpNpzConfig) -> None:
        self.root = root
        self.config = config
        if not root.is_dir():
            raise DataError(f"{root} is not a folder", hint="pass the folder that holds the category folders")
        self._categories = {
            path.name: path for path in tree.folders(root) if any(_files(path, split) for split in FOLDERS)
        }
        if not self._categories:
            raise DataError(
                f"{root} holds no <category>/test/<stem>.npz", hint="docs/data/btp_npz.md shows the layout"
            )

    def categories(self) -> list[str]:
        """Categories found, sorted."""
        return sorted(self._categories)

    def refs(self, category: str, split: Split) -> list[SampleRef]:
        """Samples of one split in natural order, `<split>/<stem>`.

        Raises:
            DataError: unknown category, or two files of one stem.
        """
        return [SampleRef(category, split, name) for name in self._paths(category, split)]

    def load(self, ref: SampleRef) -> Sample:
        """Reads the sampled points in the order in which they were drawn, or the original ones.

        Raises:
            DataError: the file is damaged, or does not hold such points.
        """
        path = self._path(ref)
        arrays = _read(path, READ[self.config.points])
        original = self.config.points == "original"
        cloud = make_cloud(_original(path, arrays) if original else _sampled(path, arrays)[:, :3])
        if not cloud.valid.any():
            raise DataError(f"{path} has no finite point", hint=CONVERT_AGAIN)
        return Sample(ref.id, ref.category, cloud)

    def truth(self, ref: SampleRef) -> Truth:
        """Labels; every value above 0 marks a defect.

        `points` is None where the file does not label them, and where no sampled point of a defective object
        lies on its defect: the object counts, its points do not.

        Raises:
            DataError: labels are missing or damaged, contradict the object label, or nothing tells it; or
                file name and flag tell different ones.
        """
        path = self._path(ref)
        arrays = _read(path, READ[self.config.points])
        kind = next((KINDS[word] for word in _words(path) if word in KINDS), None)
        sampled = _sampled_labels(path, arrays, needed=ref.split is Split.TEST)
        defective = _is_defective(path, arrays, kind, ref.split)
        if not defective and sampled.any() and self.config.object_label == "file":
            raise DataError(f"{path} marks a defect on a normal sample", hint=CONVERT_AGAIN)
        points: BoolArray | None = sampled
        if self.config.points == "original":
            points = _original_labels(path, arrays, defective=defective)
        anomalous = defective if self.config.object_label == "file" else bool(sampled.any())
        if anomalous and points is not None and not points.any():
            points = None
        if ref.split is Split.TRAIN and anomalous:
            raise DataError(f"{path} is defective but in train", hint="train holds normal samples only")
        defect = (kind if kind != GOOD else None) if anomalous else GOOD
        return Truth(ref.id, anomalous=anomalous, points=points, defect=defect)

    def fingerprint(self, category: str) -> str:
        """Digest of options and files (`fingerprint_files`)."""
        folder = tree.pick(self._categories, category, self.root)
        found = (path for path in tree.walk(folder) if not tree.is_junk(path))
        return fingerprint_files(self.card, self.config, self.root, found)

    def problems(self, category: str) -> Iterator[Finding]:
        """What single samples do not tell: the release, counts, files that are not read. Reads no array."""
        folder = self._categories[category]
        paths = [path for split in FOLDERS for path in self._paths(category, split).values()]
        members = {path: names for path in paths if (names := _member_names(path)) is not None}
        old = [path for path, names in members.items() if NORMALISED not in names]
        if old:
            text = (
                f"{len(old)} files do not say how they were normalised: the first release did not normalise"
            )
            yield Finding(Severity.WARNING, category, text, _names(old, folder))
        unlabelled = [path for path, names in members.items() if ORIGINAL_LABELS not in names]
        if unlabelled and self.config.points == "original":
            text = (
                f"{len(unlabelled)} files have no {ORIGINAL_LABELS}: their defects are known per object only"
            )
            yield Finding(Severity.NOTE, category, text, _names(unlabelled, folder))
        if published := published_kinds(category):
            expected = {GOOD: published[GOOD], "anomaly": sum(published.values()) - published[GOOD]}
            kinds = Counter(
                GOOD if any(KINDS.get(word) == GOOD for word in _words(path)) else "anomaly"
                for path in self._paths(category, Split.TEST).values()
            )
            yield from compare_counts(category, kinds, expected)
        yield from inventory_findings(category, folder, expected=(), used=paths)
        yield from junk_findings(category, folder)

    def _paths(self, category: str, split: Split) -> dict[str, Path]:
        """Id to file, in natural order."""
        folder = tree.pick(self._categories, category, self.root)
        found: dict[str, Path] = {}
        for path in _files(folder, split):
            name = f"{FOLDERS[split]}/{path.stem}"
            if name in found:
                raise DataError(
                    f"{found[name]} and {path.name} are for the same sample", hint="keep one of them"
                )
            found[name] = path
        return found

    def _path(self, ref: SampleRef) -> Path:
        path = self._paths(ref.category, ref.split).get(ref.id)
        if path is None:
            raise DataError(f"{ref.category} has no {ref.split} sample {ref.id!r}", hint="see `refs`")
        return path


def _files(category: Path, split: Split) -> list[Path]:
    folder = tree.child(category, FOLDERS[split]) if split in FOLDERS else None
    return [] if folder is None else tree.files(folder, SUFFIXES)


def _words(path: Path) -> list[str]:
    """Words of a file name without numbers: `147_bulge_cut` is bulge and cut, `bag0_crak4` bag and crak."""
    return [word for word in re.split(r"[^a-z]+", path.stem.casefold()) if word]


def _names(paths: list[Path], folder: Path) -> tuple[str, ...]:
    return tuple(path.relative_to(folder).as_posix() for path in paths)


def _member_names(path: Path) -> list[str] | None:
    """Names of the arrays of an archive; None if it is damaged, which is reported where samples are read."""
    if path.suffix.lower() == ".npy":
        return []
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except ZIP_ERRORS:
        return None


def _read(path: Path, wanted: Collection[str]) -> dict[str, AnyArray]:
    """The arrays that are wanted; a table of points and labels counts as the array `points`."""
    check_file(path)
    if path.suffix.lower() == ".npy":
        return {SAMPLED: parse_npy(path, read_bytes(path).tobytes())}
    names, arrays = read_members(path, path, lambda name: name in wanted)
    if SAMPLED in arrays or not names:
        return arrays
    return {**arrays, SAMPLED: read_members(path, path, lambda name: name == names[0])[1][names[0]]}


def _sampled(path: Path, arrays: Mapping[str, AnyArray]) -> AnyArray:
    """(n, 3) points, or (n, >= 4) points with labels in the last column."""
    points = arrays.get(SAMPLED)
    if points is None or points.ndim != 2 or points.shape[1] < 3 or points.dtype.kind == "b":
        shape = "nothing" if points is None else f"{points.dtype} of shape {points.shape}"
        raise DataError(f"{path} holds {shape} for `points`, expected numbers (n, 3)", hint=CONVERT_AGAIN)
    return points


def _sampled_labels(path: Path, arrays: Mapping[str, AnyArray], *, needed: bool) -> BoolArray:
    """(n,) bool; normal templates of the first release have no labels."""
    points = _sampled(path, arrays)
    name = next((name for name in LABELS if name in arrays), None)
    if name is not None:
        return _binary(path, name, arrays[name], len(points))
    if points.shape[1] > 3:
        return _binary(path, "last column", points[:, -1], len(points))
    if needed:
        raise DataError(f"{path} has no labels: neither {' nor '.join(LABELS)}", hint=CONVERT_AGAIN)
    return np.zeros(len(points), np.bool_)


def _original(path: Path, arrays: Mapping[str, AnyArray]) -> AnyArray:
    """(N, 3) points of the whole cloud."""
    points = arrays.get(ORIGINAL)
    if points is None or points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind == "b":
        raise DataError(f"{path} has no {ORIGINAL} (N, 3)", hint="use points=sampled")
    return points


def _original_labels(path: Path, arrays: Mapping[str, AnyArray], *, defective: bool) -> BoolArray | None:
    """(N,) bool; None for a defective sample without labels of its own: sampled ones cannot label all."""
    n_points = len(_original(path, arrays))
    if ORIGINAL_LABELS in arrays:
        labels = _binary(path, ORIGINAL_LABELS, arrays[ORIGINAL_LABELS], n_points)
        if not defective and labels.any():
            raise DataError(f"{path} marks a defect on a normal sample", hint=CONVERT_AGAIN)
        return labels
    return None if defective else np.zeros(n_points, np.bool_)


def _binary(path: Path, name: str, labels: AnyArray, n_points: int) -> BoolArray:
    if labels.shape not in ((n_points,), (n_points, 1)):
        raise DataError(f"{path}: {name} has shape {labels.shape} for {n_points} points", hint=CONVERT_AGAIN)
    if not np.isfinite(labels).all():
        raise DataError(f"{path}: {name} holds a label that is not finite", hint=CONVERT_AGAIN)
    anomalous: BoolArray = labels.reshape(n_points) > 0
    return anomalous


def _is_defective(path: Path, arrays: Mapping[str, AnyArray], kind: str | None, split: Split) -> bool:
    """The object label: the word in the name of the file, else the flag in it; templates are normal."""
    named = None if kind is None else kind != GOOD
    if FLAG in arrays:
        flag = arrays[FLAG]
        if flag.size != 1 or flag.item() not in (0, 1):
            raise DataError(f"{path}: {FLAG} is neither true nor false", hint=CONVERT_AGAIN)
        flagged = bool(flag.item())
        if named is not None and named != flagged:
            raise DataError(f"{path} is {kind} by its name but has {FLAG}={flagged}", hint=CONVERT_AGAIN)
        return flagged
    if named is None and split is Split.TEST:
        raise DataError(
            f"{path}: neither {FLAG} nor its name tells whether it is defective",
            hint=f"known words: {', '.join(KINDS)}",
        )
    return bool(named)
