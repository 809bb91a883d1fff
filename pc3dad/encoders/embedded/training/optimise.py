"""One loop for all three towers: warm-up, cosine, clipping, and a line of the log now and then."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

Step = Callable[[int], tuple[torch.Tensor, dict[str, float]]]
"""Number of a step to its loss, and the parts of it."""

Log = Callable[[dict[str, float]], None]
Named = list[tuple[str, nn.Parameter]]
Optimisers = list[tuple[torch.optim.Optimizer, float]]

MUON_SIDE = 64  # matrices whose sides are at least so long
DECAY, BETAS, MOMENTUM = 0.05, (0.9, 0.98), 0.95
MUON_RATE = 2.0  # times the rate of the others; updates are scaled to the size that AdamW's have
CLIP, WARM, FLOOR = 5.0, 80, 0.03
LOGGED = 50  # steps
KEPT = 500  # steps after which a run could go on if it were stopped


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast.

    Attributes:
        steps: in all.
        rate: the highest, of AdamW.
        warm: steps up to it.
    """

    steps: int
    rate: float = 1e-3
    warm: int = WARM

    def factor(self, step: int) -> float:
        """Share of the rate at a step: up to 1 in a line, then down to `FLOOR` along a cosine."""
        if step < self.warm:
            return (step + 1) / self.warm
        gone = (step - self.warm) / max(1, self.steps - self.warm)
        return FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * gone)) / 2


def fit(
    parameters: Iterable[tuple[str, nn.Parameter]], step: Step, schedule: Schedule, log: Log, *, kept: Path
) -> None:
    """Trains named parameters in place. The same calls give the same weights, stopped in between or not.

    Args:
        parameters: those that do not require gradients are left alone.
        step: the loss of a step, which must depend on its number alone.
        schedule: how long and how fast.
        log: is told the means since it was told last.
        kept: file from which the run goes on if it was stopped.
    """
    named = [(name, one) for name, one in parameters if one.requires_grad]
    optimisers = _optimisers(named)
    first = _resume(kept, named, optimisers)
    started, sums, count = time.monotonic(), dict[str, float](), 0
    for number in range(first, schedule.steps):
        for optimiser, scale in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = scale * schedule.rate * schedule.factor(number)
            optimiser.zero_grad(set_to_none=True)
        total, parts = step(number)
        torch.autograd.backward(total)
        nn.utils.clip_grad_norm_([one for _, one in named], CLIP)
        for optimiser, _ in optimisers:
            optimiser.step()
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + value
        count += 1
        if (number + 1) % LOGGED == 0 or number + 1 == schedule.steps:
            means = {name: round(value / count, 4) for name, value in sums.items()}
            log({"step": number + 1, "seconds": round(time.monotonic() - started, 1), **means})
            sums, count = {}, 0
        if (number + 1) % KEPT == 0 or number + 1 == schedule.steps:
            _keep(kept, named, optimisers, number + 1)


def _keep(path: Path, named: Named, optimisers: Optimisers, done: int) -> None:
    state = {
        "done": done,
        "parameters": {name: one.detach() for name, one in named},
        "optimisers": [optimiser.state_dict() for optimiser, _ in optimisers],
    }
    temporary = path.with_suffix(".part")
    torch.save(state, temporary)
    temporary.rename(path)


@torch.no_grad()
def _resume(path: Path, named: Named, optimisers: Optimisers) -> int:
    """How many steps are done already; takes over what they made."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location="cpu")
    for name, one in named:
        one.copy_(state["parameters"][name])
    for (optimiser, _), stored in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(stored)
    return int(state["done"])


def _optimisers(named: Named) -> Optimisers:
    """Muon for large matrices that are no tables, AdamW for the rest; of these only what has rows decays."""
    muons = {name for name, one in named if one.ndim == 2 and min(one.shape) >= MUON_SIDE}
    muons = {name for name in muons if "embedding" not in name}
    large = [one for name, one in named if name in muons]
    rest = [one for name, one in named if name not in muons]
    groups = [
        {"params": [one for one in rest if one.ndim >= 2], "weight_decay": DECAY},
        {"params": [one for one in rest if one.ndim < 2], "weight_decay": 0.0},
    ]
    found: Optimisers = [
        (torch.optim.AdamW([group for group in groups if group["params"]], betas=BETAS), 1.0)
    ]
    if large:
        muon = torch.optim.Muon(large, weight_decay=DECAY, momentum=MOMENTUM, adjust_lr_fn="match_rms_adamw")
        found.append((muon, MUON_RATE))
    return found
