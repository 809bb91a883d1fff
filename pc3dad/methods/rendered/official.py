"""Files of the authors whose prompt learner is that of PointAD, which GS-CLIP and others took over.

They hold one tensor per context and per deeper block, and some that nothing uses (GS-CLIP specification 7.3).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from pc3dad.errors import ConfigError
from pc3dad.weights.layouts import CLIP_SIZES, ClipSizes, Shapes

PART = "prompt_learner"
CONTEXTS = ("ctx_pos", "ctx_neg")  # "pos" is the normal state
DEEP = "compound_prompts_text."
_DEEP_SHARE = 0.75  # of the blocks of the text tower, the first one included: 9 of 12


def sizes_of(encoder: str, method: str) -> ClipSizes:
    """Sizes of the CLIP model that a file was trained with.

    Args:
        encoder: the one that the user chose.
        method: for the message.

    Raises:
        ConfigError: it is no CLIP model.
    """
    if encoder not in CLIP_SIZES:
        hint = f"write {method}[encoder=clip_vit_l_14_336], or the CLIP model that the file was trained with"
        raise ConfigError(f"files of the authors do not fit the encoder {encoder}", hint=hint)
    return CLIP_SIZES[encoder]


def require_files(paths: Sequence[Path], most: int, *, hint: str) -> None:
    """Refuses another number of files.

    Raises:
        ConfigError: there are none, or more than `most`.
    """
    if not 1 <= len(paths) <= most:
        raise ConfigError(f"{len(paths)} files are given", hint=hint)


def _depth(sizes: ClipSizes) -> int:
    """Number of blocks with deep prompts of their own."""
    return round(_DEEP_SHARE * sizes.text_layers) - 1


def prompt_shapes(sizes: ClipSizes, *, n_context: int, deep_tokens: int) -> Shapes:
    """Learned tensors of the prompt learner by "part.name".

    Args:
        sizes: of the CLIP model.
        n_context: learned tokens in front of either text.
        deep_tokens: learned tokens of a deeper block.
    """
    width = sizes.text_width
    shapes: Shapes = {f"{PART}.{name}": (1, 1, n_context, width) for name in CONTEXTS}
    shapes |= {f"{PART}.{DEEP}{index}": (deep_tokens, width) for index in range(_depth(sizes))}
    return shapes


def unused_prompts(sizes: ClipSizes) -> frozenset[str]:
    """What the prompt learner stores beside them: embeddings of words, and layers that nothing calls."""
    words = [f"{kind}_{state}" for kind in ("token_prefix", "token_suffix") for state in ("pos", "neg")]
    words += [f"tokenized_prompts_{state}" for state in ("pos", "neg")]
    layers = [
        f"compound_prompt_projections.{index}.{kind}"
        for index in range(_depth(sizes))
        for kind in ("weight", "bias")
    ]
    return frozenset(f"{PART}.{name}" for name in (*words, *layers))


def state_prompts(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """State of `prompts.StatePrompts` from tensors with the shapes of `prompt_shapes`.

    Returns:
        context.context (2, n, width): normal, anomalous; deep.prompts (blocks, m, width).
    """
    deep = sum(name.startswith(f"{PART}.{DEEP}") for name in state)
    return {
        "context.context": torch.cat([state[f"{PART}.{name}"][0] for name in CONTEXTS]).float(),
        "deep.prompts": torch.stack([state[f"{PART}.{DEEP}{index}"] for index in range(deep)]).float(),
    }
