"""Options of gsclip: every switch of its specification, with the two readings of the method as presets."""

from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import Field

from pc3dad.methods.rendered.config import PromptTrainingConfig

OFFICIAL = MappingProxyType(
    {
        "slots": "336",
        "visibility": "one_per_pixel",
        "unseen": "index_neighbour",
        "smooth": "official_grid",
        "view_mean": "interleaved",
        "dice_background": True,
        "half_prompts": True,
        "prototypes": "fixed",
        "train_mode_at_test": True,
        "depth_init": "random",
        "depth_at_test": "released",
        "lora_train": False,
        "srm_tokens": "cls",
        "srm_head": "linear",
        "srm_residual": False,
        "srm_normalise": False,
        "srm_scale": False,
        "stage2_losses": "released",
        "con_axis": "views",
    }
)


class GsClipConfig(PromptTrainingConfig):
    """Defaults are what the paper describes, made to work; `official` is what the released code does."""

    presets: ClassVar = MappingProxyType[str, MappingProxyType[str, Any]](
        {"paper": MappingProxyType({}), "official": OFFICIAL}
    )

    rate: float = Field(default=0.002, gt=0, le=1)
    """Learning rate of stage 1, of prompts and point encoder."""
    shape_prompt: bool = True
    """A token of the shape of the cloud stands for "object" in both sentences."""
    defect_prompt: bool = True
    """Tokens of the oddest points stand for "damaged" in the anomalous sentence."""
    prompt_order: Literal["context-first", "shape-first"] = "context-first"
    """Learned tokens before that of the shape, as released, or after it, as the paper writes."""
    point_weights: str | None = None
    """Weights of PointNet++ to start from (`pc3dad weights list`), pointnet2_sem_seg in the paper. None needs
    no file: a smaller network is learned from the start."""
    point_encoder: Literal["finetune", "frozen"] = "finetune"
    """Whether PointNet++ is trained with the prompts, as released."""
    n_points: int = Field(default=3000, ge=256, le=100_000)
    """Points of the cloud that PointNet++ reads, drawn anew in every epoch, and by content for scores."""
    prototypes: Literal["fixed", "gated", "gated+compact"] = "gated"
    """Bank of normal geometry. fixed: noise, as released; gated: learned, as selected features are multiplied
    by their scores; gated+compact: also drawn towards ordinary points."""
    n_prototypes: int = Field(default=32, ge=1, le=4096)
    """Size of the bank."""
    n_outliers: int = Field(default=12, ge=1, le=1024)
    """Oddest points, which attend to each other."""
    n_defect_tokens: int = Field(default=1, ge=1, le=16)
    """How many of them become tokens."""
    defect_order: Literal["project-first", "attend-first"] = "project-first"
    """Projection to the width of tokens before attention, as released, or after it, as the paper writes."""
    train_mode_at_test: bool = False
    """Leave dropout and batch statistics of the point encoder on for scores, as released."""

    srm: bool = True
    """Stage 2: fuse the views with depth pictures. Off: scores are those of stage 1."""
    srm_epochs: int = Field(default=10, ge=1, le=1000)
    """Passes of stage 2 over the training samples."""
    srm_rate: float = Field(default=0.0005, gt=0, le=1)
    """Learning rate of the fusion; 0.0001 in the released scripts for Real3D-AD and Anomaly-ShapeNet."""
    srm_tokens: Literal["cls", "cls+patch", "views"] = "cls+patch"
    """What is fused: class features of a view, as released; these and patches; those of all views."""
    srm_value: Literal["cross", "self"] = "cross"
    """Values come from the other stream, as released, or from the own one."""
    srm_head: Literal["linear", "mlp"] = "mlp"
    """One linear layer, as released, or two, as the paper writes."""
    srm_residual: bool = True
    """Add the fusion to the features of the views, from zero on, so that stage 2 starts as stage 1 ended."""
    srm_normalise: bool = True
    """Bring fused features to unit length. Released: not."""
    srm_scale: bool = True
    """Divide products of keys by the root of their length. Released: not."""
    depth_init: Literal["encoder", "random"] = "encoder"
    """Weights of the depth tower: those of the image tower, or random ones, as released by mistake."""
    depth_at_test: Literal["own", "released"] = "own"
    """Which tower reads depth pictures for scores. own: the one of training; released: the image tower for
    clouds without a grid, as the scripts for Real3D-AD and Anomaly-ShapeNet have it."""
    lora: bool = True
    """Adapt the depth tower."""
    lora_train: bool = True
    """Train the adapters. Released: they get no gradient."""
    lora_rank: int = Field(default=8, ge=1, le=256)
    """Rank of the adapters."""
    lora_alpha: float = Field(default=16, gt=0)
    """Their scale times their rank."""
    lora_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of their inputs that training leaves out."""
    lora_targets: Literal["c_fc", "c_fc+c_proj"] = "c_fc+c_proj"
    """Layers of the MLP that are adapted: the first, as the formula of the paper has it, or both."""
    lora_rate: float = Field(default=0.1, gt=0, le=10)
    """Their learning rate as a share of `srm_rate`."""
    stage2_losses: Literal["all", "released"] = "all"
    """All losses of stage 1 and consistency, or without those of pixels and objects, as released."""
    con_weight: float = Field(default=0.3, ge=0, le=100)
    """Weight of the consistency of views."""
    con_axis: Literal["features", "views"] = "features"
    """Cosines over features, as the paper has it, or over views, as released."""
