"""Time and memory of single steps."""

import time

import numpy as np

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


def test_peak_memory_sees_what_was_freed_again():
    meter = Meter()
    before = meter.peak_bytes()
    np.ones(20_000_000).sum()
    assert meter.peak_bytes() - before > 100_000_000
