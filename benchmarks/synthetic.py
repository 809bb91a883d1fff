"""CPU time of the embedded data set, step by step, against the plainest way to a part, a cloud and a view.

Run `python benchmarks/synthetic.py`. Times are process time on one thread, the best of three, mean over all
categories; the last row is one cloud of 2 M points. Peers, on the same parts:

- part: the mesh of the intact part alone.
- cloud: `trimesh.sample.sample_surface`, as many points: no label, colour, noise, and hidden points too.
- view: points of the mesh, as many as the sensor draws, into a depth buffer by NumPy's `minimum.at`.
- stored: the sample in a folder that `pc3dad data prepare` wrote, its digest checked.
"""

import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import trimesh
from timing import seconds

from pc3dad.data.prepare import prepare
from pc3dad.data.prepared import Prepared
from pc3dad.data.synthetic import sensor
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.data.synthetic.parts import PARTS
from pc3dad.data.synthetic.samples import damage
from pc3dad.data.synthetic.scan import scan
from pc3dad.data.synthetic.specimen import KINDS, Specimen
from pc3dad.render import cameras
from pc3dad.types import Float64Array, Split

POINTS, SIDES = (6000, 32_768), (160, 320)


def damaged(category: str, kind: str) -> Specimen:
    return damage(PARTS[category], kind, SyntheticConfig(), ("speed", category, kind), tries=10)


def intact(category: str) -> object:
    return PARTS[category](np.random.default_rng(0)).to_mesh64()


def depth_buffer(specimen: Specimen, n: int, side: int) -> Float64Array:
    points = specimen.solid.draw(n, np.random.default_rng(0)).xyz
    low, high = points.min(axis=0), points.max(axis=0)
    x, y, z = (points - (low + high) / 2).T
    depth = cameras.DISTANCE * float((high - low).max()) - z
    scale = cameras.FOCAL * side / depth
    column, line = (x * scale + side / 2).astype(int), (side / 2 - y * scale).astype(int)
    buffer = np.full(side * side, np.inf)
    np.minimum.at(buffer, (line * side + column).clip(0, side * side - 1), depth)
    return buffer


def drawn(specimen: Specimen, side: int) -> int:
    """About how many points the sensor draws of a part."""
    widest = float(np.ptp(specimen.solid.corners, axis=(0, 1)).max())
    pixel = cameras.DISTANCE / cameras.FOCAL * widest / side
    return int(sensor.DRAWN * sensor.STRETCH * specimen.solid.area / pixel**2)


def row(what: str, ours: list[float], peer: list[float]) -> None:
    mine, other = 1e3 * np.mean(ours), 1e3 * np.mean(peer)
    print(f"{what:28} {mine:9.1f} ms   peer {other:9.1f} ms   {mine / other:7.2f} x its time", flush=True)


def best(action: object, *arguments: object) -> float:
    assert callable(action)
    return seconds(lambda: action(*arguments), 3)


def main() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    pairs = [(category, kind) for category in PARTS for kind in KINDS]
    row(
        "part with a kind of defects",
        [best(damaged, *one) for one in pairs],
        [best(intact, c) for c in PARTS],
    )
    parts = [damaged(category, list(KINDS)[turn % len(KINDS)]) for turn, category in enumerate(PARTS)]
    meshes = [trimesh.Trimesh(**trimesh.triangles.to_kwargs(part.solid.corners)) for part in parts]
    for points in POINTS:
        peer = [best(trimesh.sample.sample_surface, mesh, points) for mesh in meshes]
        row(f"cloud of {points} points", [best(scan, part, points, rng) for part in parts], peer)
    for side in SIDES:
        peer = [best(depth_buffer, part, drawn(part, side), side) for part in parts]
        row(f"view of {side} x {side}", [best(sensor.look, part, side, rng, part) for part in parts], peer)
    data = Synthetic(
        None, SyntheticConfig(points=2_000_000, categories=("mug",), train=0, good=0, defective=1)
    )
    ref = data.refs("mug", Split.TEST)[0]
    made = seconds(lambda: data.make(ref), 1)
    unit = 1e9 if sys.platform == "darwin" else 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    with tempfile.TemporaryDirectory() as folder:
        list(prepare(data, Path(folder)))
        stored = Prepared(Path(folder), data.card, data.config)
        row("cloud of 2 M points, stored", [made], [best(stored.load, ref)])
    print(f"peak memory with 2 M points: {peak:.2f} GB")


if __name__ == "__main__":
    main()
