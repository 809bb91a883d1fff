"""Time and memory of `pc3dad predict` on a large scan, start of the process, reading and writing included.

Run `python benchmarks/predict.py [points]`. The bars hold for 2 million points on two cores: 20 s and 3 GB of
peak memory. The peer, a k-d tree of the same points asked for 16 neighbours of each, tells fast machines from
fast code: only the ratio to it can be compared between machines.
"""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from pc3dad.io.ply import write_ply
from pc3dad.types import Float32Array, PointCloud

POINTS = 2_000_000
BAR_SECONDS, BAR_GIGABYTES = 20.0, 3.0
METHODS = ("curvature", "curvature[max_points=500000]", "random")


def scan(points: int) -> Float32Array:
    """A wavy ball of 100 mm, about as a scanner sees it: noisy, in no order."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(points, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    radius = 50 + 2 * np.sin(8 * direction[:, :1]) + 0.02 * rng.normal(size=(points, 1))
    return (radius * direction).astype(np.float32)


def prepare(file: Path, points: int) -> float:
    """Writes the scan and returns the seconds that the peer takes."""
    xyz = scan(points)
    write_ply(file, PointCloud(xyz))
    start = time.perf_counter()
    cKDTree(xyz).query(xyz, k=16, workers=2)
    return time.perf_counter() - start


def predict(file: Path, method: str, out: Path) -> tuple[float, float]:
    """Wall seconds and peak gigabytes of one call."""
    command = [sys.executable, "-m", "pc3dad", "predict", str(file), "--method", method, "--out", str(out)]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--device", "cpu", "--quiet"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed")
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def main() -> None:
    points = int(sys.argv[1]) if len(sys.argv) > 1 else POINTS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scan.ply"
        # In a process of its own: Linux counts the memory of a parent as that of the children it starts.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            peer = pool.submit(prepare, file, points).result()
        print(f"{points} points; scipy cKDTree, k = 16, two workers: {peer:.1f} s")
        print(f"bars: {BAR_SECONDS:.0f} s and {BAR_GIGABYTES:.0f} GB")
        for number, method in enumerate(METHODS):
            seconds, gigabytes = predict(file, method, Path(folder) / f"out{number}")
            fine = seconds <= BAR_SECONDS and gigabytes <= BAR_GIGABYTES
            figures = f"{seconds:6.1f} s  {seconds / peer:5.2f} x peer  peak {gigabytes:.2f} GB"
            print(f"{method:30} {figures}  {'within the bars' if fine else 'ABOVE A BAR'}")


if __name__ == "__main__":
    main()
