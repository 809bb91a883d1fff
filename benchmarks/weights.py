"""Time and memory of importing, finding and verifying weights of full size, and of keeping features.

Run `python benchmarks/weights.py`: two minutes, 8 GB of disk. Files have the published names and shapes and
random values; the half of bigG that is not read is one number repeated, so that its file is small. Each
command is a process of its own; times are its CPU seconds after the imports, peak memory includes files.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from timing import seconds

from pc3dad.context import RunContext
from pc3dad.encoders.cache import FeatureCache
from pc3dad.encoders.convert import import_file
from pc3dad.types import PointCloud, Sample
from pc3dad.weights import cards, store
from pc3dad.weights.layouts import layout_of

Action = Callable[[str, Path], None]

SLUGS = ("pointnet2_sem_seg", "clip_vit_b_32", "clip_vit_l_14_336", "clip_vit_bigg_14_text")
NOT_READ = 1_844_900_000  # parameters of the picture half of bigG


def write(slug: str, path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    state = {
        name: torch.zeros(shape, dtype=torch.int64)
        if name.endswith("tracked")
        else torch.rand(shape, generator=generator)
        for name, shape in layout_of(slug).shapes.items()
    }
    if "bigg" in slug:
        state["visual.all"] = torch.zeros(1).expand(NOT_READ)
    torch.save(state, path)


def importing(slug: str, path: Path) -> None:
    import_file(cards.get(slug), path)


def finding(slug: str, _path: Path) -> None:
    store.locate(cards.get(slug))


def measured(action: Action, slug: str, path: Path) -> tuple[float, float]:
    spent = seconds(lambda: action(slug, path), 1)
    return spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1e9 if sys.platform == "darwin" else 1e6
    )


def in_process(action: Action, slug: str, path: Path) -> tuple[float, float]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measured, action, slug, path).result()


def weights(folder: Path, slugs: Sequence[str]) -> None:
    for slug in slugs:
        path = folder / "file.bin"
        in_process(write, slug, path)
        size = path.stat().st_size / 1e9
        for action in (importing, finding):
            spent, peak = in_process(action, slug, path)
            print(f"{slug:24} {action.__name__:10} {size:5.2f} GB  {spent:6.2f} s  peak {peak:5.2f} GB")
        path.unlink()
        (store.own_folder(cards.get(slug)) / "model.safetensors").unlink()


def features() -> None:
    """Nine views in four layers of ViT-L/14@336."""
    cloud = PointCloud(np.random.default_rng(0).random((200_000, 3)))
    sample = Sample("part", "part", cloud)
    tokens = torch.rand(4, 9, 577, 768, generator=torch.Generator().manual_seed(0))
    for kept_as in ("float16", "float32"):
        cache = FeatureCache(RunContext(), kept_as=kept_as)
        spent: dict[str, list[float]] = {"key": [], "miss": [], "hit": []}
        for turn in range(5):
            name = partial(cache.key, sample, weights="ab", encoder={"turn": turn})
            features = partial(cache.get, name(), lambda: {"tokens": tokens})
            for step, action in (("key", name), ("miss", features), ("hit", features)):
                spent[step].append(seconds(action, 1))
        words = ", ".join(f"{name} {1000 * min(values):.0f} ms" for name, values in spent.items())
        print(f"features as {kept_as}: {words}", flush=True)


if __name__ == "__main__":
    slugs = sys.argv[1:] or SLUGS
    with tempfile.TemporaryDirectory() as home:
        os.environ["PC3DAD_HOME"] = home
        if slugs == SLUGS:
            features()
        weights(Path(home), slugs)
