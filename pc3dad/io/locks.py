"""One writer per folder of results."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pc3dad.errors import DataError
from pc3dad.io import atomic

LOCK = ".lock"
"""File of the lock; it stays in the folder and means nothing by itself."""


def is_locked(folder: Path) -> bool:
    """Whether a command is writing into a folder; False also where no lock can be made."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


@contextmanager
def locked(folder: Path, *, otherwise: str = "choose another --out") -> Iterator[None]:
    """Keeps other commands from writing into a folder, and removes what a killed one was writing.

    The system frees the lock of a process that ends, however it ends.

    Args:
        folder: an existing folder.
        otherwise: what a user who does not want to wait can do.

    Raises:
        DataError: another command is writing into it, or the disk refuses.
    """
    lock = FileLock(folder / LOCK)
    with atomic.disk_errors(folder):
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            hint = f"wait until it has ended, or {otherwise}"
            raise DataError(f"another command is writing into {folder}", hint=hint) from error
    try:
        atomic.remove_leftovers(folder)
        yield
    finally:
        lock.release()
