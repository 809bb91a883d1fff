"""Stand-ins for the data sets that are images of points; `pc3dad.testing.trees` is the public name."""

import io
import json
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from pc3dad import seeding
from pc3dad.data import manifests

EYECANDIES_SIZE = (512, 512)
EYECANDIES_KINDS = ("bumps", "dents", "colors", "normals")
# Defects of the defective samples in turn, as CandyCane has them.
EYECANDIES_CYCLE = (*((kind,) for kind in EYECANDIES_KINDS), EYECANDIES_KINDS)
EYECANDIES_POSE = "1 0 0 0\n0 0.70710678 -0.70710678 -2.1213\n0 0.70710678 0.70710678 2.2213\n0 0 0 1\n"
NEAREST, FARTHEST = 2.311064, 4.90309  # depth limits in metres
NOISE_LEVELS = 32  # makes PNG files about as large as the original ones
MVTEC_TINY = 20  # times smaller than the original in each direction


def eyecandies(root: Path, *, full_size: bool = False, categories: Iterable[str] | None = None) -> Path:
    """Writes `<Class>/<split>/data/<id>_<item>` below `root`, all categories or those named.

    Scans differ in their depth limits and masks. Photographs and normals are flat unless `full_size` is set,
    which makes files about as large as the original ones.

    Returns:
        `root`, which the loader takes.
    """
    inventory = manifests.read("eyecandies")
    images = _eyecandies_images(NOISE_LEVELS if full_size else 1)
    labels = {defects: _eyecandies_labels(defects) for defects in ((), *EYECANDIES_CYCLE)}
    for category in chosen(categories, inventory["categories"]):
        scans = count()
        for split, counts in inventory["per_category"].items():
            folder = root / category / split / "data"
            folder.mkdir(parents=True, exist_ok=True)
            width = 3 if split in ("train", "test_private") else 2
            for number in range(counts["good"] + counts["bad"]):
                bad = number - counts["good"]
                defects = EYECANDIES_CYCLE[bad % len(EYECANDIES_CYCLE)] if bad >= 0 else ()
                items = {**images, "info_depth.yaml": _eyecandies_limits(next(scans))}
                items |= labels[defects] if split != "test_private" else {}
                for item, content in items.items():
                    (folder / f"{number:0{width}}_{item}").write_bytes(content)
    return root


