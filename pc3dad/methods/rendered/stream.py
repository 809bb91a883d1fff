"""What a frozen image tower sees of a sample: features of its views, and where its points are in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pc3dad.config import plain
from pc3dad.context import RunContext
from pc3dad.device import resolve
from pc3dad.encoders.cache import FeatureCache
from pc3dad.encoders.named import load_image_text
from pc3dad.encoders.transform import prepare_images
from pc3dad.errors import ConfigError, DataError
from pc3dad.methods.rendered.config import RenderedConfig
from pc3dad.render.renderer import Views, render
from pc3dad.render.views import find_views
from pc3dad.types import Float64Array, Sample

TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Features of V pictures in the joint space, not normalised.

    Attributes:
        image: (V, D) float32, of the class token.
        patches: (L, V, P, D) float32, after each of the layers, along the value path.
    """

    image: torch.Tensor
    patches: torch.Tensor

    def to(self, device: str) -> "Features":
        """The same on a device, float32."""
        return Features(self.image.float().to(device), self.patches.float().to(device))


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """V views of the n valid points of a cloud.

    Attributes:
        features: by kind of picture: shaded, depth, rgb.
        pictures: (V, S, S) uint8 by kind of picture, those that were asked for.
        pixel: (V, n) int32, row * S + column of each point.
        visible: (V, n) bool.
        indices: (n,) int64: these points of the cloud.
        front: (V, S, S) int32, the point that each pixel shows, -1 in the background; None unless asked for.
    """

    features: Mapping[str, Features]
    pictures: Mapping[str, torch.Tensor]
    pixel: torch.Tensor
    visible: torch.Tensor
    indices: NDArray[np.int64]
    front: torch.Tensor | None = None


class Stream:
    """Renders samples and encodes the pictures, once per sample as long as the cache keeps them.

    Args:
        config: of the method.
        ctx: surroundings.
        encoded: kinds of pictures whose features are wanted: shaded, depth, rgb.
        kept: kinds of pictures that are wanted as they are.

    Raises:
        ConfigError: the encoder, a layer or the number of views does not exist.
        WeightsError: the weights are not here.
    """

    def __init__(
        self,
        config: RenderedConfig,
        ctx: RunContext,
        *,
        encoded: Sequence[str] = ("shaded",),
        kept: Sequence[str] = (),
    ) -> None:
        self.config, self._ctx = config, ctx
        self._encoded, self._kept = tuple(encoded), tuple(kept)
        named = load_image_text(config.encoder, image_size=config.image_size)
        self.encoder = named.encoder.to(resolve(ctx.device).device, TYPES[ctx.precision])
        self.layout = self.encoder.layout
        self.layers = config.layers or (self.layout.depth,)
        if not all(1 <= layer <= self.layout.depth for layer in self.layers):
            raise ConfigError(
                f"layers={list(self.layers)} do not fit {config.encoder}, which has {self.layout.depth}",
                hint=f"name layers from 1 to {self.layout.depth}",
            )
        self._sha256 = named.file.sha256
        self._render = config.render_config(self.layout.image_size)
        self._cache = FeatureCache(ctx, kept_as="float16")

    def look(self, sample: Sample, *, front: bool = False) -> Seen:
        """What is seen of a sample, on the device of the context.

        Args:
            sample: any.
            front: also tell which point each pixel shows, for masks.

        Raises:
            DataError: no point is valid, or pictures in colours are wanted of a cloud without.
        """
        rotations = self._rotations(sample)

        @cache
        def views() -> Views:
            return render(
                sample.cloud,
                self._render,
                rotations=rotations,
                coloured="rgb" in (*self._encoded, *self._kept),
                device=self._ctx.device,
                workers=self._ctx.workers,
            )

        tables = self._get(sample, rotations, "tables", lambda: _tables(views()))
        features = {name: self._features(sample, rotations, name, views) for name in self._encoded}
        pictures = {
            name: self._get(sample, rotations, name, lambda name=name: {name: _picture(views(), name)})[name]  # type: ignore[misc]
            for name in self._kept
        }
        shown = self._get(sample, rotations, "front", lambda: {"front": views().front}) if front else {}
        return Seen(
            features,
            pictures,
            tables["pixel"],
            tables["visible"],
            np.flatnonzero(sample.cloud.valid),
            shown.get("front"),
        )

    def encode(self, pictures: torch.Tensor) -> Features:
        """Features of pictures (V, H, W) or (V, H, W, 3), uint8."""
        with torch.inference_mode():
            images = prepare_images(pictures, self.layout).to(TYPES[self._ctx.precision])
            found = self.encoder.vision(
                images, taps=self.layers, dual_from=self.layout.dual_from, budget=self._ctx.memory_bytes
            )
        return Features(found.image.float().clone(), torch.stack(found.patches).float())

    def photograph(self, sample: Sample) -> Features:
        """Features of the photograph of a sample, as of one more view.

        Raises:
            DataError: as `picture`.
        """
        return self.encode(self.picture(sample))

    def picture(self, sample: Sample) -> torch.Tensor:
        """(1, H, W, 3) uint8: the photograph of a sample, on the device of the context.

        Raises:
            DataError: there is no photograph, or none that is aligned with a grid of points.
        """
        if sample.image is None or sample.cloud.grid is None:
            raise DataError(
                f"sample {sample.id!r} has no photograph that is aligned with its points",
                hint="use rgb=off, or a data set with photographs",
            )
        return torch.from_numpy(np.ascontiguousarray(sample.image))[None].to(self._ctx.device)

    def _features(
        self, sample: Sample, rotations: Float64Array, name: str, views: Callable[[], Views]
    ) -> Features:
        def compute() -> dict[str, torch.Tensor]:
            found = self.encode(_picture(views(), name))
            return {"image": found.image, "patches": found.patches}

        found = self._get(sample, rotations, name, compute, layers=self.layers)
        return Features(found["image"], found["patches"])

    def _get(
        self,
        sample: Sample,
        rotations: Float64Array,
        what: str,
        compute: Callable[[], Mapping[str, torch.Tensor]],
        *,
        layers: Sequence[int] | None = None,
    ) -> dict[str, torch.Tensor]:
        views = {**plain(self._render), "views": rotations.round(12).tolist(), "what": what}
        encoder: dict[str, Any] = {}
        if layers is not None:
            encoder = {"layers": list(layers), "dual_from": self.layout.dual_from}
        key = self._cache.key(sample, weights=self._sha256 if layers else "", encoder=encoder, views=views)
        return self._cache.get(key, compute)

    def _rotations(self, sample: Sample) -> Float64Array:
        rotations = find_views(self.config.views, organised=sample.cloud.grid is not None).rotations()
        wanted = self.config.n_views
        if wanted is None:
            return rotations
        if wanted > len(rotations):
            raise ConfigError(
                f"n_views={wanted}, but the list has {len(rotations)} views", hint="name a longer list"
            )
        chosen = np.linspace(0, len(rotations) - 1, wanted) if wanted > 1 else np.array([len(rotations) // 2])
        picked: Float64Array = rotations[chosen.round().astype(int)]
        return picked


def _tables(views: Views) -> dict[str, torch.Tensor]:
    return {"pixel": views.pixel, "visible": views.visible}


def _picture(views: Views, name: str) -> torch.Tensor:
    picture: torch.Tensor = getattr(views, name)
    return picture
