"""Prompts of GS-CLIP: learned contexts of both states, with tokens of the shape and the defects of an object.

Words are replaced by tokens that come from the cloud, so that every object has texts of its own (Deng et al.,
CVPR 2026). Where a token is left out its word stays, "object." and "damaged object.", as in PointAD.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self

import torch
from torch import nn
from torch.nn import functional

from pc3dad.baselines.gsclip.defects import DefectModule, DefectOptions, Defects
from pc3dad.encoders.pointnet2 import PointNet2
from pc3dad.encoders.prompts import PLACEHOLDER, DeepPrompts, LearnedContext
from pc3dad.encoders.text import TextTower
from pc3dad.errors import ConfigError

PromptOrder = Literal["context-first", "shape-first"]

SHAPE, DEFECT = "<shape>", "<defect>"  # what stands in a text where tokens of the cloud go


@dataclass(frozen=True, slots=True)
class PromptOptions:
    """Form of the prompts; the defaults are those of the released code, except for half precision.

    Attributes:
        n_context: learned tokens of a text.
        n_deep: how many of them are learned anew in the blocks that deep prompts reach.
        deep_depth: into how many blocks they reach, the first one included (`Layout.deep_depth`).
        half: round deep prompts to half precision, as released.
        shape: whether a token of the shape stands for "object".
        defect: whether tokens of defects stand for "damaged".
        order: context-first: context, shape, defects, as released; shape-first: shape, context, defects, as
            the paper writes it. Deep prompts replace context in either.
        finetune: whether the point encoder is trained, in training mode, as released.
        defects: form of the module that finds defects.
    """

    n_context: int = 12
    n_deep: int = 4
    deep_depth: int = 9
    half: bool = False
    shape: bool = True
    defect: bool = True
    order: PromptOrder = "context-first"
    finetune: bool = True
    defects: DefectOptions = field(default_factory=DefectOptions)

    @property
    def words(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What follows the context of the normal and of the anomalous text, one entry per slot."""
        shape = SHAPE if self.shape else "object"
        defects = (DEFECT,) * self.defects.tokens if self.defect else ("damaged",)
        released = self.shape and self.defect  # shape first; otherwise as one says it
        return (shape, "."), ((shape, *defects, ".") if released else (*defects, shape, "."))


class GeometryTexts(NamedTuple):
    """Texts of B objects.

    Attributes:
        features: (B, 2, D) float32 of unit length: normal, anomalous.
        defects: what was found in the clouds; None if no defect token is used.
    """

    features: torch.Tensor
    defects: Defects | None


