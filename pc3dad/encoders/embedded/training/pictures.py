"""Training of the image tower: pairs of pictures, turned, mirrored and darkened alike."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.attention import SDPBackend, sdpa_kernel

from pc3dad import seeding
from pc3dad.encoders.embedded.items import GRID, MODALITIES, PATCH
from pc3dad.encoders.embedded.training.bank import Bank
from pc3dad.encoders.embedded.training.losses import Seen, Texts, Wanted, loss, weights_of
from pc3dad.encoders.embedded.training.pool import Content, read_pool
from pc3dad.encoders.layout import CLIP_MEAN, CLIP_STD
from pc3dad.encoders.vision import VisionTower
from pc3dad.types import BoolArray, Float32Array, UInt8Array

SHARES = {"shaded": 0.55, "depth": 0.2, "colour": 0.25}  # of the pictures
ENOUGH = 0.1  # of a patch that must be labelled
TOLD, LEVELS = 4.0, 2.0  # times the usual change of a patch of the pair, plus so many levels of grey
LEAST = 0.1  # weight of a defective patch that looks like that of its twin
SHOWN = 0.3  # patches that must be labelled in all, so that a picture shows a defect
TOKENS = 72  # of 196 patches, the others are left out: those that show something first
MIDDLE = 0.5, 0.75  # of the depth, where taps are trained too
BRIGHT, NOISE = 0.25, 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """U pairs of pictures, B = 2 U pictures, each intact one before its defective twin.

    Attributes:
        images: (B, SIZE, SIZE, 3) uint8.
        bright: (B,) float32, factor of the brightness; alike in both of a pair.
        noise: (B,) float32, standard deviation of the noise.
        share: (B, P) float32, labelled share of each patch.
        filled: (B, P) bool, whether a patch shows the part.
        told: (B, P) float32 from `LEAST` to 1, how well a patch is told from that of the twin.
        families: (B,) positions of their families.
        kinds: (B,) positions of the kinds of defects.
    """

    images: torch.Tensor
    bright: torch.Tensor
    noise: torch.Tensor
    share: torch.Tensor
    filled: torch.Tensor
    told: torch.Tensor
    families: NDArray[np.int32]
    kinds: NDArray[np.int32]


class Pictures:
    """All pairs of pictures of a pool, in memory."""

    def __init__(self, folder: Path, content: Content) -> None:
        names = [
            prefix + suffix
            for prefix in ("grey", "colour")
            for suffix in ("", "_pair", "_modality", "_labelled", "_filled")
        ]
        self._shards = list(read_pool(folder, content, [*names, "family", "kind"]))
        self._places: list[NDArray[np.int32]] = []
        for modality in MODALITIES:
            prefix = "colour" if modality == "colour" else "grey"
            rows = [
                (number, row)
                for number, shard in enumerate(self._shards)
                for row in np.flatnonzero(shard[f"{prefix}_modality"] == MODALITIES.index(modality))
            ]
            self._places.append(np.array(rows, np.int32))

    def batch(self, pairs: int, rng: np.random.Generator) -> Batch:
        """Random pairs of pictures, each kind of picture with its share."""
        drawn = rng.choice(len(MODALITIES), size=pairs, p=list(SHARES.values()))
        found = [self._pair(int(modality), rng) for modality in drawn]
        images, share, filled, told, families, kinds = zip(*found, strict=True)
        bright, noise = rng.uniform(1 - BRIGHT, 1 + BRIGHT, pairs), rng.uniform(0, NOISE, pairs)
        return Batch(
            torch.from_numpy(np.concatenate(images)),
            torch.from_numpy(np.repeat(bright, 2).astype(np.float32)),
            torch.from_numpy(np.repeat(noise, 2).astype(np.float32)),
            torch.from_numpy(np.concatenate(share)),
            torch.from_numpy(np.concatenate(filled)),
            torch.from_numpy(np.repeat(np.stack(told), 2, axis=0)),
            np.repeat(np.array(families, np.int32), 2),
            np.repeat(np.array(kinds, np.int32), 2),
        )

    def patches(self, count: int, rng: np.random.Generator) -> torch.Tensor:
        """(count, 3 * PATCH * PATCH) patches that show something, as they are embedded."""
        found: list[torch.Tensor] = []
        while sum(map(len, found)) < count:
            batch = self.batch(32, rng)
            images = normalised(batch, torch.device("cpu"), seeding.torch_generator(0, "patches"))
            cut = images.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH)
            flat = cut.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
            found.append(flat[batch.filled])
        return torch.cat(found)[:count]

    def _pair(
        self, modality: int, rng: np.random.Generator
    ) -> tuple[UInt8Array, Float32Array, BoolArray, Float32Array, int, int]:
        number, row = self._places[modality][rng.integers(len(self._places[modality]))]
        shard, prefix = self._shards[number], "colour" if MODALITIES[modality] == "colour" else "grey"
        pair = int(shard[f"{prefix}_pair"][row])
        turns, mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)
        images = _turned(shard[prefix][row], turns, mirrored)
        labelled = _turned(shard[f"{prefix}_labelled"][row][None], turns, mirrored)
        filled = _turned(shard[f"{prefix}_filled"][row], turns, mirrored)
        share = np.concatenate([np.zeros_like(labelled), labelled]).reshape(2, -1) / np.float32(255)
        return (
            images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3),
            share.astype(np.float32),
            filled.reshape(2, -1) > 0,
            _told(images, share[1], filled.reshape(2, -1) > 0),
            int(shard["family"][pair]),
            int(shard["kind"][pair]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A batch, which of its patches are looked at, what is wanted of them, and the sentences."""

    batch: Batch
    kept: torch.Tensor
    wanted: Wanted
    texts: Texts


