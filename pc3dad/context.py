"""What the surroundings give to a running method: device, workers, generators, memory, progress."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pc3dad import seeding
from pc3dad.device import memory_budget
from pc3dad.types import PointCloud

if TYPE_CHECKING:
    import torch

Progress = Callable[[str, int, int], None]
"""Called as `progress(label, done, total)`; total 0 means unknown."""


def silent(_label: str, _done: int, _total: int) -> None:
    """Progress callback that shows nothing."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """Passed to `fit` and `predict`. Methods take every resource and every random number from here.

    Attributes:
        seed: seed of the run; results are equal for equal seeds.
        device: torch device string, such as "cpu" or "cuda:0".
        precision: "float32" or "bfloat16", for encoders.
        workers: threads that neighbour searches may use.
        memory_bytes: what one sample may allocate; larger work is cut into chunks (`device.batches`).
        cache: whether features of frozen encoders may be kept and read; scores are the same.
        scratch: folder for temporary files.
        progress: callback `(label, done, total)`.
    """

    seed: int = 0
    device: str = "cpu"
    precision: str = "float32"
    workers: int = 1
    memory_bytes: int = field(default_factory=memory_budget)
    cache: bool = True
    scratch: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    progress: Progress = silent

    def rng(self, name: str, cloud: PointCloud | None = None) -> np.random.Generator:
        """Generator for the named use, with `cloud` one of its own for that cloud (`seeding.cloud_key`)."""
        names = (name,) if cloud is None else (name, seeding.cloud_key(cloud))
        return seeding.generator(self.seed, *names)

    def torch_rng(self, name: str) -> "torch.Generator":
        """Torch generator on the CPU for the named use."""
        return seeding.torch_generator(self.seed, name)
