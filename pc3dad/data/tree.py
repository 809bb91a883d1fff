"""Walks data set folders: natural order, no junk, names in any case, never a look at the whole path."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pc3dad.cards import DatasetCard
from pc3dad.errors import DataError

JUNK = frozenset({".ds_store", "thumbs.db", "desktop.ini"})


def natural(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sort key under which "10" follows "2"; case matters only between names that are otherwise equal."""
    parts = re.split(r"([0-9]+)", name.casefold())
    key = tuple((0, int(part), "") if index % 2 else (1, 0, part) for index, part in enumerate(parts))
    return key, name


def is_junk(path: Path) -> bool:
    """True for what operating systems leave behind: `._*`, `.DS_Store`, `Thumbs.db`, `desktop.ini`."""
    return path.name.startswith("._") or path.name.casefold() in JUNK


def folders(parent: Path) -> list[Path]:
    """Folders directly below `parent`, hidden ones left out, in natural order."""
    return [path for path in _listing(parent) if path.is_dir() and not path.name.startswith(".")]


def files(parent: Path, suffixes: Iterable[str]) -> list[Path]:
    """Files directly below `parent` with one of the suffixes (lower case, with dot), in natural order.

    Broken links are listed: they fail when they are read, instead of being one sample less.
    """
    wanted = frozenset(suffixes)
    found = [path for path in _listing(parent) if path.suffix.lower() in wanted]
    return [path for path in found if path.is_file() or (path.is_symlink() and not path.is_dir())]


def walk(parent: Path) -> Iterator[Path]:
    """Every file below `parent`, junk included; linked folders are entered, each folder once."""
    visited = set()
    for folder, below, names in os.walk(parent, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            below.clear()
            continue
        visited.add(real)
        below.sort()
        yield from (path for name in names if (path := Path(folder, name)).is_file())


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


def known_categories(root: Path, card: DatasetCard) -> dict[str, Path]:
    """Category name to folder, for the categories of the card that exist; `<name>/<name>/` is accepted too.

    Raises:
        DataError: `root` is not a folder or holds none of the categories.
    """
    place = f"it comes from {card.source} (licence: {card.licence})"
    if not root.is_dir():
        raise DataError(f"{card.title} is not at {root}, which is not a folder", hint=place)
    found = {}
    for name in card.categories:
        if (folder := child(root, name)) is not None:
            found[name] = child(folder, name) or folder
    if not found:
        some = ", ".join(f"{name}/" for name in card.categories[:3])
        raise DataError(
            f"{root} is not {card.title}: looked for folders such as {some}",
            hint=f"pass the folder that holds them; {place}",
        )
    return found


def pick(categories: dict[str, Path], category: str, root: Path) -> Path:
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


def _listing(parent: Path) -> list[Path]:
    try:
        found = [path for path in parent.iterdir() if not is_junk(path)]
    except OSError as error:
        raise DataError(f"folder {parent} cannot be read: {error.strerror}", hint="check the path") from error
    return sorted(found, key=lambda path: natural(path.name))
