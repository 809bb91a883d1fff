"""Sizes of an image-text model, read off the configuration that open_clip builds it from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pc3dad.config import nearest
from pc3dad.encoders import _compat
from pc3dad.errors import ConfigError, WeightsError

Architecture = str | Mapping[str, Any]
"""A name of open_clip such as "ViT-L-14-336-quickgelu", or what such a name stands for: `embed_dim`,
`vision_cfg`, `text_cfg` and `quick_gelu`."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
QUICK = "-quickgelu"

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
        text_heads: number of attention heads of its blocks.
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
    text_heads: int
    context_length: int
    dual_from: int
    deep_depth: int
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD

    @property
    def grid(self) -> int:
        """Patches per side."""
        return self.image_size // self.patch_size


def read_config(architecture: Architecture, tag: str | None = None) -> dict[str, Any]:
    """The configuration of a plain CLIP with a vision transformer, checked.

    Args:
        architecture: name or configuration.
        tag: open_clip's name of the weights, such as "openai", if they are published ones.

    Raises:
        ConfigError: the name or the tag is unknown, or the model is of another kind.
        WeightsError: those weights were trained with another activation than the architecture has.
    """
    if isinstance(architecture, str):
        clip = _compat.open_clip()
        found = clip.get_model_config(architecture)
        if found is None:
            raise ConfigError(
                f"open_clip has no architecture {architecture!r}{nearest(architecture, clip.list_models())}",
                hint="open_clip.list_models() lists them",
            )
        config: dict[str, Any] = found
        _refuse_other_activation(architecture, tag, quick=bool(config.get("quick_gelu")))
    else:
        config = dict(architecture)
    odd = set(config) - {"embed_dim", "quick_gelu", *PLAIN}
    for part, known in PLAIN.items():
        odd |= {f"{part}.{key}" for key in set(config.get(part, ())) - known}
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
    mean: tuple[float, float, float] = CLIP_MEAN,
    std: tuple[float, float, float] = CLIP_STD,
) -> Layout:
    """Sizes of the model with a configuration of `read_config`.

    Args:
        config: of the model.
        image_size: side of the pictures if it is another than that of training.
        dual_from: as stated with the weights, otherwise 5/24 of the depth.
        deep_depth: as stated with the weights, otherwise 3/4 of the depth of the text tower.
        mean: of red, green and blue.
        std: likewise.

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
        text_heads=text.heads,
        context_length=text.context_length,
        dual_from=start,
        deep_depth=reach,
        mean=mean,
        std=std,
    )


def statistics(architecture: Architecture, tag: str | None) -> dict[str, tuple[float, float, float]]:
    """`mean` and `std` that published weights were trained with; those of CLIP where nothing is known."""
    known = {"mean": CLIP_MEAN, "std": CLIP_STD}
    if isinstance(architecture, str) and tag is not None:
        published = _compat.open_clip().get_pretrained_cfg(architecture, tag)
        known = {key: tuple(published[key]) for key in known}
    return known


def _refuse_other_activation(architecture: str, tag: str | None, *, quick: bool) -> None:
    """Refuses weights trained with QuickGELU in a model with GELU and the other way round.

    open_clip only warns of it, and not at all if weights are given as a file. The features are wrong then.
    """
    clip, name = _compat.open_clip(), architecture.removesuffix(QUICK)
    tags = clip.list_pretrained_tags_by_model(name)
    if tag is not None and tag not in tags:
        raise ConfigError(
            f"open_clip knows no weights {tag!r} of {architecture}{nearest(tag, tags)}",
            hint="give no tag if the weights are your own",
        )
    trained = {one: bool(clip.get_pretrained_cfg(name, one).get("quick_gelu")) for one in tags}
    contrary = [one for one in tags if trained[one] != quick and tag in (None, one)]
    if not contrary or (tag is None and quick and any(trained.values())):
        return  # the suffix says it
    sure = tag is not None or len(contrary) == len(tags)
    raise WeightsError(
        f"{', '.join(contrary)} of {name} were trained with {'GELU' if quick else 'QuickGELU'}, and "
        f"{architecture} has {'QuickGELU' if quick else 'GELU'}",
        hint=f"use {name if quick else name + QUICK}" if sure else "say by `tag` which weights these are",
    )