def mvtec3d_ad(
    root: Path, *, full_size: bool = False, seed: int = 0, categories: Iterable[str] | None = None
) -> Path:
    """Writes `<class>/{train,validation,test}/<type>/{xyz,rgb,gt}`, all categories or those named.

    Images are 20 times smaller in each direction unless `full_size` is set. Calibration, licence and readme
    files are left out.

    Returns:
        `root`, which the loader takes.
    """
    inventory = manifests.read("mvtec3d_ad")["categories"]
    for category in chosen(categories, inventory):
        facts = inventory[category]
        width, height = map(int, facts["image_width_x_height"].split("x"))
        size = (height, width) if full_size else (height // MVTEC_TINY, width // MVTEC_TINY)
        kinds = [kind for kind in facts["test"] if kind not in ("good", "combined")]
        levels = {kind: [255 - index] for index, kind in enumerate(kinds)}
        levels |= {"good": [], "combined": [255, 254]}
        counts = {("train", "good"): facts["train_good"], ("validation", "good"): facts["validation_good"]}
        counts |= {("test", kind): n_samples for kind, n_samples in facts["test"].items()}
        for (split, kind), n_samples in counts.items():
            for number in range(n_samples):
                rng = seeding.generator(seed, "mvtec3d_ad", category, split, kind, str(number))
                images = _mvtec_images(size, rng, levels[kind])
                for part in ("xyz", "rgb", "gt") if split == "test" else ("xyz", "rgb"):
                    folder = root / category / split / kind / part
                    folder.mkdir(parents=True, exist_ok=True)
                    _write_image(folder / f"{number:03}", images[part])
        ids = {str(levels[kind][0]): kind for kind in kinds}
        (root / category / "class_ids.json").write_text(json.dumps({**ids, "0": "good"}))
    return root


def chosen(wanted: Iterable[str] | None, known: Iterable[str]) -> list[str]:
    """Names that are wanted, or all that are known.

    Raises:
        ValueError: a name is not known, so that its tree would be empty.
    """
    names = list(known)
    if wanted is None:
        return names
    picked = list(wanted)
    if unknown := sorted(set(picked) - set(names)):
        raise ValueError(f"no category {', '.join(unknown)}")
    return picked


def _eyecandies_images(noise_levels: int) -> dict[str, bytes]:
    """What all samples share, encoded once: a sweet on a belt from above, photographs, normals, pose."""
    row, column = np.indices(EYECANDIES_SIZE) - 256.0
    height = 0.001 + 0.3 * np.sqrt(
        np.maximum(0, 1 - (row**2 + column**2) / 80**2)
    )  # metres above the world's 0
    depth = (2.2213 - height) / (0.70710678 * (1 + row / 711.11))  # the camera looks down at 45 degrees
    level = 65535 * (depth - NEAREST) / (FARTHEST - NEAREST)
    rng = seeding.generator(0, "eyecandies")
    photograph = rng.integers(100, 100 + noise_levels, (*EYECANDIES_SIZE, 3), dtype=np.uint8)
    items = {f"image_{light}.png": _png(photograph) for light in range(6)}
    return items | {
        "depth.png": _png(level.round().clip(0, 65535).astype(np.uint16)),
        "normals.png": _png(photograph),
        "pose.txt": EYECANDIES_POSE.encode(),
    }


def _eyecandies_limits(number: int) -> bytes:
    """Depth limits in metres, other ones for each sample: else all scans were copies of one."""
    return f"normalization:\n  max: {FARTHEST + 1e-6 * number:.6f}\n  min: {NEAREST}\n".encode()


def _eyecandies_labels(defects: tuple[str, ...]) -> dict[str, bytes]:
    """Metadata, masks and parameters of a sample with these defects."""
    row, column = np.indices(EYECANDIES_SIZE)
    masks = {}
    for index, kind in enumerate(EYECANDIES_KINDS):
        spot = np.hypot(row - 256, column - 220 - 24 * index) < 8
        masks[kind] = spot & (kind in defects)
    flags = {
        "anomalous": bool(defects),
        **{f"anomalous_{kind}": kind in defects for kind in EYECANDIES_KINDS},
    }
    lines = [f"{name}: {int(flag)}\n" for name, flag in flags.items()]
    items = {f"{kind}_mask.png": _png(255 * mask.astype(np.uint8)) for kind, mask in masks.items()}
    return items | {
        "mask.png": _png(255 * np.logical_or.reduce(list(masks.values())).astype(np.uint8)),
        "metadata.yaml": "".join(lines).encode(),
        "object_params.yaml": b"scene: {}\nobject: {}\n",
    }


def _mvtec_images(
    size: tuple[int, int], rng: np.random.Generator, levels: Iterable[int]
) -> Mapping[str, NDArray[Any]]:
    """A tilted support with a dome on it and missing points, a photograph, and a mask with these levels."""
    row, column = np.indices(size)
    y, x = (row / size[0] - 0.5) * 0.1, (column / size[1] - 0.5) * 0.1
    dome = np.sqrt(np.maximum(0.03**2 - x**2 - y**2, 0))
    z = 0.55 + 0.1 * x - dome + rng.normal(0, 1e-4, size)
    xyz = np.stack([x, y, z], axis=-1).astype(np.float32)
    xyz[rng.random(size) < 0.02] = 0
    mask = np.zeros(size, np.uint8)
    for index, level in enumerate(levels):
        left = size[1] // 2 + index * (size[1] // 10)
        mask[size[0] // 2 : size[0] // 2 + size[0] // 10, left : left + size[1] // 10] = level
    return {"xyz": xyz, "rgb": rng.integers(90, 120, (*size, 3), dtype=np.uint8), "gt": mask}


def _write_image(stem: Path, image: NDArray[Any]) -> None:
    """Coordinates as TIFF, everything else as PNG."""
    if image.dtype == np.float32:
        tifffile.imwrite(stem.with_suffix(".tiff"), image, photometric="rgb")
    else:
        stem.with_suffix(".png").write_bytes(_png(image))


def _png(image: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()
