"""The training loop of methods with frozen encoders: epochs over items whose features are known."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch

from pc3dad.context import RunContext
from pc3dad.errors import MethodError

Losses = dict[str, torch.Tensor]
Record = dict[str, float]
"""Means of an epoch: its number, and every loss."""
Rates = Callable[[int], Sequence[float]]
"""Learning rate of each group of parameters in a step, counted from 0."""

ItemT = TypeVar("ItemT")


def run(
    items: Sequence[ItemT],
    step: Callable[[list[ItemT]], Losses],
    optimiser: torch.optim.Optimizer,
    *,
    epochs: int,
    batch: int,
    rng: np.random.Generator | None,
    ctx: RunContext,
    label: str,
    drop_last: bool = False,
    clip: float | None = None,
    rates: Rates | None = None,
) -> Iterator[Record]:
    """Trains and yields the means of every epoch. The sum of the losses of a step is minimised.

    Args:
        items: training samples.
        step: losses of some of them.
        optimiser: of what is learned.
        epochs: passes.
        batch: samples of a step; the last batch may be smaller.
        rng: shuffles samples anew in every epoch; None keeps their order.
        ctx: surroundings.
        label: for progress and messages.
        drop_last: leave a smaller last batch out, unless it is the only one.
        clip: largest norm of all gradients of a step together.
        rates: learning rates; None leaves them as they are.

    Raises:
        MethodError: a loss is not finite.
    """
    length = used(len(items), batch, drop_last=drop_last)
    done = 0
    for epoch in range(epochs):
        ctx.progress(label, epoch, epochs)
        order = np.arange(len(items)) if rng is None else rng.permutation(len(items))
        sums: dict[str, float] = {}
        for start in range(0, length, batch):
            chosen = [items[index] for index in order[start : min(start + batch, length)]]
            found = step(chosen)
            total = torch.stack(list(found.values())).sum()
            if not torch.isfinite(total):
                raise MethodError(
                    f"{label}: the loss is not finite in epoch {epoch + 1}", hint="lower the rate"
                )
            if rates is not None:
                for group, rate in zip(optimiser.param_groups, rates(done), strict=True):
                    group["lr"] = rate
            advance(optimiser, total, clip=clip)
            done += 1
            for name, value in found.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach()) * len(chosen)
        yield {"epoch": epoch + 1, **{name: value / length for name, value in sums.items()}}


def advance(optimiser: torch.optim.Optimizer, loss: torch.Tensor, *, clip: float | None) -> float:
    """One step down the gradient of a loss.

    Args:
        optimiser: of what is learned.
        loss: scalar.
        clip: largest norm of all gradients together.

    Returns:
        That norm before it was clipped; 0 without `clip`.
    """
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    norm = 0.0
    if clip is not None:
        learned = [one for group in optimiser.param_groups for one in group["params"]]
        norm = float(torch.nn.utils.clip_grad_norm_(learned, clip))
    optimiser.step()
    return norm


def used(n: int, batch: int, *, drop_last: bool) -> int:
    """How many of `n` samples an epoch of `run` visits."""
    return n - n % batch if drop_last and n >= batch else n


def warm_up_and_cosine(step: int, *, steps: int, warm_up: int, rate: float, lowest: float) -> float:
    """Learning rate that rises in a line from a tenth to `rate`, then falls along a cosine to `lowest`.

    Args:
        step: from 0 to `steps`; the last one is what would follow.
        steps: number of all steps.
        warm_up: number of steps until `rate` is reached.
        rate: the highest rate.
        lowest: the last rate.
    """
    if step < warm_up:
        return rate * (0.1 + 0.9 * step / warm_up)
    share = (step - warm_up) / max(1, steps - warm_up)
    return lowest + (rate - lowest) * (1 + math.cos(math.pi * share)) / 2
