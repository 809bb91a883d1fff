"""Golden cases of the parts of BTP: 10 geometry, 11 embedding, 12 texts, 13a scores, 14 losses, 16 points.

What reads networks from a file serves `golden_method` too.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from pc3dad.baselines.btp import losses, official, preprocess, scoring
from pc3dad.baselines.btp.descriptors import Descriptors
from pc3dad.baselines.btp.embedding import Embedding
from pc3dad.baselines.btp.prompts import TEXTS, Prompts
from pc3dad.encoders import image_text
from pc3dad.encoders.loading import load_strictly
from pc3dad.encoders.prompts import encode_texts, tokenize
from pc3dad.encoders.text import TextTower
from pc3dad.geometry import propagate, sampling
from pc3dad.nn.losses import dice_of_logits, focal_of_logits

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Arrays, Case, GoldenFile

Outputs = dict[str, NDArray[Any]]
Tensors = dict[str, torch.Tensor]

RELEASED = TEXTS["fixed-empty"]


@torch.no_grad()
def descriptors(file: "GoldenFile") -> Outputs:
    """Outputs of 10."""
    module, given = Descriptors().eval(), tensors(file.inputs)
    load_strictly(module, _part(file, official.GEOMETRY, "descriptors."), what="the descriptors")
    points, patches = given["points"], given["patch_idx"]
    patches = patches + points.shape[1] * torch.arange(len(points))[:, None, None]
    points = points.flatten(0, 1)
    values = {"eval": module(points, patches), "eval_translated_by_0.3": module(points + 0.3, patches)}
    values["train"] = module.train()(points, patches)
    norm = module.norms[0]
    values["running_mean_after_train/mlp1.1"] = norm.running_mean
    values["running_var_after_train/mlp1.1"] = norm.running_var
    return arrays(values)


@torch.no_grad()
def embedding(file: "GoldenFile") -> Outputs:
    """Outputs of 11."""
    sizes, given = file.config, tensors(file.inputs)
    module = Embedding(
        sizes["in_dim"],
        sizes["out_dim"],
        layers=sizes["num_layers"],
        geometry=sizes["fpfh_dim"],
        hidden=sizes["hidden_dim"],
    )
    load_strictly(module, _part(file, official.EMBEDDING, "embedding."), what="the embedding")
    layers = torch.stack([given[f"layer_{index}"] for index in range(sizes["num_layers"])], dim=1)
    embedded = module(layers, given["geo"], given["global"])
    return arrays({"patch_embeddings": embedded, "layer_softmax": module.layer_weights.softmax(dim=0)})


@torch.no_grad()
def texts(file: "GoldenFile") -> Outputs:
    """Outputs of 12. `prompts` has the learned context, which the released code never uses."""
    tower, named = text_tower(file), tensors(file.weights)
    ids = tokenize(RELEASED)
    words = tower.embed(ids)
    context = named["prompt_learner/ctx"].expand(len(RELEASED), -1, -1)
    features = Prompts(tower, RELEASED, n_context=0, seed=0)(tower)
    return arrays(
        {
            "prompts": torch.cat([words[:, :1], context, words[:, 1:]], dim=1),
            "tokenized_prompts": ids,
            "text_normal": features[:1],
            "text_anomaly": features[1:],
            "raw_text_embedding": tower(ids),
            "text_templates": encode_texts(tower, TEXTS["fixed-object"]).mean(dim=0, keepdim=True),
        }
    )


@torch.no_grad()
def scores(file: "GoldenFile") -> Outputs:
    """Outputs of 13a."""
    given, config = tensors(file.inputs), file.config
    states = torch.cat([given["text_normal"], given["text_anomaly"]])
    patches = given["patch_embeddings"] @ (states[1] - states[0])
    clouds = scoring.cloud_logits(given["global_embedding"], states)
    alpha, n = config["global_alpha"], config["num_points"]

    def points(values: torch.Tensor) -> torch.Tensor:
        pairs = zip(values, given["patch_idx"], strict=True)
        return torch.stack([scoring.to_points(one, members, n) for one, members in pairs])

    def objects(aggregate: scoring.Aggregate) -> torch.Tensor:
        return scoring.object_scores(
            clouds, patches, alpha=alpha, aggregate=aggregate, share=config["topk_ratio"], space="prob"
        )

    full = to_full(file.inputs["full_points"], file.inputs["sample_indices"], file.inputs["sampled_scores"])
    values = {
        "patch_logits": patches,
        "patch_probs": torch.sigmoid(patches),
        "point_scores": points(torch.sigmoid(patches)),
        "point_logits": points(patches),
        "global_logits": clouds,
        "global_probs": torch.sigmoid(clouds),
        "object_score_topk_mean": objects("topk-mean"),
        "object_score_max_prob": objects("max"),
        "object_logit_training_max": scoring.training_logits(clouds, patches, alpha=alpha),
    }
    return {**arrays(values), "full_scores": full}


def joint_loss(file: "GoldenFile") -> Outputs:
    """Outputs of 14."""
    given, config = tensors(file.inputs), file.config
    logits, labels = given["point_logits"], given["labels"]
    focal = focal_of_logits(logits, labels, gamma=config["gamma"], alpha=config["alpha"])
    kinds: tuple[losses.GeometryLoss, ...] = ("mse", "cosine", "contrastive")
    values = {
        "focal": focal,
        "focal_sum": focal * logits.numel(),
        "dice": dice_of_logits(logits, labels),
        "global_bce": losses.object_loss(given["global_logits"], labels.any(dim=1)),
        **{
            f"geo_{kind}": losses.geometry_loss(given["geo_pred"], given["geo_fpfh"], kind=kind)
            for kind in kinds
        },
    }
    values["total_contrastive"] = (
        values["focal"]
        + values["dice"]
        + config["global_loss_weight"] * values["global_bce"]
        + config["geo_loss_weight"] * values["geo_contrastive"]
    )
    return arrays(values)


def points(file: "GoldenFile") -> Outputs:
    """Outputs of 16: a normal cloud is read from its own file, an anomalous one from its labels.

    The centre is added up in float32, as there. The method adds it up in float64: it differs by 1.2e-6.
    """
    given, count = file.inputs, file.config["num_samples"]
    clouds = {
        "normal": (given["pcd_points"], np.zeros(len(given["pcd_points"]), np.int64)),
        "anomalous": (given["gt_points"], given["gt_labels"]),
    }
    values: Outputs = {}
    for name, (xyz, labels) in clouds.items():
        found = preprocess.normalise(xyz)
        chosen = sampling.farthest_points(found.xyz, count, start=int(given[f"fps_start_{name}"][0]))
        values |= {
            f"{name}/points": found.xyz[chosen],
            f"{name}/labels": labels[chosen],
            f"{name}/sample_indices": chosen.astype(np.int64),
            f"{name}/original_points": xyz,
            f"{name}/normalized_points": found.xyz,
            f"{name}/normalize_center": xyz.mean(axis=0),
            f"{name}/normalize_scale": np.asarray(found.scale, np.float32),
        }
    return values


def to_full(
    xyz: NDArray[np.floating], indices: NDArray[np.integer], scores_: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N,) scores of all points from those of some, in any order."""
    order = np.argsort(indices)
    return propagate.nearest(xyz, indices[order], scores_[order])


