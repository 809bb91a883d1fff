"""Names and shapes of all tensors that weights must have, so that a wrong file is refused by name.

Those of CLIP follow from the sizes of open_clip's architectures; those of ULIP-2 and PointNet++ are the keys
of the official files without the prefix `module.`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from pc3dad.errors import WeightsError
from pc3dad.io.scan import shown

Shape = tuple[int, ...]
Shapes = dict[str, Shape]

VOCABULARY, CONTEXT = 49408, 77  # of CLIP's tokenizer
HINT = "`pc3dad weights info` names the file to get"
ARCHIVE_SCALARS = frozenset({"input_resolution", "context_length", "vocab_size"})  # in archives of OpenAI


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file of weights must hold.

    Attributes:
        shapes: of every tensor that must be there.
        ignored: names that may be there too and are not kept.
        ignored_prefix: how further such names begin; empty if none do.
    """

    shapes: Mapping[str, Shape]
    ignored: frozenset[str] = field(default_factory=frozenset)
    ignored_prefix: str = ""

    def ignores(self, name: str) -> bool:
        """Whether a tensor of that name is left out."""
        return name in self.ignored or bool(self.ignored_prefix and name.startswith(self.ignored_prefix))

    def check(self, found: Mapping[str, Shape], *, what: str, hint: str = HINT) -> None:
        """Compares names and shapes.

        Args:
            found: shape of every tensor of a file.
            what: the file, for the message.
            hint: what the user can do.

        Raises:
            WeightsError: they differ; the message lists every one that is missing, unexpected or misshapen.
        """
        names = [name for name in found if not self.ignores(name)]
        problems = {
            "missing": [name for name in self.shapes if name not in found],
            "unexpected": [shown(name) for name in names if name not in self.shapes],
            "of another shape": [
                f"{name} {found[name]} instead of {self.shapes[name]}"
                for name in names
                if name in self.shapes and found[name] != self.shapes[name]
            ],
        }
        if any(problems.values()):
            listed = "; ".join(f"{kind}: {shortened(items)}" for kind, items in problems.items() if items)
            raise WeightsError(f"{what} holds another network ({listed})", hint=hint)


