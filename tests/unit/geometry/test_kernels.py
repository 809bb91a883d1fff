"""Compiled loops work where nothing can be written, and cost nothing until they are used."""

import subprocess
import sys

import numba
import numpy as np

from pc3dad.geometry import kernels


def test_where_no_folder_for_machine_code_can_be_written_loops_are_compiled_anyway(monkeypatch):
    njit = numba.njit

    def without_folder(loop, *, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(loop, **options)

    monkeypatch.setattr(numba, "njit", without_folder)
    assert kernels.compiled(lambda value: value + 1)(np.float64(1)) == 2


def test_numba_is_not_imported_before_it_is_needed():
    code = (
        "import sys, pc3dad.geometry.normals, pc3dad.geometry.fpfh, pc3dad.geometry.sampling;"
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