class GeometryPrompts(nn.Module):
    """Learns how to describe the normal and the anomalous state of an object whose cloud is given.

    Towers are no part of the state: texts are encoded by the one that is passed in.

    Args:
        tower: whose token embeddings the words get, and for which tokens are made.
        encoder: point encoder, taken over and trained if `finetune`; not used if no token is of the cloud.
        options: form of the prompts.
        seed: draws all that is learned, but not the encoder.

    Attributes:
        context: learned tokens and words; slots of tokens of the cloud hold placeholders.
        deep: learned tokens of deeper blocks.
        encoder: the point encoder or None.
        shape: from the feature of a cloud to a token, or None.
        defects: from features of points to tokens, or None.

    Raises:
        ConfigError: there are more deep tokens than context tokens, or a token needs an encoder and there is
            none.
    """

    def __init__(
        self, tower: TextTower, encoder: PointNet2 | None, options: PromptOptions, *, seed: int
    ) -> None:
        super().__init__()
        if options.n_deep > options.n_context:
            raise ConfigError(
                f"{options.n_deep} deep tokens replace {options.n_context} of the context and what follows",
                hint="use as many context tokens or more",
            )
        self.options = options
        draws = torch.Generator().manual_seed(seed)
        texts = [
            " ".join(PLACEHOLDER if word in (SHAPE, DEFECT) else word for word in words)
            for words in options.words
        ]
        self.context = LearnedContext(tower, texts, options.n_context, generator=draws)
        self.deep = DeepPrompts(
            options.deep_depth, options.n_deep, tower.width, generator=draws, half=options.half
        )
        self.encoder: PointNet2 | None = None
        self.shape: nn.Module | None = None
        self.defects: DefectModule | None = None
        if options.shape or options.defect:
            self._read_clouds(encoder, tower.width, seed)
        self.to(tower.device).train()

    def train(self, mode: bool = True) -> Self:
        """Sets training mode; a point encoder that is not trained keeps its statistics and drops nothing."""
        super().train(mode)
        if self.encoder is not None and not self.options.finetune:
            self.encoder.eval()
        return self

    def forward(
        self,
        tower: TextTower,
        clouds: torch.Tensor | None = None,
        starts: torch.Tensor | None = None,
    ) -> GeometryTexts:
        """Describes objects.

        Args:
            tower: the one that was given at construction.
            clouds: (B, N, channels) of `points.draw_points`; not read, and B is 1, if no token needs them.
            starts: of `PointNet2`: (abstractions, B) or None for the first points.

        Raises:
            DataError: the encoder refuses the clouds.
        """
        shape = defects = None
        if self.encoder is not None:
            found = self.encoder(clouds, starts)
            shape = self.shape(found.whole) if self.shape else None
            defects = self.defects(found.points) if self.defects else None
        texts = self.encode(tower, self.assemble(shape, defects.tokens if defects else None))
        return GeometryTexts(functional.normalize(texts.float(), dim=-1), defects)

    def assemble(self, shape: torch.Tensor | None, defects: torch.Tensor | None) -> torch.Tensor:
        """Puts tokens of clouds into the texts.

        Args:
            shape: (B, width), if there is a shape token.
            defects: (B, tokens, width), if there are defect tokens.

        Returns:
            (B, 2, L, width) embeddings of both texts, B is 1 if there is no token of a cloud.
        """
        given = {SHAPE: shape if shape is None else shape[:, None], DEFECT: defects}
        tokens = {part: value for part, value in given.items() if value is not None}
        batch = max((len(value) for value in tokens.values()), default=1)
        texts = []
        for words, text in zip(self.options.words, self.context(), strict=True):
            slots = text.expand(batch, -1, -1).clone()
            for part, value in tokens.items():
                if part in words:
                    first = self._slot(words, part)
                    slots[:, first : first + value.shape[1]] = value
            texts.append(self._ordered(slots, words))
        return torch.stack(texts, dim=1)

    def encode(self, tower: TextTower, prompts: torch.Tensor) -> torch.Tensor:
        """(B, 2, D) features of assembled texts (B, 2, L, width), not normalised."""
        ends = self.context.ends.repeat(len(prompts))
        deep_at = 2 if self._moves_shape else 1
        encoded = tower.encode(prompts.flatten(0, 1), ends, deep=self.deep(), deep_at=deep_at)
        return encoded.reshape(-1, 2, encoded.shape[1])

    def _read_clouds(self, encoder: PointNet2 | None, width: int, seed: int) -> None:
        """Adds what makes tokens of clouds."""
        if encoder is None:
            raise ConfigError("shape and defect tokens need a point encoder", hint="turn both off")
        self.encoder = encoder.requires_grad_(self.options.finetune)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if self.options.shape:
                self.shape = shape_projection(encoder.config.down[-1][-1], width)
            if self.options.defect:
                self.defects = DefectModule(encoder.config.up[-1][-1], width, self.options.defects)

    @property
    def _moves_shape(self) -> bool:
        return self.options.shape and self.options.order == "shape-first"

    def _slot(self, words: tuple[str, ...], part: str) -> int:
        """The first slot of a part in the released order: the start and the context come before the words."""
        return 1 + self.options.n_context + words.index(part)

    def _ordered(self, slots: torch.Tensor, words: tuple[str, ...]) -> torch.Tensor:
        """Slots (B, L, width) in the order that was chosen."""
        if not self._moves_shape:
            return slots
        place = self._slot(words, SHAPE)
        parts = (slots[:, :1], slots[:, place : place + 1], slots[:, 1:place], slots[:, place + 1 :])
        return torch.cat(parts, dim=1)


def shape_projection(features: int, width: int) -> nn.Module:
    """From the feature of a cloud to a token: linear, GELU, layer normalisation."""
    return nn.Sequential(nn.Linear(features, width), nn.GELU(), nn.LayerNorm(width))
