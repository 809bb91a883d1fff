"""Golden cases of the encoders of clouds: PointNet++ of GS-CLIP (05, 05b, 08d) and PointBERT of BTP (09)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch.nn import functional

from pc3dad.encoders import grouping, pointbert, pointnet2

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Case, GoldenFile


@torch.inference_mode()
def small_pointnet2(file: "GoldenFile") -> dict[str, NDArray[Any]]:
    """Outputs of 05. `train/*`: statistics of the batch, no dropout."""
    sizes = file.config["pn"]
    config = pointnet2.PointNet2Config(
        centres=tuple(sizes["npoint"]),
        radii=tuple(sizes["radius"]),
        neighbours=sizes["nsample"],
        down=tuple(map(tuple, sizes["mlps"])),
        up=tuple(map(tuple, sizes["fp"])),
        dropout=0,
    )
    model, clouds, starts = _pointnet2_of(file, config)
    found = model(clouds, starts)
    values = {"point_features": found.points}
    for index, level in enumerate(found.down, start=1):
        values |= {f"l{index}_xyz": level.xyz.mT, f"l{index}_points": level.features.mT}
    for index, level in enumerate(reversed(found.up), start=1):
        values[f"fp{index}_points"] = level.features.mT
    trained = model.train()(clouds, starts)
    values |= {"train/point_features": trained.points, "train/l4_points": trained.down[-1].features.mT}
    return {name: value.numpy() for name, value in values.items()}


@torch.inference_mode()
def full_pointnet2(file: "GoldenFile") -> dict[str, NDArray[Any]]:
    """Outputs of 05b: 128 points, 16 centres, means and largest values."""
    model, clouds, starts = _pointnet2_of(file, pointnet2.S3DIS)
    found = model(clouds, starts)
    values = {"point_features": found.points[:, :128], "point_features_mean": found.points.mean(dim=1)}
    values |= {"global_feature": found.whole, "fp2_points": found.up[2].features.mT[..., :16]}
    for index, level in enumerate(found.down, start=1):
        values[f"l{index}_points"] = level.features.mT[..., :16]
        if index != 3:
            values[f"l{index}_xyz"] = level.xyz.mT[..., :16]
    return {name: value.numpy() for name, value in values.items()}


@torch.inference_mode()
def pointbert_tokens(file: "GoldenFile") -> dict[str, NDArray[Any]]:
    """Outputs of 09. All but `raw/*` are scaled to unit length; clouds without colours are grey."""
    model = pointbert.load(pointbert.from_official(_weights_of(file)), _config_of(file))
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


def pointnet2_input(file: "GoldenFile") -> dict[str, NDArray[Any]]:
    """Outputs of 08d: the whole cloud is normalised, then points are drawn, whose xyz stand three times."""
    values = {}
    for name, cloud in (("more", "cloud"), ("fewer", "cloud_few")):
        normalised = grouping.to_unit_ball(torch.from_numpy(file.inputs[cloud])[None])[0]
        values[f"{name}/pointnet_input"] = normalised[file.inputs[f"choice_{name}"]].repeat(1, 3).T.numpy()
        values.setdefault("normalised_cloud", normalised.numpy())
    return values


def _pointnet2_of(
    file: "GoldenFile", config: pointnet2.PointNet2Config
) -> tuple[pointnet2.PointNet2, torch.Tensor, torch.Tensor]:
    """Encoder, clouds (B, N, channels) and starts of a file."""
    model = pointnet2.load(pointnet2.from_official(_weights_of(file)), config)
    clouds = torch.from_numpy(file.inputs["pointnet_input"]).mT
    return model, clouds, torch.from_numpy(file.inputs["fps_start"])


def _weights_of(file: "GoldenFile") -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in file.weights.items()}


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


CASES: Mapping[str, "Case"] = {
    "05_*": small_pointnet2,
    "05b_*": full_pointnet2,
    "08d_*": pointnet2_input,
    "09_*": pointbert_tokens,
}
