"""How well towers tell intact from defective by sentences alone, on pairs of parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pc3dad.encoders.embedded.captions import STATE_PROMPTS, naming_prompts
from pc3dad.encoders.embedded.items import Pair
from pc3dad.encoders.embedded.vocabulary import Tokenize
from pc3dad.encoders.image_text import ImageTextEncoder
from pc3dad.encoders.pointbert import PointBert
from pc3dad.encoders.transform import prepare_images
from pc3dad.errors import ConfigError
from pc3dad.geometry import descriptors
from pc3dad.metrics import auroc
from pc3dad.types import BoolArray

PATCH, SHOWN = 0.1, 0.3  # share of a labelled patch; labelled patches of a picture that shows a defect
GROUP, POINTS = 0.25, 3  # share of a labelled group; labelled points of a cloud that shows a defect
GREY = 0.5
GROUPS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of some items and whether they are defective.

    Attributes:
        patches: (n,) float64 of patches that show the part, of all items.
        defective_patches: (n,) bool.
        objects: (m,) float64 of pictures or clouds.
        defective_objects: (m,) bool.
        features: (m, D) float32 of pictures or clouds, unit length; empty for scorers without features.
        families: (m,) their families.
    """

    patches: NDArray[np.float64]
    defective_patches: BoolArray
    objects: NDArray[np.float64]
    defective_objects: BoolArray
    features: NDArray[np.float32]
    families: NDArray[np.str_]

    @property
    def patch_auroc(self) -> float:
        """AUROC of patches."""
        return auroc(self.patches, self.defective_patches)

    @property
    def object_auroc(self) -> float:
        """AUROC of single pictures or clouds."""
        return auroc(self.objects, self.defective_objects)


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """Scores of one picture or cloud.

    Attributes:
        patches: (P,) scores.
        share: (P,) labelled share of each patch.
        shown: (P,) bool, whether a patch shows the part.
        score: of the whole.
        label: whether the whole shows a defect, None if that is unclear.
        feature: (D,) of the whole, or empty.
        family: its family.
    """

    patches: NDArray[np.floating]
    share: NDArray[np.floating]
    shown: BoolArray
    score: float
    label: bool | None
    feature: NDArray[np.float32]
    family: str


def gather(items: Sequence[Item], enough: float) -> Scores:
    """Puts items together; patches that show a little of a defect, and unclear items, are left out."""
    kept = [one.shown & ((one.share == 0) | (one.share > enough)) for one in items]
    clear = [one for one in items if one.label is not None]
    return Scores(
        np.concatenate([one.patches[rows] for one, rows in zip(items, kept, strict=True)]).astype(np.float64),
        np.concatenate([one.share[rows] > enough for one, rows in zip(items, kept, strict=True)]),
        np.array([one.score for one in clear]),
        np.array([bool(one.label) for one in clear]),
        np.stack([one.feature for one in clear]),
        np.array([one.family for one in clear]),
    )


@torch.inference_mode()
def encode(encoder: ImageTextEncoder, tokenize: Tokenize, sentences: Sequence[str]) -> torch.Tensor:
    """(n, D) unit vectors of sentences."""
    ids = tokenize(sentences).to(encoder.text.text.text_projection.device)
    return functional.normalize(encoder.text(ids).cpu(), dim=-1)


def direction(encoder: ImageTextEncoder, tokenize: Tokenize) -> torch.Tensor:
    """(D,): from normal to defective, each the mean of its six sentences, brought to unit length."""
    means = [encode(encoder, tokenize, STATE_PROMPTS[state]).mean(0) for state in (False, True)]
    normal, defective = (functional.normalize(one, dim=-1) for one in means)
    return defective - normal


def of_pictures(encoder: ImageTextEncoder, towards: torch.Tensor, pairs: Sequence[Pair]) -> list[Item]:
    """Every picture of every pair: shaded and depth, or coloured where the defect is a stain."""
    items = []
    for pair in pairs:
        names = ("colour",) if pair.modalities == ("colour",) else ("shaded", "depth")
        for number, pictures in enumerate(pair.pictures):
            shares = pictures.labelled / 255.0 if number else np.zeros(pictures.labelled.shape)
            for name in names:
                found = look(encoder, towards, torch.from_numpy(getattr(pictures, name)))
                items += [
                    Item(
                        found.patches[view].numpy(),
                        shares[view].ravel(),
                        pictures.filled[view].ravel() > 0,
                        float(found.scores[view]),
                        _beyond_doubt(float(shares[view].sum()), SHOWN),
                        found.features[view].numpy(),
                        pair.family,
                    )
                    for view in range(len(shares))
                ]
    return items


