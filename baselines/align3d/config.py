"""Options of align3d: one setting for all data by default, and what the released code does."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from pc3dad.baselines.align3d.tuned import TunedFor, tuned
from pc3dad.methods.rendered.config import PromptTrainingConfig
from pc3dad.render.config import RenderConfig

OFFICIAL = MappingProxyType(
    {
        "slots": "336",
        "visibility": "one_per_pixel",
        "unseen": "index_neighbour",
        "smooth": "official_grid",
        "view_mean": "interleaved",
        "dice_background": True,
        "half_prompts": True,
        "blur_points": "auto",
    }
)


class Align3dConfig(PromptTrainingConfig):
    """Defaults are those of the released parser with the shared renderer; `tuned_for` adds tuned values."""

    presets: ClassVar = MappingProxyType[str, MappingProxyType[str, Any]](
        {"uniform": MappingProxyType({}), "official": OFFICIAL}
    )

    object_score: Literal["points_and_views", "points", "views"] = "points_and_views"
    """Largest point score plus mean anomaly probability of the views, as released, or one of them."""
    tuned_for: TunedFor = "off"
    """Data set to score for which the released scripts' values of the training category replace scr_weight,
    dpca_weight, object_weight, point_weight and blur_object."""

    aligner: bool = True
    """Stage 1: learn how features of a grey view become those of a coloured one. Off: the second branch
    compares the features as they are."""
    guidance: Literal["coloured_renders", "photo_0deg"] = "coloured_renders"
    """What views are aligned with: the same views in colours, as released, or the photograph, for the one
    that looks as the camera did."""
    rgb_lighting: Literal["lit", "unlit"] = "lit"
    """Whether coloured views are shaded. How the released ones were made is not known."""
    no_rgb: Literal["transfer", "render_only"] = "transfer"
    """Training data without colours. transfer: refused, as what was learned with colours scores data without;
    render_only: the rendering branch is learned alone, which is PointAD."""
    align_epochs: int = Field(default=250, ge=1, le=10_000)
    """Passes of stage 1 over the training samples."""
    align_rate: float = Field(default=0.001, gt=0, le=1)
    """Learning rate of stage 1."""
    align_shuffle: bool = False
    """Shuffle samples in every epoch of stage 1. Released: once."""
    scr: Literal["code", "off", "discrepancy"] = "code"
    """Semantic consistency reweighting: patches that agree with the coloured view as a whole weigh more, as
    released; off: all weigh the same; discrepancy: those that do not agree weigh more."""
    scr_weight: float = Field(default=1.0, ge=0, le=100)
    """Its weight, lambda: patches weigh 1 + lambda * sigmoid(consistency)."""
    scr_epochs: int = Field(default=50, ge=0, le=10_000)
    """It acts in so many last epochs of stage 1."""

    prompt_sets: Literal["two", "one"] = "two"
    """Sentences of their own for either branch, or the same for both."""
    half_prompts: bool = False
    """Round deep prompts to half precision, as released."""
    dpca: Literal["code", "off", "all_epochs"] = "code"
    """Dual-prompt contrastive alignment: in the last epochs of stage 2, as released, never, or in all."""
    dpca_weight: float = Field(default=0.1, ge=0, le=100)
    """Its weight, alpha."""
    dpca_temperature: float = Field(default=1.0, gt=0, le=100)
    """Its temperature. Released: 1, the cosines as they are."""
    dpca_epochs: int = Field(default=5, ge=0, le=1000)
    """It acts in so many last epochs of stage 2."""

    object_weight: float = Field(default=0.5, ge=0, le=1)
    """Share of the aligned branch in object scores; 0 is the rendering branch alone."""
    point_weight: float = Field(default=0.5, ge=0, le=1)
    """Share of the aligned branch in point scores."""
    blur_object: bool = True
    """Smooth the fused scores of points a second time before the largest counts for the object."""
    blur_points: Literal["never", "always", "auto"] = "never"
    """Smooth the scores of points a second time; auto: if tuned_for is mvtec3d_ad, as released."""

    def render_config(self, size: int) -> RenderConfig:
        """Options of the renderer for pictures of `size` pixels."""
        return super().render_config(size).model_copy(update={"lighting": self.rgb_lighting})

    def tuned_to(self, trained_on: Sequence[str]) -> Self:
        """The options for training on these categories.

        Raises:
            ConfigError: values of the released scripts are wanted, and they have none.
        """
        if self.tuned_for == "off":
            return self
        return self.model_copy(update=tuned(self.tuned_for, trained_on))

    @property
    def blurs_points(self) -> bool:
        """Whether scores of points are smoothed twice."""
        return self.blur_points == "always" or (self.blur_points == "auto" and self.tuned_for == "mvtec3d_ad")
