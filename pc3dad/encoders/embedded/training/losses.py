"""What the towers of `tiny` are trained for: patches and objects between sentences of the two states.

All similarities are cosines divided by a temperature. B objects (each intact one before its defective twin),
P patches, D dimensions.
"""

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch.nn import functional

TEMPERATURE = 0.07
POSITIVES, FEW = 12.0, 2.0  # weight of all patches that show a defect of an object, unless they are that few
BACKGROUND = 0.15  # weight of a patch that shows no part
UNCERTAIN = 0.3  # weight of a patch that shows little defect
DICE, GLOBAL, RANK, CAPTION, NAME, KIND, TAP = 0.3, 0.5, 0.3, 0.3, 0.3, 0.2, 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """Truth of a batch.

    Attributes:
        patches: (B, P) bool, whether a patch shows a defect.
        weights: (B, P) float32, how much it counts.
        twins: (B, P) bool, patches of an intact object that show a defect in its twin.
        objects: (B,) bool, whether the object shows a defect.
        clear: (B,) bool, whether that is beyond doubt.
        kind: (B,) int64, position of the kind of its defect among the axes; also of intact objects.
        family: (B,) int64, position of its family.
        same: (B, B) bool, whether two objects may share a caption.
    """

    patches: torch.Tensor
    weights: torch.Tensor
    twins: torch.Tensor
    objects: torch.Tensor
    clear: torch.Tensor
    kind: torch.Tensor
    family: torch.Tensor
    same: torch.Tensor

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        return type(self)(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Sentences of a batch, unit length.

    Attributes:
        direction: (B, D), sentence of the defective state minus that of the normal one.
        captions: (B, D), one for each object.
        kinds: (K, D), one for each kind.
        families: (F, D), one for each family, of either state.
    """

    direction: torch.Tensor
    captions: torch.Tensor
    kinds: torch.Tensor
    families: torch.Tensor

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        return type(self)(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a tower made of a batch, in the joint space, of any length.

    Attributes:
        whole: (B, D), the objects.
        finals: (B, P, D) each: patches at the end of the ordinary path and of the value path.
        taps: (B, P, D) each: patches of blocks in the middle.
    """

    whole: torch.Tensor
    finals: tuple[torch.Tensor, ...]
    taps: tuple[torch.Tensor, ...]


def weights_of(share: torch.Tensor, filled: torch.Tensor, enough: float) -> torch.Tensor:
    """(B, P) float32 weights of patches.

    Args:
        share: (B, P) of each patch that shows a defect.
        filled: (B, P) bool, whether it shows the part at all.
        enough: share from which a patch counts as defective.
    """
    weights = torch.where(filled, 1.0, BACKGROUND)
    return torch.where((share > 0) & (share <= enough), UNCERTAIN, weights)


def loss(seen: Seen, texts: Texts, wanted: Wanted, *, names: bool) -> tuple[torch.Tensor, dict[str, float]]:
    """The sum of all losses, and each of them for the log.

    Captions are contrasted within the batch, where a few nouns that are similar to everything cost little.
    `names` asks for the family among all; from the start, it is learned more slowly.
    """
    patches = [_patches(tokens, texts, wanted) for tokens in seen.finals]
    taps = [_patches(tokens, texts, wanted) for tokens in seen.taps]
    whole = functional.normalize(seen.whole.float(), dim=-1)
    scores = (whole * texts.direction).sum(-1) / TEMPERATURE
    parts = {
        "patch": torch.stack(patches).sum(),
        "tap": TAP * torch.stack(taps).sum() if taps else scores.new_zeros(()),
        "object": GLOBAL * _objects(scores, wanted),
        "rank": RANK * _rank(scores, wanted),
        "caption": CAPTION * _captions(whole, texts.captions, wanted.same),
        "kind": KIND * _kinds(seen.finals[0], texts.kinds, wanted),
    }
    if names:
        entropy = functional.cross_entropy(whole @ texts.families.T / TEMPERATURE, wanted.family)
        parts["name"] = NAME * entropy
    total = torch.stack(list(parts.values())).sum()
    return total, {name: float(value.detach()) for name, value in parts.items()}


def _patches(tokens: torch.Tensor, texts: Texts, wanted: Wanted) -> torch.Tensor:
    """Weighted cross-entropy, and Dice of the objects that have a defect."""
    tokens = functional.normalize(tokens.float(), dim=-1)
    logits = (tokens * texts.direction[:, None]).sum(-1) / TEMPERATURE
    truth = wanted.patches.float()
    weights = wanted.weights * torch.where(wanted.patches | wanted.twins, _of_positives(wanted)[:, None], 1.0)
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, weights, reduction="sum")
    found = logits.sigmoid() * wanted.weights
    overlap = 2 * (found * truth).sum(1) + 1
    dice = 1 - overlap / (found.sum(1) + (truth * wanted.weights).sum(1) + 1)
    defective = wanted.patches.any(1)
    return entropy / weights.sum() + DICE * (dice * defective).sum() / defective.sum().clamp(min=1)


def _objects(scores: torch.Tensor, wanted: Wanted) -> torch.Tensor:
    entropy = functional.binary_cross_entropy_with_logits(scores, wanted.objects.float(), reduction="none")
    return (entropy * wanted.clear).sum() / wanted.clear.sum().clamp(min=1)


def _rank(scores: torch.Tensor, wanted: Wanted) -> torch.Tensor:
    """A defective object should score above its intact twin, which is the one before it."""
    intact, defective = scores.view(-1, 2).unbind(1)
    shown = wanted.objects.view(-1, 2)[:, 1]
    return (functional.softplus(intact - defective) * shown).sum() / shown.sum().clamp(min=1)


def _captions(whole: torch.Tensor, captions: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """Contrast within the batch, both ways; all objects with the same meaning are positives."""
    logits = whole @ captions.T / TEMPERATURE
    wanted = same.float() / same.sum(1, keepdim=True)
    ways = (functional.cross_entropy(one, wanted) for one in (logits, logits.T))
    return torch.stack(list(ways)).mean()


def _kinds(tokens: torch.Tensor, kinds: torch.Tensor, wanted: Wanted) -> torch.Tensor:
    """Which kind a defective patch shows."""
    rows, columns = wanted.patches.nonzero(as_tuple=True)
    if len(rows) == 0:
        return kinds.new_zeros(())
    shown = functional.normalize(tokens[rows, columns].float(), dim=-1)
    entropy = functional.cross_entropy(shown @ kinds.T / TEMPERATURE, wanted.kind[rows], reduction="none")
    weights = wanted.weights[rows, columns] * _of_positives(wanted)[rows]
    return (entropy * weights).sum() / weights.sum()


def _of_positives(wanted: Wanted) -> torch.Tensor:
    """(B,) weight of a positive patch of each pair: a large defect counts no more than a small one."""
    shown = (wanted.patches * wanted.weights).sum(1).view(-1, 2).amax(1)
    return (POSITIVES / shown.clamp(min=FEW)).repeat_interleave(2)
