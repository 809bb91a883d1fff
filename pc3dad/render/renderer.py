"""A cloud to views: shaded, depth and coloured pictures, and where each point is in them, made on the fly."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pc3dad.device import resolve
from pc3dad.errors import DataError
from pc3dad.render import cameras, raster, shading, visibility
from pc3dad.render.config import RenderConfig
from pc3dad.render.resize import resize
from pc3dad.render.scene import Scene, make_scene
from pc3dad.render.views import find_views
from pc3dad.types import BoolArray, Float32Array, Float64Array, PointCloud

SPLAT = 1.5  # side of a square in mean distances between points; docs/renderer.md says why
REACH = 2.0  # half the width of holes that are closed, in the same unit
LARGEST_SHARE = 8  # of the window: a square or half a hole is at most an eighth of it


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One view: S x S pixels of the pictures, W x W of the window. Fields: `Views`."""

    shaded: torch.Tensor
    depth: torch.Tensor
    rgb: torch.Tensor | None
    front: torch.Tensor
    pixel: torch.Tensor
    visible: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """V views of the n valid points of a cloud, on the device that made them.

    Attributes:
        shaded: (V, S, S) uint8, grey, white background.
        depth: (V, S, S) uint8, near is white and far is black, scaled for each view.
        rgb: (V, S, S, 3) uint8 in the colours of the cloud, or None.
        front: (V, W, W) int32, which of the n points each pixel of the window shows; -1 in the background.
        pixel: (V, n) int32, pixel of each point in the pictures, row * S + column; for points outside the
            nearest one of the border.
        visible: (V, n) bool.
        indices: (n,) int64 on the CPU: the points of the cloud that were rendered.
        n_points: number of points of the cloud, N, those included that were not rendered.
    """

    shaded: torch.Tensor
    depth: torch.Tensor
    rgb: torch.Tensor | None
    front: torch.Tensor
    pixel: torch.Tensor
    visible: torch.Tensor
    indices: NDArray[np.int64]
    n_points: int


def render(
    cloud: PointCloud,
    config: RenderConfig,
    *,
    normals: Float32Array | None = None,
    rotations: Float64Array | None = None,
    coloured: bool = False,
    device: str = "cpu",
    workers: int = 1,
) -> Views:
    """Renders all views of a cloud. Working memory is that of one view, about 100 bytes per point.

    Args:
        cloud: any unit.
        config: views, sizes and rules.
        normals: (N, 3) for all points of the cloud, of any length and sign; None takes those of the cloud,
            and where it has none estimates them.
        rotations: (V, 3, 3) views instead of those of the configuration; rows: right, up, towards the camera.
        coloured: also make pictures in the colours of the cloud.
        device: cpu, cuda, cuda:N or auto.
        workers: threads of neighbour searches.

    Raises:
        ConfigError: the list of views is unknown or wrong, or the device does not exist here.
        DataError: no valid point, a valid point without a usable normal, or no colours where they are wanted.
    """
    if rotations is None:
        rotations = find_views(config.views, organised=cloud.grid is not None).rotations()
    indices = np.flatnonzero(cloud.valid)
    device = resolve(device).device
    with one_thread(device):
        scene = make_scene(cloud, config, normals=normals, coloured=coloured, device=device, workers=workers)
        views = [_view(scene, rotation, config) for rotation in rotations]
        return Views(
            torch.stack([view.shaded for view in views]),
            torch.stack([view.depth for view in views]),
            torch.stack([view.rgb for view in views if view.rgb is not None]) if coloured else None,
            torch.stack([view.front for view in views]),
            torch.stack([view.pixel for view in views]),
            torch.stack([view.visible for view in views]),
            indices,
            len(cloud),
        )