def make_task(source: Pictures, bank: Bank, *, pairs: int, seed: int, step: int) -> Task:
    """Pictures and sentences of one step, which depend on seed and step alone."""
    rng = seeding.generator(seed, "pictures", str(step))
    batch = source.batch(pairs, rng)
    kept = _kept(batch, rng)
    share, filled = batch.share.gather(1, kept), batch.filled.gather(1, kept)
    shows = share > ENOUGH
    twins = shows.view(-1, 2, shows.shape[1]).flip(1).flatten(0, 1)
    weights = weights_of(share, filled, ENOUGH) * torch.where(shows | twins, batch.told.gather(1, kept), 1)
    objects = batch.share.sum(1) > SHOWN
    texts = bank.texts(batch.families.tolist(), batch.kinds.tolist(), objects.numpy(), rng)
    families = torch.from_numpy(batch.families).long()
    wanted = Wanted(
        shows,
        weights,
        twins,
        objects,
        objects | (batch.share.sum(1) == 0),
        torch.from_numpy(batch.kinds).long(),
        families,
        (families[:, None] == families) & (objects[:, None] == objects),
    )
    return Task(batch, kept, wanted, texts)


def task_loss(
    tower: VisionTower, task: Task, generator: torch.Generator, *, names: bool
) -> tuple[torch.Tensor, dict[str, float]]:
    """The loss of one step, computed where the tower is; noise comes from the generator."""
    device = tower.visual.proj.device
    images = normalised(task.batch, device, generator)
    with torch.autocast(device.type, torch.bfloat16), attention(device):
        seen = look(tower, images, task.kept.to(device))
        return loss(seen, task.texts.to(device), task.wanted.to(device), names=names)


def attention(device: torch.device) -> AbstractContextManager[None]:
    """On a CPU, plain matrix products: the backward pass of the fused kernel takes longer."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def look(tower: VisionTower, images: torch.Tensor, kept: torch.Tensor) -> Seen:
    """What the tower makes of some patches (B, K) of each picture, K int64 positions."""
    depth = len(tower.blocks)
    tokens = tower.embed(images)
    rows = torch.cat([torch.zeros_like(kept[:, :1]), 1 + kept], dim=1)
    tokens = tokens.gather(1, rows[..., None].expand(-1, -1, tokens.shape[2]))
    taps = [round(share * depth) for share in MIDDLE]
    found = tower.walk(tokens, taps=[*taps, depth], dual_from=depth // 2)
    last = found.ordinary[-1]
    return Seen(
        tower.project(last[:, 0]),
        (tower.project(last[:, 1:]), tower.project(found.value[-1][:, 1:])),
        tuple(tower.project(tokens[:, 1:]) for tokens in found.ordinary[:-1]),
    )


def _kept(batch: Batch, rng: np.random.Generator) -> torch.Tensor:
    """(B, TOKENS) int64: patches that show something first, then others; alike in both of a pair."""
    wanted = batch.filled.float() + (batch.share > 0)
    wanted = wanted.view(-1, 2, wanted.shape[1]).amax(1)
    order = wanted + torch.from_numpy(rng.random(wanted.shape)).float()
    return order.topk(TOKENS, dim=1).indices.repeat_interleave(2, dim=0)


def _told(images: UInt8Array, share: Float32Array, filled: BoolArray) -> Float32Array:
    """(P,) how well the patches of two pictures (2, SIZE, SIZE) or (2, SIZE, SIZE, 3) are told apart.

    By the mean difference, beside that of patches without a defect: both are drawn from points of their own.
    """
    between = np.abs(images[1].astype(np.float32) - images[0])
    change = between.reshape(GRID, PATCH, GRID, PATCH, -1).mean(axis=(1, 3, 4)).ravel()
    intact = filled.all(axis=0) & (share == 0)
    usual = float(np.median(change[intact])) if intact.any() else 0.0
    told: Float32Array = np.clip(change / (TOLD * (usual + LEVELS)), LEAST, 1).astype(np.float32)
    return told


def _turned(pictures: NDArray[Any], turns: int, mirrored: bool) -> NDArray[Any]:
    """Pictures (2, H, W) or (2, H, W, 3), turned by quarters and mirrored."""
    turned = np.rot90(pictures, turns, axes=(1, 2))
    return turned[:, :, ::-1] if mirrored else turned


def normalised(batch: Batch, device: torch.device, generator: torch.Generator) -> torch.Tensor:
    """(B, 3, SIZE, SIZE) float32: brighter or darker, with noise, and as the towers read them."""
    levels = batch.images.to(device).float().div_(255).permute(0, 3, 1, 2)
    bright, noise = (one.to(device)[:, None, None, None] for one in (batch.bright, batch.noise))
    grain = torch.randn((len(levels), 1, *levels.shape[2:]), generator=generator, device=device)
    levels = (levels * bright).clamp_(0, 1) + noise * grain
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
    return (levels - mean) / std
