"""What open_clip knows of published weights: the activation, mean and std that they were trained with."""

from pc3dad.config import nearest
from pc3dad.encoders import _compat
from pc3dad.encoders.layout import CLIP_MEAN, CLIP_STD
from pc3dad.errors import ConfigError, WeightsError

QUICK = "-quickgelu"  # ends the names of architectures with QuickGELU


Colour = tuple[float, float, float]


def statistics(architecture: str, tag: str | None = None) -> tuple[Colour, Colour]:
    """Mean and std of pictures that weights were trained with; refuses weights of another activation.

    open_clip only warns of another activation, and not at all if weights are given as a file. The features
    are wrong then.

    Args:
        architecture: name that the weights are to be used with.
        tag: which of its published weights they are. If that is not said, mean and std are those of OpenAI,
            and an architecture with GELU is refused if any of its weights were trained with QuickGELU.

    Raises:
        ConfigError: the architecture has no such weights with either activation.
        WeightsError: the weights were, or may have been, trained with another activation.
    """
    clip, quick = _compat.open_clip(), architecture.endswith(QUICK)
    name = architecture.removesuffix(QUICK)
    table = {one: clip.get_pretrained_cfg(name, one) for one in clip.list_pretrained_tags_by_model(name)}
    if tag is not None and tag not in table:
        raise ConfigError(
            f"open_clip knows no weights {tag!r} of {architecture}{nearest(tag, table)}",
            hint="give no tag if the weights are your own",
        )
    contrary = [one for one in table if bool(table[one].get("quick_gelu")) != quick and tag in (None, one)]
    if contrary and not (quick and tag is None and len(contrary) < len(table)):
        sure = tag is not None or len(contrary) == len(table)
        raise WeightsError(
            f"{', '.join(contrary)} of {name} were trained with {'GELU' if quick else 'QuickGELU'}, and "
            f"{architecture} has {'QuickGELU' if quick else 'GELU'}",
            hint=f"use {name if quick else name + QUICK}" if sure else "say by `tag` which weights these are",
        )
    return (table[tag]["mean"], table[tag]["std"]) if tag else (CLIP_MEAN, CLIP_STD)
