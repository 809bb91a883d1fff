"""Devices that do not exist are refused by name."""

import pytest

from pc3dad import device
from pc3dad.errors import ConfigError


def test_the_cpu_is_always_there():
    info = device.resolve("cpu")
    assert info.device == "cpu"
    assert device.cpu_count() >= 1
    assert 0 < device.memory_budget() <= device.DEFAULT_BUDGET


def test_batches_cover_everything_within_the_budget():
    assert list(device.batches(7, bytes_each=10, budget=35)) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert list(device.batches(2, bytes_each=10, budget=5)) == [slice(0, 1), slice(1, 2)]
    assert list(device.batches(0, bytes_each=10, budget=5)) == []


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "cuda:99"])
def test_an_unknown_device_is_an_error_of_use(name):
    with pytest.raises(ConfigError, match=name):
        device.resolve(name)
