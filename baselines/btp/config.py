"""Options of btp: every switch of its specification, with three readings of the method as presets."""

from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import Field

from pc3dad.config import Config

PAPER = MappingProxyType({"prompt": "learnable", "patch_similarity": "cosine", "object_agg": "max"})
OFFICIAL = MappingProxyType({"object_label": "sampled", "fps_start": "global-rng", "uncovered": "zero"})


class BtpConfig(Config):
    """Defaults are what the authors recommend, `paper` is what they describe, `official` is their code."""

    presets: ClassVar = MappingProxyType[str, MappingProxyType[str, Any]](
        {"current": MappingProxyType({}), "paper": PAPER, "official": OFFICIAL}
    )

    encoder: str = "tiny"
    """Weights of the point encoder (`pc3dad weights list`), ulip2_pointbert in the paper."""
    text_encoder: str | None = None
    """Weights of the text tower. None: those that the point encoder was aligned with."""
    layers: tuple[int, ...] = Field(default=(2, 5, 8, 11), min_length=1)
    """After how many blocks of the point encoder tokens of patches are read."""
    origin_centres: Literal["encoder", "allow"] = "encoder"
    """Patches around points near the origin: as the encoder was trained, which is without them for ULIP-2; or
    allowed."""
    grey: float = Field(default=0.5, ge=0, le=1)
    """Colour of all points, whatever their own; ULIP-2 has 0.4 for clouds without colours."""

    n_points: int = Field(default=2048, ge=64, le=100_000)
    """Points of a cloud that are read, far from each other; the others take the score of the nearest."""
    normalise: Literal["unit-ball", "none"] = "unit-ball"
    """Centre clouds and scale them to radius 1. none: as the first release, for clouds that already are."""
    fps_start: Literal["per-file", "global-rng", "index0"] = "per-file"
    """Where the choice of points begins: drawn by the number of points, whatever unit and place of the cloud;
    drawn as the released code does for the first file of a folder; or at the first point."""

    prompt: Literal["fixed-empty", "fixed-object", "learnable"] = "fixed-empty"
    """Texts: "normal ." and "defective .", as released; "normal object." and "defective object."; or these
    with learned tokens before them, as the paper describes."""
    texts: tuple[str, str] | None = None
    """Other texts of the normal and of the defective state."""
    n_context: int = Field(default=4, ge=1, le=64)
    """Learned tokens in front of either text, if they are learnable."""

    granularity: tuple[Literal["patch", "geometry", "cloud"], ...] = Field(
        default=("patch", "geometry", "cloud"), min_length=1
    )
    """What is fused: tokens of patches, their geometry, the token of the cloud."""
    hidden: int = Field(default=512, ge=8, le=8192)
    """Width of the first layer of each of their mappings."""
    geo_dim: int = Field(default=33, ge=1, le=8192)
    """Numbers that describe the geometry of a patch: those of a histogram, as released. Others, such as the
    length of a text feature as the paper says, need geo_loss_weight=0."""
    gfcm_coords: Literal["absolute", "centred"] = "absolute"
    """Points of a patch in the frame of the cloud, as released, or around the centre of the patch."""
    fpfh_scale: Literal["fixed", "adaptive"] = "fixed"
    """Radii of the histograms that geometry is trained towards. fixed: as released, 0.05 and 0.1, in which
    most points of compact closed bodies have no normal; adaptive: 2.5 and 5 distances of nearest points, and
    normals that point outwards."""
    fpfh_agg: Literal["max", "mean"] = "max"
    """How histograms of the points of a patch become one."""

    patch_similarity: Literal["dot", "cosine"] = "dot"
    """Patches and texts: products without temperature, as released, or cosines, as the paper draws."""
    patch_temperature: float = Field(default=0.07, gt=0, le=100)
    """Temperature of cosines; not published."""
    uncovered: Literal["nearest-patch", "zero"] = "nearest-patch"
    """Points in no patch take the score of the patch with the nearest centre, or 0, as released."""
    object_agg: Literal["topk-mean", "max"] = "topk-mean"
    """Scores of patches in that of the object: mean of the highest, or the highest, as in the paper."""
    topk_ratio: float = Field(default=0.2, gt=0, le=1)
    """Share of patches that are the highest."""
    object_space: Literal["prob", "logit"] = "prob"
    """What is added up in the score of the object, probabilities or logits."""
    global_alpha: float = Field(default=0.5, ge=0, le=1)
    """Weight of the whole cloud in it; that of the patches is the rest."""

    epochs: int = Field(default=100, ge=1, le=10_000)
    """Passes over the training samples."""
    batch: int = Field(default=2, ge=1, le=256)
    """Samples of a step."""
    shuffle: bool = False
    """Shuffle samples in every epoch. Released: not."""
    drop_last: bool = True
    """Leave out the last samples of an epoch if they are fewer than a batch, as released."""
    checkpoint: Literal["lowest-loss", "last"] = "lowest-loss"
    """Which epoch is kept: that of the lowest training loss, as released, or the last."""
    object_label: Literal["file", "sampled"] = "file"
    """Training label of objects: of the data set; or whether a point that was chosen is defective, as
    released, so that small defects may count as normal."""
    rate: float = Field(default=0.001, gt=0, le=1)
    """Highest learning rate of AdamW of prompts; that of all else is half of it."""
    min_rate: float = Field(default=1e-6, ge=0, le=1)
    """Learning rate at the end, of both."""
    warmup_ratio: float = Field(default=0.1, ge=0, le=1)
    """Share of steps in which the rate rises from a tenth."""
    weight_decay: float = Field(default=1e-4, ge=0, le=1)
    """Of all but biases and prompts."""
    grad_clip: float = Field(default=1.0, gt=0)
    """Largest norm of all gradients of a step together."""
    focal_gamma: float = Field(default=2.0, ge=0, le=10)
    """Exponent of the focal loss of points."""
    focal_alpha: float = Field(default=0.25, ge=0, le=1)
    """Weight of defective points in it; that of normal ones is the rest."""
    global_loss_weight: float = Field(default=0.5, ge=0, le=100)
    """Weight of the loss of objects."""
    geo_loss: Literal["contrastive", "mse", "cosine"] = "contrastive"
    """How predicted histograms are compared with those of the patches."""
    geo_loss_weight: float = Field(default=0.1, ge=0, le=100)
    """Weight of that loss; 0 leaves it out."""
