"""Golden cases of whole GS-CLIP as released, with all its defects: scores (08b), training (21a, 21b)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from pc3dad.baselines.gsclip import official
from pc3dad.baselines.gsclip.fusion import Fusion, ViewFeatures
from pc3dad.baselines.gsclip.golden_modules import (
    CONSISTENCY,
    SEED,
    Outputs,
    Tensors,
    architecture_of,
    arrays,
    below,
    fusion_of,
    prompts_of,
    tensors,
)
from pc3dad.baselines.gsclip.prompts import GeometryPrompts
from pc3dad.encoders import image_text, lora
from pc3dad.encoders.similarity import TEMPERATURE, logits, upsample
from pc3dad.encoders.text import TextTower
from pc3dad.encoders.vision import VisionFeatures, VisionTower
from pc3dad.nn.losses import consistency, dice, focal, object_logits
from pc3dad.render.backproject import back_project
from pc3dad.render.smoothing import official_grid

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Case, GoldenFile

GRADIENTS = ("step1/grad_norm/", "step1/grad/")


@torch.inference_mode()
def scores(file: "GoldenFile") -> Outputs:
    """Outputs of 08b: objects one by one, with the colour image as a further view and without."""
    model, given = _model(file), tensors(file.inputs)
    model.prompts.eval()
    found: dict[str, list[torch.Tensor]] = {}
    for index in range(len(given["img"])):
        one = {name: value[index : index + 1] for name, value in given.items()}
        for name, value in {**_with_colour(model, one), **_points_alone(model, one)}.items():
            found.setdefault(name, []).append(value)
    first_alone = ("rgb_and_points/similarity_map", "only_points/similarity_map")
    return arrays(
        {name: all_[0] if name in first_alone else torch.stack(all_) for name, all_ in found.items()}
    )


def first_stage(file: "GoldenFile") -> Outputs:
    """Outputs of 21a: two steps with the losses of all objects and maps, object means mixed as released."""
    model, given, config = _model(file), tensors(file.inputs), file.config
    prompts = model.prompts.train()
    optimiser = torch.optim.Adam(prompts.parameters(), lr=config["lr"], betas=tuple(config["betas"]))
    pictures = model.picture_features(given["d2_render_img"])
    values: Tensors = {}
    totals: list[torch.Tensor] = []
    for step, starts in enumerate(given["fps_start"], start=1):
        texts = prompts(model.text, given["pointnet_input"].mT, starts).features
        maps = _maps(pictures, texts, config["image"])
        views = (functional.normalize(pictures.image, dim=-1) @ texts.mT) / TEMPERATURE
        points = torch.stack([_points(*item) for item in _objects(maps, given)])
        terms = _stage_losses(views, maps, points, given)
        totals.append(torch.stack(list(terms.values())).sum())
        values |= {f"step{step}/{name}": term for name, term in terms.items()}
        values[f"step{step}/image_logits"] = views.flatten(0, 1)
        values[f"step{step}/object_logits"] = object_logits(views, mean="interleaved")
        values[f"step{step}/similarity_map"] = maps.flatten(0, 1)
        values[f"step{step}/point_map_anomaly"] = points[:, 1].view(-1, config["grid"], config["grid"])
        optimiser.zero_grad()
        torch.autograd.backward(totals[-1])
        if step == 1:
            values |= _gradients(file, lambda name: _prompt_gradient(prompts, name))
        optimiser.step()
    values["loss_total"] = torch.stack(totals)
    return arrays({name: value for name, value in values.items() if name in file.outputs})


def second_stage(file: "GoldenFile") -> Outputs:
    """Outputs of 21b: two steps in which nothing but the last layer of the fusion has a gradient."""
    model, given, config = _model(file), tensors(file.inputs), file.config
    prompts, fusion = model.prompts.train(), model.fusion
    optimiser = torch.optim.Adam(fusion.parameters(), lr=config["lr"], betas=tuple(config["betas"]))
    with torch.no_grad():
        pictures = model.picture_features(given["d2_render_img"])
        depth = model.depth_features(given["d2_depth_img"])
    values: Tensors = {}
    totals: list[torch.Tensor] = []
    for step, starts in enumerate(given["fps_start"], start=1):
        with torch.no_grad():
            texts = prompts(model.text, given["pointnet_input"].mT, starts).features
            maps = _maps(pictures, texts, config["image"])
            points = torch.stack([_points(*item) for item in _objects(maps, given)])
        fused = fusion(pictures, depth).image
        views = fused @ texts.mT / TEMPERATURE
        terms = _stage_losses(views, maps, points, given)
        terms["consistency_loss"] = CONSISTENCY * consistency(fused, axis="views")
        wanted = ("d3_dice_anomaly", "d3_dice_normal", "d2_image_loss", "consistency_loss")
        totals.append(torch.stack([terms[name] for name in wanted]).sum())
        values |= {f"step{step}/{name}": term for name, term in terms.items()}
        values |= {f"step{step}/image_logits": views.flatten(0, 1)}
        values |= {f"step{step}/fused_features": fused.flatten(0, 1)}
        optimiser.zero_grad()
        torch.autograd.backward(totals[-1])
        if step == 1:
            values |= _gradients(file, lambda name: _fusion_gradient(fusion, name))
        optimiser.step()
    values["loss_total"] = torch.stack(totals)
    return arrays({name: value for name, value in values.items() if name in file.outputs})


@dataclass(frozen=True, slots=True)
class _Model:
    """All that a file holds weights of: frozen towers, prompts, fusion."""

    vision: VisionTower
    text: TextTower
    depth: VisionTower | None
    prompts: GeometryPrompts
    fusion: Fusion
    dual_from: int

    def picture_features(self, pictures: torch.Tensor) -> ViewFeatures:
        """Features of pictures (B, V, 3, S, S) along the value path."""
        with torch.no_grad():
            found = self.vision(pictures.flatten(0, 1), dual_from=self.dual_from)
        return _stream(found, len(pictures))

    def depth_features(self, pictures: torch.Tensor) -> ViewFeatures:
        """Features of depth images (B, V, 3, S, S) by the tower of its own."""
        assert self.depth is not None  # noqa: S101  for the type checker
        return _stream(self.depth(pictures.flatten(0, 1)), len(pictures))


def _with_colour(model: _Model, given: Tensors) -> Tensors:
    """One object by the released script for points and pictures: the picture goes through both streams."""
    colour = given["img"][:, None]
    pictures = model.picture_features(torch.cat([given["d2_render_img"], colour], dim=1))
    depth = model.depth_features(torch.cat([given["d2_depth_img"], colour], dim=1))
    texts = _texts(model, given, "fps_start_rgb_and_points")
    maps = _maps(pictures, texts, given["img"].shape[-1])
    anomalous = _probabilities(model, pictures, depth, texts)
    points, by_point = _points_and_score(maps[:, :-1], anomalous[:, :-1], given)
    shade = (maps[0, -1, 1] + 1 - maps[0, -1, 0]) / 2
    colour_map = _smoothed(shade)
    both = _smoothed((colour_map + by_point["point_map"]) / 2)
    views = anomalous[0, :-1].mean()
    outputs = {
        **by_point,
        "similarity_map": maps[0].movedim(1, 3),
        "point_logits_before_smoothing": points,
        "color_map": colour_map,
        "color_object_score": colour_map.max() + anomalous[0, -1],
        "integrate_map": both,
        "integrate_object_score": both.max() + (anomalous[0, -1] + views) / 2,
    }
    return {f"rgb_and_points/{name}": value for name, value in outputs.items()}


def _points_alone(model: _Model, given: Tensors) -> Tensors:
    """One object by the released script for points: depth images go through the tower of the pictures."""
    pictures = model.picture_features(given["d2_render_img"])
    depth = model.picture_features(given["d2_depth_img"])
    texts = _texts(model, given, "fps_start_only_points")
    maps = _maps(pictures, texts, given["img"].shape[-1])
    points, by_point = _points_and_score(maps, _probabilities(model, pictures, depth, texts), given)
    outputs = {
        **by_point,
        "similarity_map": maps[0].movedim(1, 3),
        "point_logits_before_smoothing": points,
    }
    return {f"only_points/{name}": value for name, value in outputs.items()}


def _texts(model: _Model, given: Tensors, starts: str) -> torch.Tensor:
    texts: torch.Tensor = model.prompts(model.text, given["pointnet_input"].mT, given[starts][0]).features
    return texts


def _probabilities(
    model: _Model, pictures: ViewFeatures, depth: ViewFeatures, texts: torch.Tensor
) -> torch.Tensor:
    """(B, V) of the anomalous text; fused features are not normalised."""
    fused = model.fusion(pictures, depth).image
    found: torch.Tensor = (fused @ texts.mT / TEMPERATURE).softmax(dim=-1)[..., 1]
    return found


def _points_and_score(
    maps: torch.Tensor, anomalous: torch.Tensor, given: Tensors
) -> tuple[torch.Tensor, Tensors]:
    """Values of the points of one object (G, G, 2), and its map and score."""
    ((views, table, valid),) = _objects(maps, given)
    side = round(len(valid) ** 0.5)
    points = _points(views, table, valid).T.reshape(side, side, 2)
    smooth = _smoothed(points[..., 1])
    score = 0.5 * smooth.max() + 0.5 * anomalous.mean()
    return points, {"point_map": smooth, "object_score": score}


def _objects(maps: torch.Tensor, given: Tensors) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Per object: maps (V, 2, S, S), table (V, slots, 3), valid (slots,)."""
    return list(zip(maps, given["d2_3d_cor"], given["non_zero_index"][..., 0] > 0, strict=True))