class Look(NamedTuple):
    """What an encoder says of B pictures or clouds: (B,) scores, (B, P) of patches, (B, D) unit vectors."""

    scores: torch.Tensor
    patches: torch.Tensor
    features: torch.Tensor


@torch.inference_mode()
def look(encoder: ImageTextEncoder, towards: torch.Tensor, pictures: torch.Tensor) -> Look:
    """Looks at pictures (B, H, W) or (B, H, W, 3) uint8; patches are those of the value path."""
    images = prepare_images(pictures, encoder.layout)
    found = encoder.vision(images.to(encoder.vision.visual.proj.device), dual_from=encoder.layout.dual_from)
    whole = functional.normalize(found.image.float().cpu(), dim=-1)
    patches = functional.normalize(found.patches[0].float().cpu(), dim=-1)
    return Look(whole @ towards, patches @ towards, whole)


def _beyond_doubt(shown: float, enough: float) -> bool | None:
    """Whether a defect is shown; None if hardly anything of it is."""
    return True if shown > enough else False if shown == 0 else None


def of_clouds(tower: PointBert, towards: torch.Tensor, pairs: Sequence[Pair]) -> list[Item]:
    """Every cloud of every pair, without colours unless the defect is a stain."""
    items = []
    for pair in pairs:
        for number, clouds in enumerate(pair.clouds):
            stained = pair.modalities == ("colour",)
            rgb = clouds.rgb / np.float32(255) if stained else np.full_like(clouds.xyz, GREY)
            found, members = read(tower, towards, torch.from_numpy(np.concatenate([clouds.xyz, rgb], axis=2)))
            labelled = clouds.labelled if number else np.zeros_like(clouds.labelled)
            items += [
                Item(
                    found.patches[form].numpy(),
                    labelled[form][members[form].numpy()].mean(axis=1),
                    np.ones(GROUPS, np.bool_),
                    float(found.scores[form]),
                    _beyond_doubt(float(labelled[form].sum()), POINTS - 1),
                    found.features[form].numpy(),
                    pair.family,
                )
                for form in range(len(labelled))
            ]
    return items


@torch.inference_mode()
def read(tower: PointBert, towards: torch.Tensor, clouds: torch.Tensor) -> tuple[Look, torch.Tensor]:
    """Reads clouds (B, N, 6) float32, centroid 0 and radius 1; also the (B, P, K) points of each group."""
    groups = tower.group(clouds.to(tower.pc_projection.device), count=GROUPS)
    tokens = tower.encode(groups)
    if tokens.patch_embeddings is None:
        raise ConfigError("this encoder aligns whole clouds with sentences, not patches")
    whole = functional.normalize(tokens.embedding.cpu(), dim=-1)
    patches = functional.normalize(tokens.patch_embeddings.cpu(), dim=-1)
    return Look(whole @ towards, patches @ towards, whole), groups.indices.cpu()


def of_variation(pairs: Sequence[Pair]) -> list[Item]:
    """Every cloud of every pair, scored by the contrast of its surface variation, as `curvature` does."""
    items = []
    for pair in pairs:
        for number, clouds in enumerate(pair.clouds):
            for form, xyz in enumerate(clouds.xyz):
                labels = clouds.labelled[form] if number else np.zeros(len(xyz), np.bool_)
                contrast = descriptors.variation_contrast(xyz)
                items.append(
                    Item(
                        contrast,
                        labels.astype(np.float64),
                        np.ones(len(xyz), np.bool_),
                        float(np.sort(contrast)[-max(1, len(xyz) // 100) :].mean()),
                        _beyond_doubt(float(labels.sum()), POINTS - 1),
                        np.zeros(0, np.float32),
                        pair.family,
                    )
                )
    return items


class Found(NamedTuple):
    """A number, and what it is for who knows nothing."""

    value: float
    chance: float


def name_shapes(
    encoder: ImageTextEncoder, tokenize: Tokenize, scores: Scores, nouns: Mapping[str, Sequence[str]]
) -> Found:
    """Share of items whose own family is the most similar one of `nouns`.

    Chance is the share of who says each name as often, but blindly: saying one name only is no knowledge.
    """
    families = list(nouns)
    means = []
    for family in families:
        sentences = [sentence for noun in nouns[family] for sentence in naming_prompts(noun)]
        means.append(functional.normalize(encode(encoder, tokenize, sentences).mean(0), dim=-1))
    chosen = (torch.from_numpy(scores.features) @ torch.stack(means).T).argmax(1).numpy()
    own = np.array([families.index(one) for one in scores.families])
    said, true = (np.bincount(one, minlength=len(families)) / len(own) for one in (chosen, own))
    return Found(float(np.mean(chosen == own)), float(said @ true))
