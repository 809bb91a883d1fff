"""Sizes of an image-text model, read off the configuration that open_clip builds it from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pc3dad.config import nearest
from pc3dad.encoders import _compat
from pc3dad.errors import ConfigError

Architecture = str | Mapping[str, Any]
"""A name of open_clip such as "ViT-L-14-336-quickgelu", or what such a name stands for: `embed_dim`,
`vision_cfg`, `text_cfg` and `quick_gelu`."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

PLAIN = {  # what a model with a class token, blocks of one kind, a causal mask and the tokens of CLIP can set
    "vision_cfg": frozenset(
        {"image_size", "patch_size", "width", "layers", "head_width", "mlp_ratio", "ls_init_value"}
    ),
    "text_cfg": frozenset(
        {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio", "ls_init_value"}
    ),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes of an image-text model and where methods are recommended to reach into it.

    Attributes:
        image_size: side of the pictures in pixels.
        patch_size: side of a patch in pixels.
        width: length of a token inside the image tower.
        depth: number of blocks of the image tower.
        heads: number of attention heads of its blocks.
        embed_dim: length of a feature in the joint space of both towers, D.
        text_width: length of a token inside the text tower.
        text_depth: number of blocks of the text tower.
        context_length: number of tokens of a text.
        dual_from: after how many blocks of the image tower the value path begins (5 of 24 in GS-CLIP and
            Align3D-AD, the same share elsewhere unless the weights say otherwise).
        deep_depth: into how many blocks of the text tower learned prompts reach, the first one included
            (9 of 12 there).
        mean: of red, green and blue in 0..1, by which pictures are normalised.
        std: likewise.
    """

    image_size: int
    patch_size: int
    width: int
    depth: int
    heads: int
    embed_dim: int
    text_width: int
    text_depth: int
    context_length: int
    dual_from: int
    deep_depth: int
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD

    @property
    def grid(self) -> int:
        """Patches per side."""
        return self.image_size // self.patch_size


def read_config(architecture: Architecture) -> dict[str, Any]:
    """The configuration of a plain CLIP with a vision transformer, checked.

    Raises:
        ConfigError: the name is unknown, or the model is of another kind.
    """
    if isinstance(architecture, str):
        clip = _compat.open_clip()
        known = clip.list_models()
        if architecture not in known:  # open_clip would look for "hf-hub:..." in the network
            raise ConfigError(
                f"open_clip has no architecture {architecture!r}{nearest(architecture, known)}",
                hint="open_clip.list_models() lists them",
            )
        config: dict[str, Any] = clip.get_model_config(architecture)
    else:
        config = dict(architecture)
    odd = set(config) - {"embed_dim", "quick_gelu", *PLAIN}
    for part, settings in PLAIN.items():
        odd |= {f"{part}.{key}" for key in set(config.get(part, ())) - settings}
    vision = config.get("vision_cfg", {})
    odd |= {key for key in ("image_size", "patch_size", "layers") if not isinstance(vision.get(key, 1), int)}
    odd |= {key for key in ("embed_dim", *PLAIN) if key not in config}
    if odd:
        name = architecture if isinstance(architecture, str) else "this model"
        raise ConfigError(
            f"{name} is no plain CLIP with a vision transformer, see {', '.join(sorted(odd))}",
            hint="use a model whose towers are of the kinds of ViT-L-14",
        )
    return config


def layout_of(
    config: Mapping[str, Any],
    *,
    image_size: int | None = None,
    dual_from: int | None = None,
    deep_depth: int | None = None,
) -> Layout:
    """Sizes of the model with a configuration of `read_config`.

    Args:
        config: of the model.
        image_size: side of the pictures if it is another than that of training.
        dual_from: as stated with the weights, otherwise 5/24 of the depth.
        deep_depth: as stated with the weights, otherwise 3/4 of the depth of the text tower.

    Raises:
        ConfigError: a size does not fit the model.
    """
    vision = _compat.open_clip().CLIPVisionCfg(**config["vision_cfg"])
    text = _compat.open_clip().CLIPTextCfg(**config["text_cfg"])
    side = vision.image_size if image_size is None else image_size
    start = round(vision.layers * 5 / 24) if dual_from is None else dual_from
    reach = round(text.layers * 3 / 4) if deep_depth is None else deep_depth
    if (
        side <= 0
        or side % vision.patch_size
        or not 0 <= start <= vision.layers
        or not 1 <= reach <= text.layers
    ):
        raise ConfigError(
            f"pictures of {side} pixels, a value path from {start} and prompts {reach} deep do not fit "
            f"patches of {vision.patch_size}, {vision.layers} image blocks and {text.layers} text blocks",
            hint="the side must be a multiple of that of a patch, the others at most the number of blocks",
        )
    return Layout(
        image_size=side,
        patch_size=vision.patch_size,
        width=vision.width,
        depth=vision.layers,
        heads=vision.width // vision.head_width,
        embed_dim=config["embed_dim"],
        text_width=text.width,
        text_depth=text.layers,
        context_length=text.context_length,
        dual_from=start,
        deep_depth=reach,
    )
