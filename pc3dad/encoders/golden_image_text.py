"""Golden cases of the image-text encoder: towers (01), prompts (02a), adapters (06), pictures (22)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch.nn import functional

from pc3dad.encoders import image_text, lora, prompts, transform
from pc3dad.encoders.layout import Layout, layout_of
from pc3dad.encoders.similarity import logits, upsample
from pc3dad.encoders.vision import VisionTower
from pc3dad.render.resize import resize
from pc3dad.render.shading import WHITE

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Arrays, Case, GoldenFile

Outputs = dict[str, NDArray[Any]]
TEXT = {"context_length": 77, "vocab_size": 49_408, "width": 64, "heads": 4, "layers": 1}


@torch.inference_mode()
def vision_tower(file: "GoldenFile") -> Outputs:
    """Outputs of 01. Layers count from 1; the value path begins before the first replaced block."""
    config, given = file.config, _tensors(file.inputs)
    tower = _vision(file.config, _tensors(file.weights))
    taps, dual_from = config["features_list"], min(config["dpam_replaced_blocks"])
    values = {"plain/" + name: value for name, value in _tokens(tower, given["image"], taps).items()}
    dual = _tokens(tower, given["image"], taps, dual_from)
    values |= {"dpam/" + name: value for name, value in dual.items()}
    large = _tokens(tower, given["image_large"], taps, dual_from)
    values |= {"large/" + name: value for name, value in large.items()}
    grid = given["image_large"].shape[-1] // config["patch"]
    values["large/positional_embedding"] = tower.place((grid, grid))
    values["dpam/cls_normalised"] = functional.normalize(dual["cls"], dim=-1)
    for prefix, name in (("shared", "text_features_shared"), ("batched", "text_features_batch")):
        for tap in taps:
            shares = logits(dual[f"patch_{tap}"], given[name]).softmax(dim=-1)
            maps = upsample(shares[:, 1:], config["image"]).movedim(1, 3)
            values |= {f"{prefix}/similarity_{tap}": shares, f"{prefix}/map_{tap}": maps}
            if prefix == "shared":
                values[f"shared/anomaly_map_{tap}"] = (maps[..., 1] + 1 - maps[..., 0]) / 2
    values["shared/cls_logits"] = logits(dual["cls"][:, None], given["text_features_shared"])[:, 0]
    values["shared/cls_prob_anomaly"] = values["shared/cls_logits"].softmax(dim=-1)[:, 1]
    return _arrays(values)


@torch.inference_mode()
def learned_prompts(file: "GoldenFile") -> Outputs:
    """Outputs of 02a."""
    config, weights = file.config, _tensors(file.weights)
    own = {name.removeprefix("clip/"): value for name, value in weights.items() if name.startswith("clip/")}
    text_config = {"width": config["t_width"], "heads": config["t_heads"], "layers": config["t_layers"]}
    model = {
        "embed_dim": config["embed_dim"],
        "vision_cfg": {"image_size": config["image"], "patch_size": config["patch"]},
        "text_cfg": {**TEXT, **text_config},
        "quick_gelu": True,
    }
    tower = image_text.load(model, own, part="text").text
    draws = torch.Generator()
    texts = [config[state].replace(f"{prompts.PLACEHOLDER} ", "") for state in ("normal", "anomalous")]
    context = prompts.LearnedContext(tower, texts, config["n_ctx"], generator=draws)

    def features(source: str, *, half: bool) -> torch.Tensor:
        deep = prompts.DeepPrompts(
            config["depth"], config["t_n_ctx"], config["t_width"], generator=draws, half=half
        )
        learned = [weights[f"{source}/compound_prompts_text.{index}"] for index in range(len(deep.prompts))]
        deep.prompts.copy_(torch.stack(learned))
        context.context.copy_(torch.cat([weights[f"{source}/ctx_pos"][0], weights[f"{source}/ctx_neg"][0]]))
        return tower.encode(context(), context.ends, deep=deep())

    rounded, exact = (features("half_variant", half=half) for half in (True, False))
    raw = features("prompt_learner", half=True)
    return _arrays(
        {
            "prompts": context(),
            "tokenized_prompts": context.ids,
            "text_features_raw": raw,
            "text_features": functional.normalize(raw, dim=-1)[None],
            "half/text_features": functional.normalize(rounded, dim=-1)[None],
            "half/text_features_without_rounding": functional.normalize(exact, dim=-1)[None],
        }
    )


@torch.inference_mode()
def adapters(file: "GoldenFile") -> Outputs:
    """Outputs of 06: a tower without value path, with adapters on the linear layers of its blocks."""
    config, given, weights = file.config, _tensors(file.inputs), _tensors(file.weights)
    base = {
        name.replace("original_layer.", ""): value for name, value in weights.items() if "lora_" not in name
    }
    settings = lora.LoraSettings(rank=config["rank"], alpha=config["alpha"], targets=rf"visual\.{lora.MLP}")
    tower = lora.adapted(_vision(config, base), settings, seed=0)
    lora.load_adapter(
        tower, {f"visual.{name}.default.weight": value for name, value in weights.items() if "lora_" in name}
    )
    layer: Any = tower.get_submodule(f"visual.{config['adapted_layers'][0]}")
    tokens = _tokens(tower, given["image"], config["features_list"])
    return _arrays(
        {
            **tokens,
            "layer/out": layer(given["layer_in"]),
            "layer/base_out": layer.base_layer(given["layer_in"]),
        }
    )


def pictures(file: "GoldenFile") -> Outputs:
    """Outputs of 22. `mask` is the resized one before it is cut at one half."""
    config, given = (
        file.config,
        {name: value.to(torch.uint8) for name, value in _tensors(file.inputs).items()},
    )
    layout = _layout_of_square(config["image_size"])
    levels = resize(given["mask_uint8"], config["image_size"], mode="bilinear")
    small = resize(given["mask_uint8"], config["point_size"], mode="bilinear")
    return _arrays(
        {
            "image": transform.prepare_images(given["image_uint8"][None], layout)[0],
            "mask": levels[None] / WHITE,
            "mask_binary": transform.prepare_masks(
                given["mask_uint8"][None] > 0, config["image_size"]
            ).float(),
            "mask_point_size": small[None] / WHITE,
        }
    )


def _vision(config: Mapping[str, Any], weights: Mapping[str, torch.Tensor]) -> VisionTower:
    """A tower of the sizes of a golden file, with the activation and the positions of the released code."""
    model = {
        "embed_dim": config["embed_dim"],
        "vision_cfg": {
            "image_size": config["image"],
            "patch_size": config["patch"],
            "width": config["v_width"],
            "layers": config["v_layers"],
            "head_width": config["v_width"] // config["v_heads"],
        },
        "text_cfg": TEXT,
        "quick_gelu": True,
    }
    named = {f"{image_text.IMAGE}{name}": value for name, value in weights.items()}
    return image_text.load(model, named, part="image", positions="bilinear").vision


def _tokens(
    tower: VisionTower, images: torch.Tensor, taps: list[int], dual_from: int | None = None
) -> dict[str, torch.Tensor]:
    """The class token and, after each tap, all tokens of the value path, in the joint space."""
    tokens = tower.walk(tower.embed(images), taps=taps, dual_from=dual_from)
    values = {f"patch_{tap}": tower.project(value) for tap, value in zip(taps, tokens.value, strict=True)}
    return {"cls": tower.project(tokens.ordinary[-1][:, 0]), **values}


def _layout_of_square(side: int) -> Layout:
    vision = {"image_size": side, "patch_size": side}
    return layout_of({"embed_dim": 1, "vision_cfg": vision, "text_cfg": TEXT})


def _tensors(arrays: "Arrays") -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _arrays(values: Mapping[str, torch.Tensor]) -> Outputs:
    return {name: value.numpy() for name, value in values.items()}


CASES: Mapping[str, "Case"] = {
    "01_*": vision_tower,
    "02a_*": learned_prompts,
    "06_*": adapters,
    "22_*": pictures,
}
