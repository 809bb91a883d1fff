"""Golden cases of the parts of Align3D-AD: sentences (02c), aligner (17) and losses of stage 2 (18).

What reads networks from a file serves `golden_stages` too.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch.nn import functional

from pc3dad.baselines.align3d import official
from pc3dad.baselines.align3d.aligner import Aligner, Pair, align_losses, consistency, token_weights
from pc3dad.baselines.align3d.contrast import dual_contrast, state_contrast
from pc3dad.baselines.align3d.prompts import RoundedPrompts
from pc3dad.encoders import image_text
from pc3dad.encoders.image_text import ImageTextEncoder
from pc3dad.encoders.loading import load_strictly
from pc3dad.methods.epochs import advance
from pc3dad.methods.rendered.official import PART, state_prompts
from pc3dad.methods.rendered.stream import Features
from pc3dad.nn.losses import dice, focal

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Arrays, Case, GoldenFile

Outputs = dict[str, NDArray[Any]]
Tensors = dict[str, torch.Tensor]

SEED = 0  # of weights that are replaced at once
LEARNERS = {"rgb": official.OF_RGB + PART, "rendering": PART}  # name of a branch, and of its prompt learner
GRADIENTS = ("grad_norm/", "grad/")


@torch.inference_mode()
def dual_prompts(file: "GoldenFile") -> Outputs:
    """Outputs of 02c: both sets of sentences through one text tower."""
    encoder = encoder_of(file, part="text")
    values: Tensors = {}
    for branch, learner in LEARNERS.items():
        prompts = prompts_of(file, encoder, learner)
        values[f"{branch}/prompts"] = prompts.context()
        values[f"{branch}/tokenized_prompts"] = prompts.context.ids
        values[f"{branch}/text_features"] = prompts()
    return arrays(values)


def alignment(file: "GoldenFile") -> Outputs:
    """Outputs of 17: the mapped features, and steps without reweighting, with it, and with a switch."""
    config, given = file.config, tensors(file.inputs)
    grey = Features(given["global"], given["local"])
    coloured = Features(given["rgb_global"], given["rgb_local"])
    pair = Pair(grey, coloured, consistency(grey.patches, coloured.patches))
    weights = token_weights(pair.consistency, scale=config["align_local_weight_lambda"], rule="code")
    values: Tensors = {}
    schedules = {"plain": (None, None), "weighted": (weights, weights), "switch": (None, weights, weights)}
    for name, schedule in schedules.items():
        aligner = aligner_of(file)
        optimiser = torch.optim.Adam(aligner.parameters(), lr=config["lr"], betas=tuple(config["betas"]))
        totals = []
        for step, chosen in enumerate(schedule, start=1):
            totals.append(torch.stack(list(align_losses(aligner, pair, chosen).values())).sum())
            advance(optimiser, totals[-1], clip=None)
            if step == 1:
                values |= aligner_gradients(file, aligner, f"{name}/step1/")
        values[f"{name}/align_loss"] = torch.stack(totals)
    aligner = aligner_of(file)
    mapped = aligner.map_unit(grey)
    values |= {
        "aligned_global_raw": aligner.image(grey.image),
        "aligned_local_raw": aligner.patches(grey.patches),
        "aligned_global": mapped.image,
        "aligned_local": mapped.patches,
        "patch_weight_similarity": pair.consistency,
        "patch_weight": 1 + config["align_local_weight_lambda"] * torch.sigmoid(pair.consistency),
        "global_term": align_losses(aligner, pair)["global"],
        "local_terms": 1 - (mapped.patches * coloured.patches).sum(dim=-1),
    }
    return arrays(values)


def losses(file: "GoldenFile") -> Outputs:
    """Outputs of 18: the terms of both branches, and the contrast with its gradients."""
    given, scale = tensors(file.inputs), file.config["alignment_loss_scale"]
    texts = given["text_rgb"], given["text_rendering"]
    values: Tensors = {}
    for branch, short, own, other in (("rgb", "rgb", *texts), ("rendering", "ren", *texts[::-1])):
        terms = _branch_losses(below(given, f"{short}/"))
        values |= {f"{short}_{name}": term for name, term in terms.items()}
        values[f"alignment_loss_{branch}"] = contrast = dual_contrast(own, other)
        values[f"{branch}_total"] = torch.stack([*terms.values(), scale * contrast]).sum()
    anchor, negative = (given[f"contrast/{name}"].requires_grad_() for name in ("anchor", "negative"))
    value = state_contrast(anchor, given["contrast/positive"], negative)
    torch.autograd.backward(value)
    for name, tensor in (("anchor", anchor), ("negative", negative)):
        assert tensor.grad is not None  # noqa: S101  for the type checker
        values[f"contrast/grad_{name}"] = tensor.grad
    return arrays(values | {"contrast/value": value})


def _branch_losses(given: Tensors) -> Tensors:
    """The seven terms of one branch from its maps and logits."""
    maps, masks, points = given["similarity_map"], given["render_mask"][:, 0], given["point_mask"]
    return {
        "d2_image": functional.cross_entropy(given["image_logits"], given["image_labels"]),
        "d3_global": functional.cross_entropy(given["object_logits"], given["object_labels"]),
        "d3_dice_anomaly": dice(given["point_map_anomaly"], points),
        "d3_dice_normal": dice(given["point_map_normal"], 1 - points),
        "d2_dice_anomaly": dice(maps[:, 1], masks),
        "d2_dice_normal": dice(maps[:, 0], 1 - masks),
        "d2_focal": focal(maps, masks),
    }


def encoder_of(file: "GoldenFile", *, part: image_text.Part = "both") -> ImageTextEncoder:
    """The frozen towers of a file."""
    config = file.config
    architecture = {
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
    clip = below(tensors(file.weights), "clip/")
    return image_text.load(architecture, clip, part=part, deep_depth=config["depth"])


def prompts_of(file: "GoldenFile", encoder: ImageTextEncoder, learner: str) -> RoundedPrompts:
    """Sentences of one branch."""
    named = below(tensors(file.weights), f"{learner}/")
    prompts = RoundedPrompts(
        encoder,
        n_context=file.config["n_ctx"],
        deep_tokens=file.config["t_n_ctx"],
        generator=torch.Generator(),
    )
    state = state_prompts({f"{PART}.{name}": value for name, value in named.items()})
    load_strictly(prompts, state, what="the sentences")
    return prompts


def aligner_of(file: "GoldenFile") -> Aligner:
    """The aligner of a file."""
    named = below(tensors(file.weights), f"{official.PART_OF_ALIGNER}/")
    state = {f"{official.PART_OF_ALIGNER}.{name}": value for name, value in named.items()}
    aligner = Aligner(file.config["embed_dim"], seed=SEED)
    load_strictly(aligner, official.aligner_from_official(state), what="the aligner")
    return aligner


def aligner_gradients(file: "GoldenFile", aligner: Aligner, prefix: str) -> Tensors:
    """Gradients and their norms below a prefix, by the names of the released code."""
    values = {}
    for name, kind, parameter in wanted_gradients(file, prefix):
        ours = official.aligner_name(parameter.removeprefix(f"{official.PART_OF_ALIGNER}."))
        gradient = aligner.get_parameter(ours).grad
        assert gradient is not None  # noqa: S101  for the type checker
        values[name] = gradient.norm() if kind == GRADIENTS[0] else gradient
    return values


def wanted_gradients(file: "GoldenFile", prefix: str) -> list[tuple[str, str, str]]:
    """Of each gradient below a prefix: name of the output, kind, name of the parameter."""
    return [
        (name, kind, name.removeprefix(prefix + kind))
        for name in file.outputs
        for kind in GRADIENTS
        if name.startswith(prefix + kind)
    ]


def below(named: Tensors, prefix: str) -> Tensors:
    """The tensors whose names begin like that, without that beginning."""
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def tensors(found: "Arrays") -> Tensors:
    """Tensors that share memory with arrays."""
    return {name: torch.from_numpy(array) for name, array in found.items()}


def arrays(values: Mapping[str, torch.Tensor]) -> Outputs:
    """Arrays that hold the numbers of tensors, which may change afterwards."""
    return {name: value.detach().numpy() for name, value in values.items()}


CASES: Mapping[str, "Case"] = {"02c_*": dual_prompts, "17_*": alignment, "18_*": losses}
