"""Time and memory of btp with the embedded encoder: scores of large clouds, and an epoch of training.

Run `python benchmarks/btp.py` with two idle cores: two minutes. The bars hold for 1 million points on two
cores: 4 s and 1.5 GB of peak memory of the process, time linear in the number of points, sampling and
grouping at most half of it. The peer of scoring is a k-d tree of the same points asked for 16 neighbours of
each. The peer of training is the released loop, written from its description: every step encodes its clouds
and texts and describes its points anew, reads a point once for every patch that holds it, and maps every
layer by itself. Only ratios can be compared between machines. Weights of the learned part are drawn: they
change no time.
"""

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree
from timing import seconds
from torch import nn
from torch.nn import functional

from pc3dad.baselines.btp import encoded, losses, preprocess, scoring, training
from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.descriptors import HIDDEN, POINT_WIDTHS, WIDTH, targets
from pc3dad.baselines.btp.embedding import Embedding
from pc3dad.baselines.btp.encoded import Reader, encode
from pc3dad.baselines.btp.method import PARTS, STATES, Btp, to_all
from pc3dad.baselines.btp.parts import Parts
from pc3dad.baselines.btp.prompts import TEXTS, Prompts
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.encoders.named import load_image_text
from pc3dad.encoders.pointbert import TINY, PointBert
from pc3dad.encoders.text import TextTower
from pc3dad.geometry import fpfh
from pc3dad.methods import epochs
from pc3dad.types import Float32Array, PointCloud, Regime, Sample, Split

POINTS = (100_000, 300_000, 1_000_000)
BAR_SECONDS, BAR_GIGABYTES, BAR_SHARE = 4.0, 1.5, 0.5
LINEAR = 1.3  # by which time per point may grow from one size to the next
WORKERS = 2
REPEATS = 3
CATEGORY = "flange"


def scan(points: int) -> Float32Array:
    """A wavy ball of 100 mm, about as a scanner sees it: noisy, in no order."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(points, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    radius = 50 + 2 * np.sin(8 * direction[:, :1]) + 0.02 * rng.normal(size=(points, 1))
    return (radius * direction).astype(np.float32)


def wall(action: Callable[[], object]) -> float:
    """Wall seconds of an action, the best of several times."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - start)
    return best


def peak() -> float:
    """Peak memory of this process so far, GB."""
    return (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    )


def peer(points: int) -> float:
    """Seconds of the peer of scoring."""
    xyz = scan(points)
    return wall(lambda: cKDTree(xyz).query(xyz, k=16, workers=WORKERS))


def drawn() -> Btp:
    """The method with parts and texts that are drawn."""
    method = Btp(BtpConfig())
    parts = Parts(method.config, TINY, seed=0)
    texts = functional.normalize(torch.randn(2, TINY.embed_dim, generator=torch.Generator().manual_seed(0)))
    method.learn({**parts.state_dict(prefix=PARTS), STATES: texts})
    return method


def score(points: int) -> tuple[float, float, dict[str, float]]:
    """Seconds and peak gigabytes of scoring a cloud of a process of its own, and seconds of its steps."""
    method, ctx = drawn(), RunContext(workers=WORKERS, cache=False)
    method.score(Sample("small", "part", PointCloud(scan(5000))), ctx)  # loads and compiles
    sample = Sample("large", "part", PointCloud(scan(points)))
    whole = wall(lambda: method.score(sample, ctx))
    gigabytes = peak()
    config, encoder = method.config, Reader(method.config, ctx).encoder
    subset = preprocess.choose(sample, n=config.n_points)
    xyz = torch.from_numpy(subset.xyz)
    clouds = torch.cat([xyz, torch.full_like(xyz, config.grey)], dim=-1)[None]
    scores, valid = np.zeros(len(xyz), np.float32), sample.cloud.valid_xyz
    steps = {
        "sampling": wall(lambda: preprocess.choose(sample, n=config.n_points)),
        "grouping": wall(lambda: encoder.group(clouds)),
        "encoding, grouping included": wall(
            lambda: encode(encoder, xyz, layers=config.layers, grey=config.grey)
        ),
        "to all points": wall(lambda: to_all(valid, subset, scores, ctx)),
    }
    return whole, gigabytes, steps


