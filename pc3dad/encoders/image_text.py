"""Image-text encoders: any plain CLIP with a vision transformer that open_clip can build, or one half of it.

A model cannot exist without weights: its parameters are made of the given tensors. Random ones come from
`untrained` alone, for tests, benchmarks and the start of training.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from pc3dad.encoders import _compat
from pc3dad.encoders.layout import Architecture, Layout, layout_of, read_config
from pc3dad.encoders.loading import Undrawn, load_strictly
from pc3dad.encoders.published import statistics
from pc3dad.encoders.text import TextTower
from pc3dad.encoders.vision import Positions, VisionTower
from pc3dad.errors import ConfigError, WeightsError

Part = Literal["both", "image", "text"]
Tensors = Mapping[str, torch.Tensor]

IMAGE = "visual."  # how names of the image half begin; those of the text half have no beginning in common
SCALARS = frozenset({"logit_scale", "logit_bias"})  # for the training of the model


@dataclass(frozen=True, slots=True, eq=False)
class ImageTextEncoder:
    """An image tower and a text tower with a joint space, frozen.

    It is no module, so that what a method saves of itself never contains it.

    Attributes:
        layout: sizes.
    """

    layout: Layout
    _vision: VisionTower | None
    _text: TextTower | None

    @property
    def vision(self) -> VisionTower:
        """The image tower.

        Raises:
            ConfigError: it was not loaded.
        """
        if self._vision is None:
            raise ConfigError("only the text half of the model was loaded", hint="load part both or image")
        return self._vision

    @property
    def text(self) -> TextTower:
        """The text tower.

        Raises:
            ConfigError: it was not loaded.
        """
        if self._text is None:
            raise ConfigError("only the image half of the model was loaded", hint="load part both or text")
        return self._text

    def to(self, device: str | None = None, dtype: torch.dtype | None = None) -> Self:
        """Moves the towers and converts their weights, in place; features then are of that type.

        bfloat16 is several times faster on processors that have it, and changes scores a little
        (`benchmarks/encoders_image.py`).
        """
        for tower in (self._vision, self._text):
            if tower is not None:
                tower.to(device=device, dtype=dtype)
        return self

    def tensors(self) -> dict[str, torch.Tensor]:
        """The weights by the names of open_clip's `CLIP`, as `load` takes them."""
        image = self._vision.visual.state_dict(prefix=IMAGE) if self._vision else {}
        return {**image, **(self._text.text.state_dict() if self._text else {})}


def load(
    architecture: Architecture,
    weights: Path | Tensors,
    *,
    part: Part = "both",
    tag: str | None = None,
    image_size: int | None = None,
    positions: Positions = "bicubic-antialias",
    dual_from: int | None = None,
    deep_depth: int | None = None,
) -> ImageTextEncoder:
    """Builds a model of given weights, in float32.

    Args:
        architecture: name of open_clip or a configuration.
        weights: a safetensors file, or tensors, by the names of open_clip's `CLIP`. They are copied.
        part: which half to build; tensors of the other are not read.
        tag: open_clip's name of the weights, such as "openai", if they are published ones. It gives mean and
            std of pictures, and weights trained with another activation than that of the architecture are
            refused.
        image_size: side of the pictures if it is another than that of training.
        positions: how positions are interpolated then.
        dual_from: as stated with the weights, see `Layout`.
        deep_depth: likewise.

    Raises:
        ConfigError: architecture, tag or a size is wrong.
        WeightsError: weights are missing, unreadable, or do not fit the architecture.
    """
    config = read_config(architecture)
    sizes = layout_of(config, image_size=image_size, dual_from=dual_from, deep_depth=deep_depth)
    what = "this model"
    if isinstance(architecture, str):
        mean, std = statistics(architecture, tag)
        what, sizes = architecture, replace(sizes, mean=mean, std=std)
    tensors = _read(weights, part)
    with Undrawn():
        image = _image_tower(config) if part != "text" else None
        text = _text_tower(config) if part != "image" else None
    if image is not None:
        found = {name.removeprefix(IMAGE): value for name, value in tensors.items() if _is_image(name)}
        load_strictly(image, found, what=f"the image tower of {what}")
    if text is not None:
        found = {name: value for name, value in tensors.items() if not _is_image(name)}
        load_strictly(text, found, what=f"the text tower of {what}")
    return _frozen(sizes, image, text, positions)


def untrained(
    architecture: Architecture,
    *,
    seed: int,
    part: Part = "both",
    image_size: int | None = None,
    positions: Positions = "bicubic-antialias",
    dual_from: int | None = None,
    deep_depth: int | None = None,
) -> ImageTextEncoder:
    """A model of random weights; arguments as in `load`."""
    config = read_config(architecture)
    sizes = layout_of(config, image_size=image_size, dual_from=dual_from, deep_depth=deep_depth)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        image = _image_tower(config) if part != "text" else None
        torch.manual_seed(seed + 1)  # the same half with and without the other
        text = _text_tower(config) if part != "image" else None
    return _frozen(sizes, image, text, positions)


def _image_tower(config: Mapping[str, Any]) -> nn.Module:
    """The image half of open_clip's `CLIP` of that configuration."""
    clip = _compat.open_clip()
    vision = clip.CLIPVisionCfg(**config["vision_cfg"])
    tower: nn.Module = clip.transformer.VisionTransformer(
        image_size=vision.image_size,
        patch_size=vision.patch_size,
        width=vision.width,
        layers=vision.layers,
        heads=vision.width // vision.head_width,
        mlp_ratio=vision.mlp_ratio,
        ls_init_value=vision.ls_init_value,
        output_dim=config["embed_dim"],
        act_layer=_activation(config),
    )
    return tower


def _text_tower(config: Mapping[str, Any]) -> Any:
    """The text half, likewise."""
    clip = _compat.open_clip()
    text = clip.CLIPTextCfg(**config["text_cfg"])
    return clip.transformer.TextTransformer(
        context_length=text.context_length,
        vocab_size=text.vocab_size,
        width=text.width,
        heads=text.heads,
        layers=text.layers,
        mlp_ratio=text.mlp_ratio,
        ls_init_value=text.ls_init_value,
        output_dim=config["embed_dim"],
        act_layer=_activation(config),
    )


def _activation(config: Mapping[str, Any]) -> Any:
    return _compat.open_clip().transformer.QuickGELU if config.get("quick_gelu") else nn.GELU


def _frozen(
    sizes: Layout, image: nn.Module | None, text: nn.Module | None, positions: Positions
) -> ImageTextEncoder:
    vision = None if image is None else VisionTower(image, positions=positions).eval().requires_grad_(False)
    return ImageTextEncoder(
        sizes, vision, None if text is None else TextTower(text).eval().requires_grad_(False)
    )


def _read(weights: Path | Tensors, part: Part) -> dict[str, torch.Tensor]:
    """The tensors of a part by name; of a file, no other is read."""
    try:
        if isinstance(weights, Mapping):
            return {name: value for name, value in weights.items() if _belongs(name, part)}
        with safe_open(weights, framework="pt") as file:
            return {name: file.get_tensor(name) for name in list(file.keys()) if _belongs(name, part)}
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"cannot read weights from {weights}: {error}",
            hint="give a .safetensors file; `pc3dad weights import` makes one of an official file",
        ) from error


def _belongs(name: str, part: Part) -> bool:
    return name not in SCALARS and (part == "both" or _is_image(name) == (part == "image"))


def _is_image(name: str) -> bool:
    return name.startswith(IMAGE)
