"""Draws docs/figures/embedded: two shapes of every family of `tiny`, and the kinds kept for its test.

python scripts/embedded_gallery.py [FOLDER]
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from manifold3d import Manifold
from PIL import Image, ImageDraw

from pc3dad.data.synthetic.scan import Scan, scan
from pc3dad.data.synthetic.specimen import Kind, make_specimen
from pc3dad.encoders.embedded.families import TEST, TRAINING, VALIDATION
from pc3dad.encoders.embedded.unseen_kinds import UNSEEN_KINDS
from pc3dad.render.config import RenderConfig
from pc3dad.render.renderer import render
from pc3dad.seeding import generator
from pc3dad.types import PointCloud

POINTS, SIDE, CAPTION = 60_000, 100, 13
VIEWS = tuple((axis, float(angle)) for axis in "xy" for angle in range(-160, 181, 20))
ABOVE = ("x", 40.0)
RED = np.array([0.9, 0.05, 0.05])
KIND_FAMILIES = ("rounded_box", "channel", "vase")
SHARE = 0.01  # of the surface, so that one sees it in a small picture
Family = Callable[[np.random.Generator], Manifold]


def measured(maker: Family, name: str, seed: int, kind: Kind | None = None) -> Scan:
    """A scan of one shape, with a defect if there is a kind."""
    rng = generator(seed, "embedded gallery", name)
    specimen = make_specimen(maker(rng), kind or "", int(kind is not None), rng, smallest=SHARE)
    return scan(specimen, POINTS if kind is None else 4 * POINTS, rng)


def picture(made: Scan, *, side: int = SIDE, marked: bool = False) -> Image.Image:
    """The shape obliquely from above, or where its defect shows best; `marked`: the label in red."""
    upright = [made.exact[:, 0], made.exact[:, 2], -made.exact[:, 1]]  # z up becomes y up
    facing = [made.normals[:, 0], made.normals[:, 2], -made.normals[:, 1]]
    xyz, normals = (np.stack(axes, axis=1).astype(np.float32) for axes in (upright, facing))
    labelled = made.regions >= 0
    rgb = np.where((labelled & marked)[:, None], RED, made.rgb).astype(np.float32)
    chosen = VIEWS if labelled.any() else (ABOVE,)
    views = render(
        PointCloud(xyz, normals=normals, rgb=rgb), RenderConfig(views=chosen, size=2 * side), coloured=True
    )
    best = int(np.argmax((views.visible.numpy() & labelled).sum(axis=1)))
    assert views.rgb is not None
    return Image.fromarray(views.rgb[best].numpy()).resize((side, side), Image.Resampling.LANCZOS)


def sheet(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int, path: Path) -> None:
    """Writes pictures in rows, a caption below each."""
    side = pictures[0].width
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * side, rows * (side + CAPTION)), "white")
    draw = ImageDraw.Draw(page)
    for index, (image, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = index % columns * side, index // columns * (side + CAPTION)
        page.paste(image, (x, y))
        draw.text((x + side // 2, y + side), caption, fill="black", anchor="ma")
    page.quantize(64).save(path, optimize=True)


def main(folder: Path) -> None:
    """Draws the sheets into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(TRAINING)
    half = len(names) // 2
    for stem, part in (("training_1", names[:half]), ("training_2", names[half:])):
        pictures = [picture(measured(TRAINING[name], name, seed)) for name in part for seed in (1, 2)]
        sheet(pictures, [name for name in part for _ in (1, 2)], 10, folder / f"{stem}.png")
    pictures, captions = [], []
    for kind in UNSEEN_KINDS.values():
        for family in KIND_FAMILIES:
            made = measured(TRAINING[family], family, 3, kind)
            pictures += [picture(made, side=2 * SIDE), picture(made, side=2 * SIDE, marked=True)]
            captions += [kind.name, "label"]
    sheet(pictures, captions, 6, folder / "unseen_kinds.png")
    kept = {**VALIDATION, **TEST}
    pictures = [picture(measured(kept[name], name, seed)) for name in kept for seed in (1, 2)]
    sheet(pictures, [name for name in kept for _ in (1, 2)], 8, folder / "held_out.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/figures/embedded"))
