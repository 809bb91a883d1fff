"""CPU time of the metrics against other evaluators (`metric_peers.py`), on synthetic scores.

Run `python benchmarks/metrics.py`: 20 minutes; `--tiny` tries the script in seconds, and its ratios mean
nothing. Each part runs in a process of its own, and a time is the best of five of process time (of two if one
takes more than a minute), so only ratios within one run mean anything; the bootstrap has a bar of wall time.
Prints rows of a Markdown table.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from metric_peers import Region, anomalib, brute_force, btp, btp_regions, mvtec, sklearn_values
from numpy.typing import NDArray
from scipy import ndimage

from pc3dad.data.region_cache import RegionCache
from pc3dad.evaluation.evaluator import evaluate
from pc3dad.evaluation.population import Scored
from pc3dad.evaluation.settings import Bootstrap
from pc3dad.metrics import METRICS, RankCounter, count_ranks
from pc3dad.metrics.base import LIMITS
from pc3dad.metrics.compat import btp_2026_05, mvtec3d_official
from pc3dad.metrics.regions import cloud_regions, mask_regions, stack_regions
from pc3dad.types import BoolArray, Float32Array, Int32Array, PointCloud, Prediction, Truth

CHUNK = 1 << 22  # scores read at a time in two-pass mode
SLOW, SLOW_TURNS = 60.0, 2  # what takes longer than so many seconds runs fewer times
SAME = 1e-12  # largest difference of two exact values


@dataclass(frozen=True)
class Size:
    """How much is measured: scores; maps and their side; clouds and points; categories, samples, points."""

    scores: int = 50_000_000
    maps: tuple[int, int] = (100, 800)
    clouds: tuple[int, int] = (50, 100_000)
    categories: tuple[int, int, int] = (12, 40, 100_000)
    replicates: int = 1000


Part = Callable[[Size, Path], Iterator["Row"]]
TINY = Size(scores=200_000, maps=(5, 64), clouds=(4, 5000), categories=(2, 6, 2000), replicates=50)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    ours: str
    peer: str = ""
    ratio: str = ""
    bar: str = ""
    met: bool = True

    def __str__(self) -> str:
        met = "" if not self.bar else "met" if self.met else "**missed**"
        return f"| {self.what} | {self.ours} | {self.peer} | {self.ratio} | {self.bar} | {met} |"


@dataclass(frozen=True)
class Timed:
    """The best of several times in seconds."""

    best: float
    repeats: int

    def __str__(self) -> str:
        fewer = "" if self.repeats == 5 else f" (best of {self.repeats})"
        return f"{self.best:.1f} s{fewer}" if self.best >= 10 else f"{self.best:.3f} s{fewer}"


def race(*actions: Callable[[], object]) -> list[Timed]:
    """Times of all, run in turns: the machine may be slower at times, for all of them."""
    times: list[list[float]] = [[] for _ in actions]
    for turn in range(5):
        for action, taken in zip(actions, times, strict=True):
            if turn < SLOW_TURNS or taken[0] < SLOW:
                start = time.process_time()
                action()
                taken.append(time.process_time() - start)
    return [Timed(min(taken), len(taken)) for taken in times]


def at_most(what: str, ours: Timed, peer: Timed, name: str, bar: float) -> Row:
    ratio = ours.best / peer.best
    return Row(
        what, str(ours), f"{name}: {peer}", f"{ratio:.2f} x its time", f"at most {bar:g}", ratio <= bar
    )


def faster(what: str, ours: Timed, peer: Timed, name: str, bar: float | None = None) -> Row:
    ratio = peer.best / ours.best
    wanted = f"at least {bar:g}" if bar else ""
    return Row(what, str(ours), f"{name}: {peer}", f"{ratio:.1f} x faster", wanted, ratio >= (bar or 0))


def equal(what: str, difference: float, name: str) -> Row:
    return Row(what, "", name, f"differs by {difference:.1e}", f"at most {SAME:g}", difference <= SAME)


def peak_megabytes() -> float:
    """Largest memory of this process so far."""
    return (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    )


# Scores and labels


def scored_points(count: int) -> tuple[Float32Array, BoolArray]:
    """Scores of which 1 % are anomalous and tend to be higher."""
    rng = np.random.default_rng(0)
    labels = rng.random(count, dtype=np.float32) < 0.01
    return raised(rng.standard_normal(count, dtype=np.float32), labels), labels


def raised(scores: Float32Array, labels: BoolArray) -> Float32Array:
    """The scores, those of anomalous members 1.5 higher."""
    return scores + labels.astype(np.float32) * np.float32(1.5)


def exact(scores: Float32Array, labels: BoolArray) -> tuple[float, float, float]:
    counts = count_ranks(scores, labels)
    return float(counts.auroc()), float(counts.average_precision()), float(counts.f1_max())


def chunks(folder: Path) -> Iterator[tuple[Float32Array, BoolArray]]:
    with (folder / "scores").open("rb") as scores, (folder / "labels").open("rb") as labels:
        while len(chunk := np.fromfile(scores, np.float32, CHUNK)):
            yield chunk, np.fromfile(labels, np.bool_, CHUNK)


def two_pass(folder: Path) -> tuple[float, float, float]:
    counter = RankCounter(np.concatenate([scores[labels] for scores, labels in chunks(folder)]))
    for scores, _ in chunks(folder):
        counter.add(scores)
    counts = counter.counts()
    return float(counts.auroc()), float(counts.average_precision()), float(counts.f1_max())


def scores(size: Size, folder: Path) -> Iterator[Row]:
    values, labels = scored_points(size.scores)
    values.tofile(folder / "scores")
    labels.tofile(folder / "labels")
    peer = f"scikit-learn {version('scikit-learn')}, its three functions"
    sort, ours = race(partial(np.sort, values), partial(exact, values, labels))
    (theirs,) = race(partial(sklearn_values, values, labels))
    what = f"AUROC, AP and F1max of {size.scores:,} scores, exact"
    yield at_most(what, ours, sort, f"`np.sort` of NumPy {np.__version__}", 2.5)
    yield faster("the same", ours, theirs, peer, 60)
    yield equal("the same", gap(exact(values, labels), sklearn_values(values, labels)), peer)


def scores_twice(size: Size, folder: Path) -> Iterator[Row]:
    """The same scores from files, in a process that never held them: its peak memory tells."""
    before = peak_megabytes()
    found = two_pass(folder)
    grown = peak_megabytes() - before
    values, labels = scored_points(size.scores)
    ours, peer = race(partial(two_pass, folder), partial(exact, values, labels))
    what = f"AUROC, AP and F1max of {size.scores:,} scores, two passes over files"
    yield at_most(what, ours, peer, "exact, from memory", 2)
    yield Row("the same, peak memory beyond imports", f"{grown:.0f} MB", "", "", "under 100 MB", grown < 100)
    yield equal("the same", gap(found, exact(values, labels)), "exact")


def gap(ours: Iterable[float], other: Iterable[float]) -> float:
    return max(abs(a - b) for a, b in zip(ours, other, strict=True))


# Maps


def scored_maps(count: int, side: int, *, ties: bool = False) -> tuple[Float32Array, BoolArray]:
    """Smooth maps with noise, (count, side, side); 60 % show one to four elliptic defects."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:side, :side].astype(np.float32) / side
    maps = np.empty((count, side, side), dtype=np.float32)
    masks = np.zeros((count, side, side), dtype=np.bool_)
    for number in range(count):
        coarse = rng.standard_normal((16, 16), dtype=np.float32)
        maps[number] = ndimage.zoom(coarse, side / 16, order=1)
        for _ in range(rng.integers(1, 5) if number % 5 < 3 else 0):
            row, column = rng.uniform(0.1, 0.9, 2)
            height, width = rng.uniform(0.015, 0.06, 2)
            masks[number] |= ((rows - row) / height) ** 2 + ((columns - column) / width) ** 2 <= 1
        maps[number] += 1.5 * masks[number] + 0.3 * rng.standard_normal((side, side), dtype=np.float32)
    return (np.round(maps, 1) if ties else maps), masks


