"""Eyecandies: rendered sweets with exact depth, in the layout of its authors.

`<Class>/{train,val,test_public,test_private}/data/<id>_<item>.<ext>`; the width of `<id>` differs by split.
Clouds are in metres in the world frame: the belt is the plane z = 0.001 and z points up.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import Field

from pc3dad.cards import DatasetCard
from pc3dad.config import Config
from pc3dad.data import manifests, tree
from pc3dad.data.base import Finding, SampleRef, Severity, fingerprint_files
from pc3dad.data.cards import EYECANDIES
from pc3dad.data.organised import central_component
from pc3dad.data.verify import compare_counts, inventory_findings, junk_findings
from pc3dad.errors import DataError
from pc3dad.io.depth import Pinhole, depth_to_xyz
from pc3dad.io.images import read_depth_png, read_mask, read_rgb
from pc3dad.io.scan import unit_colours
from pc3dad.io.text import read_numbers
from pc3dad.types import BoolArray, Float32Array, Float64Array, PointCloud, Sample, Split, Truth

FOLDERS = {
    Split.TRAIN: "train",
    Split.VALIDATION: "val",
    Split.TEST: "test_public",
    Split.UNLABELLED: "test_private",
}
DIGITS = {Split.TRAIN: 3, Split.VALIDATION: 2, Split.TEST: 2, Split.UNLABELLED: 3}  # of published numbers
KINDS = ("bumps", "dents", "colors", "normals")
# What the constructors of PyYAML let through for `!!int ''`, `!!bool x`, `!!timestamp x` and the like.
YAML_ERRORS = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError)
SHAPE_KINDS = ("bumps", "dents")  # the others change colour or shading only
SCAN_ITEMS = ("depth.png", "info_depth.yaml", "pose.txt")
LABEL_ITEMS = ("metadata.yaml", "mask.png", *(f"{kind}_mask.png" for kind in KINDS))
SPARE_ITEMS = ("normals.png", *(f"image_{light}.png" for light in range(6)))  # a sample does without
SPARE_LABEL_ITEMS = ("object_params.yaml",)
ITEMS = frozenset({*SCAN_ITEMS, *LABEL_ITEMS, *SPARE_ITEMS, *SPARE_LABEL_ITEMS})
CONVERTED = {  # who converts, to folders in `<split>/<good or not>/` that only such copies have
    "PointAD": ("pcd", "gt_pcd", "2d_rendering", "2d_gt", "2d_3d_cor"),
    "M3DM": ("xyz",),
}
SIZE = (512, 512)
CAMERA = Pinhole(fx=711.11, fy=711.11, cx=256.0, cy=256.0)
IMAGE_TO_GRAPHICS = np.diag([1.0, -1.0, -1.0, 1.0])  # poses are for a camera that looks along -z with y up
BELT_HEIGHT = 0.01  # metres; the belt itself is at 0.001
MAX_YAML_BYTES = 4096  # of real ones 400; PyYAML takes quadratic time to refuse `[[[[`
ImageT = TypeVar("ImageT", bound=np.generic)
ORIGINAL = "use the original release, unchanged, or fetch the file again"


class EyecandiesConfig(Config):
    """Options of the Eyecandies loader."""

    foreground: Literal["object", "all"] = "object"
    """object: only the sweet is valid (higher than 0.01 m, component nearest to the image centre); all: every
    pixel. Results of the two are never comparable."""
    light: int = Field(default=5, ge=0, le=5)
    """Which render becomes the image: 0 all spots, 1 bottom, 2 right, 3 top, 4 left, 5 global light."""
    normals: bool = False
    """Deliver the renderer's own normals; a real sensor has none."""


