"""Official renders of PointAD, GS-CLIP and Align3D-AD, read in place: folders, with or without JSON files.

`<root>/<category>/test/<species>/<part>/<id>...`; see docs/data/prerendered.md. Organised clouds are the
336 x 336 grid of the authors, other clouds are their `pcd` files; coordinates are never changed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from pc3dad.cards import DatasetCard
from pc3dad.config import Config
from pc3dad.data import tree
from pc3dad.data.base import Finding, SampleRef, Severity, fingerprint_files
from pc3dad.data.cards import PRERENDERED
from pc3dad.data.prerendered_index import (
    ALL_META,
    FILE_PARTS,
    GOOD,
    VIEW_PARTS,
    Index,
    Place,
    find_categories,
    meta_file,
    read_index,
    read_meta,
)
from pc3dad.data.published import published_kinds
from pc3dad.data.verify import compare_counts, inventory_findings, junk_findings
from pc3dad.data.views import INDICES, RenderedViews, ViewFolders, read_indices, read_views, view_files
from pc3dad.errors import DataError
from pc3dad.io.clouds import read_cloud
from pc3dad.io.images import read_mask, read_rgb, read_xyz_tiff
from pc3dad.io.scan import unit_colours
from pc3dad.types import BoolArray, Int32Array, PointCloud, Sample, Split, Truth, UInt8Array

SIDE = 336  # of the grid to which organised clouds were reduced; no file says it
DATA_PARTS = ("rgb", "xyz", "pcd")
NEEDED_PARTS = ("2d_rendering", "2d_3d_cor")
TOLERANCE = 1e-5  # of the diagonal of the bounding box, between `pcd` and `gt_pcd`
VIEW_NAMES = {
    "2d_rendering": "view_{}.png",
    "2d_3d_cor": "view_{}_cor.npy",
    "2d_depth": "view_{}_depth.png",
    "2d_gt": "view_{}_gt.png",
    "2d_rgb_rendering": "view_{}.png",
}
ONE_RELEASE = "use the files of one release, unchanged"
LAYOUT = "docs/data/prerendered.md shows the layout"


class PrerenderedConfig(Config):
    """The files leave nothing to choose."""


class Prerendered:
    """Loader of official renders.

    Args:
        root: folder that holds the category folders, and beside them the JSON files if there are any.
        config: options.

    Raises:
        DataError: `root` holds no category with renders, or a damaged `all_meta.json`.
    """

    card: ClassVar[DatasetCard] = PRERENDERED

    def __init__(self, root: Path, config: PrerenderedConfig) -> None:
        self.root = root
        self.config = config
        if not root.is_dir():
            raise DataError(f"{root} is not a folder", hint=LAYOUT)
        self._all_meta = read_meta(root / ALL_META)
        self._categories = find_categories(root, self._all_meta)
        if not self._categories:
            raise DataError(f"{root} holds no <category>/test/<species>/2d_rendering", hint=LAYOUT)
        self._indices: dict[str, Index] = {}

    def categories(self) -> list[str]:
        """Categories of the folders and of the JSON files, sorted."""
        return sorted(self._categories)

    def refs(self, category: str, split: Split) -> list[SampleRef]:
        """Samples by species and number, `<species>/<id>`; there are none but those of the split `test`.

        Raises:
            DataError: unknown category, or a JSON file of it is wrong.
        """
        index = self._index(category)
        return [SampleRef(category, split, name) for name in index.places] if split is Split.TEST else []

    def load(self, ref: SampleRef) -> Sample:
        """Reads one cloud; an organised one as grid, with the photograph reduced to it if there is one.

        Raises:
            DataError: a file is missing, unreadable, or does not fit the others.
        """
        place = self._place(ref)
        if not self._index(ref.category).organised:
            stored = read_cloud(place.need("pcd"))  # with colours and normals of the renderer, if any
            return Sample(
                ref.id, ref.category, PointCloud(stored.xyz, origin=stored.origin, valid=stored.valid)
            )
        cloud = _grid_cloud(place)
        photograph = place.optional("rgb")
        if photograph is None:
            return Sample(ref.id, ref.category, cloud)
        colours = Image.fromarray(_square(photograph, read_rgb(photograph)))
        image = np.asarray(colours.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        cloud = replace(cloud, rgb=unit_colours(image.reshape(-1, 3), integer=True))
        return Sample(ref.id, ref.category, cloud, image)

    def truth(self, ref: SampleRef) -> Truth:
        """Object label from the species folder; points from `gt` for organised clouds, else from `gt_pcd`.

        `points` is None where the reduction of a mask lost a defect: the object counts, its points do not.

        Raises:
            DataError: labels of a defective sample are missing, unreadable, do not fit the cloud, or mark a
                defect on a normal sample.
        """
        place = self._place(ref)
        organised = self._index(ref.category).organised
        part = "gt" if organised else "gt_pcd"
        path = place.need(part) if place.anomalous else place.find(part)
        if organised:
            points = np.zeros(SIDE * SIDE, dtype=np.bool_) if path is None else _reduced_mask(path)
        else:
            points = _painted(place.need("pcd"), path)
        if not place.anomalous and points.any():
            raise DataError(f"{path} marks a defect on the normal sample {ref.id}", hint=ONE_RELEASE)
        defect = place.species.name if place.anomalous else GOOD
        known = points if points.any() or not place.anomalous else None
        return Truth(ref.id, anomalous=place.anomalous, points=known, defect=defect)

    def views(self, ref: SampleRef) -> RenderedViews:
        """Reads the renders of one sample. Depth, coloured renders and masks may each be left out as a whole.

        Raises:
            DataError: as `read_views`; or correspondences are not those of the cloud that `load` gives.
        """
        place = self._place(ref)
        organised = self._index(ref.category).organised
        if organised:
            _grid_indices(place)
        correspondence = place.need("2d_3d_cor")
        views = read_views(
            ViewFolders(
                place.need("2d_rendering"),
                correspondence,
                depth=place.optional("2d_depth"),
                rgb=place.optional("2d_rgb_rendering"),
                masks=place.optional("2d_gt"),
            )
        )
        if not organised and len(views.indices) != (n_points := len(read_cloud(place.need("pcd")))):
            raise DataError(
                f"{correspondence} has {len(views.indices)} points but {place.need('pcd')} has {n_points}",
                hint=ONE_RELEASE,
            )
        return views

    def check(self, ref: SampleRef) -> Iterator[Finding | DataError]:
        """Reads the views, for `verify`; what `views` raises is all there is to say."""
        self.views(ref)
        yield from ()

    def fingerprint(self, category: str) -> str:
        """Digest of options and files (`fingerprint_files`), the JSON files included."""
        folder = tree.pick(self._categories, category, self.root)
        metas = (self.root / ALL_META, meta_file(self.root, category))
        found = [path for path in tree.walk(folder) if not tree.is_junk(path)]
        found += [path for path in metas if path.is_file()]
        return fingerprint_files(self.card, self.config, self.root, found)

    def problems(self, category: str) -> Iterator[Finding]:
        """What single samples do not tell: pairs that JSON files mix up, counts, lost and unused files."""
        index = self._index(category)
        yield Finding(Severity.NOTE, category, f"samples are those of {index.source}")
        mixed = tuple(f"{place.id}: {key}" for place in index.places.values() for key in place.mispaired)
        if mixed:
            text = f"{len(mixed)} paths in {index.source} are of another sample; files are paired by name"
            yield Finding(Severity.WARNING, category, text, mixed)
        root, folder = self.root.absolute(), self._categories[category]
        sibling = root.parent / f"{root.name}_rendered" / category
        if sibling.is_dir():
            text = f"{sibling} is not read: depth scripts write there, merge it into {self.root}"
            yield Finding(Severity.WARNING, category, text)
        if not folder.is_dir():
            text = f"{index.source} names {len(index.places)} samples but there is no folder {folder}"
            yield Finding(Severity.WARNING, category, text)
        if expected_counts := published_kinds(category):
            kinds = Counter(place.species.name for place in index.places.values())
            yield from compare_counts(category, kinds, expected_counts)
        used, expected = _inventory(index)
        yield from inventory_findings(category, folder, expected=expected, used=used)
        yield from junk_findings(category, folder)
        if category == self.categories()[0] and (items := self._strangers()):
            text = f"{len(items)} files and folders beside the categories are not read"
            yield Finding(Severity.WARNING, category, text, items)

    def _strangers(self) -> tuple[str, ...]:
        """What lies in the root and belongs to no category."""
        known = {ALL_META, *self._categories, *(meta_file(self.root, name).name for name in self._categories)}
        found = [path for path in self.root.iterdir() if path.name not in known and not tree.is_junk(path)]
        return tuple(sorted((f"{path.name}{'/' * path.is_dir()}" for path in found), key=tree.natural))

    def _index(self, category: str) -> Index:
        if category not in self._indices:
            folder = tree.pick(self._categories, category, self.root)
            self._indices[category] = read_index(folder, self._all_meta)
        return self._indices[category]

    def _place(self, ref: SampleRef) -> Place:
        place = self._index(ref.category).places.get(ref.id) if ref.split is Split.TEST else None
        if place is None:
            raise DataError(f"{ref.category} has no {ref.split} sample {ref.id!r}", hint="see `refs`")
        return place


def _grid_indices(place: Place) -> Int32Array:
    """(n,) int32: the slots of the grid that hold a point."""
    path = place.need("2d_3d_cor") / INDICES
    indices = read_indices(path.parent)
    if indices is None:
        raise tree.missing_partner(path, place.expected("2d_rendering"))
    if indices.max(initial=0) >= SIDE * SIDE:
        raise DataError(f"{path} names slot {indices.max()} of a {SIDE} x {SIDE} grid", hint=ONE_RELEASE)
    return indices


def _grid_cloud(place: Place) -> PointCloud:
    """The grid of an organised sample; slots without a point are (0, 0, 0) and not valid."""
    indices = _grid_indices(place)
    path = place.optional("pcd")
    if path is None:
        return _reduced_scan(place.need("xyz"), indices)
    points = read_cloud(path)
    if len(points) != len(indices):
        raise DataError(
            f"{path} has {len(points)} points but {place.need('2d_3d_cor') / INDICES} names {len(indices)}",
            hint=ONE_RELEASE,
        )
    xyz = np.full((SIDE * SIDE, 3), 0.0 - points.origin, np.float32)  # missing: (0, 0, 0) in the file
    valid = np.zeros(SIDE * SIDE, np.bool_)
    xyz[indices], valid[indices] = points.xyz, points.valid
    return PointCloud(xyz, origin=points.origin, valid=valid, grid=(SIDE, SIDE))


def _reduced_scan(path: Path, indices: Int32Array) -> PointCloud:
    """The grid taken from the scan of full size; its measured slots must be those that were rendered."""
    scan = read_xyz_tiff(path)
    height, width = scan.grid or (0, 0)  # an organised reader always sets it
    steps = np.arange(SIDE)
    source = ((steps * height // SIDE)[:, None] * width + steps * width // SIDE).ravel()
    valid = scan.valid[source]
    if not np.array_equal(np.flatnonzero(valid), np.sort(indices)):
        raise DataError(
            f"{path} does not have its points where {INDICES} says: {valid.sum()} against {len(indices)}",
            hint="use the scan whose support plane was removed before it was rendered, or the files in pcd/",
        )
    return PointCloud(scan.xyz[source], origin=scan.origin, valid=valid, grid=(SIDE, SIDE))


def _reduced_mask(path: Path) -> BoolArray:
    """(N,) bool of the grid, as the official loaders make it: above 0, reduced bilinearly, above 0.5."""
    mask = Image.fromarray(_square(path, read_mask(path).astype(np.uint8) * 255))
    reduced = np.asarray(mask.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    return (reduced > 127).ravel()


def _square(path: Path, image: UInt8Array) -> UInt8Array:
    """The image itself; the authors padded scans, photographs and masks together before they reduced them."""
    if image.shape[0] != image.shape[1]:
        raise DataError(
            f"{path} has {image.shape[0]} x {image.shape[1]} pixels, expected a square",
            hint="use the padded image of the package, not that of the original data set",
        )
    return image


def _painted(pcd: Path, path: Path | None) -> BoolArray:
    """(N,) bool: white points of `gt_pcd`; none without the file."""
    cloud = read_cloud(pcd)
    if path is None:
        return np.zeros(len(cloud), np.bool_)
    labels = read_cloud(path)
    if len(labels) != len(cloud):
        raise DataError(f"{path} has {len(labels)} points but {pcd} has {len(cloud)}", hint=ONE_RELEASE)
    shift = np.abs(labels.xyz - cloud.xyz + (labels.origin - cloud.origin)).max(axis=1)[cloud.valid]
    diagonal = float(np.linalg.norm(np.ptp(cloud.valid_xyz, axis=0)))
    if not (shift <= TOLERANCE * (diagonal or 1.0)).all():
        raise DataError(f"{path} has other coordinates than {pcd}", hint=ONE_RELEASE)
    if labels.rgb is None or not (np.isin(labels.rgb, (0, 1)) & (labels.rgb == labels.rgb[:, :1])).all():
        raise DataError(f"{path} should have white points on defects and black ones elsewhere", hint=LAYOUT)
    white: BoolArray = labels.rgb[:, 0] == 1
    return white


def _inventory(index: Index) -> tuple[set[Path], set[Path]]:
    """Files that belong to the samples, and those that must be there given what others have."""
    used: set[Path] = set()
    expected: set[Path] = set()
    folders = {
        place: {part: place.find(part) or place.expected(part) for part in VIEW_PARTS}
        for place in index.places.values()
    }
    views = {folder: view_files(folder) for parts in folders.values() for folder in parts.values()}
    all_numbers = {number for found in views.values() for number in found} or {0}
    for place, parts in folders.items():
        files = {part: place.find(part) or place.expected(part) for part in FILE_PARTS}
        used.update(files.values())
        expected.update(files[part] for part in DATA_PARTS if files[part].parent.is_dir())
        expected.add(files["xyz" if index.organised and files["xyz"].parent.is_dir() else "pcd"])
        if place.anomalous:
            expected.add(files["gt" if index.organised else "gt_pcd"])
        numbers = {number for folder in parts.values() for number in views[folder]} or all_numbers
        for part, folder in parts.items():
            used.update(views[folder].values())
            if folder.parent.is_dir() or part in NEEDED_PARTS:
                lost = numbers - views[folder].keys()
                expected.update(folder / VIEW_NAMES[part].format(number) for number in lost)
        if index.organised:
            expected.add(parts["2d_3d_cor"] / INDICES)
    return used, expected