def text_tower(file: "GoldenFile") -> TextTower:
    """The text tower of a file."""
    sizes = file.config
    architecture = {
        "embed_dim": sizes["text_dim"],
        "vision_cfg": {"image_size": 16, "patch_size": 16, "width": 16, "layers": 1, "head_width": 16},
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49_408,
            "width": sizes["t_width"],
            "heads": sizes["t_heads"],
            "layers": sizes["t_layers"],
        },
    }
    named = below(tensors(file.weights), "open_clip_model.")
    return image_text.load(architecture, named, part="text").text


def below(named: Tensors, prefix: str) -> Tensors:
    """The tensors whose names begin like that, without that beginning."""
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def tensors(found: "Arrays") -> Tensors:
    """Tensors that share memory with arrays."""
    return {name: torch.from_numpy(np.asarray(array)) for name, array in found.items()}


def arrays(values: Mapping[str, torch.Tensor]) -> Outputs:
    """Arrays that share memory with tensors."""
    return {name: value.detach().numpy() for name, value in values.items()}


def _part(file: "GoldenFile", theirs: str, ours: str) -> Tensors:
    """State of one module of a file that holds no other."""
    named = {theirs + name: value for name, value in tensors(file.weights).items()}
    return below(official.from_official(named), ours)


CASES: Mapping[str, "Case"] = {
    "10_*": descriptors,
    "11_*": embedding,
    "12_*": texts,
    "13a_*": scores,
    "14_*": joint_loss,
    "16_*": points,
}
