"""Labels in NumPy archives, one per sample: the plainest way to hand one's own data to the evaluator.

`<root>/<category>/<sample>.npz`; see docs/data/arrays.md. All samples are test samples.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from pc3dad.cards import DatasetCard
from pc3dad.config import Config, nearest
from pc3dad.data import tree
from pc3dad.data.base import Finding, SampleRef, fingerprint_files
from pc3dad.data.cards import ARRAYS
from pc3dad.data.verify import inventory_findings, junk_findings
from pc3dad.errors import DataError
from pc3dad.io.npz import RGB_NAMES, XYZ_NAMES, read_members, read_npz
from pc3dad.io.scan import AnyArray, check_file
from pc3dad.types import BoolArray, Int32Array, PointCloud, Sample, Split, Truth

SUFFIX = ".npz"
LABELS, OBJECT_LABEL, REGIONS, VALID = "labels", "object_label", "regions", "valid"
KNOWN = (*XYZ_NAMES, *RGB_NAMES, "normals", VALID, LABELS, OBJECT_LABEL, REGIONS)
LAYOUT = "docs/data/arrays.md shows the layout"


class ArraysConfig(Config):
    """The loader has no options."""


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """What one file says of its points."""

    anomalous: bool
    points: BoolArray
    regions: Int32Array | None


class Arrays:
    """Loader of samples in NumPy archives.

    Args:
        root: folder that holds the category folders.
        config: no options.

    Raises:
        DataError: `root` holds no archive where the layout expects one, one where no category is, or two for
            one sample.
    """

    card: ClassVar[DatasetCard] = ARRAYS

    def __init__(self, root: Path, config: ArraysConfig) -> None:
        self.root = root
        self.config = config
        self._listed: dict[str, dict[str, Path]] = {}
        self._loaded: tuple[Path, _Labels] | None = None
        if not root.is_dir():
            raise DataError(f"{root} is not a folder", hint="pass the folder that holds the category folders")
        if loose := tree.files(root, (SUFFIX,)):
            raise DataError(f"{loose[0]} is in no category", hint="move it into a folder of its category")
        usable = {path.name: path for path in tree.folders(root) if tree.by_id(path, (SUFFIX,))}
        self.folders = tree.CategoryFolders(root, usable)
        if not usable:
            raise DataError(f"{root} holds no <category>/<sample>{SUFFIX}", hint=LAYOUT)

    def categories(self) -> list[str]:
        """Categories found, sorted."""
        return sorted(self.folders.usable)

    def refs(self, category: str, split: Split) -> list[SampleRef]:
        """Samples in natural order, all of them in the test split; the id is the path below the category.

        Raises:
            DataError: unknown category, or a folder in it cannot be listed.
        """
        found = self._paths(category)
        return [SampleRef(category, split, name) for name in found] if split is Split.TEST else []

    def load(self, ref: SampleRef) -> Sample:
        """Reads one sample; a labelled image without coordinates gets those of its pixels.

        Raises:
            DataError: the file is damaged, or its arrays do not fit together.
        """
        path = self._path(ref)
        cloud, labels = _read(path)
        self._loaded = path, labels
        return Sample(ref.id, ref.category, cloud)

    def truth(self, ref: SampleRef) -> Truth:
        """Reads the labels of one sample; those of the sample just loaded are known already.

        Raises:
            DataError: as `load`.
        """
        path = self._path(ref)
        loaded, self._loaded = self._loaded, None
        found = loaded[1] if loaded and loaded[0] == path else _read(path)[1]
        return Truth(
            ref.id,
            anomalous=found.anomalous,
            points=found.points,
            regions=found.regions,
            defect=None if found.anomalous else "good",
        )

    def fingerprint(self, category: str) -> str:
        """Digest of options and files (`fingerprint_files`)."""
        folder = tree.pick(self.folders.usable, category, self.root)
        files = tree.by_id(folder, (SUFFIX,)).values()
        return fingerprint_files(self.card, self.config, self.root, files)

    def problems(self, category: str) -> Iterator[Finding]:
        """What single samples do not tell: files that are not read."""
        folder = self.folders.usable[category]
        yield from inventory_findings(category, folder, expected=(), used=self._paths(category).values())
        yield from junk_findings(category, folder)

    def _paths(self, category: str) -> Mapping[str, Path]:
        """Id to file, in natural order; folders are listed once."""
        if category not in self._listed:
            folder = tree.pick(self.folders.usable, category, self.root)
            self._listed[category] = tree.by_id(folder, (SUFFIX,))
        return self._listed[category]

    def _path(self, ref: SampleRef) -> Path:
        path = self._paths(ref.category).get(ref.id)
        if path is None or ref.split is not Split.TEST:
            raise DataError(f"{ref.category} has no {ref.split} sample {ref.id!r}", hint="see `refs`")
        return path


def _read(path: Path) -> tuple[PointCloud, _Labels]:
    check_file(path)
    names, arrays = read_members(path, path, lambda name: name in (VALID, LABELS, OBJECT_LABEL, REGIONS))
    _require_names(path, names)
    if VALID in arrays and not np.isin(arrays[VALID], (0, 1)).all():
        problem = f"{path}: {VALID} holds other numbers than 0 and 1"
        raise DataError(problem, hint="write 1 for points that count and 0 for the others")
    cloud = _scan(path) if {*names} & {*XYZ_NAMES} else _pixels(path, arrays)
    anomalous = _flag(path, arrays[OBJECT_LABEL])
    labels = _aligned(path, LABELS, arrays[LABELS], cloud)
    if not np.isfinite(labels).all():
        raise DataError(f"{path}: holds a label that is not finite", hint="write 0 for normal points")
    if ((labels < 0) | (labels != np.floor(labels))).any():
        problem = f"{path}: {LABELS} are not whole numbers from 0 on"
        raise DataError(problem, hint="threshold soft labels yourself, and take points out with valid")
    points: BoolArray = labels > 0
    if points.any() and not anomalous:
        raise DataError(f"{path}: {OBJECT_LABEL} is 0 but points of it are anomalous", hint="mend its labels")
    regions = None
    if REGIONS in arrays:
        regions = _regions(path, _aligned(path, REGIONS, arrays[REGIONS], cloud), points, cloud.valid)
    return cloud, _Labels(anomalous, points, regions)


_ADVICE = {
    LABELS: "store one label per point, above 0 on anomalous ones",
    OBJECT_LABEL: "store 0 or 1 as you know it of the object: it is never derived from labels of points",
}


def _require_names(path: Path, names: Sequence[str]) -> None:
    """Makes sure that an archive holds what is required, and nothing of which the meaning is a guess."""
    for name in names:
        if name not in KNOWN:  # a misspelt `valid` or `regions` would change every number in silence
            problem = f"{path}: holds an array {name!r}, which means nothing here{nearest(name, KNOWN)}"
            raise DataError(problem, hint=LAYOUT)
    for group in (XYZ_NAMES, RGB_NAMES):
        if len(copies := [name for name in group if name in names]) > 1:
            problem = f"{path}: holds {' and '.join(copies)}, which mean the same"
            raise DataError(problem, hint="keep one of them")
    for name, advice in _ADVICE.items():
        if name not in names:
            raise DataError(f"{path}: holds no array {name}", hint=advice)


def _scan(path: Path) -> PointCloud:
    """The points; in an organised cloud those at exactly (0, 0, 0) are missing."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is missing, no mistake
        cloud = read_npz(path)
    if cloud.grid is None:
        return cloud
    zero = (0.0 - cloud.origin).astype(np.float32)
    return replace(cloud, valid=cloud.valid & (cloud.xyz != zero).any(axis=1))


