"""Finds cards: built-in folders, entry points, and files named by the user.

A folder `baselines/<slug>/` with a `card.py` is a registration. Loading is lazy and isolated: what cannot be
loaded becomes an entry with a reason and harms nobody. A slug claimed twice is an error naming both owners.
"""

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from pc3dad.cards import ConfiguredCard, DatasetCard, MethodCard
from pc3dad.config import Config, build, nearest
from pc3dad.errors import ConfigError

METHOD_FOLDERS = "pc3dad.baselines"
DATASET_CARDS = "pc3dad.data.cards"
PREPARED_FILE = "prepared.json"
"""What marks a folder that `pc3dad data prepare` made."""

CardT = TypeVar("CardT", bound=ConfiguredCard)


@dataclass(frozen=True)
class Entry(Generic[CardT]):
    """One registered card, or the reason why there is none.

    Attributes:
        slug: name on the command line.
        owner: module or file that registered it.
        package: package against which references with a leading dot are resolved.
        card: the card, None if it could not be loaded.
        error: why not; empty if it could.
    """

    slug: str
    owner: str
    package: str
    card: CardT | None = None
    error: str = ""

    @property
    def ready(self) -> CardT:
        """The card.

        Raises:
            ConfigError: it could not be loaded; the message says why.
        """
        if self.card is None:
            raise ConfigError(
                f"{self.slug!r} ({self.owner}) is broken: {self.error}", hint="mend or remove that plug-in"
            )
        return self.card

    def load(self, reference: str) -> Any:
        """Imports the object that a "module:Name" of the card names.

        Raises:
            ConfigError: the module cannot be imported or has no such name.
        """
        module, _, name = reference.partition(":")
        module = self.package + module if module.startswith(".") else module or self.package
        try:
            return getattr(importlib.import_module(module), name)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise ConfigError(
                f"{self.slug!r} cannot load {reference}: {reason}", hint=f"see {self.owner}"
            ) from error

    @cached_property
    def config_class(self) -> type[Config]:
        """Configuration class that the card names."""
        loaded: type[Config] = self.load(self.ready.config)
        return loaded

    def configure(self, values: Mapping[str, Any]) -> Config:
        """Validated configuration (see `config.build`)."""
        return build(self.config_class, self.slug, values)


class MethodEntry(Entry[MethodCard]):
    """A registered method."""

    def create(self, config: Config) -> Any:
        """A new, unfitted method."""
        return self.load(self.ready.method)(config)


class DatasetEntry(Entry[DatasetCard]):
    """A registered data set."""

    def open(self, root: Path | None, config: Config) -> Any:
        """The data set under `root`, which may be a folder that `pc3dad data prepare` made of it.

        Raises:
            ConfigError: the data set needs a root and none was given, or `config` has other options than a
                prepared folder.
            DataError: the root does not hold it.
        """
        card = self.ready
        if root is not None and _is_prepared(root):
            return self.load("pc3dad.data.prepared:Prepared")(root, card, config)
        if card.needs_root and root is None:
            place = f"; it comes from {card.source} ({card.licence})" if card.source else ""
            raise ConfigError(f"data set {self.slug!r} needs a folder{place}", hint="pass --root FOLDER")
        return self.load(card.dataset)(root, config)


def _is_prepared(root: Path) -> bool:
    try:
        return (root / PREPARED_FILE).is_file()
    except OSError:  # no permission: the loader says it better
        return False


EntryT = TypeVar("EntryT", MethodEntry, DatasetEntry)


@dataclass(frozen=True)
class Catalogue(Generic[EntryT]):
    """All entries of one kind, sorted by slug, broken ones included."""

    kind: str
    entries: Mapping[str, EntryT]

    def __iter__(self) -> Iterator[EntryT]:
        return iter(self.entries.values())

    def __getitem__(self, slug: str) -> EntryT:
        """The entry of that slug, loaded or broken.

        Raises:
            ConfigError: there is none; the message names the nearest one.
        """
        if slug not in self.entries:
            hint = f"`pc3dad {'methods' if self.kind == 'method' else 'data'} list` shows all"
            broken = [f"{entry.slug} ({entry.error})" for entry in self if entry.card is None]
            also = f"; broken plug-ins: {', '.join(broken)}" if broken else ""
            raise ConfigError(f"unknown {self.kind} {slug!r}{nearest(slug, self.entries)}{also}", hint=hint)
        return self.entries[slug]


