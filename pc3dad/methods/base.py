"""The interface of a detector, and a base class that saves small ones most of the writing."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from pc3dad.cards import MethodCard
from pc3dad.config import Config, ConfigT
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.errors import MethodError, WeightsError
from pc3dad.types import Prediction, Sample

STATE_FILE = "state.safetensors"


@runtime_checkable
class Method(Protocol):
    """Structural interface of a detector. `predict` is the only inference path there is."""

    card: ClassVar[MethodCard]

    @property
    def config(self) -> Config:
        """The resolved configuration."""
        ...

    def fit(self, train: TrainView, ctx: RunContext) -> None:
        """Learns from what the card's regime allows. Called once, also by methods that learn nothing."""
        ...

    def predict(self, samples: Iterable[Sample], ctx: RunContext) -> Iterator[Prediction]:
        """One prediction per sample, in order; `samples` may be read lazily and only once.

        A sample's scores do not depend on the other samples unless the card says `transductive`.
        """
        ...

    def save(self, folder: Path) -> None:
        """Writes what `fit` learned into an existing empty folder, without pickle."""
        ...

    def load(self, folder: Path) -> None:
        """Restores what `save` wrote; afterwards `predict` gives the same scores."""
        ...


class BaseMethod(ABC, Generic[ConfigT]):
    """Keeps the configuration, loops over samples, saves learned arrays (attributes that end in `_`)."""

    card: ClassVar[MethodCard]

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    def fit(self, train: TrainView, ctx: RunContext) -> None:  # noqa: ARG002  overridden by methods that train
        """Learns nothing; methods that train override it.

        Raises:
            MethodError: the card says that the method trains.
        """
        if self.card.regime.trains:
            raise MethodError(f"{self.card.slug} is {self.card.regime} but has no fit", hint="override fit")

    def predict(self, samples: Iterable[Sample], ctx: RunContext) -> Iterator[Prediction]:
        """Scores samples one by one with `score`."""
        for sample in samples:
            yield self.score(sample, ctx)

    @abstractmethod
    def score(self, sample: Sample, ctx: RunContext) -> Prediction:
        """Scores one sample."""

    def save(self, folder: Path) -> None:
        """Writes every learned array to `state.safetensors`."""
        save_file(self._state(), folder / STATE_FILE)

    def load(self, folder: Path) -> None:
        """Restores every learned array.

        Raises:
            WeightsError: the file is missing or damaged.
        """
        path = folder / STATE_FILE
        try:
            state = load_file(path)
        except (
            Exception
        ) as error:  # safetensors raises several unrelated types, all of which mean the same here
            raise WeightsError(f"cannot load {path}: {error}", hint="fit again with --redo") from error
        for name, value in state.items():
            setattr(self, name, value)

    def _state(self) -> dict[str, NDArray[Any]]:
        learned = {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_") and not name.startswith("_")
        }
        return {name: np.ascontiguousarray(value) for name, value in learned.items()}
