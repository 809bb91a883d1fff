"""Where weights lie, and whether they are the right ones. Nothing here reaches the network.

`$PC3DAD_HOME/weights/<slug>/` holds the parts of one card. A folder that was copied from another machine, or
one file of it, can be given as a path instead.
"""

import json
import os
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from pc3dad.cards import WeightsCard
from pc3dad.errors import DataError, WeightsError
from pc3dad.io import atomic, digest, home
from pc3dad.io.scan import shown
from pc3dad.weights.layouts import Shape, layout_of

RECORD = ".json"
"""End of the name of the file beside weights that states their digest."""
MADE_OF = "made_of"
"""Metadata of converted weights, JSON: `source` and `sha256` name the official file."""
SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Located:
    """A file of weights that was verified.

    Attributes:
        path: the file, safetensors.
        sha256: its digest.
        bytes: its size.
        place: "given", "home", "package" or "hub cache".
        identity: how the digest is known: "published", "recorded" before, or "first use".
        made_of: `source`, `sha256`, ... of the official file that it was converted from; empty if it was not.
    """

    path: Path
    sha256: str
    bytes: int
    place: str
    identity: str
    made_of: dict[str, str]


def find(card: WeightsCard, path: Path | None = None, *, part: str | None = None) -> Path:
    """The verified file of weights; see `locate`, which also tells its digest."""
    return locate(card, path, part=part).path


def locate(card: WeightsCard, path: Path | None = None, *, part: str | None = None) -> Located:
    """Finds weights and verifies them: size, digest, and the name and shape of every tensor.

    A digest that nobody published is recorded beside the file at its first use and compared from then on.

    Args:
        card: which weights.
        path: a safetensors file, a folder with the parts, or a folder of such folders; None looks in
            `$PC3DAD_HOME/weights/<slug>/`, then in the package, then in the cache of the Hugging Face hub.
        part: which of `card.parts`; None means the first.

    Raises:
        WeightsError: they are not there, damaged, or other ones.
    """
    found = look_up(card, path, part=part)
    if found is None:
        raise _missing(card, part or card.parts[0], path)
    file, place = found
    if file.suffix != ".safetensors":
        hint = f"`pc3dad weights import {card.slug} {file}` converts it once"
        raise WeightsError(f"{file} is not read as it is", hint=hint)
    return _verified(card, file, place)


def look_up(
    card: WeightsCard, path: Path | None = None, *, part: str | None = None
) -> tuple[Path, str] | None:
    """Path of a file of weights and the kind of place, unread; None if there is none (see `locate`)."""
    name = part or card.parts[0]
    if path is not None:
        if path.is_file():
            return path, "given"
        candidates = [(path / name, "given"), (path / card.slug / name, "given")]
    else:
        own, hub = folder(card), _hub_file(card)
        candidates = [(own / name, "home")] if own else []
        if card.packaged:
            candidates.append((Path(str(package_files(card.packaged))) / "weights" / name, "package"))
        candidates += [(hub, "hub cache")] if hub else []
    return next((item for item in candidates if item[0].is_file()), None)


def digests(card: WeightsCard) -> tuple[str, ...]:
    """Digests of the parts that are here: as recorded, since large files take seconds to read.

    Raises:
        WeightsError: a record is damaged.
    """
    found = [look_up(card, part=part) for part in card.parts]
    return tuple(
        read_record(item[0]).get("sha256") or digest.of_file(item[0]) for item in found if item is not None
    )


def folder(card: WeightsCard) -> Path | None:
    """`$PC3DAD_HOME/weights/<slug>`, by default in the user's cache folder; None if the user has none."""
    weights = home.folder("weights")
    return weights / card.slug if weights else None


def own_folder(card: WeightsCard) -> Path:
    """The same, to write into.

    Raises:
        WeightsError: the user has none.
    """
    if (found := folder(card)) is None:
        raise WeightsError("there is no folder for weights", hint="set PC3DAD_HOME to one")
    return found


def read_record(file: Path) -> dict[str, Any]:
    """What stands beside a file of weights, empty if nothing does.

    Raises:
        WeightsError: it is damaged.
    """
    record = file.with_name(file.name + RECORD)
    try:
        facts: Any = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WeightsError(f"{record} is damaged: {error}", hint="delete it to record a new one") from error
    stated = [facts.get(key) for key in ("sha256", "bytes")] if isinstance(facts, dict) else []
    if [type(value) for value in stated] != [str, int]:
        raise WeightsError(f"{record} states no digest", hint="delete it to record a new one")
    return dict(facts)


def write_record(file: Path, sha256: str) -> None:
    """States the digest of a file of weights beside it.

    Raises:
        DataError: the disk refuses.
    """
    facts = {"sha256": sha256, "bytes": file.stat().st_size}
    atomic.write_json(file.with_name(file.name + RECORD), facts)


