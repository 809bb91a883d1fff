"""One writer per folder of results, one process at a time for what several need."""

from collections.abc import Callable, Iterator
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


@contextmanager
def turn(file: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Waits until no other process holds the lock of that file, and holds it.

    Args:
        file: the lock; it stays and means nothing by itself.
        waiting: called once if there is something to wait for.

    Raises:
        DataError: the disk refuses.
    """
    lock = FileLock(file)
    with atomic.disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting()
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
