"""Batches made ahead of time by other threads, so that a fast device does not wait for them."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

BatchT = TypeVar("BatchT")


class Ahead(Generic[BatchT]):
    """Makes the batch of a step, and those of the next steps meanwhile.

    What a batch is depends on its number alone, so threads change nothing but time.

    Args:
        make: number of a step to its batch.
        threads: that make batches; with 0 each is made when it is asked for.
    """

    def __init__(self, make: Callable[[int], BatchT], *, threads: int) -> None:
        self._make = make
        self._threads = threads
        self._pool = ThreadPoolExecutor(max(1, threads))
        self._coming: deque[tuple[int, Future[BatchT]]] = deque()

    def __call__(self, step: int) -> BatchT:
        """The batch of a step; steps are asked for one after the other."""
        if not self._threads:
            return self._make(step)
        while self._coming and self._coming[0][0] != step:
            self._coming.popleft()[1].cancel()
        following = self._coming[-1][0] + 1 if self._coming else step
        for number in range(following, step + 2 * self._threads):
            self._coming.append((number, self._pool.submit(self._make, number)))
        return self._coming.popleft()[1].result()
