"""Draws the gallery of docs/renderer.md: `python scripts/render_gallery.py DATA`.

DATA is a folder with `meshes/trimesh_models` and `pcd_samples`, whose licences let pictures be passed on.
The same versions of NumPy, torch and Pillow give the same bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.geometry.sampling import sample_surface
from pc3dad.io.clouds import read_cloud
from pc3dad.io.meshes import read_obj
from pc3dad.render.config import RenderConfig
from pc3dad.render.renderer import render, view_masks
from pc3dad.types import BoolArray, PointCloud, Split, UInt8Array

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "figures" / "render"
TILE = 112  # pixels of a view in the gallery


def sheet(cloud: PointCloud, config: RenderConfig, labels: BoolArray | None = None) -> Image.Image:
    """Views side by side; below each other shaded, depth, and colours and mask where there are any."""
    views = render(cloud, config, coloured=cloud.rgb is not None)
    rows = [_grey(views.shaded.numpy()), _grey(views.depth.numpy())]
    if views.rgb is not None:
        rows.append(views.rgb.numpy())
    if labels is not None:
        rows.append(_grey(view_masks(views, labels).numpy().astype(np.uint8) * 255))
    whole = Image.fromarray(np.concatenate([np.concatenate(list(row), axis=1) for row in rows]))
    return whole.resize((TILE * len(views.shaded), TILE * len(rows)), Image.Resampling.LANCZOS)


def _grey(pictures: UInt8Array) -> UInt8Array:
    return np.repeat(pictures[..., None], 3, axis=-1)


def synthetic_part() -> Image.Image:
    """A part of the embedded data set with a defect, and its mask."""
    data = Synthetic(None, SyntheticConfig(points=60_000))
    category = data.categories()[0]
    ref = next(ref for ref in data.refs(category, Split.TEST) if data.truth(ref).anomalous)
    return sheet(data.load(ref).cloud, RenderConfig(views="x-sweep"), data.truth(ref).points)


def mesh(data: Path) -> Image.Image:
    """Points drawn from a mesh, with its normals."""
    scan = read_obj(data / "meshes" / "trimesh_models" / "fuze.obj")
    if scan.faces is None:
        raise SystemExit("fuze.obj has no faces")
    cloud = sample_surface(scan.cloud.xyz, scan.faces, n=100_000, rng=np.random.default_rng(0))
    return sheet(cloud, RenderConfig(views="x-sweep"))


def sensor_scan(data: Path) -> Image.Image:
    """One view of a depth camera, in its colours."""
    return sheet(read_cloud(data / "pcd_samples" / "mosd_test43.pcd"), RenderConfig(views="cross-turned"))


def main() -> None:
    """Draws all pictures."""
    parser = argparse.ArgumentParser(description="Draw the gallery of docs/renderer.md.")
    parser.add_argument("data", metavar="DATA", type=Path)
    data = parser.parse_args().data
    FOLDER.mkdir(parents=True, exist_ok=True)
    pictures = {"synthetic": synthetic_part(), "mesh": mesh(data), "sensor": sensor_scan(data)}
    for name, picture in pictures.items():
        path = FOLDER / f"{name}.png"
        picture.quantize(256).save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
