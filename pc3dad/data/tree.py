"""Walks data set folders: natural order, no junk, names in any case, never a look at the whole path."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pc3dad.cards import DatasetCard
from pc3dad.errors import DataError

JUNK = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
SPLIT_FOLDERS = ("train", "val", "validation", "test", "test_public", "test_private")
MAX_LINKS = 4  # linked folders on one path: folders that link to each other have endlessly many paths


class OtherReleaseError(DataError):
    """A copy whose scores cannot be compared: it refuses the whole data set, not just one category."""


@dataclass(frozen=True, slots=True)
class CategoryFolders:
    """Where the categories of a data set lie.

    Attributes:
        root: the folder that holds them.
        usable: name to folder.
        unusable: name to why nothing can be read from its folder.
        published: names of all categories of the set; empty if any may be there.
    """

    root: Path
    usable: Mapping[str, Path]
    unusable: Mapping[str, DataError] = field(default_factory=dict)
    published: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies below a folder; names are paths from there with `/`.

    Attributes:
        sizes: bytes of each file.
        unlisted: folders that cannot be listed; "" is the folder itself.
        unreachable: links that lead nowhere, and what can be seen but not opened.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)


def natural(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sort key under which "10" follows "2"; case matters only between names that are otherwise equal."""
    parts = re.split(r"([0-9]+)", name.casefold())
    key = tuple((0, int(part), "") if index % 2 else (1, 0, part) for index, part in enumerate(parts))
    return key, name


def is_junk(path: Path | str) -> bool:
    """True for what operating systems leave behind: `._*`, `.DS_Store`, `Thumbs.db`, `desktop.ini`."""
    name = path.name if isinstance(path, Path) else path.rpartition("/")[2]
    return name.startswith("._") or name.casefold() in JUNK


def folders(parent: Path) -> list[Path]:
    """Folders directly below `parent`, hidden ones left out, in natural order."""
    found = [entry for entry in _entries(parent) if entry.is_dir() and not entry.name.startswith(".")]
    return _paths(parent, found)


def files(parent: Path, suffixes: Iterable[str]) -> list[Path]:
    """Files directly below `parent` with one of the suffixes (lower case, with dot), in natural order.

    Broken links are listed: they fail when they are read, instead of being one sample less.
    """
    wanted = frozenset(suffixes)
    found = [entry for entry in _entries(parent) if _suffix(entry.name) in wanted]
    return _paths(
        parent,
        [entry for entry in found if entry.is_file() or (entry.is_symlink() and not entry.is_dir())],
    )


def listed(parent: Path) -> list[Path]:
    """All that lies directly below `parent`, broken links too, hidden entries left out, in natural order."""
    return _paths(parent, [entry for entry in _entries(parent) if not entry.name.startswith(".")])


def walk(parent: Path) -> Iterator[Path]:
    """Every file below `parent`, junk included; linked folders are entered, loops are not."""
    return (parent / name for name in sizes(parent))


def sizes(parent: Path) -> dict[str, int]:
    """Bytes of every file below `parent`, by its path from there with `/`; otherwise as `walk`."""
    return contents(parent).sizes


def contents(parent: Path) -> Contents:
    """Everything below `parent`, what cannot be read included; otherwise as `walk`."""
    found = Contents()
    todo: list[tuple[str, tuple[str, ...], int]] = [("", (os.path.realpath(parent),), 0)]
    while todo:
        here, inside, links = todo.pop()  # path, real paths of it and of the folders around it, links in it
        below = []
        try:
            entries = sorted(_scanned(Path(inside[-1])), key=lambda entry: entry.name)
        except OSError:
            found.unlisted.append(here)
            continue
        for entry in entries:
            try:
                if entry.is_dir():
                    real, more = entry.path, links
                    if entry.is_symlink():
                        real, more = os.path.realpath(entry.path), links + 1
                    if real not in inside and more <= MAX_LINKS:
                        below.append((f"{here}{entry.name}/", (*inside, real), more))
                elif entry.is_file():
                    found.sizes[here + entry.name] = entry.stat().st_size
                else:
                    found.unreachable.append(here + entry.name)
            except OSError:  # it went away, or its folder may be listed but not entered
                found.unreachable.append(here + entry.name)
        todo += reversed(below)
    return found


