"""What the scripts beside it share."""

import time
from collections.abc import Callable


def seconds(action: Callable[[], object], repeats: int = 5) -> float:
    """CPU seconds of an action, the best of several times."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        action()
        best = min(best, time.process_time() - start)
    return best
