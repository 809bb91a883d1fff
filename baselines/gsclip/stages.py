"""The two stages in which gsclip is trained, on features of views that are computed once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from pc3dad.baselines.gsclip.parts import Parts
from pc3dad.baselines.gsclip.refiner import Refiner
from pc3dad.context import RunContext
from pc3dad.methods import epochs
from pc3dad.methods.items import KeptArrays
from pc3dad.methods.rendered import maps, training
from pc3dad.methods.rendered.prompts import BETAS
from pc3dad.methods.rendered.stream import Features
from pc3dad.nn.losses import consistency

STREAM, DEPTH = "shaded", "depth"
POINTS = "gsclip points"  # name of the generator that draws them
RELEASED = ("3d_point", "2d_image")  # losses of stage 2 that the released code minimises, beside consistency

Items = Sequence[training.Item]


def prompts_stage(items: training.Items, parts: Parts, ctx: RunContext) -> Iterator[epochs.Record]:
    """Stage 1: prompts and point encoder are learned, the views keep their features."""
    config, prompts = parts.config, parts.prompts.train()
    learned = [one for one in prompts.parameters() if one.requires_grad]
    optimiser = torch.optim.Adam(learned, lr=config.rate, betas=BETAS)
    rng = ctx.rng(f"{POINTS} of stage 1")

    def step(chosen: Items) -> epochs.Losses:
        found = parts.describe([item.xyz for item in chosen], [rng] * len(chosen))
        losses = _losses(chosen, [item.seen.features[STREAM] for item in chosen], found.features, parts)
        if config.prototypes == "gated+compact" and found.defects is not None:
            losses["prototypes"] = found.defects.distance
        return losses

    yield from epochs.run(
        items,
        step,
        optimiser,
        epochs=config.epochs,
        batch=config.batch,
        rng=ctx.rng("gsclip order of stage 1"),
        ctx=ctx,
        label="stage 1 of 2" if parts.refiner else "learn prompts",
    )
    prompts.eval()


def fusion_stage(items: training.Items, parts: Parts, ctx: RunContext) -> Iterator[epochs.Record]:
    """Stage 2: fusion and adapters are learned, the sentences stay as stage 1 left them."""
    config, refiner = parts.config, parts.refiner
    if refiner is None:
        return
    refiner.train(mode=True)
    groups = [{"params": list(refiner.fusion.parameters()), "lr": config.srm_rate}]
    if refiner.learns_depth:
        adapters = [one for one in refiner.tower.parameters() if one.requires_grad]
        groups.append({"params": adapters, "lr": config.lora_rate * config.srm_rate})
    optimiser = torch.optim.Adam(groups, betas=BETAS)
    texts = _texts(items, parts, ctx)
    with _depths(items, refiner, ctx) as depths:

        def step(chosen: Items) -> epochs.Losses:
            fused = refiner.fuse([item.seen.features[STREAM] for item in chosen], depths(chosen))
            losses = _losses(chosen, fused, texts(chosen), parts, normalise=config.srm_normalise)
            if config.stage2_losses == "released":
                losses = {name: losses[name] for name in RELEASED}
            views = torch.stack([one.image for one in fused])
            losses["consistency"] = config.con_weight * consistency(views, axis=config.con_axis)
            return losses

        yield from epochs.run(
            items,
            step,
            optimiser,
            epochs=config.srm_epochs,
            batch=config.batch,
            rng=ctx.rng("gsclip order of stage 2"),
            ctx=ctx,
            label="stage 2 of 2",
        )
    refiner.train(mode=False)


def _texts(items: training.Items, parts: Parts, ctx: RunContext) -> Callable[[Items], torch.Tensor]:
    """Sentences (B, 2, D) of some items: those of scores, computed once.

    The released code leaves the prompts in training mode: it draws points and drops features anew every time.
    """
    if parts.config.train_mode_at_test:
        parts.prompts.train()
        rng = ctx.rng(f"{POINTS} of stage 2")

        @torch.no_grad()
        def anew(chosen: Items) -> torch.Tensor:
            return parts.describe([item.xyz for item in chosen], [rng] * len(chosen)).features

        return anew
    with torch.no_grad():
        kept = [parts.describe([item.xyz], [ctx.rng(POINTS)]).features for item in items]
    return lambda chosen: torch.cat([kept[item.number] for item in chosen])


@contextmanager
def _depths(
    items: training.Items, refiner: Refiner, ctx: RunContext
) -> Iterator[Callable[[Items], list[Features]]]:
    """Features of the depth pictures of some items: computed once if their tower does not learn."""

    def read(chosen: Items) -> list[Features]:
        return refiner.read([item.seen.pictures[DEPTH] for item in chosen], ctx.memory_bytes)

    if refiner.learns_depth:
        yield read
        return
    with KeptArrays(ctx) as kept:
        for item in items:
            with torch.no_grad():
                (found,) = read([item])
            kept.keep({"image": found.image.cpu().numpy(), "patches": found.patches.cpu().numpy()})

        def stored(number: int) -> Features:
            arrays = {name: torch.from_numpy(array) for name, array in kept[number].items()}
            return Features(**arrays).to(ctx.device)

        yield lambda chosen: [stored(item.number) for item in chosen]


def _losses(
    chosen: Items,
    features: Sequence[Features],
    texts: torch.Tensor,
    parts: Parts,
    *,
    normalise: bool = True,
) -> epochs.Losses:
    """The losses of stage 1 for features (B of them) and sentences (B, 2, D) or (1, 2, D)."""
    config, size = parts.config, parts.stream.layout.image_size
    of_each = texts.expand(len(chosen), -1, -1)[:, None]
    pairs = list(zip(features, of_each, strict=True))
    return training.prompt_losses(
        chosen,
        torch.stack([maps.view_maps(one.patches, own, size) for one, own in pairs]),
        torch.stack([maps.view_logits(one.image, own, normalise=normalise) for one, own in pairs]),
        view_mean=config.view_mean,
        divide_by=config.divide_by,
        dice_background=config.dice_background,
    )
