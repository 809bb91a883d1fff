"""A store of pairs on disk, written once by all cores and read by the training of both towers.

A shard holds the pairs of a few dozen numbers. What a pair is depends on its number and the seed alone, so
any number of processes writes the same bytes, and a pool that was stopped goes on where it ended.
"""

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from pc3dad import seeding
from pc3dad.context import Progress, silent
from pc3dad.data.synthetic.samples import STAIN
from pc3dad.encoders.embedded.items import MODALITIES, VIEWS, Maker, Pair, make_pair
from pc3dad.errors import DataError, WeightsError

SHARD = 32  # pairs
COLOUR = MODALITIES.index("colour")


@dataclass(frozen=True, slots=True)
class Content:
    """What a pool is made of.

    Attributes:
        families: names to makers of shapes.
        kinds: names of kinds of defects to what makes them.
        pairs: how many.
        seed: of all of them.
    """

    families: Mapping[str, Maker]
    kinds: Mapping[str, Any]
    pairs: int
    seed: int

    def chosen(self, number: int) -> tuple[str, str]:
        """Family and kind of a pair: families and kinds take turns, so that each meets each."""
        families, kinds = list(self.families), list(self.kinds)
        turn, place = divmod(number, len(families))
        order = seeding.generator(self.seed, "families", str(turn)).permutation(len(families))
        kind = kinds[(place + turn) % len(kinds)]
        return families[order[place]], kind

    def make(self, number: int) -> Pair | None:
        """The pair of that number, or None if its shapes had no place for its defect."""
        family, kind = self.chosen(number)
        try:
            return make_pair(family, self.families[family], kind, self.kinds[kind], number, seed=self.seed)
        except DataError:
            return None


def write_pool(folder: Path, content: Content, *, workers: int = 1, progress: Progress = silent) -> None:
    """Writes the shards that are missing, each in one piece."""
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, content.pairs, SHARD)
    missing = [start for start in starts if not _path(folder, start).exists()]
    write = partial(_write_shard, folder, content)
    done = len(starts) - len(missing)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as processes:
        for written in as_completed([processes.submit(write, start) for start in missing]):
            written.result()
            done += 1
            progress("pairs", min(done * SHARD, content.pairs), content.pairs)


def read_pool(folder: Path, content: Content, names: Sequence[str]) -> Iterator[dict[str, NDArray[Any]]]:
    """The arrays of each shard.

    Args:
        folder: of the pool.
        content: of the pool.
        names: of the arrays, see `pack`.

    Raises:
        WeightsError: a shard is missing.
    """
    for start in range(0, content.pairs, SHARD):
        path = _path(folder, start)
        if not path.exists():
            raise WeightsError(f"{path} is missing", hint="make the pool first")
        arrays = load_file(path)
        yield {name: arrays[name] for name in names}


def pack(pairs: Sequence[Pair], content: Content) -> dict[str, NDArray[Any]]:
    """The arrays of some pairs. P pairs, G views of one channel and C of three; a view is a pair of pictures.

    family, kind      (P,) int32, positions in the content
    xyz               (P, 2 of intact and defective, 2 of all around and one side, POINTS, 3) float32
    rgb, points       the same, uint8 and (..., POINTS) bool
    grey              (G, 2, SIZE, SIZE) uint8
    grey_pair         (G,) int32, position in P
    grey_modality     (G,) int32, position in MODALITIES
    grey_labelled     (G, GRID, GRID) uint8 of the defective picture
    grey_filled       (G, 2, GRID, GRID) uint8
    colour, ...       (C, 2, SIZE, SIZE, 3) and the others likewise
    """
    families, kinds = list(content.families), list(content.kinds)
    found: dict[str, list[Any]] = {name: [] for name in _VIEW_ARRAYS}
    for number, pair in enumerate(pairs):
        both = pair.pictures
        grey = [] if pair.kind == STAIN else ["shaded", "depth"]
        for view in range(VIEWS):
            for name in (*grey, "colour") if view == 0 or pair.kind == STAIN else grey:
                prefix = "colour" if name == "colour" else "grey"
                found[prefix].append(np.stack([getattr(one, name)[view] for one in both]))
                found[f"{prefix}_pair"].append(number)
                found[f"{prefix}_modality"].append(MODALITIES.index(name))
                found[f"{prefix}_labelled"].append(both[1].labelled[view])
                found[f"{prefix}_filled"].append(np.stack([one.filled[view] for one in both]))
    arrays = {name: np.array(values) for name, values in found.items() if values}
    for name in ("xyz", "rgb"):
        arrays[name] = np.stack([[getattr(one, name) for one in pair.clouds] for pair in pairs])
    arrays["points"] = np.stack([[one.labelled for one in pair.clouds] for pair in pairs])
    arrays["family"] = np.array([families.index(pair.family) for pair in pairs], np.int32)
    arrays["kind"] = np.array([kinds.index(pair.kind) for pair in pairs], np.int32)
    return arrays


_VIEW_ARRAYS = [
    prefix + suffix
    for prefix in ("grey", "colour")
    for suffix in ("", "_pair", "_modality", "_labelled", "_filled")
]


def _write_shard(folder: Path, content: Content, start: int) -> None:
    numbers = range(start, min(start + SHARD, content.pairs))
    pairs = [pair for pair in map(content.make, numbers) if pair is not None]
    path = _path(folder, start)
    temporary = path.with_suffix(".part")
    save_file(pack(pairs, content), temporary)
    temporary.rename(path)


def _path(folder: Path, start: int) -> Path:
    return folder / f"pairs_{start:07d}.safetensors"
