"""The valid points of a cloud, brought to a common size, with what the pictures need to know about them."""

from dataclasses import dataclass

import numpy as np
import torch

from pc3dad.errors import DataError
from pc3dad.geometry.normals import estimate
from pc3dad.render.config import RenderConfig
from pc3dad.render.spacing import mean_spacing
from pc3dad.types import Float32Array, PointCloud


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """n points, moved and scaled so that their box has centre 0 and largest side 1.

    Attributes:
        points: (3, n) float32.
        normals: (3, n) float32, unit length, of either sign.
        rgb: (3, n) float32 in [0, 1], or None.
        spacing: distance between points of the surface, 0 for fewer than 2 positions.
    """

    points: torch.Tensor
    normals: torch.Tensor
    rgb: torch.Tensor | None
    spacing: float


def make_scene(
    cloud: PointCloud,
    config: RenderConfig,
    *,
    normals: Float32Array | None = None,
    coloured: bool = False,
    device: str = "cpu",
    workers: int = 1,
) -> Scene:
    """Prepares a cloud; what it takes does not depend on the views.

    Args:
        cloud: any unit.
        config: its rules for normals.
        normals: (N, 3) for all points of the cloud, of any length and sign; None takes those of the cloud,
            and where it has none estimates them.
        coloured: whether colours are wanted.
        device: torch device string.
        workers: threads of neighbour searches.

    Raises:
        DataError: no valid point, a valid point without a usable normal, or no colours where they are wanted.
    """
    if not cloud.valid.any():
        raise DataError(
            "the cloud has no valid point to render", hint="look at its file with another program"
        )
    rows = slice(None) if cloud.valid.all() else cloud.valid
    xyz = cloud.xyz[rows]
    given = cloud.normals if normals is None else normals
    if given is None or config.normals == "estimated":
        radius = np.inf if config.normal_radius is None else config.normal_radius
        directions = estimate(xyz, max_neighbours=config.normal_neighbours, radius=radius, workers=workers)
    elif given.shape != cloud.xyz.shape:
        raise DataError(f"normals have shape {given.shape}, the cloud has {cloud.xyz.shape}")
    else:
        directions = given[rows]
    points = _unit_box(_columns(xyz, "cpu"))
    return Scene(
        points.to(device),
        _unit_length(_columns(directions, device)),
        _columns(_colours(cloud)[rows], device) if coloured else None,
        mean_spacing(points.numpy().T, workers=workers),
    )


def _unit_box(points: torch.Tensor) -> torch.Tensor:
    """(3, n) float32 with box centre 0 and largest side 1. Differences in float64: any unit is fine."""
    axes = [axis.double() for axis in points]
    ranges = [(float(axis.amin()), float(axis.amax())) for axis in axes]
    side = max(high - low for low, high in ranges) or 1.0
    centred = [axis.sub_((low + high) / 2) for axis, (low, high) in zip(axes, ranges, strict=True)]
    return torch.stack([axis.div_(side).float() for axis in centred])


def _columns(values: Float32Array, device: str) -> torch.Tensor:
    """(3, n) contiguous, on the device."""
    return torch.from_numpy(np.array(values.T, dtype=np.float32, order="C")).to(device)


def _colours(cloud: PointCloud) -> Float32Array:
    """(N, 3).

    Raises:
        DataError: there are none, or a valid point has one that is not in [0, 1].
    """
    if cloud.rgb is None:
        raise DataError("the cloud has no colours to render", hint="leave coloured pictures out")
    colours = cloud.rgb[cloud.valid]
    if not ((colours >= 0) & (colours <= 1)).all():
        raise DataError(
            "a valid point has a colour outside [0, 1], or one that is not finite",
            hint="divide 8-bit colours by 255, or leave coloured pictures out",
        )
    return cloud.rgb


def _unit_length(normals: torch.Tensor) -> torch.Tensor:
    """(3, n) of length 1.

    Raises:
        DataError: a normal is not finite or has no length.
    """
    largest = normals.abs().amax(dim=0)
    if unusable := int((~(largest > 0) | largest.isinf()).sum()):
        raise DataError(
            f"{unusable} of {len(largest)} valid points have a normal that is not finite or has no length",
            hint="use the option normals=estimated",
        )
    x, y, z = normals = normals / largest  # squares of what is left neither overflow nor vanish
    length: torch.Tensor = (x * x + y * y + z * z).sqrt()
    return normals / length