def _points(maps: torch.Tensor, table: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """(2, slots) of one object, 0 in the background."""
    column, row, seen = table[:, valid].unbind(dim=-1)
    slots = torch.zeros(2, len(valid))
    slots[:, valid] = back_project(maps, row * maps.shape[3] + column, seen > 0)
    return slots


def _maps(pictures: ViewFeatures, texts: torch.Tensor, size: int) -> torch.Tensor:
    """(B, V, 2, S, S) probabilities of both texts."""
    n_views = pictures.image.shape[1]
    shares = logits(pictures.patches.flatten(0, 1), texts.repeat_interleave(n_views, dim=0)).softmax(dim=-1)
    return upsample(shares, size).view(-1, n_views, 2, size, size)


def _stage_losses(views: torch.Tensor, maps: torch.Tensor, points: torch.Tensor, given: Tensors) -> Tensors:
    """The seven terms of logits (B, V, 2), maps (B, V, 2, S, S) and points (B, 2, slots)."""
    flat, masks, slots = maps.flatten(0, 1), given["d2_render_gt"].flatten(0, 2), given["img_mask"].flatten(1)
    return {
        "d2_focal": focal(flat, masks),
        "d2_dice_anomaly": dice(flat[:, 1], masks),
        "d2_dice_normal": dice(flat[:, 0], 1 - masks),
        "d3_dice_anomaly": dice(points[:, 1], slots),
        "d3_dice_normal": dice(points[:, 0], 1 - slots),
        "d2_image_loss": functional.cross_entropy(
            views.flatten(0, 1), given["d2_render_anomaly"].flatten().long()
        ),
        "d3_global_loss": functional.cross_entropy(
            object_logits(views, mean="interleaved"), given["anomaly"]
        ),
    }


def _smoothed(scores: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(official_grid(scores.numpy()))


def _stream(found: VisionFeatures, n_objects: int) -> ViewFeatures:
    image, patches = found.image, found.patches[0]
    return ViewFeatures(
        image.view(n_objects, -1, image.shape[1]), patches.view(n_objects, -1, *patches.shape[1:])
    )


def _gradients(file: "GoldenFile", of: Callable[[str], torch.Tensor | None]) -> Tensors:
    """Norms of gradients and gradients by their names; `of` tells one by the name of its parameter."""
    values = {}
    for name in file.outputs:
        for kind in GRADIENTS:
            if name.startswith(kind):
                gradient = of(name.removeprefix(kind))
                assert gradient is not None  # noqa: S101  for the type checker
                values[name] = gradient.norm() if kind.endswith("norm/") else gradient
    return values


def _prompt_gradient(prompts: GeometryPrompts, name: str) -> torch.Tensor | None:
    """Gradient of what has that name in the released code; contexts and deep prompts are parts of ours."""
    if name in official.CONTEXTS:
        gradient = prompts.context.context.grad
        return None if gradient is None else gradient[None, None, official.CONTEXTS.index(name)]
    if name.startswith(official.DEEP):
        gradient = prompts.deep.prompts.grad
        return None if gradient is None else gradient[int(name.removeprefix(official.DEEP))]
    return prompts.get_parameter(official.prompt_name(name)).grad


def _fusion_gradient(fusion: Fusion, name: str) -> torch.Tensor | None:
    return fusion.get_parameter(official.fusion_name(name.removeprefix("fusion."))).grad


def _model(file: "GoldenFile") -> _Model:
    """The networks of a file; all but prompts and fusion are frozen."""
    clip = below(tensors(file.weights), "clip/")
    own = ("fusion.", "visual_depth.")
    towers = {name: value for name, value in clip.items() if not name.startswith(own)}
    architecture = architecture_of(file.config)
    encoder = image_text.load(architecture, towers)
    depth = None
    if state := below(clip, own[1]):
        frozen, adapters = official.depth_from_official(state)
        config = file.config
        settings = lora.LoraSettings(
            config["lora_rank"], config["lora_alpha"], targets=rf"visual\.{lora.MLP}"
        )
        depth = lora.adapted(image_text.load(architecture, frozen, part="image").vision, settings, seed=SEED)
        lora.load_adapter(depth, adapters)
    return _Model(
        encoder.vision,
        encoder.text,
        depth,
        prompts_of(file, encoder.text),
        fusion_of(file.config["embed_dim"], below(clip, own[0])),
        encoder.layout.dual_from,
    )


CASES: Mapping[str, "Case"] = {"08b_*": scores, "21a_*": first_stage, "21b_*": second_stage}
