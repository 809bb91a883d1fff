"""Base of methods that look at rendered views: one stream, learned tensors on disk, losses beside them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Generic, TypeVar

import numpy as np
import torch

from pc3dad.context import RunContext
from pc3dad.errors import DataError, MethodError
from pc3dad.methods.learned import LearnedMethod
from pc3dad.methods.rendered.config import RenderedConfig
from pc3dad.methods.rendered.slots import to_slots
from pc3dad.methods.rendered.stream import Stream
from pc3dad.types import Prediction, Sample

RenderedConfigT = TypeVar("RenderedConfigT", bound=RenderedConfig)


class RenderedMethod(LearnedMethod[RenderedConfigT], Generic[RenderedConfigT]):
    """Keeps the encoder between samples, and what was learned as named tensors.

    Attributes:
        losses: means of every epoch, in order, with the stage that they are of.
    """

    encoded: ClassVar[Sequence[str]] = ("shaded",)
    """Kinds of pictures whose features are wanted (`Stream`)."""
    kept: ClassVar[Sequence[str]] = ()
    """Kinds of pictures that are wanted as they are."""

    def __init__(self, config: RenderedConfigT) -> None:
        super().__init__(config)
        self._stream: tuple[RunContext, Stream] | None = None

    def stream(self, ctx: RunContext) -> Stream:
        """The stream of the context, made once."""
        if self._stream is None or self._stream[0] != ctx:
            self._stream = ctx, Stream(self.config, ctx, encoded=self.encoded, kept=self.kept)
            self.prepare(self._stream[1])
        return self._stream[1]

    def learn(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Takes over learned tensors; modules are made of them when they are needed."""
        super().learn(tensors)
        self._stream = None

    def score(self, sample: Sample, ctx: RunContext) -> Prediction:
        """Scores one sample; points that are not valid get 0.

        Raises:
            DataError: no point is valid, or a photograph is wanted and there is none.
            MethodError: nothing was learned yet.
        """
        stream = self.stream(ctx)
        self.learned  # noqa: B018  refuses a method that was not trained
        if not sample.cloud.valid.any():
            raise DataError(f"sample {sample.id!r} has no valid point", hint="leave it out or mend the file")
        if self.config.slots == "native":
            return self.score_views(sample, stream, ctx)
        slots = to_slots(sample, ctx.rng("slots", sample.cloud), workers=ctx.workers)
        found = self.score_views(slots.sample, stream, ctx)
        if found.point_scores is None:
            raise MethodError("internal: views gave no scores of points")
        points = np.where(sample.cloud.valid, slots.to_points(found.point_scores), 0).astype(np.float32)
        return replace(found, point_scores=points, propagation="nearest")

    @abstractmethod
    def score_views(self, sample: Sample, stream: Stream, ctx: RunContext) -> Prediction:
        """Scores a sample, or the slots of it, which has a valid point."""

    @abstractmethod
    def prepare(self, stream: Stream) -> None:
        """Makes the modules that `score` needs of what was learned, if anything was."""
