"""CPU time of neighbours, normals, FPFH and farthest points against other libraries; growth up to 2 M points.

Run `python benchmarks/geometry.py`: 10 minutes; `--tiny` tries the script in seconds, and its ratios mean
nothing. Peers (`pip install pc3dad[benchmarks]`) that are missing are named in their row. A time is the best
of five of process time, of two if it takes longer than `SLOW` seconds, so only ratios within one run mean
anything. The usual PyTorch loop would take minutes: `LOOP` of its steps are measured, which all take equally
long, and the rest is multiplied. Prints rows of a Markdown table.
"""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import import_module
from importlib.metadata import version
from multiprocessing import get_context
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from pc3dad.geometry import fpfh, neighbors, normals, sampling
from pc3dad.types import Float32Array

SLOW = 30.0
LOOP = 500
NEIGHBOURS, RADII = 100, (0.05, 0.1)  # within 0.05 lie about 60 points, within 0.1 about 240
STEPS = ("knn 16", "normals 30", "fpfh 100", "farthest 2048", "farthest quarter")


def surface(points: int) -> Float32Array:
    """A wavy ball of radius about 1, in no order."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(points, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return (direction * (1 + 0.1 * np.sin(5 * direction[:, :1]) * np.cos(4 * direction[:, 1:2]))).astype("f4")


def seconds(action: Callable[[], object], turns: int = 5) -> float:
    best, turn = float("inf"), 0
    while turn < (turns if best < SLOW else min(turns, 2)):
        start = time.process_time()
        action()
        best, turn = min(best, time.process_time() - start), turn + 1
    return best


def peer(name: str) -> Any:
    try:
        return import_module(name)
    except (ImportError, OSError) as error:
        return error


def row(what: str, ours: float, name: str, other: Callable[[Any], float], bar: str = "") -> None:
    """One comparison; `other` gets the module `name` and returns its seconds."""
    module = peer(name)
    if isinstance(module, Exception):
        print(f"| {what} | {ours:.3f} s | {name} is not installed | | {bar} |", flush=True)
        return
    theirs = other(module)
    ratio = theirs / ours
    text = f"{ratio:.3g} x faster" if ratio > 2 else f"{1 / ratio:.2f} x its time"
    print(f"| {what} | {ours:.3f} s | {name} {version(name)}, {theirs:.3f} s | {text} | {bar} |", flush=True)


def torch_loop(torch: Any, points: Float32Array, count: int) -> float:
    """Seconds of farthest-point sampling as it is usually written."""
    steps = min(LOOP, count)
    torch.set_num_threads(1)  # two take more CPU time

    def loop() -> None:
        cloud = torch.from_numpy(points)
        distance = torch.full((len(cloud),), 1e10)
        farthest = torch.tensor(0)
        for _ in range(steps):
            distance = torch.minimum(distance, ((cloud - cloud[farthest]) ** 2).sum(-1))
            farthest = distance.argmax()

    return seconds(loop, turns=3) * count / steps


def open3d_farthest(open3d: Any, points: Float32Array, count: int) -> float:
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))  # its tensor version is slower
    return seconds(lambda: cloud.farthest_point_down_sample(count))


def fpsample_farthest(fpsample: Any, points: Float32Array, count: int) -> float:
    """The fastest of its variants, with the best of its heights."""
    variant = fpsample.bucket_fps_kdline_sampling
    return min(seconds(partial(variant, points, count, h=height, start_idx=0)) for height in (5, 7, 9))


def farthest(scale: float) -> None:
    for total, count, bars in (
        (100_000, 2048, {"open3d": "faster"}),
        (400_000, 112_896, {"torch": "100 x faster"}),
    ):
        points, wanted = surface(int(total * scale)), int(count * scale)
        ours = seconds(partial(sampling.farthest_points, points, wanted))
        peers = {"open3d": open3d_farthest, "fpsample": fpsample_farthest, "torch": torch_loop}
        for name, other in peers.items():
            if (name, total) != ("open3d", 400_000):  # takes minutes, and no bar asks for it
                what = f"farthest points, {len(points)} to {wanted}"
                row(what, ours, name, partial(other, points=points, count=wanted), bars.get(name, ""))


def features(scale: float) -> None:
    points = surface(int(100_000 * scale))
    for radius in RADII:
        what = f"normals + FPFH, {len(points)} points, {NEIGHBOURS} neighbours within {radius}"

        def ours(radius: float = radius) -> Float32Array:
            directions = normals.estimate(points, radius=radius, max_neighbours=NEIGHBOURS)
            return fpfh.describe(points, directions, radius=radius, max_neighbours=NEIGHBOURS)

        row(
            what,
            seconds(ours),
            "open3d",
            partial(open3d_tensor, points=points, radius=radius),
            "1.5 x its time",
        )
        difference(points, radius)


def open3d_tensor(open3d: Any, points: Float32Array, radius: float) -> float:
    def run() -> object:
        cloud = open3d.t.geometry.PointCloud(open3d.core.Tensor(points))
        cloud.estimate_normals(max_nn=NEIGHBOURS, radius=radius)
        return open3d.t.pipelines.registration.compute_fpfh_feature(cloud, NEIGHBOURS, radius)

    return seconds(run)


def difference(points: Float32Array, radius: float) -> None:
    """Mean absolute difference to Open3D's histograms, given the same points and normals."""
    open3d = peer("open3d")
    if isinstance(open3d, Exception):
        return
    directions = normals.estimate(points, radius=radius, max_neighbours=NEIGHBOURS, orientation="outwards")
    ours = fpfh.describe(points, directions, radius=radius, max_neighbours=NEIGHBOURS)
    for dtype in (np.float64, np.float32):
        cloud = open3d.t.geometry.PointCloud(open3d.core.Tensor(points.astype(dtype)))
        cloud.point.normals = open3d.core.Tensor(directions.astype(dtype))
        theirs = open3d.t.pipelines.registration.compute_fpfh_feature(cloud, NEIGHBOURS, radius).numpy()
        error = np.abs(ours - theirs).mean()
        print(
            f"| FPFH within {radius}, mean absolute difference | {error:.1e} | open3d, {dtype.__name__} "
            "| | 1e-4 |",
            flush=True,
        )


