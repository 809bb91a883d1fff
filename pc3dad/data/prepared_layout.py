"""The layout that `pc3dad data prepare` writes.

    prepared.json                   data set, revision of its card, options
    <category>/index.json           samples in order, size and sha256 of their files; written last
    <category>/samples/00000.npz    what a method sees
    <category>/truths/00000.npz     the labels, never beside it

    <category>/source.json          fingerprint of the source files, and what is to be known about them

Files are numbered in the order of the index: names carry no label and suit every file system. All bytes but
those of `source.json` are the same wherever and however often they are made.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pc3dad.cards import DatasetCard
from pc3dad.config import Config, format_variant, plain
from pc3dad.data.base import Severity
from pc3dad.errors import ConfigError, DataError
from pc3dad.registry import PREPARED_FILE
from pc3dad.types import Split

SCHEMA = 2
INDEX = "index.json"
SOURCE = "source.json"
SAMPLES, TRUTHS = "samples", "truths"
COMMAND = "pc3dad data prepare"
AGAIN = f"run the same `{COMMAND}` again"
ANOTHER = f"make another folder with `{COMMAND}`"
LONGEST_FOLDER = 100  # characters; file systems allow 255 bytes, some tools 260 for a whole path
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # on Windows


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def as_json(self) -> str:
        """One line."""
        return self.model_dump_json(by_alias=True)


class PreparedInfo(_Record):
    """Content of `prepared.json`: what the folder was made of. Only `schema` to `options` must match."""

    version: int = Field(alias="schema")
    dataset: str
    revision: int
    options: dict[str, Any]
    title: str
    licence: str
    source: str
    pc3dad: str


class SourceFinding(_Record):
    """What the loader said about the files of a category, such as a count that is not the published one."""

    severity: Severity
    message: str
    items: tuple[str, ...]


class Source(_Record):
    """Content of `source.json`: what a category is made of.

    `release` is what the scans themselves tell: it is known once all were read, and empty before.
    """

    fingerprint: str
    findings: tuple[SourceFinding, ...]
    release: tuple[SourceFinding, ...] = ()


class StoredFile(_Record):
    """One file of the layout, its name relative to the folder of its category."""

    name: str = Field(pattern=rf"^({SAMPLES}|{TRUTHS})/[0-9]{{5,}}\.npz$")
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class StoredSample(_Record):
    """One sample: an entry of `index.json`, and a line of the journal while its category is unfinished."""

    id: str
    split: Split
    sample: StoredFile
    truth: StoredFile


class Index(_Record):
    """Content of `index.json`: a finished category. Its digest ties every id to its files."""

    version: int = Field(alias="schema")
    category: str
    samples: tuple[StoredSample, ...]
    digest: str

    @classmethod
    def of(cls, category: str, samples: Iterable[StoredSample]) -> Self:
        """The index of these samples."""
        stored = tuple(samples)
        return cls(schema=SCHEMA, category=category, samples=stored, digest=_digest(category, stored))

    @model_validator(mode="after")
    def _is_as_it_was_written(self) -> Self:
        if self.digest != _digest(self.category, self.samples):
            raise ValueError("its samples are not those that its digest is of")
        return self


def _digest(category: str, samples: Iterable[StoredSample]) -> str:
    lines = (category, *(stored.as_json() for stored in samples))
    return hashlib.sha256("\n".join(lines).encode(errors="surrogatepass")).hexdigest()


RecordT = TypeVar("RecordT", bound=_Record)


def check_name(name: str) -> None:
    """Makes sure that a text file can hold the name of a category or sample.

    Raises:
        DataError: it comes from a file name that is not Unicode.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"the name {name!r} is no legal Unicode", hint="rename it") from error


def category_folder(category: str) -> str:
    """Name of the folder of a category, legal on every file system whatever the category is called.

    Raises:
        DataError: as `check_name`.
    """
    check_name(category)
    name = quote(category, safe=" ")
    illegal = RESERVED.fullmatch(name) or name.endswith((".", " ")) or name.casefold() == PREPARED_FILE
    if illegal or len(name) > LONGEST_FOLDER:
        slug = re.sub(r"\W+", "_", category, flags=re.ASCII)[:40]
        return f"{slug}-{hashlib.sha256(category.encode()).hexdigest()[:12]}"
    return f"%2E{name[1:]}" if name.startswith(".") else name


def read_record(kind: type[RecordT], path: Path) -> RecordT:
    """Reads and validates a JSON file of the layout.

    Raises:
        DataError: it is missing, unreadable or not what this version writes.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint=AGAIN) from error
    except (ValidationError, ValueError) as error:
        raise DataError(f"{path} is damaged or of another version", hint=ANOTHER) from error


def check_info(folder: Path, info: PreparedInfo, card: DatasetCard, config: Config) -> None:
    """Makes sure that a folder was prepared from that data set with those options.

    Raises:
        ConfigError: other options.
        DataError: another schema, data set or revision.
    """
    if info.version != SCHEMA:
        problem = f"{folder} has schema version {info.version}, this version reads {SCHEMA}"
        raise DataError(problem, hint=ANOTHER)
    if info.dataset != card.slug:
        raise DataError(
            f"{folder} holds {info.dataset}, not {card.slug}", hint="check the name and the folder"
        )
    if info.revision != card.revision:
        problem = (
            f"{folder} holds revision {info.revision} of {card.slug}, the loader has revision {card.revision}"
        )
        raise DataError(problem, hint=ANOTHER)
    options = plain(config)
    names = [name for name in {**info.options, **options} if info.options.get(name) != options.get(name)]
    if names:
        listed = ", ".join(f"{name}={info.options.get(name)!r}, not {options.get(name)!r}" for name in names)
        variant = format_variant(
            card.slug, {name: info.options[name] for name in names if name in info.options}
        )
        raise ConfigError(
            f"{folder} was prepared with {listed}", hint=f"write {variant}, or use another folder"
        )
