"""Training of btp: samples are encoded once, then every epoch reads features from disk."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from pc3dad.baselines.btp import losses, scoring
from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.descriptors import targets
from pc3dad.baselines.btp.encoded import KEPT, Encoded, Reader
from pc3dad.baselines.btp.parts import Found, Parts
from pc3dad.baselines.btp.prompts import Prompts
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.errors import MethodError
from pc3dad.methods import epochs
from pc3dad.methods.items import KeptArrays, point_labels
from pc3dad.types import Sample, Truth

log = logging.getLogger(__name__)

HALF = ("layers", "cloud", "embedding")  # features, kept in half precision as in the cache
OTHERS = 0.5  # learning rate of all but prompts, as a share of that of prompts

Texts = Callable[[], torch.Tensor]
"""Gives features (2, D) of both states, those of the present step if they are learned."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A training sample of n points and G patches, on the device of the context.

    Attributes:
        encoded: what the encoder says.
        nearest: (n,) int64, see `Encoded.nearest`.
        points: (n,) bool, labels.
        anomalous: label of the object, () bool.
        targets: (G, 33) float32, histograms of patches.
    """

    encoded: Encoded
    nearest: torch.Tensor
    points: torch.Tensor
    anomalous: torch.Tensor
    targets: torch.Tensor


class Items(Sequence[Item]):
    """Training samples, kept in a temporary folder: use it in a `with` statement, which deletes the folder.

    Args:
        train: labelled samples.
        reader: encodes them.
        config: of the method.
        ctx: surroundings.

    Raises:
        MethodError: there is no sample, or labels are missing.
        DataError: a sample has no valid point.
    """

    def __init__(self, train: TrainView, reader: Reader, config: BtpConfig, ctx: RunContext) -> None:
        if len(train) == 0:
            raise MethodError("there is nothing to train on", hint="name a training set")
        self._config, self._ctx, self._lost = config, ctx, 0
        self._kept = KeptArrays(ctx)
        try:
            for done, (sample, truth) in enumerate(train.labelled()):
                ctx.progress("encode training samples", done, len(train))
                self._keep(sample, truth, reader)
        except BaseException:
            self._kept.close()
            raise
        if self._lost:
            log.warning(
                "no defective point was chosen in %d of %d training samples with a defect",
                self._lost,
                len(train),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> Item:  # type: ignore[override]  # slices are not needed
        tensors = {
            name: torch.from_numpy(np.asarray(array)).to(self._ctx.device)
            for name, array in self._kept[index].items()
        }
        for name in HALF:
            tensors[name] = tensors[name].float()
        encoded = Encoded(tensors["xyz"], **{name: tensors[name] for name in KEPT})
        return Item(encoded, tensors["nearest"], tensors["points"], tensors["anomalous"], tensors["targets"])

    def _keep(self, sample: Sample, truth: Truth, reader: Reader) -> None:
        labels = point_labels(sample, truth)
        subset, encoded = reader.read(sample)
        points = labels[sample.cloud.valid][subset.indices]
        anomalous = bool(truth.anomalous)
        self._lost += anomalous and not points.any()
        if self._config.object_label == "sampled":
            anomalous = bool(points.any())
        arrays: dict[str, Any] = {name: getattr(encoded, name).cpu().numpy() for name in ("xyz", *KEPT)}
        arrays |= {name: arrays[name].astype(np.float16) for name in HALF}
        wanted = targets(
            subset.xyz,
            arrays["patches"],
            scale=self._config.fpfh_scale,
            pooling=self._config.fpfh_agg,
            workers=self._ctx.workers,
        )
        nearest = encoded.nearest().cpu().numpy()
        self._kept.keep(
            {
                **arrays,
                "nearest": nearest,
                "points": points,
                "anomalous": np.asarray(anomalous),
                "targets": wanted,
            }
        )


def train(
    items: Sequence[Item], parts: Parts, prompts: Prompts, texts: Texts, ctx: RunContext
) -> Iterator[epochs.Record]:
    """Trains and yields the losses of every epoch, weighted as they are added up.

    Args:
        items: training samples, in their order.
        parts: modules that are learned; afterwards they are those of the epoch that is kept.
        prompts: what is learned of the texts, likewise.
        texts: features of both states.
        ctx: surroundings.

    Raises:
        MethodError: a loss is not finite.
    """
    config = parts.config
    learned = nn.ModuleDict({"prompts": prompts, "parts": parts}).train()
    optimiser, rates = optimiser_of(parts, prompts, n_steps(config, len(items)))
    lowest, best = np.inf, {}
    for record in epochs.run(
        items,
        lambda chosen: step_losses(parts, chosen, texts())[1],
        optimiser,
        epochs=config.epochs,
        batch=config.batch,
        rng=ctx.rng("btp order") if config.shuffle else None,
        ctx=ctx,
        label="learn patches",
        drop_last=config.drop_last,
        clip=config.grad_clip,
        rates=rates,
    ):
        total = sum(value for name, value in record.items() if name != "epoch")
        if config.checkpoint == "last" or total < lowest:
            lowest = total
            best = {name: value.clone() for name, value in learned.state_dict().items()}
        yield record
    learned.load_state_dict(best)
    learned.eval()


def step_losses(parts: Parts, chosen: Sequence[Item], texts: torch.Tensor) -> tuple[Found, epochs.Losses]:
    """What is found in some samples, and the losses, weighted as they are added up."""
    config = parts.config
    found = parts([item.encoded for item in chosen], texts)
    terms = losses.point_losses(
        [point_logits(values, item, config) for values, item in zip(found.patches, chosen, strict=True)],
        [item.points for item in chosen],
        gamma=config.focal_gamma,
        alpha=config.focal_alpha,
    )
    objects = scoring.training_logits(found.clouds, found.patches, alpha=config.global_alpha)
    anomalous = torch.stack([item.anomalous for item in chosen])
    terms["object"] = config.global_loss_weight * losses.object_loss(objects, anomalous)
    if config.geo_loss_weight > 0:
        wanted = torch.stack([item.targets for item in chosen])
        distance = losses.geometry_loss(found.geometry, wanted, kind=config.geo_loss)
        terms["geometry"] = config.geo_loss_weight * distance
    return found, terms


def point_logits(values: torch.Tensor, item: Item, config: BtpConfig) -> torch.Tensor:
    """(n,) logits of the points of a sample from those of its patches (G,)."""
    nearest = item.nearest if config.uncovered == "nearest-patch" else None
    return scoring.to_points(values, item.encoded.patches, len(item.encoded.xyz), nearest=nearest)


def n_steps(config: BtpConfig, n: int) -> int:
    """Number of all steps of training with `n` samples."""
    length = epochs.used(n, config.batch, drop_last=config.drop_last)
    return config.epochs * -(-length // config.batch)


def optimiser_of(parts: Parts, prompts: Prompts, steps: int) -> tuple[torch.optim.AdamW, epochs.Rates]:
    """AdamW with prompts, weights and biases as groups, and the rates of each in every step.

    Weights decay, scales of batch normalisation and weights of layers with them, as released.
    """
    config = parts.config
    others = list(parts.named_parameters())
    groups: list[dict[str, Any]] = [
        {"params": list(prompts.parameters()), "lr": config.rate, "weight_decay": 0.0},
        {"params": [one for name, one in others if not name.endswith("bias")], "lr": OTHERS * config.rate},
        {
            "params": [one for name, one in others if name.endswith("bias")],
            "lr": OTHERS * config.rate,
            "weight_decay": 0.0,
        },
    ]
    groups = [group for group in groups if group["params"]]
    highest = [float(group["lr"]) for group in groups]
    warm_up = max(1, int(config.warmup_ratio * steps))
    rate_of = partial(epochs.warm_up_and_cosine, steps=steps, warm_up=warm_up, lowest=config.min_rate)

    def rates(step: int) -> list[float]:
        return [rate_of(step, rate=rate) for rate in highest]

    return torch.optim.AdamW(groups, weight_decay=config.weight_decay), rates
