"""Features of frozen encoders, computed once per sample and kept in `$PC3DAD_HOME/features/`.

A file is named by all that its features depend on, so that it never has to be declared out of date: weights,
configuration of the encoder, views, the sample's content, and what computes. Folder and files are those of
`io.array_cache`: bounded, safe for several processes, and nothing but time is lost with them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from pc3dad.context import RunContext
from pc3dad.errors import ConfigError
from pc3dad.io import digest, home
from pc3dad.io.array_cache import ArrayCache
from pc3dad.io.scan import AnyArray
from pc3dad.types import Sample

REVISION = 1
"""Raised whenever the same weights and samples give other features than before."""
MAX_BYTES = 10 * 1024**3
"""Bound of the folder: nine views in four layers of ViT-L/14@336 are 32 MB in float16, so 330 samples."""

Features = dict[str, torch.Tensor]


def features_folder() -> Path | None:
    """Where features are kept by default (`io.home`)."""
    return home.folder("features")


class FeatureCache:
    """Features of one encoder, read if they are kept, else computed and kept.

    They come out rounded to `kept_as` whether they were kept or not: a run without the cache gives the same.

    Args:
        ctx: surroundings; `ctx.cache` False keeps and reads nothing.
        kept_as: type in which features are kept. float16 takes half the space and has 11 bits.
        folder: where; None keeps nothing.
        max_bytes: bound of the folder.
    """

    def __init__(
        self,
        ctx: RunContext,
        *,
        kept_as: Literal["float16", "float32"],
        folder: Path | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._kept = ArrayCache((folder or features_folder()) if ctx.cache else None, max_bytes=max_bytes)
        self._type = np.dtype(kept_as)
        self._device = ctx.device
        self._computed_by = {
            "revision": REVISION,
            "torch": torch.__version__,
            "device": ctx.device.partition(":")[0],
            "precision": ctx.precision,
            "kept_as": kept_as,
        }

    def key(self, sample: Sample, *, weights: str, encoder: Mapping[str, Any], views: Any = None) -> str:
        """Name of the features of a sample.

        Args:
            sample: of which the content counts, not the name.
            weights: sha256 of the weights, as `weights.store.locate` tells it.
            encoder: plain data: all that changes features, such as layers and the start of the value path.
            views: plain data: the list of views and the configuration of the renderer, None without views.
        """
        facts = {"weights": weights, "encoder": dict(encoder), "views": views, **self._computed_by}
        return digest.of_plain({**facts, "sample": content_digest(sample)})

    def get(self, key: str, compute: Callable[[], Mapping[str, torch.Tensor]]) -> Features:
        """Features under a key.

        Args:
            key: see `key`.
            compute: called if they are not kept; floating-point tensors by name, or integers and booleans.

        Returns:
            The tensors on the device of the context, floating-point ones as float32 that were rounded to the
            type in which they are kept.

        Raises:
            ConfigError: a value is too large for float16.
        """
        arrays = self._kept.read(key)
        if arrays is None:
            arrays = {name: self._rounded(name, value) for name, value in compute().items()}
            self._kept.keep(key, arrays)
        return {name: self._tensor(array) for name, array in arrays.items()}

    def _rounded(self, name: str, value: torch.Tensor) -> AnyArray:
        """The array that is kept of a tensor."""
        if not value.is_floating_point():
            return value.detach().cpu().numpy()
        exact = value.detach().float().cpu().numpy()
        with np.errstate(over="ignore"):
            rounded = exact.astype(self._type)
        if np.isinf(rounded).any() and not np.isinf(exact).any():
            raise ConfigError(f"{name} has values that float16 cannot hold", hint="keep features as float32")
        return rounded

    def _tensor(self, array: AnyArray) -> torch.Tensor:
        copied = array.astype(np.float32 if array.dtype.kind == "f" else array.dtype)
        return torch.from_numpy(copied).to(self._device)


def content_digest(sample: Sample) -> str:
    """Hexadecimal sha256 of all that an encoder may see of a sample: neither names nor missing points."""
    cloud = sample.cloud
    parts = [repr(cloud.grid).encode(), np.packbits(cloud.valid).tobytes(), cloud.valid_xyz.tobytes()]
    parts += [b"" if of is None else of[cloud.valid].tobytes() for of in (cloud.normals, cloud.rgb)]
    parts.append(b"" if sample.image is None else digest.of_array(sample.image).encode())
    return digest.of_parts(parts)
