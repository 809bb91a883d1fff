"""Groups of neighbouring points around centres that lie far apart, as encoders of clouds read them.

The same indices on every device and for every batch: distances are sums of squared differences, added in one
order (`cdist` and products of matrices round differently by device, shape and version), and of equal ones the
lowest index is taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from pc3dad.errors import DataError
from pc3dad.geometry import sampling

NEAR_ORIGIN = 1e-3
"""Squared length at or below which `pointnet2_ops` takes a point for padding and never chooses it."""
CHUNK, CHUNK_ELSEWHERE = 1 << 18, 1 << 24  # distances at a time; on a CPU they stay in the cache of a core
LOW = 0xFFFFFFFF  # the lower half of a key


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """G groups of K points in each of B clouds; every group holds its centre, unless K copies of it do.

    Attributes:
        centres: (B, G, 3), unit of the cloud.
        chosen: (B, G) int64, indices of the centres.
        indices: (B, G, K) int64, indices of the points of a group, by distance, equally far ones by index.
        neighbourhoods: (B, G, K, C), these points: xyz relative to the centre, then other channels unchanged.
    """

    centres: torch.Tensor
    chosen: torch.Tensor
    indices: torch.Tensor
    neighbourhoods: torch.Tensor


def group(
    clouds: torch.Tensor,
    *,
    count: int,
    size: int,
    start: int | torch.Tensor = 0,
    skip_origin: bool = False,
) -> Groups:
    """Finds `count` centres by farthest-point sampling and the `size` nearest points of each.

    Args:
        clouds: (B, N, C) float32, xyz first, coordinates about 1: their squares must neither over- nor
            underflow.
        count: number of groups G, 1 to N.
        size: points per group K, 1 to N.
        start: index of the first centre, one for all clouds or (B,).
        skip_origin: see `farthest_points`.

    Raises:
        DataError: a shape does not fit, a coordinate is not finite, or the clouds have too few points. Groups
            are never filled up: what to do with small clouds is for the caller to decide.
    """
    xyz = clouds[..., :3]
    chosen = farthest_points(xyz, count, start=start, skip_origin=skip_origin)
    return gather(clouds, chosen, nearest(xyz, take(xyz, chosen), size))


def gather(clouds: torch.Tensor, chosen: torch.Tensor, indices: torch.Tensor) -> Groups:
    """Groups of known members, of the same clouds or of moved ones; differentiable in `clouds`.

    Args:
        clouds: (B, N, C) float, xyz first.
        chosen: (B, G) int64, indices of the centres.
        indices: (B, G, K) int64, indices of the members.
    """
    centres, members = take(clouds[..., :3], chosen), take(clouds, indices)
    relative = members[..., :3] - centres[:, :, None]
    return Groups(centres, chosen, indices, torch.cat([relative, members[..., 3:]], dim=-1))


def take(values: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """(B, ..., C) rows of values (B, N, C) by indices (B, ...)."""
    batch = torch.arange(len(values), device=values.device)
    return values[batch.view(-1, *[1] * (indices.ndim - 1)), indices]


def largest(values: torch.Tensor) -> torch.Tensor:
    """(..., C) of values (..., K, C). Forward `amax` is the faster one, backward `max` by far."""
    return values.max(dim=-2).values if values.requires_grad else values.amax(dim=-2)


def to_unit_ball(xyz: torch.Tensor) -> torch.Tensor:
    """Clouds (B, N, 3) as encoders expect them: centroid 0, largest radius 1; float32."""
    points = xyz.double()
    centred = points - points.mean(dim=1, keepdim=True)
    radius = centred.norm(dim=2).amax(dim=1)[:, None, None]
    return (centred / torch.where(radius > 0, radius, 1.0)).float()


def farthest_points(
    xyz: torch.Tensor, count: int, *, start: int | torch.Tensor = 0, skip_origin: bool = False
) -> torch.Tensor:
    """Chooses points one by one, each as far as possible from those chosen before; exact.

    Of equally far points the one with the lowest index is chosen, and none twice. Distances are computed in
    float64. CPUs use `geometry.sampling`, which computes the same numbers for fewer points.

    Args:
        xyz: (B, N, 3) float.
        count: how many to choose, 1 to N.
        start: index of the first one, one for all clouds or (B,).
        skip_origin: as `pointnet2_ops`, which ULIP-2 was trained with, do not choose points whose squared
            length is `NEAR_ORIGIN` or less. (It then chooses others again when none is left; here the
            skipped ones follow in the order of their indices.) The first point is exempt.

    Returns:
        (B, count) int64 in the order of choice.

    Raises:
        DataError: as `group`, or there is no point `start`.
    """
    points = _checked(xyz, count)
    starts = torch.as_tensor(start, device=points.device).expand(len(points))
    if not bool(((starts >= 0) & (starts < points.shape[1])).all()):
        raise DataError(f"clouds of {points.shape[1]} points have no point {start} to start from")
    skipped = torch.zeros(points.shape[:2], dtype=torch.bool, device=points.device)
    if skip_origin:
        skipped = _squared(*points.unbind(-1)) <= NEAR_ORIGIN
        skipped.scatter_(1, starts[:, None].long(), value=False)
    if points.device.type == "cpu":
        return _farthest_on_cpu(points, count, starts, skipped)
    return farthest_points_plain(points, count, starts, skipped)


def farthest_points_plain(
    xyz: torch.Tensor, count: int, starts: torch.Tensor, skipped: torch.Tensor
) -> torch.Tensor:
    """The usual loop over all points: what other devices run, and the plain twin of what CPUs run.

    Args:
        xyz: (B, N, 3) float32.
        count: how many to choose.
        starts: (B,) indices of the first ones.
        skipped: (B, N) bool, points to choose after all others.
    """
    coordinates = xyz.double().movedim(-1, 0).contiguous()  # (3, B, N)
    distance = torch.where(skipped, -1.0, torch.inf).double()  # to the nearest chosen point; squared
    chosen = torch.empty(len(xyz), count, dtype=torch.int64, device=xyz.device)
    newest = starts.long()[:, None]
    for step in range(count):
        chosen[:, step : step + 1] = newest
        difference = coordinates - coordinates.gather(2, newest.expand(3, -1, -1))
        distance = torch.minimum(distance, _squared(*difference))
        distance.scatter_(1, newest, -2.0)  # below the skipped ones
        newest = distance.argmax(dim=1, keepdim=True)  # the first of equal ones
    return chosen


def nearest(points: torch.Tensor, centres: torch.Tensor, size: int) -> torch.Tensor:
    """The nearest points of some positions.

    Args:
        points: (B, N, 3) float, as in `group`.
        centres: (B, G, 3) float, of the same clouds. Distances are computed in float32.
        size: number of neighbours K, 1 to N.

    Returns:
        (B, G, K) int64, by distance, equally far ones by index.

    Raises:
        DataError: as `group`.
    """
    found = []
    for squares, index in _distances(points, centres, size):
        keys = squares.view(torch.int32).long()  # bits of floats from 0 upwards are ordered as the floats are
        keys.bitwise_left_shift_(32).bitwise_or_(index)
        found.append(keys.topk(size, largest=False).values & LOW)
    return torch.cat(found, dim=1)


def within(points: torch.Tensor, centres: torch.Tensor, size: int, *, radius: float) -> torch.Tensor:
    """The first points, by index, that are no farther than `radius` from some positions.

    This is how PointNet++ forms groups (Qi et al., 2017, "ball query"). Where fewer are near, the first of
    them is repeated.

    Args:
        points: (B, N, 3) float, as in `group`.
        centres: (B, G, 3) float, positions of points. Distances are computed in float32.
        size: number of points K, 1 to N.
        radius: unit of the clouds.

    Returns:
        (B, G, K) int64.

    Raises:
        DataError: as `group`.
    """
    found = []
    for squares, index in _distances(points, centres, size):
        near = torch.where(squares <= radius**2, index, len(index)).topk(size, largest=False).values
        found.append(torch.where(near < len(index), near, near[..., :1]))
    return torch.cat(found, dim=1)


def group_plain(clouds: torch.Tensor, *, count: int, size: int, start: int = 0) -> Groups:
    """Plain twin of `group` for tests: one cloud and one group after another, all distances sorted."""
    found = []
    for cloud in clouds[..., :3].detach().float().numpy():
        chosen = sampling.farthest_points_plain(cloud, count, start=start)
        squares = ((cloud - cloud[chosen][:, None]) ** 2).astype(np.float32)
        distances = squares[..., 0] + squares[..., 1] + squares[..., 2]
        found.append((chosen, np.argsort(distances, axis=1, kind="stable")[:, :size]))
    centres, members = (torch.from_numpy(np.stack(part)) for part in zip(*found, strict=True))
    return gather(clouds, centres, members)


def _farthest_on_cpu(
    xyz: torch.Tensor, count: int, starts: torch.Tensor, skipped: torch.Tensor
) -> torch.Tensor:
    chosen = np.empty((len(xyz), count), dtype=np.int64)
    for row, cloud, start, late in zip(chosen, xyz.numpy(), starts.tolist(), skipped.numpy(), strict=True):
        early = np.flatnonzero(~late)
        first = min(count, len(early))
        place = int(np.searchsorted(early, start))
        row[:first] = early[sampling.farthest_points(cloud[early], first, start=place)]
        row[first:] = np.flatnonzero(late)[: count - first]
    return torch.from_numpy(chosen)


def _squared(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Squared length, rounded after every operation."""
    return x * x + y * y + z * z


