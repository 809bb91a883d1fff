"""Training on cached views: samples are looked at once, then every epoch reads features from disk."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch.nn import functional

from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.errors import MethodError
from pc3dad.methods.rendered.maps import ANOMALOUS
from pc3dad.methods.rendered.slots import to_slots
from pc3dad.methods.rendered.stream import Features, Seen, Stream
from pc3dad.nn import losses
from pc3dad.render import backproject
from pc3dad.render.renderer import paint_masks
from pc3dad.types import BoolArray, Float32Array, Sample, Truth

Losses = dict[str, torch.Tensor]
Record = dict[str, float]
"""Means of an epoch: its number, and every loss."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A training sample with V views of n points.

    Attributes:
        number: place among the training samples.
        seen: its views; tensors on the device of the context.
        masks: (V, S, S) bool, labels as the views show them.
        points: (n,) bool, labels.
        anomalous: label of the object.
        xyz: (n, 3) float32.
    """

    number: int
    seen: Seen
    masks: torch.Tensor
    points: torch.Tensor
    anomalous: bool
    xyz: Float32Array


class Items(Sequence[Item]):
    """Training samples, kept in a temporary folder: use it in a `with` statement, which deletes the folder.

    Args:
        train: labelled samples.
        stream: looks at them.
        ctx: surroundings.

    Raises:
        MethodError: there is no sample, or labels are missing.
    """

    def __init__(self, train: TrainView, stream: Stream, ctx: RunContext) -> None:
        if len(train) == 0:
            raise MethodError("there is nothing to train on", hint="name a training set")
        self._folder = tempfile.TemporaryDirectory(dir=ctx.scratch, prefix="pc3dad-items-")
        self._ctx = ctx
        self._length = 0
        self._names: tuple[list[str], list[str]] = ([], [])
        try:
            for done, (sample, truth) in enumerate(train.labelled()):
                ctx.progress("look at training samples", done, len(train))
                self._keep(sample, truth, stream)
        except BaseException:
            self._folder.cleanup()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Item:  # type: ignore[override]  # slices are not needed
        if index >= self._length:
            raise IndexError(index)  # ends a loop
        folder = Path(self._folder.name) / str(index)

        def read(name: str) -> torch.Tensor:
            array = np.load(folder / f"{name}.npy", mmap_mode="c")
            return torch.from_numpy(array).to(self._ctx.device)

        features, pictures = self._names
        seen = Seen(
            {
                name: Features(read(f"{name}_image").float(), read(f"{name}_patches").float())
                for name in features
            },
            {name: read(name) for name in pictures},
            read("pixel"),
            read("visible"),
            np.load(folder / "indices.npy"),
        )
        anomalous = bool(np.load(folder / "anomalous.npy"))
        return Item(index, seen, read("masks"), read("points"), anomalous, np.load(folder / "xyz.npy"))

    def _keep(self, sample: Sample, truth: Truth, stream: Stream) -> None:
        labels = _labels(sample, truth)
        if stream.config.slots == "336":
            slots = to_slots(sample, self._ctx.rng("slots", sample.cloud), workers=self._ctx.workers)
            sample, labels = slots.sample, labels[slots.source]
        seen = stream.look(sample, front=True)
        labels = labels[seen.indices]
        if seen.front is None:
            raise MethodError("internal: the stream did not tell what each pixel shows")
        size, visible = stream.layout.image_size, seen.visible
        if stream.config.unseen == "index_neighbour":
            visible = torch.from_numpy(backproject.repair_visibility(visible.cpu().numpy(), seen.indices))
        arrays = {
            "pixel": seen.pixel,
            "visible": visible,
            "masks": paint_masks(seen.front, labels, size=size),
            **seen.pictures,
        }
        for name, found in seen.features.items():
            arrays |= {f"{name}_image": found.image.half(), f"{name}_patches": found.patches.half()}
        folder = Path(self._folder.name) / str(self._length)
        folder.mkdir()
        for name, tensor in arrays.items():
            np.save(folder / f"{name}.npy", tensor.cpu().numpy())
        np.save(folder / "points.npy", labels)
        np.save(folder / "indices.npy", seen.indices)
        np.save(folder / "xyz.npy", sample.cloud.xyz[seen.indices])
        np.save(folder / "anomalous.npy", np.bool_(truth.anomalous))
        self._names = list(seen.features), list(seen.pictures)
        self._length += 1


def _labels(sample: Sample, truth: Truth) -> BoolArray:
    """(N,) bool; all False for a normal sample without labels of points."""
    if truth.anomalous is None:
        raise MethodError(f"training sample {sample.id!r} has no label", hint="train on labelled samples")
    if truth.points is not None:
        return truth.points
    if truth.anomalous:
        raise MethodError(
            f"anomalous training sample {sample.id!r} has no labels of points", hint="train on others"
        )
    return np.zeros(len(sample.cloud), np.bool_)


def prompt_losses(
    items: Sequence[Item],
    maps: torch.Tensor,
    logits: torch.Tensor,
    *,
    view_mean: losses.ViewMean,
    divide_by: backproject.DivideBy,
    dice_background: bool = False,
) -> Losses:
    """The four losses of PointAD, which GS-CLIP and Align3D-AD use too (GS-CLIP specification 3.9).

    Args:
        items: B training samples.
        maps: (B, V, 2, S, S) probabilities.
        logits: (B, V, 2).
        view_mean: see `losses.object_logits`.
        divide_by: of back-projection.
        dice_background: count points that no view shows as slots where both probabilities are 0.
    """
    masks = torch.stack([item.masks for item in items]).float().flatten(0, 1)
    flat = maps.flatten(0, 1)
    rows = flat.flatten(2)
    truth = masks.flatten(1)
    objects = torch.tensor([int(item.anomalous) for item in items], device=maps.device)
    views = masks.flatten(1).any(1).long()
    points = [
        _point_loss(item, one, divide_by, dice_background) for item, one in zip(items, maps, strict=True)
    ]
    return {
        "2d_pixel": losses.focal(flat, masks)
        + losses.dice(rows[:, ANOMALOUS], truth)
        + losses.dice(rows[:, 1 - ANOMALOUS], 1 - truth),
        "3d_point": torch.stack(points).mean(),
        "2d_image": functional.cross_entropy(logits.flatten(0, 1), views),
        "3d_global": functional.cross_entropy(losses.object_logits(logits, mean=view_mean), objects),
    }


def _point_loss(
    item: Item, maps: torch.Tensor, divide_by: backproject.DivideBy, dice_background: bool
) -> torch.Tensor:
    values = backproject.back_project(maps, item.seen.pixel, item.seen.visible, divide_by=divide_by)
    known = item.seen.visible.any(0)[None]
    values = values.nan_to_num(0.0)
    truth = item.points[None].float()
    valid = None if dice_background else known
    return losses.dice(values[ANOMALOUS][None], truth, valid=valid) + losses.dice(
        values[1 - ANOMALOUS][None], 1 - truth, valid=valid
    )


def run(
    items: Sequence[Item],
    step: Callable[[list[Item]], Losses],
    optimiser: torch.optim.Optimizer,
    *,
    epochs: int,
    batch: int,
    rng: np.random.Generator,
    ctx: RunContext,
    label: str,
) -> Iterator[Record]:
    """Trains and yields the means of every epoch. The sum of the losses of a step is minimised.

    Args:
        items: training samples, shuffled anew in every epoch; the last batch may be smaller.
        step: losses of some of them.
        optimiser: of what is learned.
        epochs: passes.
        batch: samples of a step.
        rng: order of samples.
        ctx: surroundings.
        label: for progress and records.

    Raises:
        MethodError: a loss is not finite.
    """
    for epoch in range(epochs):
        ctx.progress(label, epoch, epochs)
        order = rng.permutation(len(items))
        sums: dict[str, float] = {}
        for start in range(0, len(order), batch):
            chosen = [items[index] for index in order[start : start + batch]]
            found = step(chosen)
            total = torch.stack(list(found.values())).sum()
            if not torch.isfinite(total):
                raise MethodError(
                    f"{label}: the loss is not finite in epoch {epoch + 1}", hint="lower the rate"
                )
            optimiser.zero_grad()
            torch.autograd.backward(total)
            optimiser.step()
            for name, value in found.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach()) * len(chosen)
        yield {"epoch": epoch + 1, **{name: value / len(items) for name, value in sums.items()}}
