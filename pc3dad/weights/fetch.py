"""Downloads of weights: only when asked, checked before they are used, continued after a break."""

import json
import os
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pc3dad
from pc3dad.cards import WeightsCard, WeightsFile
from pc3dad.context import Progress, silent
from pc3dad.errors import WeightsError
from pc3dad.io import atomic, digest
from pc3dad.io.locks import locked
from pc3dad.weights import store

OFFLINE = "HF_HUB_OFFLINE"
MIB = 1 << 20
TIMEOUT_SECONDS = 30.0  # without a byte
HEADERS = {"User-Agent": f"pc3dad/{pc3dad.__version__}", "Accept-Encoding": "identity"}
REST_ONLY = 206  # status of an answer that leaves out what is there already


def download(card: WeightsCard, *, progress: Progress = silent) -> Path:
    """Downloads the first file of a card into `$PC3DAD_HOME/weights/<slug>/` and compares size and digest.

    Bytes go into a file of another name, which is renamed when all is right. If the connection breaks, the
    next call goes on from there, provided that the server still has the same file.

    Args:
        card: which weights.
        progress: callback, in MiB.

    Returns:
        The file, of the name that its owners gave it.

    Raises:
        WeightsError: downloads are forbidden, the server cannot be reached or refuses, the connection broke,
            or the file is not the published one.
        DataError: the disk refuses, or another command is downloading the same.
    """
    refuse_offline(card)
    file = card.files[0]
    target = store.own_folder(card) / file.name
    atomic.make_folder(target.parent)
    with locked(target.parent, otherwise="end it"), atomic.disk_errors(target):
        part = _Part(target.with_name(f"{file.name}.part"))
        if not part.whole:
            _receive(card, file, part, progress)
        if (sha256 := digest.of_file(part.path)).startswith(file.sha256):
            part.path.replace(target)
            part.forget()
            return target
        part.forget()
    raise WeightsError(
        f"{file.address} has sha256 {sha256}, published is {file.sha256}",
        hint="the file is not kept; try again, and do not use it if that repeats",
    )


def refuse_offline(card: WeightsCard) -> None:
    """Refuses to download what cannot be, or while the surroundings forbid it.

    Raises:
        WeightsError: `HF_HUB_OFFLINE` is set, as the Hugging Face hub understands it, or there is no address.
    """
    if not card.files[0].address:
        raise WeightsError(f"{card.slug} is not downloaded", hint="it is a part of pc3dad")
    if os.environ.get(OFFLINE, "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise WeightsError(f"{OFFLINE} forbids downloads", hint=f"unset it, or {_by_hand(card)}")


def _by_hand(card: WeightsCard) -> str:
    return f"copy {card.files[0].name} here and call `pc3dad weights import {card.slug} FILE`"


@dataclass(frozen=True, slots=True)
class _Part:
    """An unfinished download: its bytes and, beside them, size and tag that the server gave to the file."""

    path: Path

    @property
    def facts(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def state(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.facts.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    @property
    def whole(self) -> bool:
        return self.size > 0 and self.state.get("bytes") == str(self.size)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self.facts.unlink(missing_ok=True)


def _receive(card: WeightsCard, file: WeightsFile, part: _Part, progress: Progress) -> None:
    """Completes a partial file, or begins anew where the server has another one by now.

    Raises:
        WeightsError: the server cannot be reached or refuses, announces another size, or ended too early.
    """
    etag, headers = part.state.get("etag"), dict(HEADERS)
    if part.size and etag:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": etag}
    with _open(card, file, headers) as answer:
        begun = part.size if answer.status == REST_ONLY else 0
        total = begun + int(answer.headers.get("Content-Length") or 0)
        if file.bytes not in (0, total):
            hint = "its owners may have replaced it; nothing was downloaded"
            raise WeightsError(f"{file.address} has {total} bytes, published are {file.bytes}", hint=hint)
        etag = answer.headers.get("ETag", "")
        strong = etag if etag.startswith('"') else ""  # a weak one does not promise equal bytes
        atomic.write_json(part.facts, {"etag": strong, "bytes": str(total)})
        with part.path.open("ab" if begun else "wb") as stream:
            while piece := _read(file, answer):
                stream.write(piece)
                progress(f"{file.name}, MiB", -(-stream.tell() // MIB), -(-total // MIB))
            stream.flush()
            os.fsync(stream.fileno())
    if total and part.size != total:
        raise _broken(file, f"it ended after {part.size} of {total} bytes")


def _open(card: WeightsCard, file: WeightsFile, headers: dict[str, str]) -> HTTPResponse:
    """The answer of the server, its body unread.

    Raises:
        WeightsError: there is none, or it is a refusal.
    """
    request = Request(file.address, headers=headers)  # noqa: S310  an address of our cards
    try:
        answer: HTTPResponse = urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310
    except HTTPError as error:
        error.close()
        raise WeightsError(
            f"{file.address} answers {error.code} {error.reason}",
            hint=f"look for it at {card.source}, then {_by_hand(card)}",
        ) from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise WeightsError(f"{file.address} cannot be reached: {reason}", hint=_by_hand(card)) from error
    return answer


def _read(file: WeightsFile, answer: HTTPResponse) -> bytes:
    """The next bytes of an answer, none at its end.

    Raises:
        WeightsError: the connection broke.
    """
    try:
        return answer.read(MIB)
    except (OSError, HTTPException) as error:
        raise _broken(file, str(error)) from error


def _broken(file: WeightsFile, reason: str) -> WeightsError:
    return WeightsError(
        f"the download of {file.name} broke: {reason}", hint="the same command goes on from there"
    )
