"""Which samples a pre-rendered folder holds, from JSON files or from folders, and where their files are.

The JSON files hold absolute paths of another machine, in directory order, and pair masks with images by
position. So only the place of each sample is taken from them; its files are found by name.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pc3dad.data import tree
from pc3dad.data.views import INDICES
from pc3dad.errors import DataError
from pc3dad.io.scan import read_bytes, shown

GOOD = "good"
ALL_META = "all_meta.json"
MAX_JSON_BYTES = 1 << 25  # that of 1197 samples has about 1.5 MB
RENDERS = "d2_render_img_path"
PATHS = (  # keys of a record that name files or folders of its sample
    "d2_img_path",
    "d2_mask_path",
    "d3_pc",
    "d3_pcd_path",
    "pcd_path",
    "gt_pcd_path",
    "d2_render_gt_path",
    "d2_rgb_render_img_path",
    "d2_depth_path",
    "d2_corrdinate",
)
VIEW_PARTS = ("2d_rendering", "2d_3d_cor", "2d_depth", "2d_gt", "2d_rgb_rendering")  # a folder per sample
FILE_PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"rgb": (".png",), "gt": (".png",), "xyz": (".tiff", ".tif"), "pcd": (".pcd",), "gt_pcd": (".pcd",)}
)
ORGANISED_PARTS = ("xyz", "rgb", "gt")  # only organised data sets have any of them
NAME = re.compile(r"\w[\w .+()-]{0,199}", re.ASCII)
WRITE_AGAIN = "write the JSON file again with the script of its authors, or remove it to read the folders"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one sample lies: `<category>/test/<species>/<part>/<stem>...`.

    Attributes:
        species: folder of the kind of defect, or of normal samples.
        stem: name of its folders of views.
        mispaired: keys of its JSON record that name files of another sample.
    """

    species: Path
    stem: str
    mispaired: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """`<species>/<stem>`."""
        return f"{self.species.name}/{self.stem}"

    @property
    def anomalous(self) -> bool:
        """By the name of the species folder alone."""
        return self.species.name.casefold() != GOOD

    def expected(self, part: str) -> Path:
        """The file or folder of one part as the authors name it."""
        return self.species / part / f"{self.stem}{FILE_PARTS.get(part, ('',))[0]}"

    def find(self, part: str) -> Path | None:
        """The file or folder of one part, None if there is none.

        Eyecandies drops one leading zero from the names of views, but not from those of images.

        Raises:
            DataError: several fit.
        """
        folder = tree.child(self.species, part) if self.species.is_dir() else None
        if folder is None:
            return None
        stems = [self.stem, *([f"0{self.stem}"] if self.stem.isdigit() and part in FILE_PARTS else [])]
        names = [stem + suffix for stem in stems for suffix in FILE_PARTS.get(part, ("",))]
        found = [path for name in names if (path := folder / name).exists()]
        if len(found) > 1:
            raise DataError(
                f"{found[0]} and {found[1].name} are for the same sample", hint="keep one of them"
            )
        return found[0] if found else None

    def need(self, part: str) -> Path:
        """The file or folder of one part.

        Raises:
            DataError: it is missing.
        """
        if (path := self.find(part)) is None:
            partner = "2d_3d_cor" if part == "2d_rendering" else "2d_rendering"
            raise tree.missing_partner(self.expected(part), self.expected(partner))
        return path

    def optional(self, part: str) -> Path | None:
        """As `need`, but None where that part was made for no sample of the species."""
        there = self.species.is_dir() and tree.child(self.species, part) is not None
        return self.need(part) if there else None