def forget_record(file: Path) -> None:
    """Removes what stands beside a file that is about to be replaced.

    Raises:
        DataError: the disk refuses.
    """
    record = file.with_name(file.name + RECORD)
    with atomic.disk_errors(record):
        record.unlink(missing_ok=True)


def read_header(file: Path) -> tuple[dict[str, Shape], dict[str, str]]:
    """Shape of every tensor of a safetensors file, and its metadata; values are not read.

    Raises:
        WeightsError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
            return shapes, dict(opened.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{file} is damaged: {shown(error)}", hint="copy or import it again") from error


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a file before it is read; empty and 0 if nothing is."""

    identity: str
    sha256: str = ""
    bytes: int = 0


def _verified(card: WeightsCard, file: Path, place: str) -> Located:
    """Compares a file with what is known of it.

    Raises:
        WeightsError: something differs.
    """
    known, size = _known(card, file, place), file.stat().st_size
    if known.bytes not in (0, size):
        raise WeightsError(
            f"{file} has {size} bytes instead of {known.bytes}", hint="copy or import it again"
        )
    shapes, metadata = read_header(file)
    if layout := layout_of(card.slug):
        layout.check(shapes, what=str(file))
    sha256 = digest.of_file(file)
    if not sha256.startswith(known.sha256):
        replaced = f", or delete {file}{RECORD} if you replaced it" if known.identity == "recorded" else ""
        raise WeightsError(
            f"{file} has sha256 {sha256}, the one that was {known.identity} is {known.sha256}",
            hint=f"copy or import it again{replaced}",
        )
    if known.identity == "first use":
        _record_quietly(file, sha256, place)
    return Located(file, sha256, size, place, known.identity, _made_of(metadata))


def _known(card: WeightsCard, file: Path, place: str) -> _Known:
    """Digest and size of a file: published, else recorded.

    The hub's cache names the content of a large file by its digest, and links to it.
    """
    content = file.resolve().name
    if place == "hub cache" and len(content) == SHA256_LENGTH:
        return _Known("published", content)
    for published in card.files:
        if published.name == file.name and published.sha256:
            return _Known("published", published.sha256, published.bytes)
    record = read_record(file)
    return _Known("recorded", record["sha256"], record["bytes"]) if record else _Known("first use")


def _made_of(metadata: dict[str, str]) -> dict[str, str]:
    """What a converted file says of its origin; others may write anything there."""
    try:
        facts = json.loads(metadata.get(MADE_OF, "{}"))
    except ValueError:
        return {}
    return {shown(key): shown(value) for key, value in facts.items()} if isinstance(facts, dict) else {}


def _record_quietly(file: Path, sha256: str, place: str) -> None:
    """Records a digest where that is possible: the folder may be read-only, and the hub's is not ours."""
    if place == "hub cache":
        return
    try:
        write_record(file, sha256)
    except DataError:
        return


def _hub_file(card: WeightsCard) -> Path | None:
    """A safetensors file of the card in the local cache of the Hugging Face hub, found by its layout."""
    for file in card.files:
        if file.hub and file.form == "safetensors":
            repository = _hub_cache() / f"models--{file.hub.replace('/', '--')}"
            try:
                revision = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
            except (OSError, ValueError):
                continue
            path = repository / "snapshots" / revision / file.name
            if path.is_file():
                return path
    return None


def _hub_cache() -> Path:
    """Folder of the hub's cache, in its own order of variables."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache)
    if base := os.environ.get("HF_HOME"):
        return Path(base) / "hub"
    try:
        return Path("~/.cache/huggingface/hub").expanduser()
    except RuntimeError:  # a user without a home
        return Path("hub")


def _missing(card: WeightsCard, name: str, path: Path | None) -> WeightsError:
    """Says where the weights come from, or what to do with a file that was put where they belong."""
    if path is not None:
        return WeightsError(
            f"{path} holds no {name} of {card.slug}", hint="give the file, or the folder that holds it"
        )
    if card.packaged:
        return WeightsError(f"{name} of {card.slug} is not in this installation", hint="install pc3dad again")
    own = folder(card)
    for file in card.files:
        if own and (own / file.name).is_file():
            hint = f"`pc3dad weights import {card.slug} {own / file.name}` converts it once"
            return WeightsError(f"{own / file.name} is not read as it is", hint=hint)
    return WeightsError(
        f"weights {card.slug} are not here; they come from {card.source} (licence: {card.licence})",
        hint=f"`pc3dad weights fetch {card.slug}` downloads, `weights import {card.slug} FILE` takes a copy",
    )
