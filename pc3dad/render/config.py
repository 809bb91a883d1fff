"""Options of the renderer. Light: no torch."""

from typing import Literal

from pydantic import Field

from pc3dad.config import Config
from pc3dad.render.views import AUTO, Axis


class RenderConfig(Config):
    """How a cloud becomes views; the defaults are those that all methods share."""

    views: str | tuple[tuple[Axis, float], ...] = AUTO
    """Name of a list of views (docs/renderer.md), "auto", or axes and degrees: [["x", -45], ["y", 30]]."""
    size: int = Field(default=336, ge=8, le=2048)
    """Side of the pictures in pixels."""
    window: int | None = Field(default=None, ge=8, le=2048)
    """Side in pixels of the window that points are drawn in; other than `size`, it is resized (bicubic).
    None is `size`; published pictures were drawn at 1024 or 1036."""
    point_size: int | None = Field(default=None, ge=1, le=256)
    """Side in window pixels of the square that a point is drawn as. None: one that follows the distance
    between points, and what shows through between squares is closed (docs/renderer.md)."""
    keep_inside: bool = False
    """Move the camera back until every point is inside the window. Otherwise near parts may lie outside."""
    visibility: Literal["tolerance", "one_per_pixel"] = "tolerance"
    """tolerance: a point is visible if it is at most `tolerance` behind what is drawn in some pixel of its
    square; one_per_pixel: only the point of highest z in each pixel, as released."""
    tolerance: float = Field(default=0.01, ge=0, le=1)
    """Depth tolerance of visibility, in largest sides of the view's bounding box."""
    depth_background: Literal["white", "black"] = "white"
    """Background of depth pictures; white, as published, is also the nearest surface."""
    lighting: Literal["lit", "unlit"] = "lit"
    """Whether pictures in the colours of the cloud are shaded."""
    normals: Literal["given", "estimated"] = "given"
    """given: normals that come with a cloud are used, others are estimated; estimated: all are."""
    normal_neighbours: int = Field(default=50, ge=3, le=1000)
    """Normals are estimated from at most so many neighbours."""
    normal_radius: float | None = Field(default=None, gt=0)
    """No neighbour is farther away; unit of the cloud. None: any distance."""