def view_masks(views: Views, labels: BoolArray) -> torch.Tensor:
    """Labels as the views show them: those of the front-most points, enlarged or reduced as the pictures are.

    Args:
        views: of the cloud that the labels belong to.
        labels: (N,) bool for all points of that cloud. They are truth: for training on other categories.

    Returns:
        (V, S, S) bool.

    Raises:
        DataError: the labels are not bool, or not as many as the points of the cloud.
    """
    if labels.shape != (views.n_points,) or labels.dtype != np.bool_:
        raise DataError(
            f"labels of shape {labels.shape} and type {labels.dtype} are not those of a cloud of "
            f"{views.n_points} points",
            hint=f"expected ({views.n_points},) and bool",
        )
    return paint_masks(views.front, labels[views.indices], size=views.shaded.shape[-1])


def paint_masks(front: torch.Tensor, labels: BoolArray, *, size: int) -> torch.Tensor:
    """(V, size, size) bool of (V, W, W) numbers of points, -1 in the background, and labels (n,) of them."""
    levels = np.append(labels, False) * np.uint8(shading.WHITE)  # the last is the background
    pictures = torch.from_numpy(levels).to(front.device)[front.long()]
    return resize(pictures, size) > shading.WHITE // 2


@contextmanager
def one_thread(device: str) -> Iterator[None]:
    """On a CPU, lets torch use one thread: its steps are so short that threads mostly wait for each other.

    On two idle cores a second thread saves little; on busy ones it made views take eight times as long.
    """
    before = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _view(scene: Scene, rotation: Float64Array, config: RenderConfig) -> View:
    window = config.window or config.size
    placed = cameras.place(scene.points, rotation, keep_inside=config.keep_inside)
    projected = cameras.project(placed, window)
    drawn = _draw(scene, placed, projected, config)
    if config.visibility == "one_per_pixel":
        pixel, visible = visibility.one_per_pixel(placed, projected, window=window, size=config.size)
    else:
        pixel = visibility.pixels(projected, window=window, size=config.size)
        visible = visibility.within_tolerance(projected, drawn, config.tolerance * placed.extent)
    pictures = _paint(scene, placed, rotation, drawn, config)
    shaded, depth, *channels = (resize(picture, config.size) for picture in pictures)
    return View(
        shaded, depth, torch.stack(channels, dim=-1) if channels else None, drawn.front, pixel, visible
    )


def _draw(
    scene: Scene, placed: cameras.Placed, projected: cameras.Projected, config: RenderConfig
) -> raster.Drawn:
    """Squares of the wanted size, or of one that fits the spacing, and then without holes between them."""
    window = config.window or config.size
    if config.point_size is not None:
        return raster.draw(projected, size=config.point_size, window=window)
    spacing = scene.spacing * cameras.FOCAL * window / placed.distance  # pixels
    size = min(max(1, round(SPLAT * spacing)), window // LARGEST_SHARE)
    reach = min(max(1, math.ceil(REACH * spacing)), window // LARGEST_SHARE)
    mend = raster.Mend(reach, config.tolerance * placed.extent)
    return raster.draw(projected, size=size, window=window, mend=mend)


def _paint(
    scene: Scene,
    placed: cameras.Placed,
    rotation: Float64Array,
    drawn: raster.Drawn,
    config: RenderConfig,
) -> list[torch.Tensor]:
    """Pictures of the window, (W, W) uint8 each: shaded, depth, and red, green, blue if there are colours."""
    front, side = drawn.front.view(-1), len(drawn.front)
    filled = (front >= 0).nonzero()[:, 0]
    shown = front.index_select(0, filled).long()
    normals = scene.normals.index_select(1, shown)
    turned = [cameras.combine(row, normals) for row in rotation]
    diffuse, specular = shading.light(placed, turned, shown)
    pictures = [shading.paint(shading.GREY * diffuse + specular, filled, side)]
    depth = shading.depth_levels(drawn.depth.view(-1).index_select(0, filled))
    background = shading.WHITE if config.depth_background == "white" else 0
    pictures.append(shading.paint(depth, filled, side, background=background))
    for channel in scene.rgb if scene.rgb is not None else ():
        colour = channel.index_select(0, shown)
        lit = colour * diffuse + specular if config.lighting == "lit" else colour
        pictures.append(shading.paint(lit, filled, side))
    return pictures
