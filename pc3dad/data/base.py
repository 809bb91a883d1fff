"""What every data set offers, and what of it a method may train on."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from pc3dad.cards import DatasetCard
from pc3dad.config import Config
from pc3dad.errors import ContractError, DataError, Pc3dadError
from pc3dad.types import Regime, Sample, Split, Truth


@dataclass(frozen=True, slots=True, order=True)
class SampleRef:
    """Names one sample before anything is read. Never handed to a method: names may tell the label."""

    category: str
    split: Split
    id: str


@runtime_checkable
class Dataset(Protocol):
    """Structural interface of a data set: an object with these members needs no base class."""

    card: ClassVar[DatasetCard]

    @property
    def config(self) -> Config:
        """The resolved configuration."""
        ...

    def categories(self) -> list[str]:
        """Categories found, sorted."""
        ...

    def refs(self, category: str, split: Split) -> list[SampleRef]:
        """Samples of one split, cheap, in a fixed natural order (`10` after `2`). Empty if there are none.

        Raises:
            DataError: the category does not exist or its folder breaks the layout.
        """
        ...

    def load(self, ref: SampleRef) -> Sample:
        """Reads one sample.

        Raises:
            DataError: a file is missing, unreadable or inconsistent; the message names it.
        """
        ...

    def truth(self, ref: SampleRef) -> Truth:
        """Reads the labels of one sample; fields that are unknown are None.

        Raises:
            DataError: labels are missing where the layout promises them, unreadable or contradictory.
        """
        ...

    def fingerprint(self, category: str) -> str:
        """Hexadecimal digest that changes when the options or a file of this category change."""
        ...


class Severity(StrEnum):
    """How bad a finding of `verify` is: errors make the command fail."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `data verify` has to say: where, and what.

    Attributes:
        severity: how bad it is.
        category: where.
        message: one sentence; it counts what is alike.
        items: every file or sample that it is about, so that nothing is hidden behind a count.
    """

    severity: Severity
    category: str
    message: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainView:
    """Just what the regime of a method's card allows it to see. Samples are read anew on each pass.

    Attributes:
        regime: regime of the method.
        name: name of the training set, such as "mvtec3d_ad:carrot+cookie"; "none" if empty.
        sources: data set and samples, in training order.
    """

    regime: Regime
    name: str = "none"
    sources: Sequence[tuple[Dataset, SampleRef]] = ()

    def __len__(self) -> int:
        return len(self.sources)

    def __iter__(self) -> Iterator[Sample]:
        """Samples without labels. For one-class and few-shot methods all of them are normal."""
        return (dataset.load(ref) for dataset, ref in self.sources)

    def labelled(self) -> Iterator[tuple[Sample, Truth]]:
        """Samples with labels, for auxiliary training only.

        Raises:
            ContractError: the regime does not allow labels.
        """
        if self.regime is not Regime.AUXILIARY:
            raise ContractError(
                f"a {self.regime} method asked for labels", hint="its card would have to say auxiliary"
            )
        return ((dataset.load(ref), dataset.truth(ref)) for dataset, ref in self.sources)

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories it holds, sorted."""
        return tuple(sorted({ref.category for _, ref in self.sources}))


def fingerprint_files(card: DatasetCard, config: Config, root: Path, files: Iterable[Path]) -> str:
    """Digest of the card's revision, the options and, for each file, relative path, size and time of change.

    Contents are not read: a public data set has tens of gigabytes. A file that is replaced has another time.
    """
    digest = hashlib.sha256(f"{card.slug}/{card.revision}/{config.model_dump_json()}".encode())
    for path in sorted(files):
        try:
            status = path.stat()
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}", hint="check its permissions") from error
        name = os.fsencode(path.relative_to(root).as_posix())  # names need not be UTF-8
        digest.update(name + f"\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@contextmanager
def dataset_errors(where: str) -> Iterator[None]:
    """Turns whatever a data set raises into one sentence: the other cells must go on.

    Raises:
        DataError: something else than our own errors was raised inside.
    """
    try:
        yield
    except Pc3dadError:
        raise
    except Exception as error:
        raise DataError(f"{where}: {type(error).__name__}: {error}", hint="mend the data set") from error
