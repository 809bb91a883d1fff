"""MVTec 3D-AD: organised scans with photographs, in the layout of its owners.

`<class>/{train,validation,test}/<type>/{xyz,rgb,gt}/NNN.*`; `<class>/<class>/...` is accepted too. Clouds are
in metres, camera frame with z away from the sensor. Missing pixels are (0, 0, 0) and stay so.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from pc3dad import seeding
from pc3dad.cards import DatasetCard
from pc3dad.config import Config
from pc3dad.data import manifests, tree
from pc3dad.data.base import Finding, SampleRef, Severity, fingerprint_files
from pc3dad.data.cards import MVTEC3D_AD
from pc3dad.data.facts import ScanFacts
from pc3dad.data.organised import PlaneSearch, largest_component, without_support_plane
from pc3dad.data.verify import compare_counts, inventory_findings, junk_findings
from pc3dad.errors import DataError
from pc3dad.io.images import COPY_AGAIN, read_levels, read_mask, read_rgb, read_xyz_tiff, xyz_tiff_size
from pc3dad.io.scan import check_file, unit_colours
from pc3dad.types import BoolArray, PointCloud, Sample, Split, Truth

FOLDERS = {Split.TRAIN: "train", Split.VALIDATION: "validation", Split.TEST: "test"}
SUFFIXES = {"xyz": (".tiff", ".tif"), "rgb": (".png",), "gt": (".png",)}
CLASS_IDS = "class_ids.json"
JSON_DOCUMENTS = (CLASS_IDS, "calibration/camera_parameters.json")
DOCUMENTS = (*JSON_DOCUMENTS, "license.txt", "readme.txt")
GOOD = "good"
COLOUR = "color"  # the one defect type without a change of shape
COLOUR_CATEGORY = "foam"
COMBINED = "combined"  # its masks mix the levels of several types
BORDER_PIXELS = 10  # as published preparation scripts do, see docs/data/mvtec3d_ad.md
PLANE = PlaneSearch(threshold=0.004, draw=50, iterations=1000)
PLANE_MARGIN = 0.005  # metres
PLANE_RIM = 0.25  # with less of the rim measured there is no support plane; an object may reach the rim


class Mvtec3dAdConfig(Config):
    """Options of the MVTec 3D-AD loader."""

    foreground: Literal["object", "all"] = "object"
    """object: valid are only measured pixels off the support plane, of these the largest 8-connected
    component; all: every measured pixel. Results of the two are never comparable."""
    foreground_seed: int = Field(default=0, ge=0)
    """Seed of the random search for the support plane; the draws depend on it and on the scan alone."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one sample lies: the folder of its type, and the files of the stem that xyz, rgb and gt share."""

    folder: Path
    stem: str
    files: Mapping[str, Path]
    photographed: bool  # whether there is a folder `rgb`

    @property
    def kind(self) -> str:
        """Name of the type folder."""
        return self.folder.name

    def expected(self, part: str) -> Path:
        """The file as the owners name it."""
        return self.folder / part / f"{self.stem}{SUFFIXES[part][0]}"

    def need(self, part: str, partner: str) -> Path:
        """The file of one part, or an error that names it and its partner."""
        if part not in self.files:
            raise tree.missing_partner(self.expected(part), self.expected(partner))
        return self.files[part]


