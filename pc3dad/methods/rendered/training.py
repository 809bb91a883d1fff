"""Training on cached views: samples are looked at once, then every epoch reads features from disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch.nn import functional

from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.errors import MethodError
from pc3dad.methods.epochs import Losses
from pc3dad.methods.items import KeptArrays, point_labels
from pc3dad.methods.rendered.maps import ANOMALOUS
from pc3dad.methods.rendered.slots import to_slots
from pc3dad.methods.rendered.stream import Features, Seen, Stream
from pc3dad.nn import losses
from pc3dad.render import backproject
from pc3dad.render.renderer import paint_masks
from pc3dad.types import Float32Array, Sample, Truth


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
        self._kept, self._ctx = KeptArrays(ctx), ctx
        self._names: tuple[list[str], list[str]] = ([], [])
        try:
            for done, (sample, truth) in enumerate(train.labelled()):
                ctx.progress("look at training samples", done, len(train))
                self._keep(sample, truth, stream)
        except BaseException:
            self._kept.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> Item:  # type: ignore[override]  # slices are not needed
        arrays = self._kept[index]

        def read(name: str) -> torch.Tensor:
            return torch.from_numpy(arrays[name]).to(self._ctx.device)

        features, pictures = self._names
        seen = Seen(
            {
                name: Features(read(f"{name}_image").float(), read(f"{name}_patches").float())
                for name in features
            },
            {name: read(name) for name in pictures},
            read("pixel"),
            read("visible"),
            np.array(arrays["indices"]),
        )
        anomalous = bool(arrays["anomalous"])
        return Item(index, seen, read("masks"), read("points"), anomalous, np.array(arrays["xyz"]))

    def _keep(self, sample: Sample, truth: Truth, stream: Stream) -> None:
        labels = point_labels(sample, truth)
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
        tensors = {
            "pixel": seen.pixel,
            "visible": visible,
            "masks": paint_masks(seen.front, labels, size=size),
            **seen.pictures,
        }
        for name, found in seen.features.items():
            tensors |= {f"{name}_image": found.image.half(), f"{name}_patches": found.patches.half()}
        self._kept.keep(
            {
                **{name: tensor.cpu().numpy() for name, tensor in tensors.items()},
                "points": labels,
                "indices": seen.indices,
                "xyz": sample.cloud.xyz[seen.indices],
                "anomalous": np.asarray(bool(truth.anomalous)),
            }
        )
        self._names = list(seen.features), list(seen.pictures)


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
