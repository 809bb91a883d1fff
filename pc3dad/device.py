"""Device, precision and memory budget."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from pc3dad.errors import ConfigError

DEFAULT_BUDGET = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What computes: torch device string, a name for people, and its memory in bytes (0 if unknown)."""

    device: str
    name: str
    memory_bytes: int


def resolve(device: str = "auto") -> DeviceInfo:
    """Turns "auto", "cpu", "cuda", "cuda:1" into a device that exists. Only "cpu" does not import torch.

    Raises:
        ConfigError: the device does not exist here.
    """
    if device == "cpu":
        return DeviceInfo("cpu", f"CPU, {cpu_count()} cores", total_memory())
    import torch

    if device == "auto":
        return resolve("cuda:0") if torch.cuda.is_available() else resolve("cpu")
    kind, _, index = device.partition(":")
    if kind != "cuda" or not (index or "0").isdecimal():
        raise ConfigError(f"unknown device {device!r}", hint="use auto, cpu, cuda or cuda:N")
    number = int(index or 0)
    if number >= torch.cuda.device_count():
        raise ConfigError(
            f"device {device!r} does not exist here", hint="use --device cpu, or see `pc3dad doctor`"
        )
    properties = torch.cuda.get_device_properties(number)
    return DeviceInfo(f"cuda:{number}", properties.name, properties.total_memory)


def cpu_count() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def total_memory() -> int:
    """Bytes of main memory, 0 if the platform does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def memory_budget() -> int:
    """Bytes that one sample may allocate by default: a quarter of main memory, at most 2 GiB."""
    total = total_memory()
    return min(total // 4, DEFAULT_BUDGET) if total else DEFAULT_BUDGET


def batches(n: int, *, bytes_each: int, budget: int) -> Iterator[slice]:
    """Cuts `n` items into batches that a memory budget holds; a batch has one item at least.

    Args:
        n: number of items, such as views.
        bytes_each: what one item allocates.
        budget: bytes, such as `RunContext.memory_bytes`.
    """
    size = max(1, budget // max(1, bytes_each))
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
