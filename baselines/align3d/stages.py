"""The two stages in which align3d is trained, on features of views that are computed once."""

from collections.abc import Iterator, Sequence

import torch

from pc3dad.baselines.align3d.aligner import Aligner, Pair, align_losses, join, token_weights
from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.contrast import dual_contrast
from pc3dad.baselines.align3d.guidance import GREY, pair_of
from pc3dad.baselines.align3d.parts import Parts
from pc3dad.context import RunContext
from pc3dad.methods import epochs
from pc3dad.methods.rendered import maps, training
from pc3dad.methods.rendered.prompts import BETAS
from pc3dad.methods.rendered.stream import Features


class Pairs(Sequence[Pair]):
    """Pairs of the training samples in an order that stays.

    As many as the memory budget holds are kept as float32 of unit length; others are read anew from the
    float16 on disk and come out the same.

    Args:
        items: training samples.
        ctx: surroundings.
    """

    def __init__(self, items: Sequence[training.Item], ctx: RunContext) -> None:
        self._items = items
        self._order = ctx.rng("align3d pairs").permutation(len(items))
        self._kept: dict[int, Pair] = {}
        self._left = ctx.memory_bytes

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Pair:  # type: ignore[override]  # slices are not needed
        if index not in self._kept:
            pair = pair_of(self._items[int(self._order[index])].seen)
            if pair.bytes > self._left:
                return pair
            self._left -= pair.bytes
            self._kept[index] = pair
        return self._kept[index]


def alignment_stage(
    items: Sequence[training.Item], aligner: Aligner, config: Align3dConfig, ctx: RunContext
) -> Iterator[epochs.Record]:
    """Stage 1: the aligner is learned; reweighting begins `scr_epochs` before the end."""
    optimiser = torch.optim.Adam(aligner.parameters(), lr=config.align_rate, betas=BETAS)
    plain = config.align_epochs - config.scr_epochs
    done = 0

    def step(chosen: Sequence[Pair]) -> epochs.Losses:
        pair = join(chosen)
        rule = config.scr if done >= plain else "off"
        return align_losses(
            aligner, pair, token_weights(pair.consistency, scale=config.scr_weight, rule=rule)
        )

    for record in epochs.run(
        Pairs(items, ctx),
        step,
        optimiser,
        epochs=config.align_epochs,
        batch=config.batch,
        rng=ctx.rng("align3d order") if config.align_shuffle else None,
        ctx=ctx,
        label="stage 1 of 2",
    ):
        yield record
        done += 1
    aligner.eval().requires_grad_(False)


def prompts_stage(
    items: Sequence[training.Item], parts: Parts, config: Align3dConfig, ctx: RunContext, *, size: int
) -> Iterator[epochs.Record]:
    """Stage 2: the sentences are learned; contrast between branches begins `dpca_epochs` before the end.

    Each branch minimises its own losses. One optimiser for both does what one for each would: none of their
    losses has a gradient for the sentences of the other, and Adam treats every number by itself.

    Args:
        items: training samples.
        parts: whose aligner is learned.
        config: of the method.
        ctx: surroundings.
        size: side of the views.
    """
    optimiser = torch.optim.Adam(parts.prompts(), lr=config.rate, betas=BETAS)
    apart = 0 if config.dpca == "all_epochs" else config.epochs - config.dpca_epochs
    contrasted = config.dpca != "off" and parts.aligned is not None and not parts.shared
    done = 0

    def step(chosen: Sequence[training.Item]) -> epochs.Losses:
        return branch_losses(chosen, parts, config, size=size, contrasted=contrasted and done >= apart)

    for record in epochs.run(
        items,
        step,
        optimiser,
        epochs=config.epochs,
        batch=config.batch,
        rng=ctx.rng("pointad order"),
        ctx=ctx,
        label="stage 2 of 2" if parts.aligner else "learn sentences",
    ):
        yield record
        done += 1


def branch_losses(
    chosen: Sequence[training.Item], parts: Parts, config: Align3dConfig, *, size: int, contrasted: bool
) -> epochs.Losses:
    """Losses of both branches for some training samples, the names of those of the aligned one after "a_"."""
    features = [item.seen.features[GREY] for item in chosen]
    texts: torch.Tensor = parts.rendered()
    found = _losses(chosen, features, texts, config, size)
    if parts.aligned is None:
        return found
    others: torch.Tensor = texts if parts.shared else parts.aligned()
    with torch.no_grad():
        mapped = [parts.align(one) for one in features]
    aligned = _losses(chosen, mapped, others, config, size)
    if contrasted:
        scale, temperature = config.dpca_weight, config.dpca_temperature
        found["contrast"] = scale * dual_contrast(texts, others, temperature=temperature)
        aligned["contrast"] = scale * dual_contrast(others, texts, temperature=temperature)
    return found | {f"a_{name}": value for name, value in aligned.items()}


def _losses(
    chosen: Sequence[training.Item],
    features: Sequence[Features],
    texts: torch.Tensor,
    config: Align3dConfig,
    size: int,
) -> epochs.Losses:
    """The losses of PointAD for one branch."""
    return training.prompt_losses(
        chosen,
        torch.stack([maps.view_maps(one.patches, texts, size) for one in features]),
        torch.stack([maps.view_logits(one.image, texts) for one in features]),
        view_mean=config.view_mean,
        divide_by=config.divide_by,
        dice_background=config.dice_background,
    )
