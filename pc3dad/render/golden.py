"""Golden cases of the renderer: back-projection (08a) and repair of points that no view sees (08c)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from pc3dad.render.backproject import back_project, repair_visibility
from pc3dad.render.smoothing import official_grid
from pc3dad.types import Float32Array

if TYPE_CHECKING:  # the runner lies above the core and imports this module by its name
    from pc3dad.testing.golden import Case, GoldenFile


def back_projection(file: "GoldenFile") -> dict[str, NDArray[Any]]:
    """Outputs of 08a: points, points smoothed as released, and objects."""
    given, grid = file.inputs, file.config["grid"]
    maps = given["similarity_maps"].transpose(0, 3, 1, 2)  # (objects * views, channels, rows, columns)
    per_object = np.split(maps, len(given["d2_3d_cor"]))
    shown, repaired = (
        np.stack(
            [_slots(*item) for item in zip(per_object, given[name], given["non_zero_index"], strict=True)]
        )
        for name in ("d2_3d_cor_with_unseen", "d2_3d_cor")
    )
    scores = np.stack([official_grid(one) for one in repaired[..., 1].reshape(-1, grid, grid)])
    return {
        "point_logits": repaired.reshape(-1, grid, grid, 2),
        "with_unseen_points/point_logits_nan_to_minus1": np.nan_to_num(shown, nan=-1).reshape(
            -1, grid, grid, 2
        ),
        "point_scores": scores,
        "object_score": 0.5 * scores.max(axis=(1, 2)) + 0.5 * given["image_prob"],
    }


def visibility_repair(file: "GoldenFile") -> dict[str, NDArray[Any]]:
    """Outputs of 08c. Slots of the background that have flags serve as donors but are not repaired."""
    outputs = {}
    for prefix in ("", "ends/"):
        table = file.inputs[f"{prefix}d2_3d_cor"].copy()  # (views, slots, column row seen)
        visible = table[..., 2] > 0
        valid = np.flatnonzero(file.inputs[f"{prefix}non_zero_index"][:, 0])
        slots = np.flatnonzero(visible.any(axis=0))
        slots = np.union1d(slots[(slots >= valid[0]) & (slots <= valid[-1])], valid)
        table[:, slots, 2] = repair_visibility(visible[:, slots], slots)
        outputs[f"{prefix}d2_3d_cor"] = table
    return outputs


def _slots(maps: Float32Array, table: NDArray[np.int64], valid: NDArray[np.int64]) -> Float32Array:
    """(slots, channels) of one object, 0 in the background."""
    places = np.flatnonzero(valid[:, 0])
    column, row, seen = (torch.from_numpy(table[:, places, index]) for index in range(3))
    values = back_project(torch.from_numpy(maps.copy()), row * maps.shape[3] + column, seen > 0)
    slots = np.zeros((len(valid), maps.shape[1]), dtype=np.float32)
    slots[places] = values.T.numpy()
    return slots


CASES: Mapping[str, "Case"] = {"08a_*": back_projection, "08c_*": visibility_repair}
