"""Base of methods that look at rendered views: one stream, learned tensors on disk, losses beside them."""

import csv
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from pc3dad.context import RunContext
from pc3dad.errors import DataError, MethodError, WeightsError
from pc3dad.methods.base import STATE_FILE, BaseMethod
from pc3dad.methods.rendered.config import RenderedConfig
from pc3dad.methods.rendered.slots import to_slots
from pc3dad.methods.rendered.stream import Stream
from pc3dad.methods.rendered.training import Record
from pc3dad.types import Prediction, Sample

LOSSES_FILE = "losses.csv"

RenderedConfigT = TypeVar("RenderedConfigT", bound=RenderedConfig)


class RenderedMethod(BaseMethod[RenderedConfigT], Generic[RenderedConfigT]):
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
        self.losses: list[Record] = []
        self._learned: dict[str, torch.Tensor] = {}
        self._stream: tuple[RunContext, Stream] | None = None

    def stream(self, ctx: RunContext) -> Stream:
        """The stream of the context, made once."""
        if self._stream is None or self._stream[0] is not ctx:
            self._stream = ctx, Stream(self.config, ctx, encoded=self.encoded, kept=self.kept)
            self.prepare(self._stream[1])
        return self._stream[1]

    @property
    def learned(self) -> Mapping[str, torch.Tensor]:
        """Learned tensors by name, on the CPU.

        Raises:
            MethodError: there are none yet.
        """
        if not self._learned:
            raise MethodError(f"{self.card.slug} was not trained", hint="call fit, or load a stored fit")
        return self._learned

    def learn(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Takes over learned tensors; modules are made of them when they are needed."""
        self._learned = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
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

    def save(self, folder: Path) -> None:
        """Writes `state.safetensors` and `losses.csv`."""
        save_file(dict(self.learned), folder / STATE_FILE)
        columns = list(dict.fromkeys(name for record in self.losses for name in record))
        with (folder / LOSSES_FILE).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(self.losses)

    def load(self, folder: Path) -> None:
        """Restores what was learned.

        Raises:
            WeightsError: the file is missing or damaged.
        """
        path = folder / STATE_FILE
        try:
            self.learn(load_file(path))
        except (
            Exception
        ) as error:  # safetensors raises several unrelated types, all of which mean the same here
            raise WeightsError(f"cannot load {path}: {error}", hint="fit again with --redo") from error
