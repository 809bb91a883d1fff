"""Generators by name: the same seed and names give the same numbers everywhere and in any order of calls."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from pc3dad.types import PointCloud

if TYPE_CHECKING:
    import torch


def stream(seed: int, *names: str | bytes) -> int:
    """A 128-bit number that depends on the seed and on every name, but on nothing else."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (str(seed), *names):
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(
            len(raw).to_bytes(8, "little") + raw
        )  # length first, so that ("ab", "c") != ("a", "bc")
    return int.from_bytes(digest.digest(), "little")


def generator(seed: int, *names: str | bytes) -> np.random.Generator:
    """NumPy generator of the stream `names`."""
    return np.random.Generator(np.random.PCG64(stream(seed, *names)))


def torch_generator(seed: int, *names: str | bytes, device: str = "cpu") -> "torch.Generator":
    """Torch generator of the stream `names`."""
    import torch

    return torch.Generator(device=device).manual_seed(stream(seed, *names) & (2**63 - 1))


def cloud_key(cloud: PointCloud) -> bytes:
    """(16,) bytes that name a cloud by its content.

    Draws made for one sample are keyed by this and not by the sample's id, so that a renamed file keeps its
    scores and a label hidden in a file name cannot reach them.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(cloud.valid_xyz.tobytes())  # not the filler of missing points, which means nothing
    digest.update(np.packbits(cloud.valid).tobytes())
    return digest.digest()
