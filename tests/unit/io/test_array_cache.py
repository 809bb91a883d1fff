"""The folder of computed arrays: found, missing, damaged, full; several processes at once."""

import logging
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from pc3dad.io.array_cache import LEFTOVER_SECONDS, ArrayCache

ARRAYS = {"a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.array([True, False])}


def filled(folder, names, *, max_bytes=None, size=1000):
    cache = ArrayCache(folder, max_bytes=max_bytes)
    for age, name in enumerate(names):
        cache.keep(name, {"x": np.zeros(size, np.uint8)})
        if (file := folder / f"{name}.npz").exists():
            os.utime(file, (1e9 + age, 1e9 + age))
    return cache


def kept(folder):
    return sorted(path.stem for path in folder.glob("*.npz"))


def test_arrays_come_back_with_their_names_types_and_shapes(tmp_path):
    cache = ArrayCache(tmp_path / "deep")
    assert cache.read("k") is None
    cache.keep("k", ARRAYS)
    found = ArrayCache(tmp_path / "deep").read("k")
    assert {n: (x.dtype, x.shape, x.tobytes()) for n, x in found.items()} == {
        n: (x.dtype, x.shape, x.tobytes()) for n, x in ARRAYS.items()
    }


def test_without_a_folder_nothing_is_kept():
    cache = ArrayCache(None)
    cache.keep("k", ARRAYS)
    assert cache.read("k") is None


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "renamed", "pickle"])
def test_damaged_files_are_not_believed_and_named_once(tmp_path, caplog, damage):
    cache = ArrayCache(tmp_path)
    for name in ("k", "l"):
        cache.keep(name, ARRAYS)
        path = tmp_path / f"{name}.npz"
        content = path.read_bytes()
        at = content.index(ARRAYS["a"].tobytes())
        if damage == "cut":
            path.write_bytes(content[:-10])
        elif damage == "flipped":
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        elif damage == "empty":
            path.write_bytes(b"")
        elif damage == "renamed":
            path.rename(tmp_path / f"{name}2.npz")
        else:
            np.savez(path, a=np.array([{}], dtype=object))
    with caplog.at_level(logging.WARNING):
        assert [cache.read(name + "2" * (damage == "renamed")) for name in ("k", "l")] == [None, None]
    assert len(caplog.records) == 1
    assert "k" in caplog.text
    assert "is computed again" in caplog.text


def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path):
    cache = filled(tmp_path, "abcdefg", max_bytes=10_000)
    assert kept(tmp_path) == list("abcdefg")
    assert cache.read("a") is not None  # now the one that was used last
    filled(tmp_path, "hijk", max_bytes=10_000)
    assert "a" in kept(tmp_path)
    assert "b" not in kept(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10_000


def test_what_is_larger_than_the_bound_is_not_kept(tmp_path):
    filled(tmp_path, "ab", max_bytes=3000)
    filled(tmp_path, "c", max_bytes=3000, size=4000)
    assert kept(tmp_path) == ["a", "b"]


def test_leftovers_of_killed_processes_go(tmp_path):
    old, new = tmp_path / ".old.tmp", tmp_path / ".new.tmp"
    for path in (old, new):
        path.touch()
    then = time.time() - LEFTOVER_SECONDS - 60
    os.utime(old, (then, then))
    filled(tmp_path, "a", max_bytes=10_000)
    assert [path.exists() for path in (old, new)] == [False, True]


@pytest.mark.parametrize("trouble", ["file in the way", "full disk"])
def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch, trouble):
    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    if trouble == "full disk":
        monkeypatch.setattr(os, "fsync", refuse)
    else:
        (tmp_path / "folder").write_text("in the way")
    cache = ArrayCache(tmp_path / "folder", max_bytes=10_000)
    cache.keep("k", ARRAYS)
    assert cache.read("k") is None


WORK = """
import sys
from pathlib import Path
import numpy as np
from pc3dad.io.array_cache import ArrayCache
cache = ArrayCache(Path(sys.argv[1]), max_bytes=30_000)
for step in range(40):
    key = str((step * 7 + int(sys.argv[2])) % 25)
    found = cache.read(key)
    assert found is None or (found["x"] == int(key)).all()
    cache.keep(key, {"x": np.full(2000, int(key), np.uint8)})
"""


def test_processes_share_a_folder_and_its_bound(tmp_path):
    words = [[sys.executable, "-c", WORK, str(tmp_path), str(number)] for number in range(3)]
    for process in [subprocess.Popen(word) for word in words]:
        assert process.wait(60) == 0
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 30_000 * 1.06 + 3 * 2500