def alone(action: Callable[..., Any], *given: Any) -> Any:
    """What an action gives in a process of its own: peak memory never falls."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(action, *given).result()


def scoring_rows(sizes: Sequence[int]) -> None:
    print(f"\nScoring. Bars at {max(POINTS)} points: {BAR_SECONDS:.0f} s, {BAR_GIGABYTES} GB")
    print("| points | seconds | x peer | peak GB | us a point | sampling and grouping | |\n|" + "---|" * 7)
    before = float("inf")
    for points in sizes:
        reference = alone(peer, points)
        whole, gigabytes, steps = alone(score, points)
        share = (steps["sampling"] + steps["grouping"]) / whole
        each = whole / points
        fine = share <= BAR_SHARE and each <= LINEAR * before
        if points == max(POINTS):
            fine = fine and whole <= BAR_SECONDS and gigabytes <= BAR_GIGABYTES
        figures = f"| {points} | {whole:.2f} | {whole / reference:.2f} | {gigabytes:.2f} | {1e6 * each:.2f} "
        print(f"{figures}| {share:.0%} | {'within the bars' if fine else 'ABOVE A BAR'} |", flush=True)
        print(
            "".join(f"|   {name} | {took:.3f} | | | | | |\n" for name, took in steps.items()),
            end="",
            flush=True,
        )
        before = each


class Released(nn.Module):
    """Both learned modules as released: a point is read in every patch, a layer is mapped by itself."""

    def __init__(self, width: int, joint: int, layers: int) -> None:
        super().__init__()
        sizes = (3, *POINT_WIDTHS)
        self.points = nn.Sequential(
            *(
                layer
                for before, after in pairwise(sizes)
                for layer in (nn.Conv2d(before, after, 1), nn.BatchNorm2d(after), nn.ReLU())
            )
        )
        self.patch = nn.Sequential(nn.Linear(sizes[-1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, WIDTH))
        self.embedding = Embedding(width, joint, layers=layers, geometry=WIDTH)

    def forward(
        self, members: torch.Tensor, layers: torch.Tensor, cloud: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, G, D) embeddings and (B, G, 33) geometry of patches with points (B, G, K, 3)."""
        geometry = self.patch(self.points(members.permute(0, 3, 1, 2)).amax(dim=3).transpose(1, 2))
        own = self.embedding
        weights = own.layer_weights.softmax(dim=0)
        mapped = torch.stack([weight * own.patch(layers[:, at]) for at, weight in enumerate(weights)]).sum(
            dim=0
        )
        whole = own.cloud(cloud)[:, None].expand(mapped.shape)
        return own.fuse(torch.cat([mapped, own.geometry(geometry), whole], dim=-1)), geometry


