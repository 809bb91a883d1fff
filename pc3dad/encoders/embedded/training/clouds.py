"""Training of the point tower: pairs of clouds, turned and mirrored alike, half of them of one side."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pc3dad import seeding
from pc3dad.data.synthetic.samples import STAIN
from pc3dad.encoders.embedded.training.bank import Bank
from pc3dad.encoders.embedded.training.losses import Seen, Texts, Wanted, loss, weights_of
from pc3dad.encoders.embedded.training.pool import Content, read_pool
from pc3dad.encoders.grouping import Groups
from pc3dad.encoders.pointbert import PointBert

GROUPS = 96
ENOUGH = 0.25  # of the points of a group that must be labelled
SHOWN = 3  # points that must be labelled, so that a cloud shows a defect
FEWEST = 1024  # points of a cloud
COLOURLESS = 0.6  # share of the clouds without colours
GREY = 0.5  # what stands for a colour that is not known
SCALE, JITTER = 0.15, 0.003
MIDDLE = 5 / 12, 8 / 12  # of the depth, where taps are trained too
VALUES = 8 / 12  # of the depth, where the value path begins


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """U pairs, B = 2 U clouds, each intact one before its defective twin.

    Attributes:
        clouds: (B, N, 6) float32, xyz and rgb.
        labelled: (B, N) bool.
        families: (B,) positions of their families.
        kinds: (B,) positions of the kinds of defects.
    """

    clouds: torch.Tensor
    labelled: torch.Tensor
    families: NDArray[np.int32]
    kinds: NDArray[np.int32]


class Clouds:
    """All pairs of clouds of a pool, in memory."""

    def __init__(self, folder: Path, content: Content) -> None:
        shards = list(read_pool(folder, content, ["xyz", "rgb", "points", "family", "kind"]))
        self._arrays = {name: np.concatenate([shard[name] for shard in shards]) for name in shards[0]}
        kinds = list(content.kinds)
        self._stain = kinds.index(STAIN) if STAIN in kinds else -1

    def batch(self, pairs: int, rng: np.random.Generator) -> Batch:
        """Random pairs; as many points in all of them, at least `FEWEST`."""
        total = self._arrays["xyz"].shape[3]
        points = int(np.exp(rng.uniform(np.log(FEWEST), np.log(total))))
        numbers = rng.integers(len(self._arrays["family"]), size=pairs)
        found = [self._pair(int(number), points, rng) for number in numbers]
        clouds, labelled = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        return Batch(
            torch.from_numpy(clouds),
            torch.from_numpy(labelled),
            np.repeat(self._arrays["family"][numbers], 2),
            np.repeat(self._arrays["kind"][numbers], 2),
        )

    def _pair(
        self, number: int, points: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        form, arrays = int(rng.integers(2)), self._arrays
        rows = rng.permutation(arrays["xyz"].shape[3])[:points]
        xyz = arrays["xyz"][number, :, form][:, rows]
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(1 - SCALE, 1 + SCALE)
        jitter = rng.uniform(0, JITTER) * rng.standard_normal(xyz.shape, dtype=np.float32)
        coloured = arrays["kind"][number] == self._stain or rng.random() >= COLOURLESS
        rgb = (
            arrays["rgb"][number, :, form][:, rows] / np.float32(255) if coloured else np.full_like(xyz, GREY)
        )
        labelled: Any = arrays["points"][number, :, form][:, rows]
        return np.concatenate([xyz @ turn.astype(np.float32) + jitter, rgb], axis=2), labelled


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A batch, its groups, what is wanted of them, and the sentences."""

    groups: Groups
    wanted: Wanted
    texts: Texts


def make_task(tower: PointBert, source: Clouds, bank: Bank, *, pairs: int, seed: int, step: int) -> Task:
    """Clouds and sentences of one step, which depend on seed and step alone. Grouping is done on the CPU."""
    rng = seeding.generator(seed, "clouds", str(step))
    batch = source.batch(pairs, rng)
    groups = tower.group(batch.clouds, count=GROUPS)
    rows = groups.indices.flatten(1)
    share = batch.labelled.gather(1, rows).view(groups.indices.shape).float().mean(2)
    shown = batch.labelled.sum(1)
    objects = shown >= SHOWN
    texts = bank.texts(batch.families.tolist(), batch.kinds.tolist(), objects.numpy(), rng)
    families = torch.from_numpy(batch.families).long()
    wanted = Wanted(
        share > ENOUGH,
        weights_of(share, torch.ones_like(share, dtype=torch.bool), ENOUGH),
        torch.zeros_like(share, dtype=torch.bool),
        objects,
        objects | (shown == 0),
        torch.from_numpy(batch.kinds).long(),
        families,
        (families[:, None] == families) & (objects[:, None] == objects),
    )
    return Task(groups, wanted, texts)


def task_loss(tower: PointBert, task: Task, *, names: bool) -> tuple[torch.Tensor, dict[str, float]]:
    """The loss of one step, computed where the tower is."""
    device, depth = tower.pc_projection.device, tower.config.depth
    taps = [round(part * depth) for part in MIDDLE]
    groups = Groups(*(getattr(task.groups, field.name).to(device) for field in fields(Groups)))
    with torch.autocast(device.type, torch.bfloat16):
        tokens = tower.encode(groups, layers=taps, value_from=round(VALUES * depth))
        finals = tuple(one for one in (tokens.patch_embeddings, tokens.value_embeddings) if one is not None)
        middle = tuple(tower.to_text(tokens.layers[tap][:, 1:]) for tap in taps)
        seen = Seen(tokens.embedding, finals, middle)
        return loss(seen, task.texts.to(device), task.wanted.to(device), names=names)