def map_regions(masks: BoolArray) -> NDArray[np.int64]:
    return stack_regions([mask_regions(mask)[mask] for mask in masks])


def aupro_of_maps(scores: Float32Array, masks: BoolArray) -> list[float]:
    counter = RankCounter(scores[masks], map_regions(masks))
    counter.add(scores.ravel())
    counts = counter.counts()
    return [float(counts.aupro(limit)) for limit in LIMITS]


def maps(size: Size, _folder: Path) -> Iterator[Row]:
    import torch

    scores, masks = scored_maps(*size.maps)
    ours, official = race(partial(aupro_of_maps, scores, masks), partial(mvtec, scores, masks, LIMITS))
    # Apart: their gigabytes of memory make the next one slower.
    once, often = race(partial(anomalib, scores, masks, LIMITS[:1]), partial(anomalib, scores, masks, LIMITS))
    what = f"AU-PRO at 5 limits, {size.maps[0]} maps of {size.maps[1]} x {size.maps[1]}, labelling included"
    yield faster(what, ours, official, "MVTec 3D-AD's evaluation, 100 quantiles, restated", 1.5)
    package = f"anomalib 2.3 to 2.7, restated, PyTorch {torch.__version__}"
    yield faster("the same", ours, often, f"{package}, one metric per limit", 30)
    yield faster("the same", ours, once, f"{package}, one limit only")
    few, marked = scored_maps(5, 48, ties=True)
    found = np.full(few.shape, -1)
    found[marked] = map_regions(marked)
    flat = few.ravel(), marked.ravel(), found.ravel()
    difference = gap(aupro_of_maps(few, marked), brute_force(*flat, LIMITS))
    yield equal("AU-PRO at 5 limits, 5 maps of 48 x 48 with ties", difference, "brute force")
    column = [mvtec3d_official(*flat, limit=limit) for limit in LIMITS]
    yield equal("check of the peer: MVTec restated", gap(mvtec(few, marked, LIMITS), column), "`compat`")


