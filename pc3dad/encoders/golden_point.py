"""Golden cases of the encoders of clouds: ULIP-2's PointBERT (09)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch.nn import functional

from pc3dad.encoders import grouping, pointbert

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Case, GoldenFile


@torch.inference_mode()
def pointbert_tokens(file: "GoldenFile") -> dict[str, NDArray[Any]]:
    """Outputs of 09. All but `raw/*` are scaled to unit length; clouds without colours are grey."""
    tensors = {name: torch.from_numpy(array) for name, array in file.weights.items()}
    model = pointbert.load(pointbert.from_official(tensors), _config_of(file))
    points = torch.from_numpy(file.inputs["points"])
    grey = torch.full_like(points, 0.5)
    groups = model.group(torch.cat([points, grey], dim=-1))
    tokens = model.encode(groups, layers=file.config["return_layers"])
    raw = {
        "global": tokens.class_token,
        "local": tokens.patches,
        **{f"layer_{index}": layer for index, layer in tokens.layers.items()},
    }
    values = {name: functional.normalize(value, dim=-1) for name, value in raw.items()}
    values |= {f"raw/{name}": value for name, value in raw.items()} | {"raw/pc_embed": tokens.embedding}
    values["concat"] = values["concat_only"] = functional.normalize(tokens.embedding, dim=-1)
    coloured = model(torch.cat([points, torch.from_numpy(file.inputs["rgb"])], dim=-1))
    values["coloured/concat"] = functional.normalize(coloured.embedding, dim=-1)
    near_origin = torch.from_numpy(file.inputs["origin/points"])
    values["origin/fps_idx"] = grouping.farthest_points(
        near_origin, near_origin.shape[1] - 1, skip_origin=True
    )
    members = grouping.gather(torch.cat([points, grey], dim=-1), groups.chosen, groups.indices.sort().values)
    values |= {"fps_idx": groups.chosen, "center": groups.centres}
    values |= {"patch_idx_sorted": members.indices, "neighborhood_sorted": members.neighbourhoods}
    return {name: value.numpy() for name, value in values.items()}


def _config_of(file: "GoldenFile") -> pointbert.PointBertConfig:
    sizes = file.config
    return pointbert.PointBertConfig(
        groups=sizes["num_group"],
        group_size=sizes["group_size"],
        tokenizer=(*pointbert.ULIP2.tokenizer[:3], sizes["encoder_dims"]),
        width=sizes["trans_dim"],
        depth=sizes["depth"],
        heads=sizes["num_heads"],
        mlp=4 * sizes["trans_dim"],
        embed_dim=sizes["text_dim"],
    )


CASES: Mapping[str, "Case"] = {"09_*": pointbert_tokens}
