"""Losses of methods that compare maps, points, views and objects with their labels.

Those of probabilities and views are of GS-CLIP (Deng et al., CVPR 2026) and of PointAD (NeurIPS 2024), from
which it descends; the means that their released code takes along the wrong axis are options. Those of logits
and pairs are of BTP (Li et al., CVPR 2026).
"""

from typing import Literal

import torch
from torch.nn import functional

ViewMean = Literal["object", "interleaved"]
ConsistencyAxis = Literal["features", "views"]

GAMMA = 2  # exponent by which the focal loss plays down what is right already
SMOOTH = 1e-5  # away from 0 and 1 in the focal loss
DICE_SMOOTH = 1.0  # added to both halves of the fraction in the Dice loss
DICE_EPSILON = 1e-6  # added to the lower half alone, in the Dice loss of logits


def focal(probabilities: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Focal loss: mean of -(1 - p)^2 log p over all places, p the probability of the right class.

    Classes count the same (alpha 1). As in the released code, labels are moved by 1e-5 away from 0 and 1, and
    1e-5 is added to p.

    Args:
        probabilities: (M, 2, ...) float, normal then anomalous, which add up to 1.
        truth: (M, ...) bool, or float of 0 and 1; True is anomalous.

    Returns:
        Scalar.
    """
    truth = truth.to(probabilities.dtype)
    normal, anomalous = ((1 - truth).clamp(SMOOTH, 1 - SMOOTH), truth.clamp(SMOOTH, 1 - SMOOTH))
    right = normal * probabilities[:, 0] + anomalous * probabilities[:, 1] + SMOOTH
    return (-((1 - right) ** GAMMA) * right.log()).mean()


def dice(
    probabilities: torch.Tensor, truth: torch.Tensor, *, valid: torch.Tensor | None = None
) -> torch.Tensor:
    """Dice loss: mean over M maps or clouds of 1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1).

    Args:
        probabilities: (M, ...) float, of one class.
        truth: (M, ...) bool, or float of 0 and 1.
        valid: (M, ...) bool: which places count. By default all do, as in the released code, where background
            is a constant part of the loss of the normal class.

    Returns:
        Scalar.
    """
    found, wanted = probabilities.flatten(1), truth.to(probabilities.dtype).flatten(1)
    if valid is not None:
        left_out = ~valid.flatten(1)
        found, wanted = found.masked_fill(left_out, 0), wanted.masked_fill(left_out, 0)
    overlap = 2 * (found * wanted).sum(dim=1) + DICE_SMOOTH
    return (1 - overlap / (found.sum(dim=1) + wanted.sum(dim=1) + DICE_SMOOTH)).mean()


def object_logits(view_logits: torch.Tensor, *, mean: ViewMean) -> torch.Tensor:
    """Logits of objects, from those of their views, for the cross-entropy of objects.

    Args:
        view_logits: (B, V, 2).
        mean: object: over the views of an object; interleaved: as released, where object j of B takes rows j,
            j + B, j + 2B, ... of all views in a line, so that objects are mixed unless there is only one.

    Returns:
        (B, 2).
    """
    if mean == "object":
        return view_logits.mean(dim=1)
    n_objects, n_views, n_classes = view_logits.shape
    return view_logits.reshape(n_views, n_objects, n_classes).mean(dim=0)


def consistency(features: torch.Tensor, *, axis: ConsistencyAxis) -> torch.Tensor:
    """How far the views of an object are from their mean: 1 - the mean of `cosines_to_mean`."""
    return 1 - cosines_to_mean(features, axis=axis).mean()


def cosines_to_mean(features: torch.Tensor, *, axis: ConsistencyAxis) -> torch.Tensor:
    """Cosines of the features of views and their mean over the views of the object.

    Args:
        features: (B, V, D).
        axis: features: each view is compared with the mean view, as the paper says; views: as released, each
            feature, taken as a vector over the views, is compared with a constant one.

    Returns:
        (B, V), or (B, D) for "views".
    """
    middle = features.mean(dim=1, keepdim=True).expand_as(features)
    return functional.cosine_similarity(features, middle, dim=2 if axis == "features" else 1)


def focal_of_logits(
    logits: torch.Tensor, truth: torch.Tensor, *, gamma: float = GAMMA, alpha: float = 0.25
) -> torch.Tensor:
    """Focal loss of Lin et al. (2017): mean of -a (1 - p)^gamma log p, p the probability of the right class.

    Args:
        logits: (...) of the anomalous class.
        truth: (...) bool, or float of 0 and 1.
        gamma: exponent by which what is right already is played down.
        alpha: weight a of anomalous places; that of normal ones is 1 - alpha.

    Returns:
        Scalar.
    """
    truth = truth.to(logits.dtype)
    surprise = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    weight = alpha * truth + (1 - alpha) * (1 - truth)
    return (weight * (1 - torch.exp(-surprise)) ** gamma * surprise).mean()


def dice_of_logits(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Dice loss: mean over M clouds of 1 - 2 sum(p t) / (sum(p) + sum(t) + 1e-6).

    It is exactly 1 for a cloud without anomalous places, with no gradient.

    Args:
        logits: (M, N) of the anomalous class.
        truth: (M, N) bool, or float of 0 and 1.

    Returns:
        Scalar.
    """
    found, wanted = torch.sigmoid(logits), truth.to(logits.dtype)
    overlap = 2 * (found * wanted).sum(dim=1)
    return (1 - overlap / (found.sum(dim=1) + wanted.sum(dim=1) + DICE_EPSILON)).mean()


def contrast(rows: torch.Tensor, partners: torch.Tensor, *, temperature: float) -> torch.Tensor:
    """Contrastive loss (InfoNCE): cross-entropy of finding the partner of each row among all partners.

    Args:
        rows: (M, D) of any length.
        partners: (M, D), likewise; row i belongs to partner i.
        temperature: of the softmax over cosines.

    Returns:
        Scalar; log(M) if all rows and partners are equal.
    """
    cosines = functional.normalize(rows, dim=1) @ functional.normalize(partners, dim=1).T
    return functional.cross_entropy(cosines / temperature, torch.arange(len(rows), device=rows.device))
