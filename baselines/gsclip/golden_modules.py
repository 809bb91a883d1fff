"""Golden cases of the parts of GS-CLIP: prompts (02b), defects (03), fusion (04) and losses (07).

What reads networks from a file serves `golden_stages` too.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch.nn import functional

from pc3dad.baselines.gsclip import official
from pc3dad.baselines.gsclip.defects import DefectModule, DefectOptions
from pc3dad.baselines.gsclip.fusion import Fusion, FusionOptions, ViewFeatures
from pc3dad.baselines.gsclip.points import untrained
from pc3dad.baselines.gsclip.prompts import GeometryPrompts, PromptOptions
from pc3dad.encoders import image_text
from pc3dad.encoders.loading import load_strictly
from pc3dad.encoders.pointnet2 import PointNet2Config
from pc3dad.encoders.prompts import PLACEHOLDER, tokenize
from pc3dad.encoders.text import TextTower
from pc3dad.nn.losses import consistency, cosines_to_mean, dice, focal

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Arrays, Case, GoldenFile

Outputs = dict[str, NDArray[Any]]
Tensors = dict[str, torch.Tensor]

SEED = 0  # of weights that are replaced at once
RELEASED = FusionOptions(tokens="cls", head="linear", residual=False, normalise=False, scale=False)
CONSISTENCY = 0.3


@torch.inference_mode()
def geometry_prompts(file: "GoldenFile") -> Outputs:
    """Outputs of 02b. Texts of all objects: normal ones first."""
    weights, given = tensors(file.weights), tensors(file.inputs)
    tower = image_text.load(architecture_of(file.config), below(weights, "clip/"), part="text").text
    prompts = prompts_of(file, tower).eval()
    clouds, starts = given["pointnet_input"].mT, given["fps_start"]
    assert prompts.encoder and prompts.shape and prompts.defects  # noqa: PT018, S101  for the type checker
    points = prompts.encoder(clouds, starts)
    shape, defects = prompts.shape(points.whole), prompts.defects(points.points)
    texts = prompts.assemble(shape, defects.tokens)
    held = " ".join([PLACEHOLDER] * file.config["n_ctx"])
    ids = tokenize([f"{held} object.", f"{held} damaged object."])
    return arrays(
        {
            "point_features": points.points,
            "global_feature": points.whole,
            "shape_token": shape,
            "defect_tokens": defects.tokens,
            "prompts": texts.transpose(0, 1).flatten(0, 1),
            "tokenized_prompts": ids.repeat_interleave(len(clouds), dim=0),
            "text_features_raw": prompts.encode(tower, texts).transpose(0, 1).flatten(0, 1),
            "text_features": prompts(tower, clouds, starts).features,
        }
    )


@torch.inference_mode()
def defect_distillation(file: "GoldenFile") -> Outputs:
    """Outputs of 03. `*_few`: fewer points than outliers are wanted."""
    config = file.config
    options = DefectOptions(
        "fixed", config["num_normal_prototypes"], config["top_k_outliers"], config["num_defect_tokens"]
    )
    module = DefectModule(config["point_feat_dim"], config["text_embed_dim"], options)
    named = {f"point_feature_to_neg_point.{name}": one for name, one in tensors(file.weights).items()}
    ours = {official.prompt_name(name).removeprefix("defects."): one for name, one in named.items()}
    load_strictly(module, ours, what="the module of defects")
    given = tensors(file.inputs)
    found, few = module(given["point_features"]), module(given["point_features_few"])
    return arrays(
        {
            "outlier_scores": found.scores[..., None],
            "topk_scores": found.scores.gather(1, found.chosen),
            "topk_indices": found.chosen,
            "defect_tokens": found.tokens,
            "defect_tokens_few": few.tokens,
        }
    )


@torch.inference_mode()
def refinement(file: "GoldenFile") -> Outputs:
    """Outputs of 04: one view per object, and attention between longer sequences."""
    given = tensors(file.inputs)
    fusion = fusion_of(file.config["d_model"], tensors(file.weights))
    rendered, depth = given["feat_rgb"][:, None], given["feat_depth"][:, None]
    first, second = fusion.attend(rendered, depth)
    fused = fusion(ViewFeatures(rendered, rendered[:, :, None]), ViewFeatures(depth, depth[:, :, None])).image
    long = fusion.attend(given["seq1"], given["seq2"])
    return arrays(
        {
            "fused": fused[:, 0],
            "first_half_before_projection": first[:, 0],
            "second_half_before_projection": second[:, 0],
            "attention_first": long[0],
            "attention_second": long[1],
        }
    )


def losses(file: "GoldenFile") -> Outputs:
    """Outputs of 07."""
    given = tensors(file.inputs)
    values = {
        name: dice(given[f"{name}/input"], given[f"{name}/target"])
        for name in ("d3_dice_anomaly", "d3_dice_normal", "d2_dice_anomaly", "d2_dice_normal")
    }
    values["d2_focal"] = focal(given["similarity_map"], given["render_mask"][:, 0])
    values["d2_image_loss"] = functional.cross_entropy(given["image_logits"], given["image_labels"])
    values["d3_global_loss"] = functional.cross_entropy(given["object_logits"], given["object_labels"])
    values["stage1_total"] = torch.stack(list(values.values())).sum()
    direct, target = given["direct/prob"], given["direct/target"]
    features = given["stage2/fused_features_by_view"]
    later = {
        "consistency_loss": CONSISTENCY * consistency(features, axis="views"),
        "d2_image_loss": functional.cross_entropy(given["stage2/image_logits"], given["stage2/image_labels"]),
    }
    points = [
        dice(given[f"stage2/{name}/input"], given[f"stage2/{name}/target"])
        for name in ("d3_dice_anomaly", "d3_dice_normal")
    ]
    return arrays(
        {
            **values,
            "direct/focal": focal(direct, target[:, 0]),
            "direct/dice_anomaly": dice(direct[:, 1], target),
            "direct/dice_normal": dice(direct[:, 0], 1 - target),
            "direct/dice_empty_target": dice(direct[:, 1], torch.zeros_like(target)),
            **{f"stage2/{name}": value for name, value in later.items()},
            "stage2/consistency_cosine": cosines_to_mean(features, axis="views"),
            "stage2/consistency_loss_over_feature_axis": CONSISTENCY * consistency(features, axis="features"),
            "stage2/total": torch.stack([*points, *later.values()]).sum(),
        }
    )


def prompts_of(file: "GoldenFile", tower: TextTower) -> GeometryPrompts:
    """Prompts of a file, in the released form and without dropout."""
    config, sizes = file.config, file.config["pn"]
    points = PointNet2Config(
        centres=tuple(sizes["npoint"]),
        radii=tuple(sizes["radius"]),
        neighbours=sizes["nsample"],
        down=tuple(map(tuple, sizes["mlps"])),
        up=tuple(map(tuple, sizes["fp"])),
        dropout=0,
    )
    options = PromptOptions(
        n_context=config["n_ctx"],
        n_deep=config["t_n_ctx"],
        deep_depth=config["depth"],
        half=True,
        defects=DefectOptions("fixed", config["prototypes"], config["top_k"]),
    )
    prompts = GeometryPrompts(tower, untrained(points, seed=SEED), options, seed=SEED)
    state = below(tensors(file.weights), "prompt_learner/")
    load_strictly(prompts, official.prompts_from_official(state), what="the prompts")
    return prompts


def fusion_of(width: int, state: Tensors) -> Fusion:
    """The fusion of a file, in the released form."""
    fusion = Fusion(width, RELEASED, seed=SEED)
    load_strictly(fusion, official.fusion_from_official(state), what="the fusion")
    return fusion


def architecture_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What `image_text.load` builds the towers of a file from."""
    return {
        "embed_dim": config["embed_dim"],
        "vision_cfg": {
            "image_size": config["image"],
            "patch_size": config["patch"],
            "width": config["v_width"],
            "layers": config["v_layers"],
            "head_width": config["v_width"] // config["v_heads"],
        },
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49_408,
            "width": config["t_width"],
            "heads": config["t_heads"],
            "layers": config["t_layers"],
        },
        "quick_gelu": True,
    }


def below(named: Tensors, prefix: str) -> Tensors:
    """The tensors whose names begin like that, without that beginning."""
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def tensors(found: "Arrays") -> Tensors:
    """Tensors that share memory with arrays."""
    return {name: torch.from_numpy(array) for name, array in found.items()}


def arrays(values: Mapping[str, torch.Tensor]) -> Outputs:
    """Arrays that share memory with tensors."""
    return {name: value.detach().numpy() for name, value in values.items()}


CASES: Mapping[str, "Case"] = {
    "02b_*": geometry_prompts,
    "03_*": defect_distillation,
    "04_*": refinement,
    "07_*": losses,
}
