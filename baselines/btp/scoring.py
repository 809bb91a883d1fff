"""From embeddings of patches to scores of patches, points and objects."""

from typing import Literal

import torch
from torch.nn import functional

from pc3dad.encoders.similarity import TEMPERATURE

Similarity = Literal["dot", "cosine"]
Aggregate = Literal["topk-mean", "max"]
Space = Literal["prob", "logit"]

EPSILON = 1e-6  # added to the number of patches that hold a point, as released


def cloud_logits(embeddings: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """(B,) how much nearer clouds (B, D) are to the defective than to the normal text (2, D), in cosines."""
    normal, defective = (functional.normalize(embeddings, dim=-1) @ texts.T).unbind(-1)
    return (defective - normal) / TEMPERATURE


def cosine_logits(embeddings: torch.Tensor, texts: torch.Tensor, *, temperature: float) -> torch.Tensor:
    """(B, G) the same for patches (B, G, D)."""
    normal, defective = (functional.normalize(embeddings, dim=-1) @ texts.T).unbind(-1)
    return (defective - normal) / temperature


def to_points(
    values: torch.Tensor, patches: torch.Tensor, n: int, *, nearest: torch.Tensor | None = None
) -> torch.Tensor:
    """Means over the patches that hold a point; a patch that lists it twice counts twice.

    Args:
        values: (G,) of patches.
        patches: (G, K) int64, indices of their points.
        n: number of points.
        nearest: (n,) int64, the patch whose value a point takes that is in none; by default it gets 0.

    Returns:
        (n,).
    """
    sums, counts = torch.zeros(2, n, dtype=values.dtype, device=values.device).unbind()
    each = values[:, None].expand(patches.shape).flatten()
    sums = sums.index_add(0, patches.flatten(), each)
    counts = counts.index_add(0, patches.flatten(), torch.ones_like(each))
    means = sums / (counts + EPSILON)
    return means if nearest is None else torch.where(counts > 0, means, values[nearest])


def training_logits(clouds: torch.Tensor, patches: torch.Tensor, *, alpha: float) -> torch.Tensor:
    """(B,) logits of objects from those of clouds (B,) and, with 1 - alpha, the largest of patches (B, G)."""
    return alpha * clouds + (1 - alpha) * patches.amax(dim=1)


def object_scores(
    clouds: torch.Tensor,
    patches: torch.Tensor,
    *,
    alpha: float,
    aggregate: Aggregate,
    share: float,
    space: Space,
) -> torch.Tensor:
    """Scores of objects.

    Args:
        clouds: (B,) logits of whole clouds.
        patches: (B, G) logits of patches.
        alpha: weight of the cloud; that of the patches is 1 - alpha.
        aggregate: topk-mean: mean of the highest patches; max: the highest.
        share: of patches that are the highest, see `highest`.
        space: what is added up, probabilities or logits.

    Returns:
        (B,).
    """
    if space == "prob":
        clouds, patches = torch.sigmoid(clouds), torch.sigmoid(patches)
    local = patches.amax(dim=1) if aggregate == "max" else highest(patches, share=share)
    return alpha * clouds + (1 - alpha) * local


def highest(patches: torch.Tensor, *, share: float) -> torch.Tensor:
    """(B,) means of the highest share of values (B, G), a number that is rounded down but at least one."""
    return patches.topk(max(1, int(patches.shape[1] * share)), dim=1).values.mean(dim=1)
