"""Dual-prompt contrastive alignment of Align3D-AD: what the sentences of two branches have in common."""

import torch
from torch.nn import functional


def state_contrast(
    anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, *, temperature: float = 1.0
) -> torch.Tensor:
    """Cross-entropy of finding the positive between it and the negative, by cosines; log 2 if they are equal.

    Args:
        anchor: (..., D) of any length.
        positive: (..., D) which gets no gradient.
        negative: (..., D).
        temperature: of the softmax. Released: 1.

    Returns:
        Scalar, the mean.
    """
    near = functional.cosine_similarity(anchor, positive.detach(), dim=-1)
    far = functional.cosine_similarity(anchor, negative, dim=-1)
    return functional.softplus((far - near) / temperature).mean()


def dual_contrast(own: torch.Tensor, other: torch.Tensor, *, temperature: float = 1.0) -> torch.Tensor:
    """Loss of the sentences of one branch (specification 4.6).

    A sentence shall be nearer to that of the same state in the other branch, which gets no gradient, than to
    that of the other state in its own.

    Args:
        own: (..., 2, D) sentences of the branch: normal, anomalous.
        other: likewise of the other branch.
        temperature: as in `state_contrast`.

    Returns:
        Scalar, the mean over both states.
    """
    return state_contrast(own, other, own.flip(-2), temperature=temperature)
