"""Arrays that are computed once: a folder of files, each named by all that its content depends on."""

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path

from pc3dad.errors import DataError
from pc3dad.io import atomic, npz
from pc3dad.io.scan import AnyArray

LOG = logging.getLogger(__name__)
OWNER = "digest"
"""Array of each file that repeats its name: a file that was renamed or copied is not believed."""
KEPT_SHARE = 0.8  # of the bound, when files have to go
COUNT_SHARE = 0.02  # of the bound may be written before the folder is counted again
LEFTOVER_SECONDS = 86_400.0  # a temporary file of this age belongs to a process that was killed


class ArrayCache:
    """Arrays by the digest of all that they depend on.

    The folder can be deleted at any time, shared by processes and filled by several users of this class.
    Whatever is wrong with it (damaged, full, read-only) costs time and nothing else.

    Args:
        folder: where to keep files; None keeps nothing.
        max_bytes: bound of the folder; beyond it the files that were not used for the longest time go. Each
            process may exceed it by 2 %. None: no bound.
    """

    def __init__(self, folder: Path | None, *, max_bytes: int | None = None) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._warned = False
        self._uncounted = max_bytes or 0  # count before the first file is written

    def read(self, digest: str) -> dict[str, AnyArray] | None:
        """The arrays kept under this digest, None if there are none that can be believed."""
        if self.folder is None:
            return None
        path = self.folder / f"{digest}.npz"
        try:
            if not path.exists():
                return None
            arrays = _arrays(path, digest)
        except (DataError, OSError) as error:
            self._complain(path, error)
            return None
        if self.max_bytes is not None:
            _touch(path)
        return arrays

    def keep(self, digest: str, arrays: Mapping[str, AnyArray]) -> None:
        """Keeps arrays under a digest, if that is possible.

        Raises:
            ValueError: one is called as the array that names the file.
        """
        if OWNER in arrays:
            raise ValueError(f"no array can be called {OWNER}")
        size = sum(array.nbytes for array in arrays.values())
        if self.folder is None or (self.max_bytes is not None and size > KEPT_SHARE * self.max_bytes):
            return
        try:
            self._make_room(size)
            path = self.folder / f"{digest}.npz"
            atomic.write_npz(path, {OWNER: npz.pack_text(digest), **arrays}, compressed=False)
        except (DataError, OSError) as error:
            LOG.debug("not kept: %s", error)

    def _complain(self, path: Path, error: Exception) -> None:
        """One warning is enough: a folder that was copied badly may hold thousands of damaged files."""
        level = logging.DEBUG if self._warned else logging.WARNING
        self._warned = True
        LOG.log(level, "%s cannot be used and is computed again: %s", path, error)

    def _make_room(self, size: int) -> None:
        """Removes what was not used for the longest time if the bound is near."""
        if self.folder is None or self.max_bytes is None:
            return
        self._uncounted += size
        if self._uncounted < COUNT_SHARE * self.max_bytes:
            return
        self._uncounted = size
        _remove_leftovers(self.folder)
        files = [(status.st_mtime, status.st_size, path) for path, status in _files(self.folder, "*.npz")]
        total = size + sum(item[1] for item in files)
        if total <= self.max_bytes:
            return
        for _, bytes_, path in sorted(files):
            path.unlink(missing_ok=True)
            total -= bytes_
            if total <= KEPT_SHARE * self.max_bytes:
                return


def _arrays(path: Path, digest: str) -> dict[str, AnyArray]:
    """The arrays of a file, without its name.

    Raises:
        DataError: the file is damaged, or was written under another name.
    """
    arrays = npz.read_arrays(path)
    if arrays.pop(OWNER, npz.pack_text("")).tobytes() != npz.pack_text(digest).tobytes():
        raise DataError(f"{path}: belongs to something else")
    return arrays


def _files(folder: Path, pattern: str) -> list[tuple[Path, os.stat_result]]:
    """Files and their status; those that another process removes meanwhile are left out."""
    found = []
    for path in folder.glob(pattern):
        try:
            found.append((path, path.stat()))
        except FileNotFoundError:
            continue
    return found


def _remove_leftovers(folder: Path) -> None:
    for path, status in _files(folder, ".*.tmp"):
        if time.time() - status.st_mtime > LEFTOVER_SECONDS:
            path.unlink(missing_ok=True)


def _touch(path: Path) -> None:
    """Marks a file as used; it may have gone, or belong to somebody else."""
    try:
        os.utime(path)
    except OSError as error:
        LOG.debug("%s: %s", path, error)