def _pixels(path: Path, arrays: Mapping[str, AnyArray]) -> PointCloud:
    """Pixels of a labelled image as points of a plane, one unit apart."""
    shape = arrays[LABELS].shape
    if len(shape) != 2 or min(shape) < 2:
        problem = f"{path}: holds labels of shape {shape} but no coordinates"
        raise DataError(problem, hint="add them as an array xyz; only images, labels (H, W), do without")
    rows, columns = np.indices(shape, dtype=np.float32)
    xyz = np.stack((columns, rows, np.zeros_like(rows)), axis=-1).reshape(-1, 3)
    cloud = PointCloud(xyz, grid=(shape[0], shape[1]))
    if VALID not in arrays:
        return cloud
    return replace(cloud, valid=_aligned(path, VALID, arrays[VALID], cloud) != 0)


def _aligned(path: Path, name: str, array: AnyArray, cloud: PointCloud) -> AnyArray:
    """(N,) from an array of one value per point, or per pixel of an organised cloud."""
    n_points = len(cloud)
    if array.shape not in ((n_points,), (n_points, 1), cloud.grid):
        points = f"{n_points} points" if cloud.grid is None else f"{cloud.grid[0]} x {cloud.grid[1]} points"
        raise DataError(f"{path}: {name} have shape {array.shape} for {points}", hint="store one per point")
    return array.reshape(n_points)


def _flag(path: Path, array: AnyArray) -> bool:
    if array.size != 1 or array.item() not in (0, 1):
        raise DataError(f"{path}: {OBJECT_LABEL} is neither 0 nor 1", hint=_ADVICE[OBJECT_LABEL])
    return bool(array.item())


def _regions(path: Path, ids: AnyArray, points: BoolArray, valid: BoolArray) -> Int32Array:
    """(N,) int32, -1 outside."""
    if ids.dtype.kind not in "iu" or ids.max(initial=0) > np.iinfo(np.int32).max:
        raise DataError(f"{path}: {REGIONS} of type {ids.dtype}", hint="store small integers, -1 outside")
    inside = ids >= 0
    if (inside & ~points).any() or (~inside & points & valid).any():
        problem = f"{path}: {REGIONS} are not those of its anomalous points"
        raise DataError(problem, hint="number them from 0 there, and write -1 everywhere else")
    return np.where(inside, ids, -1).astype(np.int32)
