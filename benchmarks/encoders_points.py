"""CPU time and memory of encoders of clouds: PointBERT of the size of ULIP-2, that of `tiny`, and PointNet++.

Run `python benchmarks/encoders_points.py`: a minute. Random weights, clouds on a wavy ball, one thread,
process time, the best of five; only ratios within one run mean anything. The bar: grouping 10,000 points into
512 groups of 32 takes at most a tenth of the forward pass of PointBERT, grouping included. Peer of grouping:
the usual loop over all points in torch, `cdist` and `topk`, whose choices depend on device and shape. Memory
is the peak of a process of its own above what it held with the model.
"""

import argparse
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import torch
from timing import seconds

from pc3dad.encoders import grouping, pointbert
from pc3dad.encoders.local_frame import local_features
from pc3dad.encoders.pointbert import TINY, ULIP2, PointBert
from pc3dad.encoders.pointnet2 import S3DIS, PointNet2

GREY = 0.5


def clouds(batch: int, points: int) -> torch.Tensor:
    """(batch, points, 6): wavy balls without colours."""
    xyz = torch.randn(batch, points, 3, generator=torch.Generator().manual_seed(0))
    xyz /= xyz.norm(dim=-1, keepdim=True)
    xyz *= 1 + 0.1 * torch.sin(5 * xyz[..., :1]) * torch.cos(4 * xyz[..., 1:2])
    xyz = grouping.to_unit_ball(xyz)
    return torch.cat([xyz, torch.full_like(xyz, GREY)], dim=-1)


def usual_groups(cloud: torch.Tensor, count: int, size: int) -> torch.Tensor:
    xyz = cloud[..., :3]
    chosen = torch.zeros(len(xyz), count, dtype=torch.int64)
    distance = torch.full(xyz.shape[:2], 1e10)
    newest = chosen[:, :1]
    for step in range(count):
        chosen[:, step : step + 1] = newest
        here = xyz.gather(1, newest[..., None].expand(-1, -1, 3))
        distance = torch.minimum(distance, ((xyz - here) ** 2).sum(dim=-1))
        newest = distance.argmax(dim=1, keepdim=True)
    centres = xyz.gather(1, chosen[..., None].expand(-1, -1, 3))
    return torch.cdist(centres, xyz).topk(size, largest=False).indices


def peak() -> float:
    """Peak memory of this process so far, MB."""
    return (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    )


def row(what: str, value: str, note: str = "", bar: str = "") -> None:
    print(f"| {what} | {value} | {note} | {bar} |", flush=True)


def pointbert_rows(model: PointBert, name: str, cloud: torch.Tensor, count: int, bar: str = "") -> None:
    size = model.config.group_size
    batch, points = cloud.shape[:2]
    what = f"{name}, {batch} x {points} points, {count} groups of {size}"
    before = peak()
    groups = model.group(cloud, count=count)
    model.encode(groups)
    extra = peak() - before
    forming = seconds(partial(model.group, cloud, count=count))
    reading = seconds(partial(model.encode, groups))
    usual = seconds(partial(usual_groups, cloud, count, size))
    values = seconds(partial(model.encode, groups, value_from=model.config.depth * 2 // 3))
    row(f"{what}: forward", f"{forming + reading:.3f} s", f"{extra:.0f} MB above the model")
    row("grouping", f"{forming:.3f} s", f"{forming / (forming + reading):.1%} of the forward pass", bar)
    row("peer: loop, cdist, topk", f"{usual:.3f} s", f"{usual / forming:.2f} x the time of grouping")
    row(
        "tokens with a value path over the last third", f"{values:.3f} s", f"{values / reading:.2f} x without"
    )
    if model.config.local_frame:
        framing = seconds(partial(local_features, groups))
        row("local frames", f"{framing:.3f} s", f"{framing / reading:.1%} of the tokens")
    half = seconds(partial(_half, model, groups))
    exact, rough = model.encode(groups).embedding, _half(model, groups).embedding.float()
    cosine = torch.nn.functional.cosine_similarity(exact, rough).min()
    row(
        "tokens in bfloat16 (autocast)",
        f"{half:.3f} s",
        f"{half / reading:.2f} x, cosine {float(cosine):.5f}",
    )


def _half(model: PointBert, groups: grouping.Groups) -> pointbert.PointTokens:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return model.encode(groups)


def pointnet2_rows() -> None:
    model, cloud = PointNet2(S3DIS).eval(), clouds(1, 3000)[..., :3].repeat(1, 1, 3)
    before = peak()
    model(cloud)
    extra = peak() - before
    forward = seconds(partial(model, cloud))
    row("PointNet++, 1 x 3000 points: forward", f"{forward:.3f} s", f"{extra:.0f} MB above the model")


@torch.inference_mode()
def measure(name: str, scale: float) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    grouping.group(clouds(1, 100), count=10, size=4)  # compiles
    if name == "ULIP-2":
        cloud = clouds(1, int(10_000 * scale))
        pointbert_rows(PointBert(ULIP2).eval(), name, cloud, int(512 * scale), "10 %")
    elif name == "tiny":
        pointbert_rows(PointBert(TINY).eval(), name, clouds(max(1, int(16 * scale)), 2048), 128)
    else:
        pointnet2_rows()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="try the script in seconds")
    scale = 0.1 if parser.parse_args().tiny else 1.0
    print("| what | CPU time | | bar |\n|---|---|---|---|", flush=True)
    for name in ("ULIP-2", "tiny", "PointNet++"):  # a process each: peak memory never falls
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            pool.submit(measure, name, scale).result()


if __name__ == "__main__":
    main()
