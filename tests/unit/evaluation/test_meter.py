"""Time and memory of single steps."""

import subprocess
import sys
import time

from pc3dad.evaluation.meter import Meter


def test_time_outside_is_not_counted():
    meter = Meter()
    with meter.outside():
        time.sleep(0.2)
    assert meter.seconds() < 0.1


def test_time_inside_is_counted_from_the_last_restart():
    meter = Meter()
    time.sleep(0.05)
    assert meter.seconds() >= 0.05
    meter.restart()
    assert meter.seconds() < 0.05


FREED = """
import numpy as np
from pc3dad.evaluation.meter import Meter
meter = Meter()
before = meter.peak_bytes()
np.ones(20_000_000).sum()
print(meter.peak_bytes() - before)
"""


def test_peak_memory_sees_what_was_freed_again():
    """In a process of its own: where a system cannot reset the peak, an earlier one would hide this one."""
    run = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert int(run.stdout) > 100_000_000
