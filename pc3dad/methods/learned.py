"""Base of methods that learn networks: named tensors on disk, losses beside them."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Generic

import torch
from safetensors.torch import load_file, save_file

from pc3dad.config import ConfigT
from pc3dad.errors import MethodError, WeightsError
from pc3dad.methods.base import STATE_FILE, BaseMethod
from pc3dad.methods.epochs import Record

LOSSES_FILE = "losses.csv"


class LearnedMethod(BaseMethod[ConfigT], Generic[ConfigT]):
    """Keeps what was learned as named tensors.

    Attributes:
        losses: means of every epoch, in order.
    """

    def __init__(self, config: ConfigT) -> None:
        super().__init__(config)
        self.losses: list[Record] = []
        self._learned: dict[str, torch.Tensor] = {}

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