def _distances(
    points: torch.Tensor, centres: torch.Tensor, size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Squared distances (B, some, N) float32 of some centres at a time, and indices (N,) of the points."""
    points, centres = _checked(points, size), _checked(centres, 1)
    index = torch.arange(points.shape[1], device=points.device)
    chunk = CHUNK if points.device.type == "cpu" else CHUNK_ELSEWHERE
    step = max(1, chunk // (len(points) * points.shape[1]))
    for some in torch.split(centres, step, dim=1):
        total = torch.zeros(1, device=points.device)
        for axis in range(3):
            difference = some[:, :, None, axis] - points[:, None, :, axis]
            total = difference.mul_(difference).add_(total)
        yield total, index


def _checked(xyz: torch.Tensor, wanted: int) -> torch.Tensor:
    """(B, N, 3) float32 without gradient."""
    if xyz.ndim != 3 or xyz.shape[2] != 3 or len(xyz) == 0:
        raise DataError(f"clouds have shape {tuple(xyz.shape)}, expected (clouds, points, 3 or more)")
    if not 1 <= wanted <= xyz.shape[1]:
        raise DataError(
            f"a cloud of {xyz.shape[1]} points cannot give {wanted}",
            hint="score a denser cloud, or ask for fewer and smaller groups",
        )
    points = xyz.detach().float()
    if not bool(torch.isfinite(points).all()):
        raise DataError("clouds hold a coordinate that is not finite", hint="pass valid points only")
    return points
