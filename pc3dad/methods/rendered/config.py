"""Options that all methods with rendered views have. Light: no torch."""

from typing import Literal

from pydantic import Field

from pc3dad.config import Config
from pc3dad.render.config import RenderConfig
from pc3dad.render.views import AUTO, Axis


class RenderedConfig(Config):
    """From a cloud to views, to features, to scores; the defaults are those that all methods share."""

    encoder: str = "tiny"
    """Weights of the image-text encoder (`pc3dad weights list`); the papers use clip_vit_l_14_336."""
    image_size: int | None = Field(default=None, ge=16, le=2048)
    """Side of the views in pixels; None is that of the encoder."""
    layers: tuple[int, ...] | None = None
    """After how many blocks of the image tower patches are read; maps are averaged. None: the last."""
    views: str | tuple[tuple[Axis, float], ...] = AUTO
    """Name of a list of views (docs/renderer.md), "auto", or axes and degrees: [["x", -45], ["y", 30]]."""
    n_views: int | None = Field(default=None, ge=1, le=64)
    """Use so many views of the list, evenly chosen. None: all."""
    point_size: int | None = Field(default=None, ge=1, le=256)
    """Side in pixels of the square that a point is drawn as; None follows the distance between points."""
    depth_background: Literal["white", "black"] = "white"
    """Background of depth pictures; white, as published, is also the nearest surface."""
    visibility: Literal["tolerance", "one_per_pixel"] = "tolerance"
    """Which points a view shows: those near the surface that is drawn; or one per pixel, as released."""
    unseen: Literal["nearest", "index_neighbour"] = "nearest"
    """Score of points that no view shows: of the nearest in space, or in the order of points, as released."""
    divide_by: Literal["visible", "all_views"] = "visible"
    """Mean of a point over the views that show it, or over all, as the paper of GS-CLIP writes."""
    slots: Literal["native", "336"] = "native"
    """native: the points of a cloud; 336: it is first brought to 336 x 336 slots, as published works do."""
    smooth: Literal["masked", "none", "neighbours", "official_grid"] = "masked"
    """Smoothing of point scores. masked: on the grid of organised clouds, without the background; neighbours:
    among nearest points; official_grid: over the order of points as if it were a picture, as released."""
    object_score: Literal["points_and_views", "points", "views"] = "points_and_views"
    """Half the largest point score plus half the mean anomaly probability of the views, or one of them."""
    rgb: Literal["off", "colour", "integrated"] = "off"
    """Also look at the photograph of organised clouds: alone, or with the views. Training never does."""

    def render_config(self, size: int) -> RenderConfig:
        """Options of the renderer for pictures of `size` pixels."""
        return RenderConfig(
            views=self.views,
            size=size,
            point_size=self.point_size,
            depth_background=self.depth_background,
            visibility=self.visibility,
        )


class PromptTrainingConfig(RenderedConfig):
    """How prompts are learned on labelled samples of other categories; defaults as in PointAD and GS-CLIP."""

    n_context: int = Field(default=12, ge=1, le=64)
    """Learned tokens in front of the words of either prompt."""
    deep_tokens: int = Field(default=4, ge=0, le=64)
    """Learned tokens that replace the first ones inside the text tower; 0 is none."""
    half_prompts: bool = False
    """Round these to half precision, as released."""
    epochs: int = Field(default=15, ge=1, le=1000)
    """Passes over the training samples."""
    batch: int = Field(default=4, ge=1, le=256)
    """Samples of a step."""
    rate: float = Field(default=0.001, gt=0, le=1)
    """Learning rate of Adam."""
    view_mean: Literal["object", "interleaved"] = "object"
    """Mean of logits over the views of an object, or over views of several objects, as released."""
    dice_background: bool = False
    """Count points that no view shows in the loss of points, where both probabilities are 0, as released."""
