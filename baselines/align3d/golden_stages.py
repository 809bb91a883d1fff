"""Golden cases of whole Align3D-AD as released: scores (19) and two steps of both stages (21c)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from pc3dad.baselines.align3d.aligner import align_losses, make_pair, token_weights
from pc3dad.baselines.align3d.contrast import state_contrast
from pc3dad.baselines.align3d.golden_modules import (
    GRADIENTS,
    LEARNERS,
    Outputs,
    Tensors,
    aligner_gradients,
    aligner_of,
    arrays,
    encoder_of,
    prompts_of,
    tensors,
    wanted_gradients,
)
from pc3dad.baselines.align3d.scores import Fusion, fuse
from pc3dad.encoders.image_text import ImageTextEncoder
from pc3dad.methods.epochs import advance
from pc3dad.methods.rendered import maps
from pc3dad.methods.rendered.official import CONTEXTS, DEEP
from pc3dad.methods.rendered.prompts import StatePrompts
from pc3dad.methods.rendered.stream import Features
from pc3dad.nn.losses import dice, focal, object_logits
from pc3dad.render.backproject import back_project
from pc3dad.render.smoothing import official_grid
from pc3dad.types import Float32Array

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Case, GoldenFile

SHORT = {"rgb": "rgb", "rendering": "ren"}  # names of branches in names of terms
ALIGNED, RENDERED = LEARNERS


@torch.inference_mode()
def scores(file: "GoldenFile") -> Outputs:
    """Outputs of 19: objects one by one, fused with the weights of three scripts."""
    given, size = tensors(file.inputs), file.config["image"]
    encoder, aligner = encoder_of(file), aligner_of(file)
    texts = {branch: prompts_of(file, encoder, learner)() for branch, learner in LEARNERS.items()}
    found: dict[str, list[torch.Tensor]] = {}
    for index, pictures in enumerate(given["d2_render_img"]):
        grey = _without_slot(_encode(encoder, pictures))
        points, views = {}, {}
        for branch, features in ((ALIGNED, aligner(grey)), (RENDERED, grey)):
            of_pixels = maps.view_maps(features.patches, texts[branch], size)
            of_points = _points(of_pixels, given, index)
            points[branch] = of_points
            views[branch] = float(_probabilities(features, texts[branch]).mean())
            found.setdefault(f"{branch}_point_logits", []).append(of_points.movedim(0, -1))
            found.setdefault(f"first_object/{branch}_similarity_map", []).append(of_pixels.movedim(1, -1))
        for name, settings in file.config["variants"].items():
            fused = fuse(
                points[RENDERED][1].numpy(),
                points[ALIGNED][1].numpy(),
                (views[RENDERED], views[ALIGNED]),
                _fusion(settings),
                _smoothed,
            )
            found.setdefault(f"{name}/point_map", []).append(torch.from_numpy(fused.points))
            score = torch.tensor(fused.largest + fused.views)
            found.setdefault(f"{name}/object_score", []).append(score)
    return arrays(
        {name: all_[0] if "first_object" in name else torch.stack(all_) for name, all_ in found.items()}
    )


def training(file: "GoldenFile") -> Outputs:
    """Outputs of 21c."""
    encoder = encoder_of(file)
    return arrays(
        {f"stage1/{name}": value for name, value in _first_stage(file, encoder).items()}
        | {f"stage2/{name}": value for name, value in _second_stage(file, encoder).items()}
    )


def _first_stage(file: "GoldenFile", encoder: ImageTextEncoder) -> Tensors:
    """Two steps of the aligner, reweighted. The class slot of the value path is a token too, as released."""
    given, aligner = tensors(file.inputs), aligner_of(file)
    grey, coloured = (
        _encode(encoder, given[name].flatten(0, 1)) for name in ("d2_render_img", "d2_rgb_render_img")
    )
    pair, optimiser = make_pair(grey, coloured), _adam(file, aligner)
    weights = token_weights(pair.consistency, scale=file.config["align_local_weight_lambda"], rule="code")
    values: Tensors = {}
    totals = []
    for step in (1, 2):
        totals.append(torch.stack(list(align_losses(aligner, pair, weights).values())).sum())
        advance(optimiser, totals[-1], clip=None)
        if step == 1:
            gradients = aligner_gradients(file, aligner, "stage1/step1/")
            values |= {name.removeprefix("stage1/"): value for name, value in gradients.items()}
    return values | {"align_loss": torch.stack(totals)}


def _second_stage(file: "GoldenFile", encoder: ImageTextEncoder) -> Tensors:
    """Two steps of the sentences of both branches, each with its optimiser, and contrast between them."""
    given, aligner = tensors(file.inputs), aligner_of(file)
    grey = _without_slot(_encode(encoder, given["d2_render_img"].flatten(0, 1)))
    with torch.no_grad():
        features = {ALIGNED: aligner(grey), RENDERED: grey}
    prompts = {branch: prompts_of(file, encoder, learner) for branch, learner in LEARNERS.items()}
    optimisers = {branch: _adam(file, module) for branch, module in prompts.items()}
    values: Tensors = {}
    totals: dict[str, list[torch.Tensor]] = {branch: [] for branch in LEARNERS}
    for step in (1, 2):
        texts = {branch: module() for branch, module in prompts.items()}
        for branch, other in ((ALIGNED, RENDERED), (RENDERED, ALIGNED)):
            short = SHORT[branch]
            terms = _terms(features[branch], texts[branch], given, file.config["image"])
            contrast = _contrast(texts[branch], texts[other])
            scale = file.config["alignment_loss_scale"]
            weighed = [0.5 * scale * value for value in contrast.values()]
            totals[branch].append(torch.stack([*terms.values(), *weighed]).sum())
            advance(optimisers[branch], totals[branch][-1], clip=None)
            values |= {f"step{step}/{short}_{name}": value for name, value in terms.items()}
            values |= {f"step{step}/contrast_{short}_{name}": value for name, value in contrast.items()}
            if step == 1:
                values |= _prompt_gradients(file, prompts[branch], branch)
    return values | {f"{branch}_total": torch.stack(found) for branch, found in totals.items()}


def _contrast(own: torch.Tensor, other: torch.Tensor) -> Tensors:
    """The two halves of `dual_contrast`."""
    (normal, anomalous), (other_normal, other_anomalous) = own[0], other[0]
    return {
        "normal": state_contrast(normal, other_normal, anomalous),
        "anomaly": state_contrast(anomalous, other_anomalous, normal),
    }


def _terms(features: Features, texts: torch.Tensor, given: Tensors, size: int) -> Tensors:
    """The seven terms of one branch; logits of objects are mixed as released."""
    n_objects = len(given["anomaly"])
    of_pixels, views = maps.view_maps(features.patches, texts, size), maps.view_logits(features.image, texts)
    objects = of_pixels.view(n_objects, -1, *of_pixels.shape[1:])
    points = torch.stack([_points(one, given, index) for index, one in enumerate(objects)])
    masks, truth = given["d2_render_gt"].flatten(0, 2), given["img_mask"][:, 0]
    of_objects = object_logits(views.view(n_objects, -1, 2), mean="interleaved")
    return {
        "d2_image": functional.cross_entropy(views, given["d2_render_anomaly"].flatten().long()),
        "d3_global": functional.cross_entropy(of_objects, given["anomaly"]),
        "d3_dice_anomaly": dice(points[:, 1], truth),
        "d3_dice_normal": dice(points[:, 0], 1 - truth),
        "d2_dice_anomaly": dice(of_pixels[:, 1], masks),
        "d2_dice_normal": dice(of_pixels[:, 0], 1 - masks),
        "d2_focal": focal(of_pixels, masks),
    }


@torch.no_grad()
def _encode(encoder: ImageTextEncoder, pictures: torch.Tensor) -> Features:
    """Features of pictures (V, 3, S, S), the class slot of the value path before the patches."""
    tower, layout = encoder.vision, encoder.layout
    tokens = tower.walk(tower.embed(pictures), taps=[layout.depth], dual_from=layout.dual_from)
    return Features(tower.project(tokens.ordinary[0][:, 0]), tower.project(tokens.value[0])[None])


def _without_slot(features: Features) -> Features:
    return Features(features.image, features.patches[:, :, 1:])


def _points(of_pixels: torch.Tensor, given: Tensors, index: int) -> torch.Tensor:
    """(2, G, G) of the slots of one object, 0 in the background."""
    valid = given["non_zero_index"][index, :, 0] > 0
    column, row, seen = given["d2_3d_cor"][index][:, valid].unbind(dim=-1)
    slots = of_pixels.new_zeros(2, len(valid))
    slots[:, valid] = back_project(of_pixels, row * of_pixels.shape[3] + column, seen > 0)
    side = round(len(valid) ** 0.5)
    return slots.view(2, side, side)


def _probabilities(features: Features, texts: torch.Tensor) -> torch.Tensor:
    return maps.view_logits(features.image, texts).softmax(dim=-1)[:, maps.ANOMALOUS]


def _fusion(settings: Mapping[str, object]) -> Fusion:
    return Fusion(
        object_weight=float(str(settings["image_level_weight"])),
        point_weight=float(str(settings["point_level_weight"])),
        blur_object=bool(settings["need_blur"]),
        blur_points=settings["dataset"] == "mvtec_pc_3d_rgb",
    )


def _smoothed(values: Float32Array, times: int) -> Float32Array:
    for _ in range(times):
        values = official_grid(values).astype(np.float32)
    return values


def _adam(file: "GoldenFile", module: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), lr=file.config["lr"], betas=tuple(file.config["betas"]))


def _prompt_gradients(file: "GoldenFile", prompts: StatePrompts, branch: str) -> Tensors:
    """Gradients of the sentences of a branch; contexts and deep prompts are parts of ours."""
    prefix = f"stage2/{branch}/step1/"
    context, deep = prompts.context.context.grad, prompts.deep.prompts.grad
    assert context is not None and deep is not None  # noqa: PT018, S101  for the type checker
    values = {}
    for name, kind, parameter in wanted_gradients(file, prefix):
        own = parameter.removeprefix(f"{LEARNERS[branch]}.")
        gradient = (
            deep[int(own.removeprefix(DEEP))]
            if own.startswith(DEEP)
            else context[None, None, CONTEXTS.index(own)]
        )
        found = gradient.norm() if kind == GRADIENTS[0] else gradient.clone()
        values[name.removeprefix("stage2/")] = found
    return values


CASES: Mapping[str, "Case"] = {"19_*": scores, "21c_*": training}
