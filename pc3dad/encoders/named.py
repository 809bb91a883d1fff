"""Encoders by the names of their weights: one way in for methods, whatever was chosen.

`tiny` comes with the package; all others are found, verified and loaded offline (`pc3dad.weights.store`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from safetensors.torch import load_file

from pc3dad.cards import WeightsCard
from pc3dad.encoders import image_text, pointbert
from pc3dad.encoders.embedded import tiny
from pc3dad.encoders.image_text import ImageTextEncoder, Part
from pc3dad.encoders.pointbert import PointBert
from pc3dad.encoders.vision import Positions
from pc3dad.errors import ConfigError
from pc3dad.weights import cards, store
from pc3dad.weights.store import Located

if TYPE_CHECKING:  # PyTorch Geometric takes seconds to import
    from pc3dad.encoders.pointnet2 import PointNet2

EncoderT = TypeVar("EncoderT")


@dataclass(frozen=True, slots=True, eq=False)
class Named(Generic[EncoderT]):
    """An encoder, and which weights it was made of.

    Attributes:
        encoder: frozen, float32, on the CPU.
        card: of the weights: licence, source.
        file: of the weights: path, digest.
    """

    encoder: EncoderT
    card: WeightsCard
    file: Located


def load_image_text(
    slug: str,
    path: Path | None = None,
    *,
    part: Part = "both",
    image_size: int | None = None,
    positions: Positions = "bicubic-antialias",
) -> Named[ImageTextEncoder]:
    """The image-text encoder of that name.

    Args:
        slug: of a card, such as "tiny" or "clip_vit_l_14_336".
        path: where to look instead of the usual places, see `store.locate`.
        part: which half is wanted; weights of text alone have no other.
        image_size: side of the pictures in pixels if it is another than that of training.
        positions: how positions are interpolated then.

    Raises:
        ConfigError: there are no such weights, or they are of another kind.
        WeightsError: the weights are not here, or not the right ones.
    """
    card = _card(slug, ("image-text", "text"))
    file = store.locate(card, path, part=tiny.IMAGE_TEXT if slug == tiny.SLUG else None)
    if slug == tiny.SLUG:
        made = tiny.load_image_text(file.path, part=part, image_size=image_size, positions=positions)
    else:
        made = image_text.load(
            card.architecture,
            file.path,
            part="text" if card.kind == "text" else part,
            tag=card.tag or None,
            image_size=image_size,
            positions=positions,
        )
    return Named(made, card, file)


def load_points(slug: str, path: Path | None = None) -> Named[PointBert]:
    """The point-language encoder of that name; arguments and errors as in `load_image_text`."""
    card = _card(slug, ("image-text", "point-language") if slug == tiny.SLUG else ("point-language",))
    file = store.locate(card, path, part=tiny.POINTS if slug == tiny.SLUG else None)
    load: Callable[[Path], PointBert] = tiny.load_points if slug == tiny.SLUG else _ulip2
    return Named(load(file.path), card, file)


def load_pointnet2(slug: str = "pointnet2_sem_seg", path: Path | None = None) -> "Named[PointNet2]":
    """PointNet++ of that name; arguments and errors as in `load_image_text`."""
    from pc3dad.encoders import pointnet2

    card = _card(slug, ("points",))
    file = store.locate(card, path)
    return Named(pointnet2.load(pointnet2.from_official(load_file(file.path))), card, file)


def _ulip2(path: Path) -> PointBert:
    return pointbert.load(pointbert.from_official(load_file(path)), pointbert.ULIP2)


def _card(slug: str, kinds: tuple[str, ...]) -> WeightsCard:
    card = cards.get(slug)
    if card.kind not in kinds:
        fitting = ", ".join(one.slug for one in cards.CARDS if one.kind in kinds)
        raise ConfigError(
            f"{slug} are weights of kind {card.kind}, expected {' or '.join(kinds)}",
            hint=f"choose from {fitting}",
        )
    return card
