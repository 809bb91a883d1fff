"""Atomic files: a reader sees the old file or the whole new one, never a half."""

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import ArrayLike

from pc3dad.errors import DataError


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns what the disk refuses (it is full, read-only, gone) into one sentence.

    Raises:
        DataError: an operation inside raised OSError.
    """
    try:
        yield
    except OSError as error:
        hint = "free space or choose another folder, then run the same command again"
        raise DataError(f"cannot write {path}: {error.strerror or error}", hint=hint) from error


def make_folder(folder: Path) -> None:
    """Makes a folder for results and proves that it can be written, before any work is done for it.

    Raises:
        DataError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        proof = folder / f".{uuid4().hex[:12]}.tmp"
        proof.touch()
        proof.unlink()
    except OSError as error:
        raise DataError(
            f"cannot write folder {folder}: {error.strerror}", hint="choose another --out"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, to be written to; at the end it is flushed and renamed over `path`.

    Raises:
        DataError: the disk refuses; `path` is as it was before.
    """
    temporary = path.with_name(f".{uuid4().hex[:12]}.tmp")  # short, so that a long name stays legal
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Atomic file of these bytes.

    Raises:
        DataError: the disk refuses; `path` is as it was before.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def remove_leftovers(folder: Path) -> None:
    """Removes temporary files that a killed process left in a folder of results, up to two levels below it.

    Raises:
        DataError: the disk refuses.
    """
    with disk_errors(folder):
        for pattern in (".*.tmp", "*/.*.tmp", "*/*/.*.tmp"):
            for path in folder.glob(pattern):
                path.unlink()


def sync(folder: Path) -> None:
    """Flushes every file of a folder, and the folders, to the disk: a power cut after it loses none of them.

    Raises:
        DataError: the disk refuses.
    """
    with disk_errors(folder):
        for parent, _, names in os.walk(folder):
            for path in (*(Path(parent, name) for name in names), Path(parent)):
                if os.name == "posix" or path.is_file():  # elsewhere folders cannot be opened
                    descriptor = os.open(path, os.O_RDONLY)
                    try:
                        os.fsync(descriptor)
                    finally:
                        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    r"""Atomic UTF-8 text; what is not Unicode in names of files becomes `\udcXX`, which JSON reads back."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Atomic JSON, indented, keys in the order given; NaN and infinity are refused because JSON has none."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_npz(path: Path, arrays: Mapping[str, ArrayLike], *, compressed: bool = True) -> None:
    """Atomic `.npz` without pickle and time stamps: its bytes depend on the arrays alone.

    Compressed bytes may also differ between builds of zlib; others are the same on every machine.

    Raises:
        ValueError: an array would need pickle.
        DataError: the disk refuses.
    """
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method, compresslevel=1) as archive:
        for name, value in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")  # the default date of a ZipInfo is a constant
            entry.compress_type = method
            entry.create_system = 3  # or Windows would write another number
            archive.writestr(entry, member.getvalue())
    write_bytes(path, buffer.getvalue())
