"""Seconds and peak memory of single samples."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_RESET_PEAK = "5"  # man 5 proc: sets the peak resident set to the present one


class Meter:
    """Measures one step after the other.

    Time is wall time. Memory is the peak resident set of the process during the step where the system lets
    it be reset (Linux), else since the process began; on a GPU, the peak that torch allocated in the step.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._cuda = device if device.startswith("cuda") else None
        self._paused = 0.0
        self._start = 0.0
        self.restart()

    def restart(self) -> None:
        """Begins a step."""
        if self._cuda is not None:
            import torch

            torch.cuda.reset_peak_memory_stats(self._cuda)
        else:
            with suppress(OSError):  # another system: the peak since the process began is reported instead
                _CLEAR.write_text(_RESET_PEAK)
        self._paused, self._start = 0.0, time.perf_counter()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Takes work that is not the method's, such as reading a file, off the clock."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._paused += time.perf_counter() - begin

    def seconds(self) -> float:
        """Seconds since `restart`, without what ran `outside`."""
        if self._cuda is not None:
            import torch

            torch.cuda.synchronize(self._cuda)
        return time.perf_counter() - self._start - self._paused

    def peak_bytes(self) -> int:
        """Peak memory since `restart`."""
        if self._cuda is not None:
            import torch

            return int(torch.cuda.max_memory_allocated(self._cuda))
        try:
            line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
            return int(line.split()[1]) * 1024
        except (OSError, StopIteration):
            import resource  # POSIX only

            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return peak if sys.platform == "darwin" else peak * 1024