# Clouds


@dataclass(frozen=True)
class Cloud:
    """A scored cloud."""

    points: Float32Array
    scores: Float32Array
    labels: BoolArray


def scored_cloud(rng: np.random.Generator, count: int) -> Cloud:
    """A wavy ball in no order; one to three round defects cover about 1 % of it."""
    direction = rng.standard_normal((count, 3), dtype=np.float32)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    height = np.sin(8 * direction[:, :1]) + 0.01 * rng.standard_normal((count, 1), dtype=np.float32)
    labels = np.zeros(count, dtype=np.bool_)
    n_defects = rng.integers(1, 4)
    for _ in range(n_defects):
        centre = direction[rng.integers(count)]
        labels |= direction @ centre > 1 - 0.02 / n_defects  # this cap has 1 % / n_defects of the sphere
    scores = raised(rng.standard_normal(count, dtype=np.float32), labels)
    return Cloud(((50 + 2 * height) * direction).astype(np.float32), scores, labels)


def aupro_of_clouds(clouds: list[Cloud], regions: list[Int32Array]) -> list[float]:
    labels = [cloud.labels for cloud in clouds]
    scores = np.concatenate([cloud.scores for cloud in clouds])
    inside = [found[label] for found, label in zip(regions, labels, strict=True)]
    counter = RankCounter(scores[np.concatenate(labels)], stack_regions(inside))
    counter.add(scores)
    counts = counter.counts()
    return [float(counts.aupro(limit)) for limit in LIMITS]


def find_and_score(clouds: list[Cloud]) -> list[float]:
    return aupro_of_clouds(clouds, [cloud_regions(cloud.points, cloud.labels) for cloud in clouds])


def read_and_score(clouds: list[Cloud], cache: RegionCache) -> list[float]:
    scans = [PointCloud(cloud.points) for cloud in clouds]
    found = [cache.regions(scan, cloud.labels) for scan, cloud in zip(scans, clouds, strict=True)]
    return aupro_of_clouds(clouds, found)


def btp_of_clouds(clouds: list[Cloud], regions: list[list[Region]] | None = None) -> list[float]:
    found = regions or [btp_regions(cloud.points, cloud.labels) for cloud in clouds]
    return btp([cloud.scores for cloud in clouds], [cloud.labels for cloud in clouds], found, LIMITS)