class Eyecandies:
    """Loader of Eyecandies.

    Args:
        root: folder that holds the category folders.
        config: options.

    Raises:
        DataError: `root` holds no usable category, or a copy converted by other code.
    """

    card: ClassVar[DatasetCard] = EYECANDIES

    def __init__(self, root: Path, config: EyecandiesConfig) -> None:
        self.root = root
        self.config = config
        self._listings = tree.Listings()
        self.folders = tree.category_folders(root, self.card, _require_data)

    def categories(self) -> list[str]:
        """Categories found, sorted."""
        return sorted(self.folders.usable)

    def refs(self, category: str, split: Split) -> list[SampleRef]:
        """Samples of a split by number. A partial copy is fine; a sample counts if any of its files is there.

        The number ends at the first underscore: its width differs between splits.

        Raises:
            DataError: unknown category.
        """
        folder = self._folder(category, split)
        if folder is None:
            return []
        names = [path.name.partition("_") for path in tree.files(folder, (".png", ".yaml", ".txt"))]
        numbers = {number for number, _, item in names if number.isdecimal() and item in ITEMS}
        return [
            SampleRef(category, split, f"{FOLDERS[split]}_{number}")
            for number in sorted(numbers, key=tree.natural)
        ]

    def load(self, ref: SampleRef) -> Sample:
        """Reads one scan in metres, world frame; image and colours where the render of `light` exists.

        Raises:
            DataError: a file is missing, unreadable or of another size.
        """
        depth = self._depth(ref)
        pose = self._pose(ref)
        camera_xyz = depth_to_xyz(depth, CAMERA)
        to_world = pose @ IMAGE_TO_GRAPHICS
        xyz = camera_xyz @ to_world[:3, :3].T + to_world[:3, 3]
        valid = np.ones(len(xyz), dtype=bool)
        if self.config.foreground == "object":
            valid = central_component((xyz[:, 2] > BELT_HEIGHT).reshape(SIZE)).ravel()
        photograph = self._path(ref, f"image_{self.config.light}.png")
        image = _sized(photograph, read_rgb(photograph)) if photograph.exists() else None
        cloud = PointCloud(
            xyz.astype(np.float32),
            normals=self._normals(ref, pose) if self.config.normals else None,
            rgb=None if image is None else unit_colours(image.reshape(-1, 3), integer=True),
            valid=valid,
            grid=SIZE,
        )
        return Sample(ref.id, ref.category, cloud, image)

    def truth(self, ref: SampleRef) -> Truth:
        """Labels from the metadata, points from the masks; both must agree. Private samples have none.

        Raises:
            DataError: a file is missing or unreadable, or metadata and masks contradict each other.
        """
        if ref.split is Split.UNLABELLED:
            return Truth(ref.id)
        path = self._path(ref, "metadata.yaml")
        flags = _flags(path, self._read_yaml(ref, "metadata.yaml"))
        masks = {kind: self._mask(ref, f"{kind}_mask.png") for kind in KINDS}
        points = self._mask(ref, "mask.png")
        wrong = [kind for kind in KINDS if flags[kind] != masks[kind].any()]
        if wrong:
            raise DataError(
                f"{path} and the masks beside it disagree about {', '.join(wrong)}", hint=ORIGINAL
            )
        if flags["anomalous"] != any(flags[kind] for kind in KINDS):
            raise DataError(
                f"{path} contradicts itself: anomalous does not follow from the kinds", hint=ORIGINAL
            )
        if not np.array_equal(points, np.logical_or.reduce(list(masks.values()))):
            mask = self._path(ref, "mask.png")
            raise DataError(f"{mask} is not the union of the masks of the four kinds", hint=ORIGINAL)
        return Truth(
            ref.id,
            anomalous=flags["anomalous"],
            points=points,
            shape_points=np.logical_or.reduce([masks[kind] for kind in SHAPE_KINDS]),
            shape_anomalous=any(flags[kind] for kind in SHAPE_KINDS),
            defect="+".join(kind for kind in KINDS if flags[kind]) or "good",
        )

    def fingerprint(self, category: str) -> str:
        """Digest of options and files (`fingerprint_files`)."""
        folder = tree.pick(self.folders.usable, category, self.root)
        found = (path for path in tree.walk(folder) if not tree.is_junk(path))
        return fingerprint_files(self.card, self.config, self.root, found)

    def problems(self, category: str) -> Iterator[Finding]:
        """What `verify` cannot see from single samples: files against the inventory, junk."""
        folder = tree.pick(self.folders.usable, category, self.root)
        inventory = manifests.read(self.card.slug)["per_category"]
        published = {name: inventory[name]["good"] + inventory[name]["bad"] for name in FOLDERS.values()}
        found = {}
        expected: list[str] = []
        optional: list[str] = []
        used: list[Path] = []
        for split, name in FOLDERS.items():
            refs = self.refs(category, split)
            found[name] = len(refs)
            numbers = [f"{number:0{DIGITS[split]}}" for number in range(published[name])]
            labelled = split is not Split.UNLABELLED
            needed = SCAN_ITEMS + LABEL_ITEMS if labelled else SCAN_ITEMS
            spare = SPARE_ITEMS + SPARE_LABEL_ITEMS if labelled else SPARE_ITEMS
            expected += [f"{name}/data/{number}_{item}" for number in numbers for item in needed]
            optional += [f"{name}/data/{number}_{item}" for number in numbers for item in spare]
            used += [self._path(ref, item) for ref in refs for item in needed + spare]
        yield Finding(Severity.NOTE, category, "recognised as the original release by its layout")
        yield from compare_counts(category, found, published)
        yield from inventory_findings(category, folder, expected=expected, used=used, optional=optional)
        yield from junk_findings(category, folder)

    def check(self, ref: SampleRef) -> Iterator[Finding | DataError]:
        """Reads renders, normals and parameters that are there, as `ReadsMore.check`."""
        for item in (*SPARE_ITEMS, *SPARE_LABEL_ITEMS):
            path = self._path(ref, item)
            if path.is_file():
                try:
                    if path.suffix == ".png":
                        _sized(path, read_rgb(path))
                    else:
                        self._read_yaml(ref, item)
                except DataError as error:
                    yield error

    def _folder(self, category: str, split: Split) -> Path | None:
        category_folder = tree.pick(self.folders.usable, category, self.root)
        split_folder = self._listings.child(category_folder, FOLDERS[split])
        return None if split_folder is None else self._listings.child(split_folder, "data")

    def _path(self, ref: SampleRef, item: str) -> Path:
        folder = self._folder(ref.category, ref.split)
        number = ref.id.removeprefix(f"{FOLDERS[ref.split]}_")
        if folder is None or number == ref.id:
            raise DataError(f"{ref.category} has no {ref.split} sample {ref.id!r}", hint="see `refs`")
        return folder / f"{number}_{item}"

    def _existing(self, ref: SampleRef, item: str) -> Path:
        path = self._path(ref, item)
        if not path.is_file():
            partner = "depth.png" if item != "depth.png" else "info_depth.yaml"
            raise tree.missing_partner(path, self._path(ref, partner))
        return path

    def _depth(self, ref: SampleRef) -> Float64Array:
        """(512, 512) float64 z-depth in metres. Level 0 is the nearest depth and not a missing pixel."""
        path = self._existing(ref, "depth.png")
        level = _sized(path, read_depth_png(path)).astype(np.float64)
        limits = self._read_yaml(ref, "info_depth.yaml").get("normalization")
        try:
            nearest, farthest = float(limits["min"]), float(limits["max"])  # type: ignore[index]  # checked below
        except (KeyError, TypeError, ValueError, OverflowError):
            nearest = farthest = 0.0
        if not (0 < nearest < farthest < np.inf):
            info = self._path(ref, "info_depth.yaml")
            raise DataError(f"{info} has no normalization with 0 < min < max", hint=ORIGINAL)
        return level / 65535 * (farthest - nearest) + nearest

    def _pose(self, ref: SampleRef) -> Float64Array:
        """(4, 4) float64, graphics camera to world."""
        path = self._existing(ref, "pose.txt")
        pose = read_numbers(path)
        rotation = pose[:3, :3]
        rigid = (
            pose.shape == (4, 4)
            and bool(np.isfinite(pose).all())
            and np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
            and np.linalg.det(rotation) > 0  # no mirror image
            and np.allclose(pose[3], (0, 0, 0, 1))
        )
        if not rigid:
            raise DataError(f"{path} is not a rigid 4 x 4 pose", hint=ORIGINAL)
        return pose

    def _normals(self, ref: SampleRef, pose: Float64Array) -> Float32Array:
        """(N, 3) float32 unit normals, world frame. Stored in the graphics frame: no axis is flipped."""
        path = self._existing(ref, "normals.png")
        normals = _sized(path, read_rgb(path)).reshape(-1, 3) / 127.5 - 1
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)  # never 0: no level lies at 127.5
        return (normals @ pose[:3, :3].T).astype(np.float32)

    def _mask(self, ref: SampleRef, item: str) -> BoolArray:
        path = self._existing(ref, item)
        return _sized(path, read_mask(path)).ravel()

    def _read_yaml(self, ref: SampleRef, item: str) -> Mapping[str, Any]:
        path = self._existing(ref, item)
        try:
            if path.stat().st_size > MAX_YAML_BYTES:
                raise DataError(f"{path} is larger than {MAX_YAML_BYTES} bytes", hint=ORIGINAL)
            text = path.read_text()
            # Aliases of aliases make a small file huge in memory.
            if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
                raise DataError(f"{path} has YAML aliases", hint=ORIGINAL)
            value = yaml.safe_load(text)
        except (*YAML_ERRORS, OSError, RecursionError) as error:
            raise DataError(f"{path} is not readable YAML", hint=ORIGINAL) from error
        if not isinstance(value, dict):
            raise DataError(f"{path} is empty or not a YAML mapping", hint=ORIGINAL)
        return value