def shortened(names: Iterable[str]) -> str:
    """A list of names; those that differ in one number only become one, `blocks.{0-11}.ln_1.bias`."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for name in names:
        before, number, after = (*re.split(r"\.(\d+)\.", name, maxsplit=1), "", "")[:3]
        numbers.setdefault((before, after), []).extend([int(number)] if number else [])
    return ", ".join(
        f"{before}.{_ranges(found)}.{after}" if found else before
        for (before, after), found in numbers.items()
    )


def _ranges(numbers: list[int]) -> str:
    """`7`, or `{0-2,5}`."""
    if len(numbers) == 1:
        return str(numbers[0])
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][-1] + 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    return "{" + ",".join("-".join(map(str, span)) for span in spans) + "}"


@dataclass(frozen=True, slots=True)
class ClipSizes:
    """Sizes of a CLIP model: of a tower its width and number of blocks."""

    image_size: int
    patch_size: int
    width: int
    layers: int
    text_width: int
    text_layers: int
    joint: int
    hidden: int = 0  # of the MLP of the image tower; 0 means four times the width


def clip(sizes: ClipSizes) -> Layout:
    """Both towers of a CLIP model, by the names of open_clip, which are those of OpenAI too."""
    return Layout(_clip_vision(sizes) | _clip_text(sizes) | {"logit_scale": ()}, ARCHIVE_SCALARS)


def clip_text(sizes: ClipSizes) -> Layout:
    """The text tower alone; the picture half may be there."""
    return Layout(_clip_text(sizes), ARCHIVE_SCALARS | {"logit_scale"}, "visual.")


def _clip_vision(sizes: ClipSizes) -> Shapes:
    width, patches = sizes.width, (sizes.image_size // sizes.patch_size) ** 2
    return {
        "visual.class_embedding": (width,),
        "visual.positional_embedding": (1 + patches, width),
        "visual.proj": (width, sizes.joint),
        "visual.conv1.weight": (width, 3, sizes.patch_size, sizes.patch_size),
        **_affine("visual.ln_pre", width),
        **_affine("visual.ln_post", width),
        **_blocks("visual.transformer", sizes.layers, width, sizes.hidden or 4 * width),
    }


def _clip_text(sizes: ClipSizes) -> Shapes:
    width = sizes.text_width
    return {
        "token_embedding.weight": (VOCABULARY, width),
        "positional_embedding": (CONTEXT, width),
        "text_projection": (width, sizes.joint),
        **_affine("ln_final", width),
        **_blocks("transformer", sizes.text_layers, width, 4 * width),
    }


def _blocks(prefix: str, layers: int, width: int, hidden: int) -> Shapes:
    shapes: Shapes = {}
    for index in range(layers):
        block = f"{prefix}.resblocks.{index}"
        shapes |= {
            **_affine(f"{block}.ln_1", width),
            f"{block}.attn.in_proj_weight": (3 * width, width),
            f"{block}.attn.in_proj_bias": (3 * width,),
            **_linear(f"{block}.attn.out_proj", (width, width)),
            **_affine(f"{block}.ln_2", width),
            **_linear(f"{block}.mlp.c_fc", (hidden, width)),
            **_linear(f"{block}.mlp.c_proj", (width, hidden)),
        }
    return shapes


def pointbert(*, layers: int, width: int, joint: int, channels: int = 6) -> Layout:
    """PointBERT of ULIP with its projection into the joint space."""
    own = "point_encoder"
    shapes: Shapes = {
        "pc_projection": (2 * width, joint),
        f"{own}.cls_token": (1, 1, width),
        f"{own}.cls_pos": (1, 1, width),
        **_linear(f"{own}.encoder.first_conv.0", (128, channels, 1)),
        **_batch_norm(f"{own}.encoder.first_conv.1", 128),
        **_linear(f"{own}.encoder.first_conv.3", (256, 128, 1)),
        **_linear(f"{own}.encoder.second_conv.0", (512, 512, 1)),
        **_batch_norm(f"{own}.encoder.second_conv.1", 512),
        **_linear(f"{own}.encoder.second_conv.3", (256, 512, 1)),
        **_linear(f"{own}.reduce_dim", (width, 256)),
        **_linear(f"{own}.pos_embed.0", (128, 3)),
        **_linear(f"{own}.pos_embed.2", (width, 128)),
        **_affine(f"{own}.norm", width),
    }
    for index in range(layers):
        block = f"{own}.blocks.blocks.{index}"
        shapes |= {
            **_affine(f"{block}.norm1", width),
            f"{block}.attn.qkv.weight": (3 * width, width),
            **_linear(f"{block}.attn.proj", (width, width)),
            **_affine(f"{block}.norm2", width),
            **_linear(f"{block}.mlp.fc1", (4 * width, width)),
            **_linear(f"{block}.mlp.fc2", (width, 4 * width)),
        }
    return Layout(shapes, frozenset({"logit_scale"}))


def pointnet2(*, classes: int = 13) -> Layout:
    """PointNet++ of semantic segmentation, single scale."""
    stages = {  # channels in and out of the 1x1 convolutions of a stage; the last two axes of their kernels
        "sa1": ((12, 32, 32, 64), (1, 1)),
        "sa2": ((67, 64, 64, 128), (1, 1)),
        "sa3": ((131, 128, 128, 256), (1, 1)),
        "sa4": ((259, 256, 256, 512), (1, 1)),
        "fp4": ((768, 256, 256), (1,)),
        "fp3": ((384, 256, 256), (1,)),
        "fp2": ((320, 256, 128), (1,)),
        "fp1": ((128, 128, 128, 128), (1,)),
    }
    shapes: Shapes = {}
    for stage, (channels, kernel) in stages.items():
        for index, (before, after) in enumerate(pairwise(channels)):
            shapes |= _linear(f"{stage}.mlp_convs.{index}", (after, before, *kernel))
            shapes |= _batch_norm(f"{stage}.mlp_bns.{index}", after)
    shapes |= _linear("conv1", (128, 128, 1)) | _batch_norm("bn1", 128) | _linear("conv2", (classes, 128, 1))
    return Layout(shapes)


def _linear(name: str, weight: Sequence[int]) -> Shapes:
    return {f"{name}.weight": tuple(weight), f"{name}.bias": (weight[0],)}


def _affine(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _batch_norm(name: str, width: int) -> Shapes:
    moments = {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
    return {**_affine(name, width), **moments, f"{name}.num_batches_tracked": ()}


CLIP_SIZES = {
    "clip_vit_l_14_336": ClipSizes(336, 14, 1024, 24, text_width=768, text_layers=12, joint=768),
    "clip_vit_l_14": ClipSizes(224, 14, 1024, 24, text_width=768, text_layers=12, joint=768),
    "clip_vit_b_16": ClipSizes(224, 16, 768, 12, text_width=512, text_layers=12, joint=512),
    "clip_vit_b_32": ClipSizes(224, 32, 768, 12, text_width=512, text_layers=12, joint=512),
    "clip_vit_b_16_plus_240": ClipSizes(240, 16, 896, 12, text_width=640, text_layers=12, joint=640),
}
BIGG = ClipSizes(224, 14, width=1664, layers=48, text_width=1280, text_layers=32, joint=1280, hidden=8192)

LAYOUTS: dict[str, Callable[[], Layout]] = {
    **{slug: partial(clip, sizes) for slug, sizes in CLIP_SIZES.items()},
    "clip_vit_bigg_14_text": partial(clip_text, BIGG),
    "ulip2_pointbert": partial(pointbert, layers=18, width=384, joint=1280),
    "pointnet2_sem_seg": pointnet2,
}


def layout_of(slug: str) -> Layout | None:
    """What weights of that name must hold; None where their files are the only statement."""
    return LAYOUTS[slug]() if slug in LAYOUTS else None