def by_id(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Sample id to file, in natural order, of everything below a folder with one of the suffixes.

    The id is the path from there with `/` and without the suffix. Broken links are listed and fail when they
    are read.

    Raises:
        DataError: a folder cannot be listed, or two files have the same id.
    """
    below = contents(folder)
    if below.unlisted:
        raise DataError(f"folder {folder / below.unlisted[0]} cannot be read", hint="check its permissions")
    found: dict[str, Path] = {}
    for name in sorted((*below.sizes, *below.unreachable), key=natural):
        suffix = _suffix(name)
        if suffix not in suffixes or is_junk(name):
            continue
        sample_id = name[: -len(suffix)]
        if sample_id in found:
            problem = f"{found[sample_id]} and {Path(name).name} are for the same sample"
            raise DataError(problem, hint="keep one of them")
        found[sample_id] = folder / name
    return found


def child(parent: Path, *names: str) -> Path | None:
    """The folder below `parent` that has one of the names in any case; None if there is none.

    Raises:
        DataError: several have, so that none can be chosen without guessing.
    """
    wanted = {name.casefold() for name in names}
    found = [path for path in folders(parent) if path.name.casefold() in wanted]
    if len(found) > 1:
        listed = " and ".join(path.name for path in found)
        raise DataError(f"{parent} holds {listed}, which mean the same", hint="keep one of them")
    return found[0] if found else None


class Listings:
    """Remembers what folders hold, so that reading one sample does not list the folder of all of them.

    Each loader object has its own and sees its folders as they were when it first listed them.
    """

    def __init__(self) -> None:
        self._children: dict[tuple[Path, tuple[str, ...]], Path | None] = {}
        self._stems: dict[tuple[Path, tuple[str, ...]], dict[str, list[Path]]] = {}

    def child(self, parent: Path, *names: str) -> Path | None:
        """As the function `child`."""
        key = parent, names
        if key not in self._children:
            self._children[key] = child(parent, *names)
        return self._children[key]

    def by_stem(self, parent: Path, suffixes: tuple[str, ...]) -> Mapping[str, list[Path]]:
        """Stem to the files of that stem, as the function `files` lists them."""
        key = parent, suffixes
        if key not in self._stems:
            found: dict[str, list[Path]] = {}
            for path in files(parent, suffixes):
                found.setdefault(path.stem, []).append(path)
            self._stems[key] = found
        return self._stems[key]


def known_categories(root: Path, card: DatasetCard) -> dict[str, Path]:
    """Category name to folder, for the categories of the card that exist.

    `<name>/<name>/` is accepted too, if there is no folder of a split in the outer one.

    Raises:
        DataError: `root` is not a folder or holds none of the categories.
    """
    place = f"it comes from {card.source} (licence: {card.licence})"
    if not root.is_dir():
        raise DataError(f"{card.title} is not at {root}, which is not a folder", hint=place)
    found = {}
    for name in card.categories:
        if (folder := child(root, name)) is not None:
            found[name] = _without_wrapper(folder, name)
    if not found:
        some = ", ".join(f"{name}/" for name in card.categories[:3])
        raise DataError(
            f"{root} is not {card.title}: looked for folders such as {some}",
            hint=f"pass the folder that holds them; {place}",
        )
    return found


def _without_wrapper(folder: Path, name: str) -> Path:
    """The folder of one category, or the one of the same name in it."""
    try:
        below = {path.name.casefold(): path for path in folders(folder)}
    except DataError:  # it may not be listed, which is said where it is looked into
        return folder
    return folder if below.keys() & set(SPLIT_FOLDERS) else below.get(name.casefold(), folder)


def category_folders(root: Path, card: DatasetCard, require: Callable[[Path], None]) -> CategoryFolders:
    """The categories of a card, told apart by whether they can be used.

    Args:
        root: folder that holds them.
        card: names them.
        require: raises a DataError for the folder of a category that cannot be used.

    Raises:
        DataError: none can be used, `OtherReleaseError` for any of them, or as `known_categories`.
    """
    usable, unusable = {}, {}
    for name, folder in known_categories(root, card).items():
        try:
            require(folder)
        except OtherReleaseError:
            raise
        except DataError as error:
            unusable[name] = error
        else:
            usable[name] = folder
    if not usable:
        raise next(iter(unusable.values()))
    return CategoryFolders(root, usable, unusable, card.categories)


def pick(categories: Mapping[str, Path], category: str, root: Path) -> Path:
    """Folder of a category.

    Raises:
        DataError: there is none of that name.
    """
    if category not in categories:
        raise DataError(f"{root} has no category {category!r}", hint=f"there are: {', '.join(categories)}")
    return categories[category]


def missing_partner(missing: Path, present: Path) -> DataError:
    """The error for one file of a pair that is not there; it names both."""
    return DataError(
        f"{missing} is missing, the partner of {present}", hint="copy or unpack the data set again"
    )


def _entries(parent: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, junk left out."""
    try:
        return [entry for entry in _scanned(parent) if not is_junk(entry.name)]
    except OSError as error:
        raise DataError(f"folder {parent} cannot be read: {error.strerror}", hint="check the path") from error


def _scanned(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _paths(parent: Path, entries: Iterable[os.DirEntry[str]]) -> list[Path]:
    """Paths in natural order."""
    return [parent / name for name in sorted((entry.name for entry in entries), key=natural)]


def _suffix(name: str) -> str:
    """As `Path.suffix` in lower case, without the cost of a path."""
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""