class Mvtec3dAd:
    """Loader of MVTec 3D-AD.

    Args:
        root: folder that holds the category folders.
        config: options.

    Raises:
        DataError: `root` holds no usable category of MVTec 3D-AD.
    """

    card: ClassVar[DatasetCard] = MVTEC3D_AD

    def __init__(self, root: Path, config: Mvtec3dAdConfig) -> None:
        self.root = root
        self.config = config
        self._listed: dict[tuple[str, Split], dict[str, _Place]] = {}
        self.folders = tree.category_folders(root, self.card, _require_splits)

    def categories(self) -> list[str]:
        """Categories found, sorted."""
        return sorted(self.folders.usable)

    def refs(self, category: str, split: Split) -> list[SampleRef]:
        """Samples of a split by type and number; `<split>_<type>_<NNN>`.

        A sample counts if any of its files is there: a lost file is an error later, not one sample less.

        Raises:
            DataError: unknown category.
        """
        return [SampleRef(category, split, name) for name in self._places(category, split)]

    def load(self, ref: SampleRef) -> Sample:
        """Reads one scan; the photograph is None only where the whole folder `rgb` is left out.

        Raises:
            DataError: a file is missing, unreadable, or of another size than its partner.
        """
        place = self._place(ref)
        path = place.need("xyz", "rgb")
        cloud = read_xyz_tiff(path)
        grid = cloud.grid or (0, 0)  # an organised reader always sets it
        image = None
        if place.photographed:
            photograph = place.need("rgb", "xyz")
            image = read_rgb(photograph)
            _require_same_size(photograph, image.shape[:2], path, grid)
        cloud = replace(
            cloud,
            rgb=None if image is None else unit_colours(image.reshape(-1, 3), integer=True),
            valid=self._foreground(cloud, grid) if self.config.foreground == "object" else cloud.valid,
        )
        return Sample(ref.id, ref.category, cloud, image)

    def truth(self, ref: SampleRef) -> Truth:
        """Object label from the name of the type folder, points from the mask: any level above 0.

        Raises:
            DataError: the mask is missing, unreadable, or of another size than the scan.
        """
        place = self._place(ref)
        if ref.split is not Split.TEST:
            height, width = xyz_tiff_size(place.need("xyz", "rgb"))
            return Truth(ref.id, anomalous=False, points=np.zeros(height * width, dtype=bool), defect=GOOD)
        path = place.need("gt", "xyz")
        mask = read_mask(path)
        if (scan := place.files.get("xyz")) is not None:
            _require_same_size(path, mask.shape, scan, xyz_tiff_size(scan))
        anomalous = place.kind.casefold() != GOOD
        points = mask.ravel()
        if not anomalous and points.any():
            raise DataError(
                f"{path} marks a defect in the folder of normal samples", hint="use the original release"
            )
        shape_points = self._shape_points(ref.category, place.kind.casefold(), path, points)
        return Truth(
            ref.id,
            anomalous=anomalous,
            points=points,
            shape_points=shape_points,
            shape_anomalous=None if shape_points is None else bool(shape_points.any()),
            defect=place.kind if anomalous else GOOD,
        )

    def fingerprint(self, category: str) -> str:
        """Digest of options and files (`fingerprint_files`)."""
        folder = tree.pick(self.folders.usable, category, self.root)
        found = (path for path in tree.walk(folder) if not tree.is_junk(path))
        return fingerprint_files(self.card, self.config, self.root, found)

    def problems(self, category: str) -> Iterator[Finding]:
        """What `verify` cannot see from single samples: image size, files against the inventory, junk.

        Of each type folder the header of one scan is read.
        """
        folder = tree.pick(self.folders.usable, category, self.root)
        groups: dict[str, list[_Place]] = {}
        for split, name in FOLDERS.items():
            for place in self._places(category, split).values():
                groups.setdefault(f"{name}/{place.kind.casefold()}", []).append(place)
        published = _published_counts(category)
        expected: list[str] = []
        optional = list(DOCUMENTS)
        for name, count in published.items():
            for part, (suffix, *_) in SUFFIXES.items():
                files = [f"{name}/{part}/{number:03}{suffix}" for number in range(count)]
                if part == "rgb" and name in groups and not groups[name][0].photographed:
                    optional += files
                elif part != "gt" or name.startswith(FOLDERS[Split.TEST]):
                    expected += files
        used = [path for places in groups.values() for place in places for path in place.files.values()]
        yield from compare_counts(category, {name: len(places) for name, places in groups.items()}, published)
        yield from _size_findings(category, groups)
        yield from inventory_findings(category, folder, expected=expected, used=used, optional=optional)
        yield from junk_findings(category, folder)

    def check_category(self, category: str) -> Iterator[Finding | DataError]:
        """Reads the class ids and the calibration, as `ReadsCategoryFiles.check_category`."""
        for name in JSON_DOCUMENTS:
            path = self.folders.usable[category].joinpath(name)
            if path.exists():
                try:
                    _read_table(path)
                except DataError as error:
                    yield error

    def release(self, category: str, scans: Mapping[str, ScanFacts]) -> Iterator[Finding]:
        """Tells the original release from copies whose support plane was removed."""
        if not scans:
            yield Finding(Severity.NOTE, category, "release not recognised: no scan can be read")
            return
        ((usual, _),) = Counter(scan.grid for scan in scans.values()).most_common(1)
        odd = tuple(name for name, scan in scans.items() if scan.grid != usual)
        bare = tuple(name for name, scan in scans.items() if scan.rim is not None and scan.rim < PLANE_RIM)
        if odd:
            yield Finding(
                Severity.WARNING, category, f"{len(odd)} scans have another size than the others", odd
            )
        if bare:
            text = "a copy whose support plane was removed: next to no pixel on the rim is measured in"
            yield Finding(Severity.WARNING, category, f"{text} {len(bare)} of {len(scans)} scans", bare)
        if not odd and not bare and usual == _published_size(category):
            text = "recognised as the original release: published image size, support plane in place"
            yield Finding(Severity.NOTE, category, text)

    def _places(self, category: str, split: Split) -> dict[str, _Place]:
        """Id to place, in the order of type and number; folders are listed once."""
        if (category, split) not in self._listed:
            folder = tree.pick(self.folders.usable, category, self.root)
            split_folder = tree.child(folder, FOLDERS[split]) if split in FOLDERS else None
            found: dict[str, _Place] = {}
            for kind in tree.folders(split_folder) if split_folder is not None else []:
                for place in _places_of(kind):
                    name = f"{FOLDERS[split]}_{place.kind}_{place.stem}"
                    if (other := found.setdefault(name, place)) is not place:
                        raise DataError(
                            f"{other.expected('xyz')} and {place.expected('xyz')} are both sample {name}",
                            hint="rename one of the folders",
                        )
            self._listed[category, split] = found
        return self._listed[category, split]

    def _place(self, ref: SampleRef) -> _Place:
        places = self._places(ref.category, ref.split)
        if ref.id not in places:
            raise DataError(f"{ref.category} has no {ref.split} sample {ref.id!r}", hint="see `refs`")
        return places[ref.id]

    def _foreground(self, cloud: PointCloud, grid: tuple[int, int]) -> BoolArray:
        """(N,) bool: the object. Seeded by the content of the scan: names and labels cannot matter."""
        rng = seeding.generator(self.config.foreground_seed, "support plane", seeding.cloud_key(cloud))
        kept = without_support_plane(
            cloud.xyz.reshape(*grid, 3).astype(np.float64),
            cloud.valid.reshape(grid),
            rng,
            search=PLANE,
            border_pixels=BORDER_PIXELS,
            margin=PLANE_MARGIN,
        )
        return largest_component(kept).ravel()

    def _shape_points(self, category: str, kind: str, mask: Path, points: BoolArray) -> BoolArray | None:
        """(N,) bool: the points of defects that change the shape; None where all do."""
        if kind == COLOUR:
            return np.zeros_like(points)
        if kind == COMBINED and category == COLOUR_CATEGORY:
            return points & ~np.isin(read_levels(mask).ravel(), self._colour_levels(category))
        return None

    def _colour_levels(self, category: str) -> list[int]:
        path = self.folders.usable[category] / CLASS_IDS
        if not path.exists():
            raise DataError(f"{path} is missing, it names the grey levels of masks", hint=COPY_AGAIN)
        levels = [int(level) for level, name in _read_table(path).items() if name == COLOUR]
        if not levels:
            raise DataError(f"{path} names no grey level {COLOUR!r}", hint=COPY_AGAIN)
        return levels