def neighbours(scale: float) -> None:
    points = surface(int(100_000 * scale))
    ours = seconds(partial(neighbors.knn, points, points, k=16))
    row(
        f"16 nearest of {len(points)} points",
        ours,
        "scipy",
        lambda _: seconds(lambda: cKDTree(points).query(points, k=16)),
    )


def step(name: str, points: int) -> tuple[float, float]:
    """Seconds of one step and peak memory of this process in gigabytes (NaN where it is not told)."""
    cloud = surface(points)
    radius = 0.1 * np.sqrt(100_000 / points)  # the same number of neighbours in every cloud
    directions = cloud / np.linalg.norm(cloud, axis=1, keepdims=True)
    actions: dict[str, Callable[[int], object]] = {
        "knn 16": lambda n: neighbors.knn(cloud[:n], cloud[:n], k=16),
        "normals 30": lambda n: normals.estimate(cloud[:n], radius=radius, max_neighbours=30),
        "fpfh 100": lambda n: fpfh.describe(cloud[:n], directions[:n], radius=radius),
        "farthest 2048": lambda n: sampling.farthest_points(cloud[:n], min(2048, n)),
        "farthest quarter": lambda n: sampling.farthest_points(cloud[:n], n // 4),
    }
    actions[name](min(points, 1000))  # compiles
    start = time.process_time()
    actions[name](points)
    taken = time.process_time() - start
    try:
        import resource
    except ImportError:
        return taken, float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return taken, peak * (1 if sys.platform == "darwin" else 1024) / 1e9


def growth(scale: float) -> None:
    sizes = [int(size * scale) for size in (100_000, 500_000, 2_000_000)]
    print("| step | " + " | ".join(f"{size} points" for size in sizes) + " |\n|---|---|---|---|")
    for name in STEPS:
        cells = []
        for size in sizes:  # a process each: peak memory never falls
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                taken, peak = pool.submit(step, name, size).result()
            cells.append(f"{taken:.2f} s, {peak:.2f} GB")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="try the script in seconds")
    scale = 0.01 if parser.parse_args().tiny else 1.0
    growth(scale)  # first: on Linux a new process inherits the peak memory of this one
    print("\n| what | ours | peer | ratio | bar |\n|---|---|---|---|---|")
    farthest(scale)
    features(scale)
    neighbours(scale)


if __name__ == "__main__":
    main()