def clouds(size: Size, folder: Path) -> Iterator[Row]:
    rng = np.random.default_rng(2)
    scored = [scored_cloud(rng, size.clouds[1]) for _ in range(size.clouds[0])]
    regions = [cloud_regions(cloud.points, cloud.labels) for cloud in scored]
    theirs = [btp_regions(cloud.points, cloud.labels) for cloud in scored]
    cache = RegionCache(folder / "regions")
    read_and_score(scored, cache)
    known, read, found, whole, rest = race(
        partial(aupro_of_clouds, scored, regions),
        partial(read_and_score, scored, cache),
        partial(find_and_score, scored),
        partial(btp_of_clouds, scored),
        partial(btp_of_clouds, scored, theirs),
    )
    what = f"AU-PRO at 5 limits, {size.clouds[0]} clouds of {size.clouds[1]:,} points"
    peer = "BTP's evaluation of May 2026, restated, 200 thresholds"
    yield faster(f"{what}, regions at hand", known, whole, peer, 15)
    yield faster("the same, regions read from the cache", read, whole, peer)
    yield faster("the same, regions at hand", known, rest, f"{peer}, its regions at hand too")
    yield faster("the same, regions computed", found, whole, peer, 1)
    values, labels = (np.concatenate([getattr(c, name) for c in scored[:2]]) for name in ("scores", "labels"))
    joined = np.full(len(values), -1)
    for start, groups in zip((0, len(scored[0].labels)), theirs, strict=False):
        for group in groups:
            joined[start + group] = start + group[0]
    column = [btp_2026_05(values, labels, joined, limit=limit) for limit in LIMITS]
    yield equal(
        "check of the peer: BTP restated", gap(btp_of_clouds(scored[:2], theirs[:2]), column), "`compat`"
    )


# Bootstrap


def scored_category(seed: int, samples: int, count: int) -> list[Scored]:
    """Half of the samples have three regions that hold 1 % of their points."""
    rng = np.random.default_rng(seed)
    marked = count // 100
    made = []
    for number in range(samples):
        regions = np.full(count, -1, dtype=np.int32)
        if number % 2:
            regions[:marked] = np.arange(marked) * 3 // marked
        labels = regions >= 0
        scores = raised(rng.standard_normal(count, dtype=np.float32), labels)
        truth = Truth(f"sample{number}", anomalous=bool(number % 2), points=labels, regions=regions)
        prediction = Prediction(truth.sample_id, float(scores.max()), scores)
        made.append(Scored(prediction, truth, np.ones(count, dtype=np.bool_)))
    return made


def bootstrap(size: Size, _folder: Path) -> Iterator[Row]:
    categories, samples, count = size.categories
    metrics = [spec for spec in METRICS.values() if spec.level == "point"]
    settings = Bootstrap(replicates=size.replicates)
    made = wall = cpu = 0.0
    before = peak_megabytes()
    for number in range(categories):
        start = time.perf_counter()
        scored = scored_category(number, samples, count)
        middle, used = time.perf_counter(), time.process_time()
        evaluate(scored, metrics, bootstrap=settings, category=str(number))
        made, wall = made + middle - start, wall + time.perf_counter() - middle
        cpu += time.process_time() - used
    grown = peak_megabytes() - before
    points = f"{categories} categories of {samples} x {count:,} points"
    what = f"{size.replicates} replicates of {len(metrics)} point metrics, {points}"
    yield Row(f"{what}: wall time", f"{wall:.1f} s", "", "", "under 60 s", wall < 60)
    yield Row("the same, CPU time", f"{cpu:.1f} s")
    yield Row("the same, making the scores, not included", f"{made:.1f} s")
    yield Row("the same, peak memory beyond imports, one category in memory", f"{grown:.0f} MB")


def run(part: Part, size: Size, folder: Path) -> None:
    for row in part(size, folder):
        print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; all by default")
    parser.add_argument("--tiny", action="store_true", help="try the script")
    options = parser.parse_args()
    size = TINY if options.tiny else Size()
    print("| what | ours | peer | ratio | bar | |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for part in (part for name in options.parts or PARTS for part in PARTS[name]):
            # This process stays small: Linux counts the memory of a parent as that of the children it starts.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                pool.submit(run, part, size, Path(folder)).result()


PARTS: dict[str, tuple[Part, ...]] = {
    "scores": (scores, scores_twice),
    "maps": (maps,),
    "clouds": (clouds,),
    "bootstrap": (bootstrap,),
}

if __name__ == "__main__":
    main()
