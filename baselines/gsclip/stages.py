"""The two stages in which gsclip is trained, on features of views that are computed once."""

from collections.abc import Iterator, Sequence

import torch

from pc3dad.baselines.gsclip.parts import Parts
from pc3dad.context import RunContext
from pc3dad.methods import epochs
from pc3dad.methods.rendered import maps, training
from pc3dad.methods.rendered.prompts import BETAS
from pc3dad.methods.rendered.stream import Features
from pc3dad.nn.losses import consistency

STREAM = "shaded"
RELEASED = ("3d_point", "2d_image")  # losses of stage 2 that the released code minimises, beside consistency


def prompts_stage(items: training.Items, parts: Parts, ctx: RunContext) -> Iterator[epochs.Record]:
    """Stage 1: prompts and point encoder are learned, the views keep their features."""
    config, prompts = parts.config, parts.prompts.train()
    learned = [one for one in prompts.parameters() if one.requires_grad]
    optimiser = torch.optim.Adam(learned, lr=config.rate, betas=BETAS)
    rng = ctx.rng("gsclip points of stage 1")

    def step(chosen: Sequence[training.Item]) -> epochs.Losses:
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
        label="stage 1 of 2" if parts.fusion else "learn prompts",
    )
    prompts.eval()


def fusion_stage(items: training.Items, parts: Parts, ctx: RunContext) -> Iterator[epochs.Record]:
    """Stage 2: fusion and adapters are learned, the sentences of every sample stay as stage 1 left them."""
    config, fusion, tower = parts.config, parts.fusion, parts.depth
    if fusion is None or tower is None:
        return
    groups = [{"params": list(fusion.train().parameters()), "lr": config.srm_rate}]
    adapters = [one for one in tower.train(config.lora_train).parameters() if one.requires_grad]
    if config.lora_train and adapters:
        groups.append({"params": adapters, "lr": config.lora_rate * config.srm_rate})
    optimiser = torch.optim.Adam(groups, betas=BETAS)
    texts = _texts(items, parts, ctx)

    def step(chosen: Sequence[training.Item]) -> epochs.Losses:
        features = [item.seen.features[STREAM] for item in chosen]
        pictures = [item.seen.pictures["depth"] for item in chosen]
        fused = parts.fuse(features, pictures, ctx.memory_bytes)
        own = torch.cat([texts[item.number] for item in chosen])
        losses = _losses(chosen, fused, own, parts, normalise=config.srm_normalise)
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
    fusion.eval()
    tower.eval()


@torch.no_grad()
def _texts(items: training.Items, parts: Parts, ctx: RunContext) -> list[torch.Tensor]:
    """(1, 2, D) of every item, as for scores: the released code leaves the prompts in training mode."""
    parts.prompts.train(parts.config.train_mode_at_test)
    rng = ctx.rng("gsclip points of stage 2")
    return [parts.describe([item.xyz], [rng]).features for item in items]


def _losses(
    chosen: Sequence[training.Item],
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