def methods(plugins: Sequence[Path] = ()) -> Catalogue[MethodEntry]:
    """All methods: `baselines/`, entry points `pc3dad.methods`, and the files or folders in `plugins`."""
    found = [*_scan_folders(), *_scan_entry_points("pc3dad.methods"), *_scan_plugins(plugins)]
    return Catalogue(
        "method", _unique(MethodEntry, (item for item in found if not isinstance(item.card, DatasetCard)))
    )


def datasets(plugins: Sequence[Path] = ()) -> Catalogue[DatasetEntry]:
    """All data sets: built-in ones, entry points `pc3dad.datasets`, and the files or folders in `plugins`."""
    module = importlib.import_module(DATASET_CARDS)
    found = [Entry[ConfiguredCard](card.slug, DATASET_CARDS, "pc3dad.data", card) for card in module.CARDS]
    found += [
        *_scan_entry_points("pc3dad.datasets"),
        *(e for e in _scan_plugins(plugins) if e.card is not None),
    ]
    return Catalogue(
        "data set", _unique(DatasetEntry, (e for e in found if not isinstance(e.card, MethodCard)))
    )


def _scan_folders() -> Iterator[Entry[ConfiguredCard]]:
    """Every folder of `baselines/` that has a `card.py`."""
    spec = importlib.util.find_spec(METHOD_FOLDERS)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        for module in pkgutil.iter_modules([location]):
            if (Path(location) / module.name / "card.py").is_file():
                package = f"{METHOD_FOLDERS}.{module.name}"
                card = f"{package}.card"
                yield _read_card(module.name, card, package, partial(importlib.import_module, card))


def _scan_entry_points(group: str) -> Iterator[Entry[ConfiguredCard]]:
    """Installed plug-ins; each entry point names a card, "package.card:CARD"."""
    for point in entry_points(group=group):
        package = point.module.rpartition(".")[0] or point.module
        load = partial(importlib.import_module, point.module)
        yield _read_card(point.name, point.module, package, load, point.attr or "CARD")


def _scan_plugins(paths: Sequence[Path]) -> Iterator[Entry[ConfiguredCard]]:
    """Work in progress: a folder with a `card.py`, or one file that holds card, configuration and method."""
    for path in paths:
        file = path / "card.py" if path.is_dir() else path
        if not file.is_file():
            raise ConfigError(
                f"plug-in {path} is neither a Python file nor a folder with a card.py", hint="check --plugin"
            )
        owner = file.resolve()
        package = f"pc3dad_plugin_{_digest(owner)}"
        load = partial(_load_file, package, file)
        if file.name == "card.py":  # a folder: its modules import each other relative to a package of its own
            parent = sys.modules.setdefault(package, ModuleType(package))
            parent.__path__ = [str(owner.parent)]
            load = partial(importlib.import_module, f"{package}.card")
        slug = owner.parent.name if file.name == "card.py" else file.stem
        yield _read_card(slug, str(file), package, load)


def _digest(file: Path) -> str:
    """Names a plug-in by place and content, so that an edited one is imported anew in the same process."""
    files = sorted(file.parent.glob("*.py")) if file.name == "card.py" else [file]
    contents = b"\0".join(item.read_bytes() for item in files)
    return hashlib.sha256(str(file).encode() + contents).hexdigest()[:12]


def _load_file(name: str, file: Path) -> ModuleType:
    """Imports a single file under `name`, once."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _read_card(
    slug: str, owner: str, package: str, load: Callable[[], ModuleType], name: str = "CARD"
) -> Entry[ConfiguredCard]:
    try:
        card = getattr(load(), name)
    except (Exception, SystemExit) as error:  # noqa: BLE001  one broken plug-in must not stop the others
        return Entry(slug, owner, package, error=f"{type(error).__name__}: {error}")
    if not isinstance(card, ConfiguredCard):
        return Entry(slug, owner, package, error=f"{name} is a {type(card).__name__}, expected a card")
    return Entry(card.slug, owner, package, card)


def _unique(kind: type[EntryT], found: Iterable[Entry[Any]]) -> dict[str, EntryT]:
    entries: dict[str, EntryT] = {}
    for item in found:
        entry = kind(item.slug, item.owner, item.package, item.card, item.error)
        if (first := entries.get(item.slug)) is not None:
            error = f"the name is claimed by {first.owner} and by {item.owner}"
            entry = kind(item.slug, f"{first.owner}, {item.owner}", item.package, error=error)
        entries[item.slug] = entry
    return dict(sorted(entries.items()))