def read_meta(path: Path) -> dict[str, list[Any]]:
    """Category to its records of the split `test`; empty if there is no such file.

    Raises:
        DataError: too large, not JSON, or not of the documented form.
    """
    if not path.exists():
        return {}
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise DataError(f"{path} is larger than {MAX_JSON_BYTES} bytes", hint=WRITE_AGAIN)
        meta = json.loads(read_bytes(path).tobytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is not readable JSON", hint=WRITE_AGAIN) from error
    test = meta.get("test") if isinstance(meta, dict) else None
    if not isinstance(test, dict) or not all(isinstance(records, list) for records in test.values()):
        raise DataError(f'{path} has not the form {{"test": {{category: [record, ...]}}}}', hint=WRITE_AGAIN)
    train = meta.get("train")
    if train and not (isinstance(train, dict) and not any(train.values())):
        raise DataError(f"{path} has training records, which no published script writes", hint=WRITE_AGAIN)
    return test


def meta_file(root: Path, category: str) -> Path:
    """The JSON file that the official training scripts read for one category."""
    return root / f"{category}_meta.json"


@dataclass(frozen=True, slots=True)
class Index:
    """Samples of one category.

    Attributes:
        source: what names them: a JSON file or the folders.
        places: id to place, in the order of species and number.
        organised: whether clouds are grids.
    """

    source: str
    places: Mapping[str, Place]
    organised: bool


def find_categories(root: Path, all_meta: Mapping[str, list[Any]]) -> dict[str, Path]:
    """Name to folder of the categories that have files of samples, or that a JSON file says have some.

    The folder of the latter may be lost. Folders of anything else are none. Empty if nothing has renders:
    the folder of another data set looks alike but for them.

    Raises:
        DataError: `all_meta.json` names a lost category as no folder is called.
    """
    parts = {path: set(_parts(path)) for path in tree.folders(root)}
    if not any(VIEW_PARTS[0] in names for names in parts.values()):
        return {}
    found = {path.name: path for path, names in parts.items() if names}
    listed = [name for name, records in all_meta.items() if records]
    if wrong := [name for name in listed if name not in found and not NAME.fullmatch(name)]:
        raise DataError(f"{root / ALL_META} names the category {shown(wrong[0])!r}", hint=WRITE_AGAIN)
    ending = meta_file(root, "").name
    own = [path.name.removesuffix(ending) for path in tree.files(root, (".json",)) if path.name != ALL_META]
    listed += [name for name in own if NAME.fullmatch(name) and _has_records(root, name)]
    return {name: root / name for name in listed} | found


def _parts(category: Path) -> Iterator[str]:
    """Names of the folders that hold files of its samples, in lower case."""
    for test in tree.folders(category):
        for species in tree.folders(test) if test.name.casefold() == "test" else ():
            names = {path.name.casefold() for path in tree.folders(species)}
            yield from names & {*VIEW_PARTS, *FILE_PARTS}


def _has_records(root: Path, category: str) -> bool:
    """Whether the JSON file of one category names samples; a damaged one is an error once they are read."""
    try:
        return bool(read_meta(meta_file(root, category)).get(category))
    except DataError:
        return True


def samples_folder(category: Path) -> Path:
    """Its folder `test`; the published scripts fill no other split."""
    return (tree.child(category, "test") if category.is_dir() else None) or category / "test"


def read_index(category: Path, all_meta: Mapping[str, list[Any]]) -> Index:
    """Samples of a category, and whether their clouds are grids.

    `all_meta.json` is asked first, then `<category>_meta.json`; else the names that any part has count.

    Args:
        category: its folder; the JSON files lie beside it.
        all_meta: what `read_meta` found in `all_meta.json`.

    Raises:
        DataError: a JSON file is wrong, or both name the category but other samples.
    """
    source, found = _places(category, all_meta)
    places = {place.id: place for place in sorted(found, key=lambda place: tree.natural(place.id))}
    species = {place.species for place in found if place.species.is_dir()}
    organised = any(_stems(folder, part) for folder in species for part in ORGANISED_PARTS)
    return Index(source, places, organised or any(map(_names_slots, found)))


def _names_slots(place: Place) -> bool:
    """Whether the correspondences of a sample say that its cloud is a grid."""
    correspondence = place.find("2d_3d_cor")
    return correspondence is not None and (correspondence / INDICES).exists()


def _places(category: Path, all_meta: Mapping[str, list[Any]]) -> tuple[str, list[Place]]:
    name, root = category.name, category.parent
    test = samples_folder(category)
    own = meta_file(root, name)
    sources = {root / ALL_META: all_meta.get(name), own: read_meta(own).get(name)}
    listed = {
        path: list(_recorded(path, name, test, records))
        for path, records in sources.items()
        if records is not None
    }
    if len(listed) == 2:
        one, other = ({place.id for place in found} for found in listed.values())
        if one != other:
            raise DataError(
                f"{root / ALL_META} and {own.name} disagree about {min(one ^ other)!r} of {name}",
                hint=WRITE_AGAIN,
            )
    if not listed:
        return "the folders", list(_in_folders(test))
    path, found = next(iter(listed.items()))
    return path.name, found


def _in_folders(test: Path) -> Iterator[Place]:
    """Every name that any part has: a sample that lost a part is an error, not one sample less."""
    for species in tree.folders(test) if test.is_dir() else ():
        viewed = {stem for part in VIEW_PARTS for stem in _stems(species, part)}
        stems = viewed | {stem for part in FILE_PARTS for stem in _stems(species, part)}
        short = {stem for stem in stems - viewed if stem.isdigit() and stem[0] == "0" and stem[1:] in stems}
        yield from (Place(species, stem) for stem in stems - short)  # see `Place.find` on the leading zero


def _stems(species: Path, part: str) -> list[str]:
    """Names of the samples of which one part is there."""
    folder = tree.child(species, part)
    if folder is None:
        return []
    if part in VIEW_PARTS:
        return [path.name for path in tree.folders(folder)]
    return [path.stem for path in tree.files(folder, FILE_PARTS[part])]


def _recorded(path: Path, category: str, test: Path, records: list[Any]) -> Iterator[Place]:
    seen = set()
    for index, record in enumerate(records):
        where = f"{path}: record {index} of {category}"
        place = _place(where, category, test, record)
        if place.id in seen:
            raise DataError(f"{where} names {place.id} for the second time", hint=WRITE_AGAIN)
        seen.add(place.id)
        yield place


def _place(where: str, category: str, test: Path, record: Any) -> Place:
    if not isinstance(record, dict) or record.get("anomaly") not in (0, 1):
        raise DataError(f"{where} is not an object with `anomaly` 0 or 1", hint=WRITE_AGAIN)
    named = _below_test(category, record.get(RENDERS))
    if named is None:
        raise DataError(
            f"{where} has {RENDERS} {shown(record.get(RENDERS))!r}, expected "
            f".../{category}/test/<species>/2d_rendering/<name>",
            hint=WRITE_AGAIN,
        )
    species, _, stem = named
    if record.get("cls_name") != category or record.get("specie_name") != species:
        raise DataError(f"{where} has another cls_name or specie_name than its paths", hint=WRITE_AGAIN)
    others = {key: record[key] for key in PATHS if record.get(key)}
    wrong = [key for key, path in others.items() if not _same_sample(_below_test(category, path), named)]
    place = Place(test / species, stem, tuple(wrong))
    if place.anomalous != bool(record["anomaly"]):
        raise DataError(f"{where} says anomaly {record['anomaly']} in the folder {species}", hint=WRITE_AGAIN)
    return place


def _below_test(category: str, path: Any) -> tuple[str, str, str] | None:
    """Species, part and name: the end of a path on the authors' machine, whatever words stand before it.

    None if the path is not of the form `.../<category>/test/<species>/<part>/<name>`.
    """
    parts = [part for part in path.split("/") if part] if isinstance(path, str) else []
    end = parts[-5:]
    if len(end) != 5 or end[:2] != [category, "test"] or not all(map(NAME.fullmatch, end[2:])):
        return None
    return end[2], end[3], end[4]


def _same_sample(other: tuple[str, str, str] | None, named: tuple[str, str, str]) -> bool:
    """Whether a file belongs to the sample of a folder of views; see `Place.find` on the leading zero."""
    species, _, stem = named
    if other is None or other[0] != species:
        return False
    return bool({stem, f"0{stem}"} & {other[2], Path(other[2]).stem})
