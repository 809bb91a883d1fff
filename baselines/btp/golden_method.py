"""Golden cases of whole BTP as released: scores and metrics (13b), training (21d)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from pc3dad.baselines.btp import official
from pc3dad.baselines.btp.config import OFFICIAL, BtpConfig
from pc3dad.baselines.btp.descriptors import FIXED as RADII
from pc3dad.baselines.btp.descriptors import NEIGHBOURS, NORMAL_NEIGHBOURS
from pc3dad.baselines.btp.encoded import Encoded, encode
from pc3dad.baselines.btp.golden_modules import (
    RELEASED,
    Outputs,
    Tensors,
    arrays,
    below,
    tensors,
    text_tower,
    to_full,
)
from pc3dad.baselines.btp.golden_normals import signed
from pc3dad.baselines.btp.method import object_scores, point_scores
from pc3dad.baselines.btp.parts import Parts
from pc3dad.baselines.btp.prompts import Prompts
from pc3dad.baselines.btp.scoring import training_logits
from pc3dad.baselines.btp.training import Item, n_steps, optimiser_of, point_logits, step_losses
from pc3dad.encoders import pointbert
from pc3dad.geometry import fpfh, normals
from pc3dad.methods import epochs
from pc3dad.metrics import compat
from pc3dad.metrics.compat_btp import btp_regions
from pc3dad.metrics.ranking import auroc, average_precision
from pc3dad.metrics.regions import stack_regions

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Case, GoldenFile

PARTS = ("patch_geo_encoder", "patch_feature_embedder")
TERMS = {"focal": "focal", "dice": "dice", "object": "bce", "geometry": "geo"}


class Released:
    """The method of a file, as released."""

    def __init__(self, file: "GoldenFile") -> None:
        sizes, named = file.config, tensors(file.weights)
        self.config = BtpConfig(
            **OFFICIAL,
            hidden=sizes["hidden"],
            layers=tuple(sizes["return_layers"]),
            topk_ratio=sizes["topk_ratio"],
            global_alpha=sizes["global_alpha"],
            epochs=sizes.get("epochs", 1),
            batch=sizes["batch"],
        )
        encoder = pointbert.PointBertConfig(
            groups=sizes["num_group"],
            group_size=sizes["group_size"],
            tokenizer=(*pointbert.ULIP2.tokenizer[:3], sizes["encoder_dims"]),
            width=sizes["trans_dim"],
            depth=sizes["depth"],
            heads=sizes["num_heads"],
            mlp=4 * sizes["trans_dim"],
            embed_dim=sizes["text_dim"],
        )
        state = {name: one for name, one in named.items() if name.startswith(("point_encoder.", "pc_proj"))}
        self.encoder = pointbert.load(pointbert.from_official(state), encoder)
        tower = text_tower(file)
        self.prompts = Prompts(tower, RELEASED, n_context=0, seed=0)
        self.texts = self.prompts(tower)
        self.parts = Parts(self.config, encoder, seed=0).eval()
        learned: Tensors = {}
        for part in PARTS:
            learned |= {f"{part}.{name}": value for name, value in below(named, f"{part}/").items()}
        self.parts.restore(official.from_official(learned))

    def encode(self, xyz: torch.Tensor) -> Encoded:
        """A cloud whose points were chosen before."""
        return encode(self.encoder, xyz, layers=self.config.layers, grey=self.config.grey)


@torch.no_grad()
def evaluation(file: "GoldenFile") -> Outputs:
    """Outputs of 13b."""
    model, given = Released(file), file.inputs
    objects, sampled, full = [], [], []
    for xyz, whole, indices in zip(
        given["points"], given["full_points"], given["sample_indices"], strict=True
    ):
        encoded = model.encode(torch.from_numpy(xyz))
        found = model.parts([encoded], model.texts)
        objects.append(object_scores(found, model.config)[0].numpy())
        sampled.append(point_scores(found, encoded, model.config))
        full.append(to_full(whole, indices, sampled[-1]))
    labels = (given["labels"] > 0).any(axis=1)
    measured = {
        "obj_AUROC": auroc(np.stack(objects), labels),
        "obj_AP": average_precision(np.stack(objects), labels),
        "obj_F1max": compat.btp_f1_max(np.stack(objects), labels),
        **_point_metrics("point_", np.stack(sampled), given["labels"], given["points"]),
        **_point_metrics("full_point_", np.stack(full), given["full_labels"], given["full_points"] * 3 + 1),
    }
    return {
        "object_scores": np.stack(objects),
        "object_labels": labels.astype(np.int64),
        "full_sample_indices_first": given["sample_indices"][0],
        "point_scores": np.stack(sampled),
        "full_scores": np.stack(full),
        **{f"metric/{name}": np.float64(value) for name, value in measured.items()},
    }


def _point_metrics(
    prefix: str, scores: NDArray[np.float32], labels: NDArray[Any], points: NDArray[np.float32]
) -> dict[str, float]:
    """Metrics of all points of all clouds together."""
    regions = []
    for xyz, anomalous in zip(points, labels > 0, strict=True):
        own = np.full(len(xyz), -1)
        if anomalous.any():
            own[anomalous] = btp_regions(xyz[anomalous])
        regions.append(own)
    pooled, members = stack_regions(regions), (scores.ravel(), (labels > 0).ravel())
    return {
        f"{prefix}std_AUPRO": compat.btp_2026_05(*members, pooled),
        f"{prefix}AUROC": auroc(*members),
        f"{prefix}AP": average_precision(*members),
        f"{prefix}region_count": float(pooled.max() + 1),
    }


def training(file: "GoldenFile") -> Outputs:
    """Outputs of 21d. A rate of prompts is listed although nothing of them is learned."""
    model, config = Released(file), file.config
    items = [
        _item(model, xyz, labels)
        for xyz, labels in zip(file.inputs["points"], file.inputs["labels"], strict=True)
    ]
    parts = model.parts.train()
    steps = n_steps(model.config, len(items))
    optimiser, rates = optimiser_of(parts, model.prompts, steps)
    values: dict[str, Any] = {}
    totals = []
    for index in range(steps):
        for group, rate in zip(optimiser.param_groups, rates(index), strict=True):
            group["lr"] = rate
        found, terms = step_losses(parts, items, model.texts)
        totals.append(torch.stack(list(terms.values())).sum())
        step = f"step{index + 1}/"
        weights = {"object": model.config.global_loss_weight, "geometry": model.config.geo_loss_weight}
        values |= {step + TERMS[name]: term / weights.get(name, 1) for name, term in terms.items()}
        if index == 0:
            values |= _first(model, items, found, totals[0])
        of_prompts = epochs.warm_up_and_cosine(
            index, steps=steps, warm_up=1, rate=config["lr"], lowest=config["min_lr"]
        )
        values[f"{step}lr"] = torch.tensor([of_prompts, *rates(index)])
        norm = epochs.advance(optimiser, totals[-1], clip=config["grad_clip"])
        values[f"{step}grad_norm_total_before_clip"] = torch.tensor(norm)
    values["loss_total"] = torch.stack(totals)
    return arrays({name: value for name, value in values.items() if name in file.outputs})


def _item(model: Released, xyz: NDArray[np.float32], labels: NDArray[Any]) -> Item:
    encoded = model.encode(torch.from_numpy(xyz))
    anomalous = torch.from_numpy(labels > 0)
    unsigned = normals.estimate(xyz, radius=RADII[0], max_neighbours=NORMAL_NEIGHBOURS)
    directions = signed(xyz, unsigned, radius=RADII[0], max_neighbours=NORMAL_NEIGHBOURS)
    described = fpfh.describe(xyz, directions, radius=RADII[1], max_neighbours=NEIGHBOURS)
    wanted = fpfh.pool(described, encoded.patches.numpy(), pooling=model.config.fpfh_agg)
    return Item(encoded, encoded.nearest(), anomalous, anomalous.any(), torch.from_numpy(wanted))


def _first(model: Released, items: list[Item], found: Any, total: torch.Tensor) -> dict[str, Any]:
    """What is recorded of the first step alone: outputs, and gradients under the names of the reference."""
    points = [point_logits(one, item, model.config) for one, item in zip(found.patches, items, strict=True)]
    values: dict[str, Any] = {
        "step1/point_logits": torch.stack(points),
        "step1/global_logits_combined": training_logits(
            found.clouds, found.patches, alpha=model.config.global_alpha
        ),
        "step1/geo_pred": found.geometry,
        "step1/geo_fpfh": torch.stack([item.targets for item in items]),
    }
    ours = dict(model.parts.named_parameters())
    gradients = dict(
        zip(ours, torch.autograd.grad(total, list(ours.values()), retain_graph=True), strict=True)
    )
    for theirs, shape in official.shapes(model.config, model.encoder.config).items():
        gradient = gradients.get(official.our_name(theirs))
        if gradient is not None:
            values[f"step1/grad/{theirs}"] = gradient.reshape(shape)
            values[f"step1/grad_norm/{theirs}"] = gradient.norm()
    return values


CASES: Mapping[str, "Case"] = {"13b_*": evaluation, "21d_*": training}
