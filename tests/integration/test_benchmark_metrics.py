"""The benchmark of the metrics runs to its end and measures every bar."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "metrics.py"
BARS = (
    "at most 2.5",  # exact mode against one sort
    "at least 60",  # against scikit-learn
    "at most 2",  # two passes against exact mode
    "under 100 MB",
    "at least 1.5",  # maps, against MVTec
    "at least 30",  # against anomalib
    "at least 15",  # clouds, against BTP, regions at hand
    "at least 1",  # regions computed
    "under 60 s",  # bootstrap
)


@pytest.fixture(scope="module")
def rows():
    pytest.importorskip("resource", reason="the script reads its peak memory as Unix gives it")
    command = [sys.executable, str(SCRIPT), "--tiny"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]


@pytest.mark.parametrize("bar", BARS)
def test_every_bar_is_measured(rows, bar):
    assert [row[5] for row in rows if row[4] == bar] in (["met"], ["**missed**"])  # tiny sizes mean nothing


def test_values_equal_those_of_brute_force_and_of_the_peers(rows):
    checks = [row for row in rows if row[4] == "at most 1e-12"]
    assert {row[5] for row in checks} == {"met"}
    assert {row[2] for row in checks} > {"brute force", "exact", "`compat`"}
