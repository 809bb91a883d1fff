"""The embedded data set: parts with exact defects, generated when they are loaded.

No download, no licence, any number. Every part of a category has dimensions of its own, so that comparing it
with a remembered template is not enough.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pc3dad import seeding
from pc3dad.cards import DatasetCard
from pc3dad.data.base import SampleRef
from pc3dad.data.cards import SYNTHETIC
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.parts import PARTS
from pc3dad.data.synthetic.samples import GOOD, Names, damage, describe, measure
from pc3dad.data.synthetic.scan import Scan
from pc3dad.data.synthetic.sensor import SensorView
from pc3dad.data.synthetic.specimen import Specimen
from pc3dad.errors import DataError
from pc3dad.types import Sample, Split, Truth

PARTS_TRIED = 10
KEPT = 2_000_000  # points that are kept in memory


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A sample with all that is known about it: what was made, and what was measured of it."""

    specimen: Specimen
    measured: Scan | SensorView
    kind: str


class Synthetic:
    """The embedded data set. Train and test samples are generated from (seed, category, split, number).

    Args:
        root: ignored; nothing is read.
        config: form, sizes and seed.
    """

    card: ClassVar[DatasetCard] = SYNTHETIC

    def __init__(self, root: Path | None, config: SyntheticConfig) -> None:  # noqa: ARG002  as all data sets
        self._config = config
        self._latest: OrderedDict[SampleRef, tuple[Sample, Truth]] = OrderedDict()

    @property
    def config(self) -> SyntheticConfig:
        """The resolved configuration."""
        return self._config

    def categories(self) -> list[str]:
        """Categories, sorted."""
        return sorted(self._config.categories)

    def refs(self, category: str, split: Split) -> list[SampleRef]:
        """Samples of one split; empty for splits other than train and test.

        Raises:
            DataError: there is no such category.
        """
        return [
            SampleRef(category, split, f"{split}_{index:03d}")
            for index in range(len(self._kinds(category, split)))
        ]

    def load(self, ref: SampleRef) -> Sample:
        """Generates one sample: millimetres, in a frame of its own (surround) or that of the sensor.

        Raises:
            DataError: there is no such sample.
        """
        return self._sample(ref)[0]

    def truth(self, ref: SampleRef) -> Truth:
        """Labels of one sample, by construction.

        Raises:
            DataError: there is no such sample.
        """
        return self._sample(ref)[1]

    def fingerprint(self, category: str) -> str:
        """Digest of everything that the samples of a category depend on."""
        text = f"{self.card.slug}/{self.card.revision}/{self._config.model_dump_json()}/{category}"
        return hashlib.sha256(text.encode()).hexdigest()

    def make(self, ref: SampleRef) -> Made:
        """Generates one sample with its intact twin, for experiments on the data set itself.

        Raises:
            DataError: there is no such sample.
        """
        kinds = dict(zip(self._ids(ref), self._kinds(ref.category, ref.split), strict=True))
        if ref.id not in kinds:
            raise DataError(
                f"synthetic {ref.category} has no {ref.split} sample {ref.id!r}", hint="ask `refs`"
            )
        kind, config = kinds[ref.id], self._config
        part, names = PARTS[ref.category], _names(ref)
        specimen = damage(part, kind, config, names, tries=PARTS_TRIED)
        return Made(specimen, measure(specimen, part, config, names, tries=PARTS_TRIED), kind)

    def _sample(self, ref: SampleRef) -> tuple[Sample, Truth]:
        """Generates a sample, or remembers it: several methods load it one after the other."""
        if ref not in self._latest:
            made = self.make(ref)
            self._latest[ref] = describe(made.measured, made.kind, self._config, _names(ref))
            per_sample = self._config.points if self._config.form == "surround" else self._config.side**2
            while len(self._latest) > max(1, KEPT // per_sample):
                self._latest.popitem(last=False)
        return self._latest[ref]

    def _ids(self, ref: SampleRef) -> list[str]:
        return [item.id for item in self.refs(ref.category, ref.split)]

    def _kinds(self, category: str, split: Split) -> list[str]:
        """Kind of each sample of a split. In the test split they are mixed, so that numbers tell nothing."""
        known = self.categories()
        if category not in known:
            raise DataError(f"synthetic has no category {category!r}", hint=f"choose from {', '.join(known)}")
        if split is Split.TRAIN:
            return [GOOD] * self._config.train
        if split is not Split.TEST:
            return []
        names = self._config.kinds
        kinds = [names[index % len(names)] for index in range(self._config.defective)]
        kinds += [GOOD] * self._config.good
        order = seeding.generator(self._config.seed, "order", category).permutation(len(kinds))
        return [kinds[index] for index in order]


def _names(ref: SampleRef) -> Names:
    return ref.category, str(ref.split), ref.id