def _require_splits(folder: Path) -> None:
    """Refuses a folder that is no category.

    Raises:
        DataError: it has no folder of a split.
    """
    if not any(tree.child(folder, split) for split in FOLDERS.values()):
        raise DataError(
            f"{folder} is not of {MVTEC3D_AD.title}: no folder train, validation or test",
            hint=f"get it from {MVTEC3D_AD.source} (licence: {MVTEC3D_AD.licence})",
        )


def _read_table(path: Path) -> dict[str, Any]:
    """The JSON object of a document; that of class ids has grey levels as keys."""
    levels = path.name == CLASS_IDS
    wrong = DataError(f"{path} is not {'a table of grey levels' if levels else 'JSON'}", hint=COPY_AGAIN)
    try:
        check_file(path)  # a pipe would block for ever
        table = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise wrong from error
    if not isinstance(table, dict) or (levels and not all(level.isdecimal() for level in table)):
        raise wrong
    return table


def _require_same_size(path: Path, size: tuple[int, ...], other: Path, other_size: tuple[int, int]) -> None:
    if size != other_size:
        raise DataError(
            f"{path} has {size[0]} x {size[1]} pixels but {other} has {other_size[0]} x {other_size[1]}",
            hint="use files of one release; nothing is resized",
        )


def _places_of(kind: Path) -> Iterator[_Place]:
    """The samples of one type folder by number."""
    parts = {part: tree.child(kind, part) for part in SUFFIXES}
    found: dict[str, dict[str, Path]] = {}
    for part, folder in parts.items():
        for path in tree.files(folder, SUFFIXES[part]) if folder is not None else []:
            found.setdefault(path.stem, {})[part] = path
    for stem in sorted(found, key=tree.natural):
        yield _Place(kind, stem, found[stem], photographed=parts["rgb"] is not None)


def _published_counts(category: str) -> dict[str, int]:
    """`<split>/<type>` to the number of samples."""
    inventory = manifests.read(MVTEC3D_AD.slug)["categories"][category]
    return {
        "train/good": inventory["train_good"],
        "validation/good": inventory["validation_good"],
        **{f"test/{kind}": count for kind, count in inventory["test"].items()},
    }


def _published_size(category: str) -> tuple[int, int]:
    """(H, W) of the images."""
    inventory = manifests.read(MVTEC3D_AD.slug)["categories"][category]
    width, height = map(int, inventory["image_width_x_height"].split("x"))
    return height, width


def _size_findings(category: str, groups: Mapping[str, Sequence[_Place]]) -> Iterator[Finding]:
    """One warning if images have another size: copies without support plane pad tire and rope to squares."""
    published = _published_size(category)
    others = {}
    for name, places in groups.items():
        scan = next((place.files["xyz"] for place in places if "xyz" in place.files), None)
        try:
            size = published if scan is None else xyz_tiff_size(scan)
        except DataError:  # an unreadable file is reported where samples are read
            continue
        if size != published:
            others[name] = size
    if others:
        height, width = next(iter(others.values()))
        padded = height == width and published[0] != published[1]
        what = (
            "a copy padded to squares, probably with the support plane removed"
            if padded
            else "a re-sized copy"
        )
        text = f"{what}: {height} x {width}, published are {published[0]} x {published[1]}"
        yield Finding(Severity.WARNING, category, text, tuple(others))
