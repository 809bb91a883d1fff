"""From the maps of two branches to scores of points and objects (specification 5.1 to 5.4)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.context import RunContext
from pc3dad.methods.rendered.stream import Seen
from pc3dad.render import backproject, smoothing
from pc3dad.types import Float32Array, Prediction, Sample

Smooth = Callable[[Float32Array, int], Float32Array]
"""Smooths values so many times."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """How two branches become one.

    Attributes:
        object_weight: share of the aligned branch in scores of objects.
        point_weight: likewise in scores of points.
        blur_object: whether the map whose largest value counts for the object is smoothed twice.
        blur_points: whether scores of points are.
    """

    object_weight: float
    point_weight: float
    blur_object: bool
    blur_points: bool


class Branch(NamedTuple):
    """What one branch says of V views: (V, S, S) maps and (V,) probabilities of an anomaly."""

    maps: torch.Tensor
    views: torch.Tensor


class Fused(NamedTuple):
    """Scores of points, the largest of the map of the object, and the mean probability of the views."""

    points: Float32Array
    largest: float
    views: float


def blend(rendered: Branch, aligned: Branch, *, maps: float, views: float) -> Branch:
    """One branch of two, with the shares of the aligned one."""
    return Branch(
        torch.lerp(rendered.maps, aligned.maps, maps), torch.lerp(rendered.views, aligned.views, views)
    )


def fuse(
    rendered: Float32Array, aligned: Float32Array, views: tuple[float, float], fusion: Fusion, smooth: Smooth
) -> Fused:
    """Fuses values of points and probabilities of views of two branches.

    Values are mixed before they are smoothed: both are linear, so that this gives what the released order
    gives, with one map to smooth instead of two.

    Args:
        rendered: values of points of the rendering branch.
        aligned: those of the aligned branch, of the same shape.
        views: mean probabilities of their views, in that order.
        fusion: weights.
        smooth: smooths values of that shape.
    """

    def mixed(weight: float) -> Float32Array:
        return np.float32(1 - weight) * rendered + np.float32(weight) * aligned

    points = smooth(mixed(fusion.point_weight), 1 + fusion.blur_points)
    of_object = smooth(mixed(fusion.object_weight), 1 + fusion.blur_object)
    share = fusion.object_weight
    return Fused(points, float(of_object.max()), (1 - share) * views[0] + share * views[1])


def predict(
    sample: Sample,
    seen: Seen,
    rendered: Branch,
    aligned: Branch,
    fusion: Fusion,
    *,
    config: Align3dConfig,
    ctx: RunContext,
) -> Prediction:
    """Scores of all points and of the object.

    Args:
        sample: what was looked at.
        seen: its views.
        rendered: what the rendering branch says.
        aligned: what the aligned branch says.
        fusion: weights.
        config: rules.
        ctx: surroundings.
    """
    found = backproject.to_points(
        torch.stack([rendered.maps, aligned.maps], dim=1),
        seen.pixel,
        seen.visible,
        points=sample.cloud.xyz[seen.indices],
        slots=seen.indices,
        unseen=config.unseen,
        divide_by=config.divide_by,
        workers=ctx.workers,
    )
    values = found.values.float().cpu().numpy()
    views = float(rendered.views.double().mean()), float(aligned.views.double().mean())
    fused = fuse(values[0], values[1], views, fusion, _smoother(sample, seen, config, ctx))
    scores = np.zeros(len(sample.cloud), np.float32)
    scores[seen.indices] = fused.points
    rules = {
        "points_and_views": fused.largest + fused.views,
        "points": fused.largest,
        "views": fused.views,
    }
    return Prediction(
        sample.id,
        object_score=rules[config.object_score],
        point_scores=scores,
        propagation="nearest" if found.n_filled else "native",
        n_filled=found.n_filled,
    )


def _smoother(sample: Sample, seen: Seen, config: Align3dConfig, ctx: RunContext) -> Smooth:
    """Smooths values (n,) of valid points by the rule of the configuration.

    The released rule smooths the background as well, which a second time counts; so it stays on the grid.
    """
    cloud, rule = sample.cloud, config.smooth
    xyz = cloud.xyz[seen.indices]
    side = int(np.ceil(np.sqrt(len(cloud))))
    grid = cloud.grid or (side, side)  # points without a grid: row by row in a square, zeros after the last

    def once(scores: Float32Array) -> Float32Array:
        if rule == "masked":
            return smoothing.masked(scores, cloud.valid, grid)
        picture = smoothing.official_grid(scores.reshape(grid))
        return picture.astype(np.float32).ravel()

    def smooth(values: Float32Array, times: int) -> Float32Array:
        if rule == "none" or (rule == "masked" and cloud.grid is None):
            return values
        if rule == "neighbours":
            for _ in range(times):
                values = smoothing.neighbours(values, xyz, workers=ctx.workers)
            return values
        scores = np.zeros(grid[0] * grid[1], np.float32)
        scores[seen.indices] = values
        for _ in range(times):
            scores = once(scores)
        return scores[seen.indices]

    return smooth
