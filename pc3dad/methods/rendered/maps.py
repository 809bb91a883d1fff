"""Maps of views from patches and sentences, and scores of points and objects from maps."""

import numpy as np
import torch

from pc3dad.context import RunContext
from pc3dad.encoders.similarity import TEMPERATURE, logits, upsample
from pc3dad.methods.rendered.config import RenderedConfig
from pc3dad.methods.rendered.stream import Features, Seen
from pc3dad.render import backproject, smoothing
from pc3dad.types import Float32Array, Prediction, Sample

ANOMALOUS = 1  # of the two sentences, and of the two channels of a map


def view_maps(patches: torch.Tensor, texts: torch.Tensor, size: int) -> torch.Tensor:
    """Probabilities of the two sentences in each pixel: softmax per patch, then bilinear.

    Args:
        patches: (L, V, P, D) of any length; the maps of the L layers are averaged.
        texts: (1, 2, D) or (V, 2, D), normal first.
        size: side of the maps, S.

    Returns:
        (V, 2, S, S), both channels add up to 1.
    """
    layers = [logits(one, texts).softmax(dim=-1) for one in patches]
    return upsample(torch.stack(layers).mean(0), size)


def view_logits(image: torch.Tensor, texts: torch.Tensor, *, normalise: bool = True) -> torch.Tensor:
    """(V, 2) cosines of pictures (V, D) and two sentences over the temperature; texts as in `view_maps`.

    Args:
        image: features of the pictures.
        texts: of unit length if they are not normalised.
        normalise: False takes products with the pictures as they are, as GS-CLIP's released code.
    """
    if normalise:
        return logits(image[:, None], texts)[:, 0]
    return (image[:, None] @ texts.mT)[:, 0] / TEMPERATURE


def predict(
    sample: Sample,
    seen: Seen,
    maps: torch.Tensor,
    of_views: torch.Tensor,
    *,
    config: RenderedConfig,
    ctx: RunContext,
    photograph: tuple[torch.Tensor, float] | None = None,
) -> Prediction:
    """Scores of all points and of the object (specification 5.2 to 5.5 of GS-CLIP, which is PointAD's).

    Args:
        sample: what was looked at.
        seen: its views.
        maps: (V, S, S) probability of an anomaly.
        of_views: (V,) probability of an anomaly of each view.
        config: rules.
        ctx: surroundings.
        photograph: (S, S) map and probability of the photograph, if there is one to look at.
    """
    cloud = sample.cloud
    found = backproject.to_points(
        maps[:, None],
        seen.pixel,
        seen.visible,
        points=cloud.xyz[seen.indices],
        slots=seen.indices,
        unseen=config.unseen,
        divide_by=config.divide_by,
        workers=ctx.workers,
    )
    points = _smooth(sample, found.values[0].float().cpu().numpy(), seen, config, ctx)
    views = float(of_views.double().mean())
    if photograph is not None:
        picture, probability = photograph
        coloured = _smooth(sample, _of_picture(sample, picture, seen), seen, config, ctx)
        if config.rgb == "colour":
            return _prediction(sample, seen, coloured, float(coloured.max()) + probability, 0)
        both = _smooth(sample, np.float32(0.5) * (coloured + points), seen, config, ctx)
        score = float(both.max()) + (probability + views) / 2
        return _prediction(sample, seen, both, score, found.n_filled)
    score = {
        "points_and_views": 0.5 * float(points.max()) + 0.5 * views,
        "points": float(points.max()),
        "views": views,
    }[config.object_score]
    return _prediction(sample, seen, points, score, found.n_filled)


def _prediction(sample: Sample, seen: Seen, points: Float32Array, score: float, n_filled: int) -> Prediction:
    scores = np.zeros(len(sample.cloud), np.float32)
    scores[seen.indices] = points
    return Prediction(
        sample.id,
        object_score=score,
        point_scores=scores,
        propagation="nearest" if n_filled else "native",
        n_filled=n_filled,
    )


def _of_picture(sample: Sample, picture: torch.Tensor, seen: Seen) -> Float32Array:
    """(n,) values of a map (S, S) of the photograph at the valid points of an organised cloud."""
    rows, columns = sample.cloud.grid or (0, 0)
    size = picture.shape[-1]
    row, column = np.divmod(seen.indices, columns)
    values: Float32Array = picture.float().cpu().numpy()[row * size // rows, column * size // columns]
    return values


def _smooth(
    sample: Sample, values: Float32Array, seen: Seen, config: RenderedConfig, ctx: RunContext
) -> Float32Array:
    """(n,) float32 of values (n,) of valid points."""
    cloud, rule = sample.cloud, config.smooth
    if rule == "none" or (rule == "masked" and cloud.grid is None):
        return values
    if rule == "neighbours":
        return smoothing.neighbours(values, cloud.xyz[seen.indices], workers=ctx.workers)
    scores = np.zeros(len(cloud), np.float32)
    scores[seen.indices] = values
    if rule == "masked" and cloud.grid is not None:
        return smoothing.masked(scores, cloud.valid, cloud.grid)[seen.indices]
    smoothed = smoothing.official_grid(_as_picture(scores, cloud.grid))
    return smoothed.ravel()[seen.indices].astype(np.float32)


def _as_picture(scores: Float32Array, grid: tuple[int, int] | None) -> Float32Array:
    """Scores on their grid; without one, points row by row in a square, zeros after the last."""
    if grid is not None:
        return scores.reshape(grid)
    side = int(np.ceil(np.sqrt(len(scores))))
    return np.append(scores, np.zeros(side * side - len(scores), np.float32)).reshape(side, side)


def anomaly_maps(
    features: Features, texts: torch.Tensor, size: int, *, normalise: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """(V, S, S) maps and (V,) probabilities of an anomaly, for `predict`; `normalise` as in `view_logits`."""
    maps = view_maps(features.patches, texts, size)[:, ANOMALOUS]
    of_views = view_logits(features.image, texts, normalise=normalise)
    return maps, of_views.softmax(dim=-1)[:, ANOMALOUS]