class ReleasedLoop:
    """An epoch that encodes clouds and texts and describes points in every step."""

    def __init__(
        self, items: Sequence[training.Item], encoder: PointBert, tower: TextTower, config: BtpConfig
    ) -> None:
        self.items, self.encoder, self.tower, self.config = items, encoder, tower, config
        self.module = Released(TINY.width, TINY.embed_dim, len(config.layers)).train()
        self.optimiser = torch.optim.AdamW(self.module.parameters(), lr=config.rate / 2)

    def epoch(self) -> None:
        """Visits all samples once."""
        batch = self.config.batch
        for start in range(0, len(self.items) - batch + 1, batch):
            total = torch.stack(list(self.step(self.items[start : start + batch]).values())).sum()
            epochs.advance(self.optimiser, total, clip=self.config.grad_clip)

    def step(self, chosen: Sequence[training.Item]) -> dict[str, torch.Tensor]:
        """The weighted losses of some samples, everything frozen computed anew."""
        config, found = self.config, []
        for item in chosen:
            cloud = encode(self.encoder, item.encoded.xyz, layers=config.layers, grey=config.grey)
            found.append(replace(item, encoded=cloud, targets=described(cloud)))
        with torch.no_grad():
            texts = Prompts(self.tower, TEXTS[config.prompt], n_context=0, seed=0)(self.tower)
        clouds = [item.encoded for item in found]
        embedded, geometry = self.module(
            torch.stack([one.xyz[one.patches] for one in clouds]),
            torch.stack([one.layers for one in clouds]),
            torch.stack([one.cloud for one in clouds]),
        )
        patches = embedded @ texts[1] - embedded @ texts[0]
        whole = scoring.cloud_logits(torch.stack([one.embedding for one in clouds]), texts)
        points = [training.point_logits(*pair, config) for pair in zip(patches, found, strict=True)]
        terms = losses.point_losses(
            points, [item.points for item in found], gamma=config.focal_gamma, alpha=config.focal_alpha
        )
        objects = scoring.training_logits(whole, patches, alpha=config.global_alpha)
        anomalous = torch.stack([item.anomalous for item in found])
        terms["object"] = config.global_loss_weight * losses.object_loss(objects, anomalous)
        wanted = torch.stack([item.targets for item in found])
        distance = losses.geometry_loss(geometry, wanted, kind=config.geo_loss)
        return {**terms, "geometry": config.geo_loss_weight * distance}


def described(cloud: encoded.Encoded) -> torch.Tensor:
    """Histograms of the patches of a cloud."""
    found = targets(cloud.xyz.numpy(), cloud.patches.numpy(), scale="fixed", pooling="max", workers=WORKERS)
    return torch.from_numpy(found)


def train() -> tuple[float, float, int, dict[str, int]]:
    """CPU seconds of an epoch here and of the released loop, number of samples, calls of frozen parts."""
    config, ctx = BtpConfig(epochs=1), RunContext(workers=WORKERS, cache=False)
    data = Synthetic(None, SyntheticConfig())
    sources = [(data, ref) for ref in data.refs(CATEGORY, Split.TEST)]
    reader = Reader(config, ctx)
    tower = load_image_text("tiny", part="text").encoder.text
    prompts = Prompts(tower, TEXTS[config.prompt], n_context=0, seed=0)
    calls: Counter[str] = Counter()
    for owner, name in ((PointBert, "encode"), (TextTower, "encode"), (fpfh, "describe")):
        setattr(owner, name, counted(getattr(owner, name), calls, f"{owner.__name__}.{name}"))
    view = TrainView(Regime.AUXILIARY, f"synthetic:{CATEGORY}", sources)
    with training.Items(view, reader, config, ctx) as kept:
        parts = Parts(config, reader.encoder.config, seed=0)
        loop = ReleasedLoop([kept[index] for index in range(len(kept))], reader.encoder, tower, config)
        loop.epoch()
        released = seconds(loop.epoch, REPEATS)
        calls.clear()
        here = seconds(
            lambda: list(training.train(kept, parts, prompts, partial(prompts, tower), ctx)), REPEATS
        )
    return here, released, len(sources), dict(calls)


def counted(call: Callable[..., Any], calls: Counter[str], name: str) -> Callable[..., Any]:
    """The call, counted under a name."""

    def count(*given: Any, **options: Any) -> Any:
        calls[name] += 1
        return call(*given, **options)

    return count


def training_rows() -> None:
    here, released, samples, calls = alone(train)
    print(f"\nTraining, {samples} samples of 2048 points, CPU seconds an epoch")
    print("| what | seconds | |\n|---|---|---|")
    print(f"| features kept from before | {here:.3f} | calls of encoder, text tower, histograms: {calls} |")
    print(f"| the released loop | {released:.3f} | {released / here:.1f} x |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--points", type=int, nargs="*", default=POINTS, help="sizes of the clouds to score")
    arguments = parser.parse_args()
    scoring_rows(arguments.points)
    training_rows()


if __name__ == "__main__":
    main()
