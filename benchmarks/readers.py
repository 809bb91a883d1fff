"""CPU time of the readers against a raw read of the same bytes, and against other libraries.

Run `python benchmarks/readers.py`; peers (`pip install pc3dad[benchmarks]`) that are missing are left out. A
time is the best of five of process time, so only ratios within one run mean anything. The bars: binary PCD
and PLY within 3 times a raw read; ascii clouds at least 2 times faster than Open3D; label tables at least 10
times faster than `numpy.genfromtxt`.
"""

import tempfile
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from timing import seconds

from pc3dad.io.clouds import read_cloud
from pc3dad.io.ply import write_ply
from pc3dad.io.text import read_label_table
from pc3dad.types import PointCloud

BINARY_POINTS = 1_000_000
TEXT_POINTS = 300_000


def peer(name: str) -> Any:
    try:
        return import_module(name)
    except (ImportError, OSError) as error:
        print(f"{name} left out: {error}")
        return None


def plyfile_xyz(plyfile: Any, path: Path) -> object:
    vertex = plyfile.PlyData.read(path)["vertex"]
    return np.stack([vertex[name] for name in "xyz"], axis=1)


def pcd_header(n_points: int, encoding: str) -> bytes:
    return (
        "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\n"
        f"WIDTH {n_points}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {n_points}\nDATA {encoding}\n"
    ).encode()


def row(what: str, ours: float, other: float, *, name: str, bar: str) -> None:
    ratio = f"{ours / other:.2f} x its time" if name == "raw read" else f"{other / ours:.2f} x faster"
    print(f"{what:28} {ours * 1e3:8.1f} ms   {name:24} {other * 1e3:8.1f} ms   {ratio:16} {bar}")


def binary(folder: Path, open3d: Any, plyfile: Any) -> None:
    xyz = np.random.default_rng(0).normal(size=(BINARY_POINTS, 3)).astype(np.float32)
    normals = xyz / np.linalg.norm(xyz, axis=1, keepdims=True)
    pcd, ply, full = folder / "binary.pcd", folder / "binary.ply", folder / "normals_rgb.ply"
    pcd.write_bytes(pcd_header(BINARY_POINTS, "binary") + xyz.tobytes())
    write_ply(ply, PointCloud(xyz))
    write_ply(full, PointCloud(xyz, normals=normals, rgb=np.abs(normals)))
    for path, bar in ((pcd, "bar 3"), (ply, "bar 3"), (full, "")):
        raw = seconds(partial(np.fromfile, path, np.uint8))
        ours = seconds(partial(read_cloud, path))
        row(path.name, ours, raw, name="raw read", bar=bar)
        if open3d:
            other = seconds(partial(open3d.io.read_point_cloud, str(path)))
            row(path.name, ours, other, name=f"open3d {open3d.__version__}", bar="")
        if plyfile and path.suffix == ".ply":
            other = seconds(partial(plyfile_xyz, plyfile, path))
            row(path.name, ours, other, name=f"plyfile {version('plyfile')}", bar="")


def text(folder: Path, open3d: Any) -> None:
    xyz = np.random.default_rng(0).normal(size=(TEXT_POINTS, 3))
    lines = "".join("{:.6f} {:.6f} {:.6f}\n".format(*point) for point in xyz.tolist()).encode()
    pcd, plain, labels = folder / "ascii.pcd", folder / "ascii.xyz", folder / "labels.txt"
    uneven = folder / "labels_uneven.txt"  # another number of decimals in each row: NumPy reads it
    pcd.write_bytes(pcd_header(TEXT_POINTS, "ascii") + lines)
    plain.write_bytes(lines)
    labels.write_bytes(lines.replace(b"\n", b" 0\n"))
    for path in (pcd, plain):
        ours = seconds(partial(read_cloud, path))
        if open3d:
            other = seconds(partial(open3d.io.read_point_cloud, str(path)))
            row(path.name, ours, other, name=f"open3d {open3d.__version__}", bar="bar 2")
    uneven.write_bytes("".join("{:.7g} {:.7g} {:.7g} 0\n".format(*point) for point in xyz.tolist()).encode())
    genfromtxt = f"numpy {np.__version__} genfromtxt"
    other = seconds(partial(np.genfromtxt, pcd, skip_header=10), repeats=3)
    row(pcd.name, seconds(partial(read_cloud, pcd)), other, name=genfromtxt, bar="bar 10")
    for path, bar in ((labels, "bar 10"), (uneven, "")):
        other = seconds(partial(np.genfromtxt, path), repeats=3)
        row(path.name, seconds(partial(read_label_table, path)), other, name=genfromtxt, bar=bar)


def main() -> None:
    open3d, plyfile = peer("open3d"), peer("plyfile")
    with tempfile.TemporaryDirectory() as folder:
        binary(Path(folder), open3d, plyfile)
        text(Path(folder), open3d)


if __name__ == "__main__":
    main()
