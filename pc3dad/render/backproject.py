"""Maps of views to values of points: the mean over the views that show a point, and a rule for the others."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from pc3dad.errors import ConfigError, DataError
from pc3dad.geometry import neighbors
from pc3dad.types import BoolArray

DivideBy = Literal["visible", "all_views"]
Unseen = Literal["nearest", "index_neighbour"]
NOTHING = "no view shows any point"
NOTHING_HINT = "check the views: are they those of this cloud?"
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True, slots=True, eq=False)
class PointValues:
    """Values of n points.

    Attributes:
        values: (C, n), finite where the maps are.
        n_filled: number of points that no view shows; their values were taken over from others.
    """

    values: torch.Tensor
    n_filled: int


def to_points(
    maps: torch.Tensor,
    pixel: torch.Tensor,
    visible: torch.Tensor,
    *,
    points: NDArray[np.floating],
    slots: NDArray[np.integer] | None = None,
    unseen: Unseen = "nearest",
    divide_by: DivideBy = "visible",
    workers: int = 1,
) -> PointValues:
    """Brings maps of views to all points, those included that no view shows. Differentiable in `maps`.

    Args:
        maps: (V, C, S, S), one map per view and channel, of any type.
        pixel: (V, n) integer, row * S + column of each point.
        visible: (V, n) bool.
        points: (n, 3), any unit: those that were rendered.
        slots: (n,) integer, ascending: index of each point in its cloud (`Views.indices`); by default 0 to
            n - 1. Only "index_neighbour" looks at it.
        unseen: nearest: a point that no view shows takes the value of the nearest point in space that one
            shows, of equally near ones the lowest; index_neighbour: it takes the visibility of a point with
            a similar index, as released (`repair_visibility`).
        divide_by: visible: the mean over the views that show a point; all_views: their sum divided by V.
        workers: threads of the neighbour search.

    Raises:
        ConfigError: an option has no such value.
        DataError: a shape or a type does not fit, a pixel is outside the maps, slots do not ascend, or no
            view shows any point.
    """
    if unseen not in ("nearest", "index_neighbour"):
        raise ConfigError(f"unseen has no value {unseen!r}", hint="use nearest or index_neighbour")
    _check(maps, pixel, visible, divide_by)
    if points.shape != (pixel.shape[1], 3):
        raise DataError(
            f"points have shape {points.shape}, expected ({pixel.shape[1]}, 3)",
            hint="give the points that were rendered, `cloud.xyz[views.indices]`",
        )
    if slots is not None:
        _check_slots(slots, pixel.shape[1])
    seen = visible.any(dim=0).cpu().numpy()
    if not seen.any():
        raise DataError(NOTHING, hint=NOTHING_HINT)
    if unseen == "index_neighbour":
        where = np.arange(len(seen)) if slots is None else slots
        visible = torch.from_numpy(repair_visibility(visible.cpu().numpy(), where)).to(visible.device)
        return PointValues(_mean(maps, pixel, visible, divide_by), int((~seen).sum()))
    values = _mean(maps, pixel, visible, divide_by)
    if not seen.all():
        values = values[:, torch.from_numpy(_nearest_seen(points, seen, workers)).to(values.device)]
    return PointValues(values, int((~seen).sum()))


def back_project(
    maps: torch.Tensor, pixel: torch.Tensor, visible: torch.Tensor, *, divide_by: DivideBy = "visible"
) -> torch.Tensor:
    """Values of points from the pixels in which views show them. Sums in float64, one view at a time.

    Arguments and errors: `to_points`.

    Returns:
        (C, n) in the type of `maps`, float32 for whole numbers. Points that no view shows are NaN, or 0 with
        `divide_by` "all_views".
    """
    _check(maps, pixel, visible, divide_by)
    return _mean(maps, pixel, visible, divide_by)


def back_project_plain(
    maps: torch.Tensor, pixel: torch.Tensor, visible: torch.Tensor, *, divide_by: DivideBy = "visible"
) -> torch.Tensor:
    """Plain twin of `back_project` for tests: one point and one view at a time."""
    n_views, n_channels = maps.shape[:2]
    values = torch.full((n_channels, pixel.shape[1]), torch.nan, dtype=torch.result_type(maps, 1.0))
    for point in range(pixel.shape[1]):
        shown = [view for view in range(n_views) if visible[view, point]]
        for channel in range(n_channels):
            found = [float(maps[view, channel].flatten()[pixel[view, point]]) for view in shown]
            if divide_by == "all_views":
                values[channel, point] = sum(found) / n_views
            elif found:
                values[channel, point] = sum(found) / len(found)
    return values


def repair_visibility(visible: BoolArray, slots: NDArray[np.integer]) -> BoolArray:
    """Visibility as the released loaders repair it: from a neighbour in the order of points.

    A point that no view shows takes over the flags (not the pixels) of the point with the nearest index that
    some view shows, of equally near ones the later. Indices go round: after the last comes the first, at the
    same distance, as released. Points are repaired in order and then serve as donors.

    Args:
        visible: (V, n).
        slots: (n,) integer, ascending indices in the cloud.

    Returns:
        (V, n), a copy.

    Raises:
        DataError: a shape or a type does not fit, slots do not ascend, or no view shows any point.
    """
    if visible.ndim != 2 or visible.dtype != np.bool_:
        raise DataError(
            f"visibility of shape {visible.shape} and type {visible.dtype} does not fit",
            hint="expected (V, n) and bool",
        )
    _check_slots(slots, visible.shape[1])
    repaired = visible.copy()
    seen = np.flatnonzero(visible.any(axis=0))
    if not len(seen):
        raise DataError(NOTHING, hint=NOTHING_HINT)
    places = slots.tolist()
    period = places[-1] - places[0]
    hidden = np.flatnonzero(~visible.any(axis=0))
    for point, number in zip(hidden.tolist(), np.searchsorted(seen, hidden).tolist(), strict=True):
        if number < len(seen):
            later = int(seen[number])
            ahead = places[later] - places[point]
        else:
            later = 0  # seen or repaired by now
            ahead = places[0] + period - places[point]
        earlier = point - 1 if point else int(seen[-1])
        behind = (places[point] - places[earlier]) % period if period else 0
        repaired[:, point] = repaired[:, later if ahead <= behind else earlier]
    return repaired


def _mean(
    maps: torch.Tensor, pixel: torch.Tensor, visible: torch.Tensor, divide_by: DivideBy
) -> torch.Tensor:
    """`back_project` of arguments that fit."""
    total = torch.zeros((maps.shape[1], pixel.shape[1]), dtype=torch.float64, device=maps.device)
    for channels, places, shown in zip(maps.flatten(2), pixel, visible, strict=True):
        total = total + channels.index_select(1, places.long()).masked_fill(~shown, 0.0)
    kind = torch.result_type(maps, 1.0)
    if divide_by == "all_views":
        return (total / len(maps)).to(kind)
    count = visible.sum(dim=0)
    return (total / count.clamp(min=1)).masked_fill(count == 0, torch.nan).to(kind)


def _nearest_seen(points: NDArray[np.floating], seen: BoolArray, workers: int) -> NDArray[np.int64]:
    """(n,) int64: the point itself if it is seen, else the nearest one that is."""
    donors = np.arange(len(seen))
    known = np.flatnonzero(seen)
    _, closest = neighbors.knn(points[known], points[~seen], k=1, workers=workers)
    donors[~seen] = known[closest[:, 0]]
    return donors


def _check(maps: torch.Tensor, pixel: torch.Tensor, visible: torch.Tensor, divide_by: DivideBy) -> None:
    if divide_by not in ("visible", "all_views"):
        raise ConfigError(f"divide_by has no value {divide_by!r}", hint="use visible or all_views")
    square = maps.ndim == 4 and maps.shape[2] == maps.shape[3]
    if not square or pixel.ndim != 2 or pixel.shape != visible.shape or len(pixel) != len(maps):
        raise DataError(
            f"maps of shape {tuple(maps.shape)} do not fit pixels {tuple(pixel.shape)} and visibility "
            f"{tuple(visible.shape)}",
            hint="expected (V, C, S, S), (V, n) and (V, n)",
        )
    if pixel.dtype not in INTEGERS or visible.dtype != torch.bool:
        raise DataError(
            f"pixels have type {pixel.dtype} and visibility has {visible.dtype}",
            hint="expected integer and bool",
        )
    n_pixels = maps.shape[2] * maps.shape[3]
    if pixel.numel() and not 0 <= int(pixel.min()) <= int(pixel.max()) < n_pixels:
        raise DataError(
            f"pixels reach from {int(pixel.min())} to {int(pixel.max())}, a map has {n_pixels}",
            hint="maps must have the size of the pictures",
        )


def _check_slots(slots: NDArray[np.integer], n: int) -> None:
    if slots.shape != (n,) or not np.issubdtype(slots.dtype, np.integer):
        raise DataError(
            f"slots of shape {slots.shape} and type {slots.dtype} are not indices of {n} points",
            hint="give `views.indices`",
        )
    if not (slots[1:] > slots[:-1]).all():
        raise DataError("slots are not in ascending order", hint="give `views.indices`")
