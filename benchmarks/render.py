"""CPU time of views against a bare depth buffer and against the loops of published renderers, and memory.

Run `python benchmarks/render.py`. Nine views of the list `x-sweep`, 336 x 336, of points on a bumpy sphere
with given normals: shaded and depth pictures, pixels and visibility. Times are the best of five of process
time on one thread (published loop: one run), so only ratios within one run mean anything. The bars: at most
1/50 of the published loops, at most 3 times a bare depth buffer, linear and below 1 GB up to 2 M points.

Peers, all on the same points and views:

- bare, torch: turn, project, keep the nearest point of each pixel. No squares, no holes closed, no picture.
- bare, numpy: the same, with `np.minimum.at`.
- bare, ours: `render` with everything else taken out, squares of the same size included.
- published loop: over points and pixels, as correspondences were made, restated. Their pictures came from a
  window of Open3D, which needs a display; they are not in this time, which is therefore too low.
"""

import argparse
import multiprocessing
import resource
import sys

import numpy as np
import torch
from timing import seconds

from pc3dad.render import cameras, raster
from pc3dad.render.config import RenderConfig
from pc3dad.render.renderer import render
from pc3dad.render.scene import make_scene
from pc3dad.render.views import VIEW_LISTS
from pc3dad.types import Float32Array, PointCloud

CONFIG = RenderConfig(views="x-sweep")
ROTATIONS = VIEW_LISTS["x-sweep"].rotations()
POINTS = 100_000
SIDE = 336


def bumpy_sphere(n_points: int) -> PointCloud:
    """A closed surface whose normals are about those of the sphere."""
    points = np.random.default_rng(0).normal(size=(n_points, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    bumps = 1 + 0.02 * np.sin(20 * points).prod(axis=1, keepdims=True)
    return PointCloud((points * bumps).astype(np.float32), normals=points.astype(np.float32))


def bare(xyz: Float32Array) -> list[torch.Tensor]:
    buffers = []
    points = torch.from_numpy(xyz)
    order = torch.arange(len(points))
    for rotation in ROTATIONS:
        turned = points @ torch.from_numpy(rotation.T.astype(np.float32))
        low, high = turned.amin(dim=0), turned.amax(dim=0)
        x, y, z = (turned - (low + high) / 2).T
        depth = cameras.DISTANCE * float((high - low).max()) - z
        scale = cameras.FOCAL * SIDE / depth
        column, row = (x * scale + SIDE / 2).long(), (SIDE / 2 - y * scale).long()
        pixel = (row * SIDE + column).clamp(0, SIDE * SIDE - 1)
        buffer = torch.full((SIDE * SIDE,), raster.EMPTY)
        buffers.append(
            buffer.scatter_reduce_(0, pixel, (depth.view(torch.int32).long() << 32) + order, "amin")
        )
    return buffers


def bare_numpy(xyz: Float32Array) -> list[Float32Array]:
    buffers = []
    for rotation in ROTATIONS:
        turned = xyz @ rotation.T.astype(np.float32)
        low, high = turned.min(axis=0), turned.max(axis=0)
        x, y, z = (turned - (low + high) / 2).T
        depth = cameras.DISTANCE * float((high - low).max()) - z
        scale = cameras.FOCAL * SIDE / depth
        column, row = (x * scale + SIDE / 2).astype(int), (SIDE / 2 - y * scale).astype(int)
        buffer = np.full(SIDE * SIDE, np.inf, dtype=np.float32)
        np.minimum.at(buffer, (row * SIDE + column).clip(0, SIDE * SIDE - 1), depth)
        buffers.append(buffer)
    return buffers


def bare_ours(points: torch.Tensor, size: int) -> list[raster.Drawn]:
    buffers = []
    for rotation in ROTATIONS:
        projected = cameras.project(cameras.place(points, rotation), SIDE)
        buffers.append(raster.draw(projected, size=size, window=SIDE))
    return buffers


def published_loop(xyz: Float32Array) -> object:
    """Pixels of every point, one at a time, and then of each pixel the highest of its points."""
    tables = []
    for rotation in ROTATIONS:
        turned = xyz @ rotation.T.astype(np.float32)
        low, high = turned.min(axis=0), turned.max(axis=0)
        centre, side = (low + high) / 2, float((high - low).max())
        points_of: dict[tuple[int, int], list[int]] = {}
        table = np.zeros((len(turned), 3), dtype=np.int64)
        for index in range(len(turned)):
            x, y, z = turned[index] - centre
            scale = cameras.FOCAL * SIDE / (cameras.DISTANCE * side - z)
            column = min(max(int(np.floor(x * scale + SIDE / 2)), 0), SIDE - 1)
            row = min(max(int(np.floor(SIDE / 2 - y * scale)), 0), SIDE - 1)
            table[index, :2] = column, row
            points_of.setdefault((column, row), []).append(index)
        for members in points_of.values():
            table[members[int(np.argmax(turned[members, 2]))], 2] = 1
        tables.append(table)
    return tables


def peak_memory(n_points: int) -> float:
    """GB of a process that renders, libraries included. Asked first: a child inherits its parent's peak."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (n_points,))


def _peak(n_points: int) -> float:
    cloud = bumpy_sphere(n_points)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    render(cloud, CONFIG)
    unit = 1e9 if sys.platform == "darwin" else 1e6
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"    {n_points} points: {before / unit:.2f} GB before rendering", end=", ", flush=True)
    return after / unit


def row(what: str, spent: float, ours: float, bar: str = "") -> None:
    print(f"{what:32} {spent * 1e3:9.1f} ms   {ours / spent:8.4f} x its time   {bar}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the renderer.")
    parser.add_argument("--no-loop", action="store_true", help="leave out the published loop, about a minute")
    options = parser.parse_args()
    for n_points in (100_000, 2_000_000):
        print(f"{peak_memory(n_points):.2f} GB at most")
    torch.set_num_threads(1)
    cloud = bumpy_sphere(POINTS)
    ours = seconds(lambda: render(cloud, CONFIG))
    print(f"{'9 views of 100 k points':32} {ours * 1e3:9.1f} ms")
    row("bare, torch", seconds(lambda: bare(cloud.xyz)), ours, "bar 3")
    row("bare, numpy", seconds(lambda: bare_numpy(cloud.xyz)), ours)
    scene = make_scene(cloud, CONFIG)
    row("bare, ours", seconds(lambda: bare_ours(scene.points, 2)), ours)
    if not options.no_loop:
        row("published loop, pixels only", seconds(lambda: published_loop(cloud.xyz), 1), ours, "bar 0.02")
    official = CONFIG.model_copy(update={"window": 1024, "point_size": 12, "visibility": "one_per_pixel"})
    spent = seconds(lambda: render(cloud, official))
    print(f"{'ours, as published':32} {spent * 1e3:9.1f} ms")
    coloured = PointCloud(cloud.xyz, normals=cloud.normals, rgb=np.abs(cloud.xyz).clip(0, 1))
    spent = seconds(lambda: render(coloured, CONFIG, coloured=True))
    print(f"{'ours, with colours':32} {spent * 1e3:9.1f} ms")
    for n_points in (10_000, 500_000, 1_000_000, 2_000_000):
        large = bumpy_sphere(n_points)
        spent = seconds(lambda: render(large, CONFIG))  # noqa: B023  called at once
        print(f"{n_points:>10} points {spent * 1e3:9.1f} ms   {spent / n_points * 1e9:6.1f} ns per point")


if __name__ == "__main__":
    main()
