"""Parametric parts with exact defects, generated when they are loaded: no download, no licence, any number.

Every part of a category has dimensions of its own, so that comparing it with a remembered template is not
enough. Surfaces are scanned from all around with sensor noise and mildly uneven density; defects stretch the
surface, and points are drawn such that density does not tell where.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from pc3dad import seeding
from pc3dad.cards import DatasetCard
from pc3dad.config import Config
from pc3dad.data.base import SampleRef
from pc3dad.data.cards import SYNTHETIC
from pc3dad.data.defects import DEFECTS, VISIBLE, Defect, place
from pc3dad.data.shapes import SHAPES, Surface
from pc3dad.errors import DataError
from pc3dad.types import Float32Array, Float64Array, Int32Array, PointCloud, Sample, Split, Truth

GOOD = "good"
NOISE = 0.05  # mm, standard deviation of every coordinate; cut off at three times that
UNEVEN = 0.3  # density on the side that is seen best, above the mean
DENSEST = (1 + UNEVEN) * 1.5  # no defect stretches the surface by more than half


class SyntheticConfig(Config):
    """Size and seed of the synthetic data set."""

    seed: int = Field(default=0, ge=0)
    """Seed of all shapes, defects and points."""
    points: int = Field(default=8000, ge=100, le=2_000_000)
    """Points per cloud."""
    train: int = Field(default=6, ge=0, le=10_000)
    """Normal training samples per category."""
    good: int = Field(default=8, ge=0, le=10_000)
    """Normal test samples per category."""
    defective: int = Field(default=9, ge=0, le=10_000)
    """Defective test samples per category; the kinds of defects take turns."""


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A scanned part, and the same points as they would lie without the defect.

    Attributes:
        xyz: (N, 3) float32, millimetres.
        intact: (N, 3) float32, millimetres.
        regions: (N,) int32, number of the defect that moved the point visibly, -1 if none.
        kind: kind of the defects, or "good".
    """

    xyz: Float32Array
    intact: Float32Array
    regions: Int32Array
    kind: str


class Synthetic:
    """The embedded data set. Train and test samples are generated from (seed, category, split, number).

    Args:
        root: ignored; nothing is read.
        config: sizes and seed.
    """

    card: ClassVar[DatasetCard] = SYNTHETIC

    def __init__(self, root: Path | None, config: SyntheticConfig) -> None:  # noqa: ARG002  as all data sets
        self._config = config

    @property
    def config(self) -> SyntheticConfig:
        """The resolved configuration."""
        return self._config

    def categories(self) -> list[str]:
        """Categories, sorted."""
        return sorted(SHAPES)

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
        """Generates one cloud.

        Raises:
            DataError: there is no such sample.
        """
        return Sample(ref.id, ref.category, PointCloud(self._make(ref).xyz))

    def truth(self, ref: SampleRef) -> Truth:
        """Labels of one sample, by construction.

        Raises:
            DataError: there is no such sample.
        """
        part = self._make(ref)
        return Truth(
            ref.id,
            anomalous=part.kind != GOOD,
            points=part.regions >= 0,
            regions=part.regions,
            defect=part.kind,
        )

    def fingerprint(self, category: str) -> str:
        """Digest of everything that the samples of a category depend on."""
        text = f"{self.card.slug}/{self.card.revision}/{self._config.model_dump_json()}/{category}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _kinds(self, category: str, split: Split) -> list[str]:
        """Kind of each sample of a split. In the test split they are mixed, so that numbers tell nothing."""
        if category not in SHAPES:
            raise DataError(
                f"synthetic has no category {category!r}", hint=f"choose from {', '.join(SHAPES)}"
            )
        if split is Split.TRAIN:
            return [GOOD] * self._config.train
        if split is not Split.TEST:
            return []
        names = tuple(DEFECTS)
        kinds = [names[index % len(names)] for index in range(self._config.defective)]
        kinds += [GOOD] * self._config.good
        order = seeding.generator(self._config.seed, "order", category).permutation(len(kinds))
        return [kinds[index] for index in order]

    def _make(self, ref: SampleRef) -> _Part:
        kinds = {
            item.id: kind
            for item, kind in zip(
                self.refs(ref.category, ref.split), self._kinds(ref.category, ref.split), strict=True
            )
        }
        if ref.id not in kinds:
            raise DataError(
                f"synthetic {ref.category} has no {ref.split} sample {ref.id!r}", hint="ask `refs`"
            )
        names = (ref.category, str(ref.split), ref.id)
        return _generate(
            ref.category, kinds[ref.id], self._config.points, seeding.generator(self._config.seed, *names)
        )


def _generate(category: str, kind: str, points: int, rng: np.random.Generator) -> _Part:
    surface = SHAPES[category](rng)
    defects: list[Defect] = []
    if kind != GOOD:
        for _ in range(rng.integers(1, 3)):
            defects.append(place(kind, surface, defects, rng))
    intact, moved, regions = _scan(surface, defects, points, rng)
    noise = NOISE * np.clip(rng.normal(size=intact.shape), -3, 3)
    turn, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-20, 20, size=3)
    yaw = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    xyz, twin = (((cloud + noise) @ yaw.T + offset).astype(np.float32) for cloud in (moved, intact))
    return _Part(xyz, twin, regions, kind)


def _scan(
    surface: Surface, defects: Sequence[Defect], points: int, rng: np.random.Generator
) -> tuple[Float64Array, Float64Array, Int32Array]:
    """Points of the intact surface, where the defects move them, and the number of the defect that does.

    A point of the intact surface is kept with a probability in proportion to how much the defects stretch
    the surface there and to how well a sensor on one side sees it.
    """
    best_seen = rng.normal(size=3)
    best_seen /= np.linalg.norm(best_seen)
    parts: list[tuple[Float64Array, Float64Array, Int32Array]] = []
    missing = points
    while missing > 0:
        intact, normals = surface.draw(3 * missing + 100, rng)
        moved, density = intact.copy(), 1 + UNEVEN * normals @ best_seen
        regions = np.full(len(intact), -1, dtype=np.int32)
        for number, defect in enumerate(defects):
            shift, stretch = defect.apply(intact, normals)
            moved += shift[:, None] * defect.direction
            density *= stretch
            regions[np.abs(shift) > VISIBLE] = number
        kept = np.flatnonzero(rng.random(len(intact)) * DENSEST < density)[:missing]
        parts.append((intact[kept], moved[kept], regions[kept]))
        missing -= len(kept)
    intact, moved, regions = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return intact, moved, regions
