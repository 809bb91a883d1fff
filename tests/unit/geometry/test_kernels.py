"""Compiled loops work whatever the state of their files, and cost nothing until they are used."""

import errno
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from numba.core import caching

from pc3dad.geometry import kernels


def plus_one(value):
    return value + 1


def run():
    """A loop as a new process would have it: compiled, or read from the folder."""
    loop = kernels.compiled(plus_one)
    assert loop(np.float64(1)) == 2
    return loop


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where machine code is kept."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def hits(loop):
    return sum(loop.stats.cache_hits.values())


def test_machine_code_is_kept_for_the_next_process(folder):
    assert hits(run()) == 0
    assert hits(run()) == 1


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_damaged_files_are_replaced(folder, ending):
    run()
    (path,) = folder.rglob(f"*.{ending}")
    whole = path.read_bytes()
    for length in {0, 1, 12, 30, 200, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:length])
        assert hits(run()) == 0
        assert hits(run()) == 1
    path.write_bytes(bytes(len(whole)))
    assert hits(run()) == 0
    assert hits(run()) == 1


@pytest.mark.parametrize("damaged", [False, True])
def test_a_full_disk_stops_no_loop(folder, monkeypatch, damaged):
    if damaged:
        run()
        next(folder.rglob("*.nbi")).write_bytes(b"")

    def full(*paths):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert hits(run()) == 0


def test_where_no_folder_for_machine_code_can_be_written_loops_are_compiled_anyway(monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    run()


def test_loops_run_as_plain_python_where_numba_is_switched_off(monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    assert kernels.compiled(plus_one) is plus_one


def test_numba_is_not_imported_before_it_is_needed():
    code = (
        "import sys, pc3dad.geometry.normals, pc3dad.geometry.fpfh, pc3dad.geometry.sampling;"
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