def _require_data(folder: Path) -> None:
    """Refuses converted copies and folders of something else.

    Raises:
        OtherReleaseError: it was converted by other code.
        DataError: no split holds `data/`.
    """
    splits = [tree.child(folder, name) for name in FOLDERS.values()]
    if any(split and tree.child(split, "data") for split in splits):
        return
    without = f"none of {', '.join(FOLDERS.values())} holds data/"
    hint = f"get the original release from {EYECANDIES.source}; renders open as `prerendered`"
    kinds = [kind for split in tree.folders(folder) for kind in tree.folders(split)]
    for author, betraying in CONVERTED.items():
        if any(tree.child(kind, name) for kind in kinds for name in betraying):
            what = f"a copy converted for {author}, with another frame, scale and numbering"
            raise tree.OtherReleaseError(f"{folder} is {what}: {without}", hint=hint)
    raise DataError(f"{folder} is not Eyecandies: {without}", hint=hint)


def _flags(path: Path, metadata: Mapping[str, Any]) -> dict[str, bool]:
    """Kind (and "anomalous") to whether the sample has it."""
    names = {"anomalous": "anomalous", **{kind: f"anomalous_{kind}" for kind in KINDS}}
    wrong = [name for name in names.values() if metadata.get(name) not in (0, 1)]
    if wrong:
        raise DataError(f"{path} has no 0 or 1 for {', '.join(wrong)}", hint=ORIGINAL)
    return {kind: bool(metadata[name]) for kind, name in names.items()}


def _sized(path: Path, image: NDArray[ImageT]) -> NDArray[ImageT]:
    """The image itself; another size has another camera."""
    if image.shape[:2] != SIZE:
        raise DataError(
            f"{path} has {image.shape[0]} x {image.shape[1]} pixels, expected 512 x 512", hint=ORIGINAL
        )
    return image
