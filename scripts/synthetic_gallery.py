"""Draws docs/figures/synthetic: all categories, all kinds of defects with their labels in red, sensor views.

python scripts/synthetic_gallery.py [FOLDER]
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.data.synthetic.parts import PARTS
from pc3dad.data.synthetic.scan import Scan, scan
from pc3dad.data.synthetic.specimen import KINDS, make_specimen
from pc3dad.render.config import RenderConfig
from pc3dad.render.renderer import render
from pc3dad.seeding import generator
from pc3dad.types import PointCloud, Split

POINTS, SIDE, CAPTION = 150_000, 200, 16
VIEWS = tuple((axis, float(angle)) for axis in "xy" for angle in range(-160, 181, 20))
FROM_ABOVE = VIEWS.index(("x", 40.0))
RED = np.array([0.9, 0.05, 0.05])
KIND_PARTS = {
    "bend": "bracket",
    "bulge": "bottle",
    "contamination": "gear",
    "crack": "mug",
    "cut_off": "flange",
    "dent": "elbow",
    "hole": "wheel",
    "scratch": "blade",
    "stain": "connector",
}
SHARE = 0.01  # of the surface, so that one sees it in a small picture


def measured(category: str, kind: str, seed: int) -> Scan:
    """A scan of one part, with one defect unless the kind is empty."""
    rng = generator(seed, "gallery", category, kind)
    specimen = make_specimen(
        PARTS[category](rng),
        kind,
        int(bool(kind)),
        rng,
        smallest=min(SHARE, KINDS[kind].largest / 4) if kind else 0,
    )
    return scan(specimen, POINTS, rng)


def picture(made: Scan, *, marked: bool) -> Image.Image:
    """The part from where its defect shows best, or obliquely from above."""
    upright = [made.exact[:, 0], made.exact[:, 2], -made.exact[:, 1]]  # z up becomes y up
    facing = [made.normals[:, 0], made.normals[:, 2], -made.normals[:, 1]]
    labelled = made.regions >= 0
    rgb = np.where((labelled & marked)[:, None], RED, made.rgb)
    xyz, normals = (np.stack(axes, axis=1).astype(np.float32) for axes in (upright, facing))
    cloud = PointCloud(xyz, normals=normals, rgb=rgb.astype(np.float32))
    views = render(cloud, RenderConfig(views=VIEWS, size=2 * SIDE, keep_inside=True), coloured=True)
    shown = (views.visible.numpy() & labelled).sum(axis=1)
    best = int(np.argmax(shown)) if labelled.any() else FROM_ABOVE
    assert views.rgb is not None
    image = Image.fromarray(views.rgb[best].numpy())
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def sheet(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int, path: Path) -> None:
    """Writes pictures in rows, a caption below each."""
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * SIDE, rows * (SIDE + CAPTION)), "white")
    draw = ImageDraw.Draw(page)
    for index, (image, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = index % columns * SIDE, index // columns * (SIDE + CAPTION)
        page.paste(image, (x, y))
        draw.text((x + SIDE // 2, y + SIDE), caption, fill="black", anchor="ma")
    page.quantize(192).save(path, optimize=True)


def main(folder: Path) -> None:
    """Draws the three sheets into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    intact = [picture(measured(category, "", seed), marked=False) for category in PARTS for seed in (1, 2)]
    sheet(intact, [category for category in PARTS for _ in (1, 2)], 7, folder / "categories.png")
    pictures, captions = [], []
    for kind in KINDS:
        made = measured(KIND_PARTS[kind], kind, 5)
        pictures += [picture(made, marked=False), picture(made, marked=True)]
        captions += [kind, "label"]
    sheet(pictures, captions, 6, folder / "defects.png")
    data = Synthetic(None, SyntheticConfig(form="sensor", side=SIDE))
    samples = [data.load(data.refs(category, Split.TEST)[0]) for category in data.categories()]
    photographs = [Image.fromarray(sample.image) for sample in samples if sample.image is not None]
    sheet(photographs, list(data.categories()), 7, folder / "sensor.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/figures/synthetic"))
