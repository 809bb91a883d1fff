"""Prints what the embedded encoders see in real scans by sentences alone: Eyecandies, bumps and dents.

    python scripts/embedded_on_scans.py FOLDER_OF_EYECANDIES [--weights FOLDER]

Good test samples and those with a bump or a dent; the others are left out. Pictures: shaded and depth views
of the data set's list, patch scores enlarged to pixels and brought back to points, mean of all. Clouds: 2048
points, groups brought back to their points, other points take the nearest. Beside them the same networks
untrained, with three seeds, and surface variation. Nothing of these scans was used for training or settings.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from pc3dad.data.eyecandies import Eyecandies, EyecandiesConfig
from pc3dad.encoders import image_text
from pc3dad.encoders.embedded import measure, tiny
from pc3dad.encoders.image_text import ImageTextEncoder
from pc3dad.encoders.pointbert import TINY, PointBert
from pc3dad.encoders.prompts import tokenize
from pc3dad.geometry import descriptors, propagate, sampling
from pc3dad.metrics import auroc
from pc3dad.render.backproject import to_points
from pc3dad.render.config import RenderConfig
from pc3dad.render.renderer import render
from pc3dad.render.views import RECOMMENDED
from pc3dad.types import BoolArray, Float32Array, PointCloud, Split, Truth

POINTS, SEEDS = 2048, (0, 1, 2)

Scorer = Callable[[PointCloud], tuple[Float32Array, float]]
"""Valid points (n,) of a cloud and the whole of it to scores."""


def by_pictures(encoder: ImageTextEncoder, towards: torch.Tensor) -> Scorer:
    """Scores by views."""
    layout = encoder.layout
    config = RenderConfig(size=layout.image_size, views=RECOMMENDED["eyecandies"])

    def score(cloud: PointCloud) -> tuple[Float32Array, float]:
        views = render(cloud, config)
        found = [measure.look(encoder, towards, one) for one in (views.shaded, views.depth)]
        patches = torch.stack([one.patches for one in found]).mean(0)
        grid = patches.unflatten(1, (1, layout.grid, layout.grid))
        maps = functional.interpolate(grid, views.shaded.shape[1:], mode="bilinear", align_corners=False)
        points = to_points(maps, views.pixel, views.visible, points=cloud.valid_xyz).values[0]
        return points.numpy(), float(torch.stack([one.scores for one in found]).mean())

    return score


def by_clouds(tower: PointBert, towards: torch.Tensor) -> Scorer:
    """Scores by groups of points."""

    def score(cloud: PointCloud) -> tuple[Float32Array, float]:
        xyz = cloud.valid_xyz
        chosen = np.sort(sampling.farthest_points(xyz, POINTS))
        centred = xyz[chosen] - xyz[chosen].mean(axis=0)
        centred /= np.linalg.norm(centred, axis=1).max()
        colourless = np.concatenate([centred, np.full_like(centred, measure.GREY)], axis=1)
        found, members = measure.read(tower, towards, torch.from_numpy(colourless)[None])
        sums, counts = np.zeros(POINTS), np.zeros(POINTS)
        np.add.at(sums, members[0].numpy(), found.patches[0].numpy()[:, None])
        np.add.at(counts, members[0].numpy(), 1)
        covered = np.flatnonzero(counts)
        scores = (sums[covered] / counts[covered]).astype(np.float32)
        return propagate.nearest(xyz, chosen[covered], scores, workers=1), float(found.scores[0])

    return score


def by_variation(cloud: PointCloud) -> tuple[Float32Array, float]:
    """Scores by the contrast of surface variation, as `curvature`."""
    xyz = cloud.valid_xyz
    chosen = sampling.radial_subset(xyz, n=10_000)
    scores = descriptors.variation_contrast(xyz[chosen])
    top = float(np.sort(scores)[-max(1, len(scores) // 100) :].mean())
    return propagate.nearest(xyz, chosen, scores, workers=1), top


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path)
    parser.add_argument("--weights", type=Path, default=tiny.folder())
    given = parser.parse_args()
    data = Eyecandies(given.root, EyecandiesConfig())
    refs = [ref for category in data.categories() for ref in data.refs(category, Split.TEST)]
    truths = [data.truth(ref) for ref in refs]
    kept = [row for row, truth in enumerate(truths) if not truth.anomalous or _changes_shape(truth)]
    clouds = [data.load(refs[row]).cloud for row in kept]
    wanted = [truths[row] for row in kept]
    print(f"{sum(map(_changes_shape, wanted))} with bumps or dents, {len(kept)} scans in all")
    encoder = tiny.load_image_text(given.weights / tiny.IMAGE_TEXT)
    towards = measure.direction(encoder, tokenize)
    scorers: dict[str, Scorer] = {
        "tiny, pictures": by_pictures(encoder, towards),
        "tiny, clouds": by_clouds(tiny.load_points(given.weights / tiny.POINTS), towards),
        "surface variation": by_variation,
    }
    for seed in SEEDS:
        torch.manual_seed(seed)
        blank = image_text.untrained(tiny.ARCHITECTURE, seed=seed, dual_from=tiny.DUAL_FROM)
        scorers[f"untrained {seed}, pictures"] = by_pictures(blank, towards)
        scorers[f"untrained {seed}, clouds"] = by_clouds(PointBert(TINY).eval(), towards)
    print(f"{'':24}{'point AUROC':>12}{'within':>8}{'object':>8}")
    for name, score in scorers.items():
        found = [score(cloud) for cloud in clouds]
        labels = [_labels(truth)[cloud.valid] for truth, cloud in zip(wanted, clouds, strict=True)]
        pooled = auroc(np.concatenate([one for one, _ in found]), np.concatenate(labels))
        within = np.mean([auroc(one, own) for (one, _), own in zip(found, labels, strict=True) if own.any()])
        objects = auroc(np.array([whole for _, whole in found]), np.array([one.any() for one in labels]))
        print(f"{name:24}{100 * pooled:12.1f}{100 * within:8.1f}{100 * objects:8.1f}", flush=True)


def _changes_shape(truth: Truth) -> bool:
    return bool(truth.anomalous if truth.shape_anomalous is None else truth.shape_anomalous)


def _labels(truth: Truth) -> BoolArray:
    """(N,) bool: what is anomalous in shape."""
    return np.asarray(truth.points if truth.shape_points is None else truth.shape_points)


if __name__ == "__main__":
    main()
