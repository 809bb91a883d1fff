"""Time and memory of GS-CLIP from a cloud to point scores, step by step, against the towers as released.

Run `python benchmarks/gsclip.py` on idle cores: about ten minutes and 5 GB. Default options of `gsclip` on
`ViT-L-14-336-quickgelu` with PointNet++ in its published sizes, random weights, one cloud of 100 000 points,
nine views. Wall time, the best of two; each variant in a process of its own. `--small` runs all of it on a
small model in seconds, which measures nothing.

- ours: as `pc3dad predict` runs it, in float32 and in bfloat16.
- released: the peer, the same method with what the released code does in place of ours: attention through
  matrices of all tokens by all tokens, adapters beside the layers, sentences of 77 slots, all views at once.

The released code reads pictures from files, so ratios leave rendering out. Bars: 1.3 times as fast as the
peer in float32, 3 times in bfloat16, rank correlation of point scores 0.99. The original implementation took
26 s for the image tower and 20 s for the depth tower on 2 cores of another machine.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from scipy.stats import spearmanr
from torch.nn import functional

from pc3dad.baselines.gsclip.config import GsClipConfig
from pc3dad.baselines.gsclip.method import GsClip
from pc3dad.baselines.gsclip.parts import Parts, make_parts
from pc3dad.baselines.gsclip.refiner import Refiner
from pc3dad.context import RunContext
from pc3dad.encoders import image_text, lora
from pc3dad.encoders.text import TextTower
from pc3dad.encoders.vision import VisionFeatures, VisionTower
from pc3dad.methods.rendered import maps, stream
from pc3dad.types import PointCloud, Sample

NAME = "ViT-L-14-336-quickgelu"
SMALL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 64, "patch_size": 8, "width": 32, "layers": 4, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49_408, "width": 32, "heads": 2, "layers": 4},
}
VARIANTS = {  # precision, and whether it is the peer
    "ours": ("float32", False),
    "released": ("float32", True),
    "bfloat16": ("bfloat16", False),
}
STEPS: dict[str, tuple[Any, str]] = {
    "render": (stream, "render"),
    "image tower": (stream.Stream, "encode"),
    "sentences": (Parts, "describe"),
    "depth tower": (Refiner, "read"),
    "fusion": (Refiner, "fuse"),
    "maps": (maps, "anomaly_maps"),
    "points": (maps, "predict"),
}
ORIGINAL = {"image tower": 26.0, "depth tower": 20.0}  # seconds


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of every step and of all, GB of the process, scores of points."""

    steps: dict[str, float]
    total: float
    peak: float
    scores: np.ndarray

    @property
    def compared(self) -> float:
        """Seconds without those of rendering."""
        return self.total - self.steps["render"]


def weighted(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """(B, T, width) of heads (B, heads, T, d), through a matrix (B, heads, T, T)."""
    shares = (query @ key.mT * query.shape[-1] ** -0.5).softmax(dim=-1)
    return (shares @ value).transpose(1, 2).flatten(2)


def released_vision(
    self: VisionTower,
    images: torch.Tensor,
    *,
    taps: Sequence[int],
    dual_from: int | None = None,
    budget: int | None = None,
) -> VisionFeatures:
    """What `VisionTower.forward` computes, for patches of the last block."""
    del budget
    start = len(self.blocks) if dual_from is None else dual_from
    values = tokens = self.embed(images)
    for number, block in enumerate(self.blocks):
        attention = block.attn
        joint = functional.linear(block.ln_1(tokens), attention.in_proj_weight, attention.in_proj_bias)
        heads = joint.reshape(*joint.shape[:2], 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = heads
        tokens = tokens + attention.out_proj(weighted(query, key, value))
        if number >= start:
            values = values + attention.out_proj(weighted(value, value, value))
        tokens = tokens + block.mlp(block.ln_2(tokens))
        values = values if number >= start else tokens
    patches = self.project(values[:, 1:])
    return VisionFeatures(self.project(tokens[:, 0]), (patches,) * len(taps))


def released_text(
    self: TextTower,
    embeddings: torch.Tensor,
    ends: torch.Tensor,
    *,
    deep: Sequence[torch.Tensor] = (),
    deep_at: int = 1,
) -> torch.Tensor:
    """What `TextTower.encode` computes, with all slots behind the end."""
    tokens = embeddings.to(self.text.positional_embedding.dtype) + self.text.positional_embedding
    for number, block in enumerate(self.text.transformer.resblocks):
        if 1 <= number <= len(deep):
            tokens = tokens.clone()
            tokens[:, deep_at : deep_at + len(deep[number - 1])] = deep[number - 1].to(tokens.dtype)
        tokens = block(tokens, attn_mask=self.text.attn_mask)
    last = self.text.ln_final(tokens)[torch.arange(len(tokens)), ends]
    projected: torch.Tensor = last @ self.text.text_projection
    return projected


RELEASED: tuple[tuple[Any, str, Any], ...] = (
    (VisionTower, "forward", released_vision),
    (TextTower, "encode", released_text),
    (lora, "merged", lambda module: module),
)


def clocked(action: Callable[..., Any], spent: dict[str, float], step: str) -> Callable[..., Any]:
    """The same function, whose time is added up."""

    def call(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        found = action(*args, **kwargs)
        spent[step] += time.perf_counter() - start
        return found

    return call


def drawn(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As if it had been trained: nothing of stage 2 is zero any more."""
    generator = torch.Generator().manual_seed(1)
    found = dict(state)
    for name, value in state.items():
        if name.startswith(("fusion.", "depth.")) and not value.any():
            found[name] = 0.02 * torch.randn(value.shape, generator=generator)
    return found


def part(n_points: int) -> Sample:
    """A ball with waves."""
    directions = np.random.default_rng(0).normal(size=(n_points, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    waves = 1 + 0.1 * np.sin(9 * directions).prod(axis=1, keepdims=True)
    return Sample("ball", "ball", PointCloud((directions * waves).astype(np.float32)))


def measure(variant: str, small: bool, repeats: int) -> Measured:
    precision, released = VARIANTS[variant]
    encoder = image_text.untrained(SMALL if small else NAME, seed=0)
    named = SimpleNamespace(encoder=encoder, file=SimpleNamespace(sha256="random"))
    sample = part(5000 if small else 100_000)
    ctx = RunContext(precision=precision, cache=False, workers=torch.get_num_threads())
    method = GsClip(GsClipConfig(point_weights="pointnet2_sem_seg"))
    best: Measured | None = None
    with ExitStack() as stack:
        stack.enter_context(patch.object(stream, "load_image_text", lambda *_, **__: named))
        for owner, name, value in RELEASED if released else ():
            stack.enter_context(patch.object(owner, name, value))
        method.learn(drawn(make_parts(method.config, method.stream(ctx), seed=0, stored=True).state()))
        method.stream(ctx)
        spent = dict.fromkeys(STEPS, 0.0)
        for step, (owner, name) in STEPS.items():
            stack.enter_context(patch.object(owner, name, clocked(getattr(owner, name), spent, step)))
        for _ in range(repeats):
            spent.update(dict.fromkeys(STEPS, 0.0))
            start = time.perf_counter()
            (found,) = method.predict([sample], ctx)
            total = time.perf_counter() - start
            if best is None or total < best.total:
                best = Measured(dict(spent), total, peak_memory(), np.asarray(found.point_scores))
    if best is None:
        raise ValueError("repeats must be at least 1")
    return best


def peak_memory() -> float:
    """GB of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def show(found: dict[str, Measured]) -> None:
    ours, released, short = (found[variant] for variant in VARIANTS)
    print(f"{'':12} {'ours':>9} {'released':>9} {'ratio':>6} {'bfloat16':>9} {'ratio':>6}   original")
    rows = {step: [one.steps[step] for one in (ours, released, short)] for step in STEPS}
    rows["all"] = [one.total for one in (ours, released, short)]
    rows["not render"] = [one.compared for one in (ours, released, short)]
    for step, (one, peer, half) in rows.items():
        ratios = f"{peer:7.2f} s {peer / one:6.2f} {half:7.2f} s {peer / half:6.2f}"
        original = f"{ORIGINAL[step]:.0f} s" if step in ORIGINAL else ""
        print(f"{step:12} {one:7.2f} s {ratios}   {original}")
    print(f"{'peak memory':12} {ours.peak:6.2f} GB {released.peak:6.2f} GB        {short.peak:6.2f} GB")
    gap = np.abs(ours.scores - released.scores).max()
    print(f"ours and released: point scores differ by {gap:.1e} at most, spread {ours.scores.std():.1e}")
    print(f"rank correlation of bfloat16: {spearmanr(ours.scores, short.scores).statistic:.4f}, bar 0.99")
    exact, rounded = (released.compared / one.compared for one in (ours, short))
    print(f"float32 {exact:.2f} x as fast as released, bar 1.3; bfloat16 {rounded:.2f} x, bar 3")


def has_bfloat16() -> bool:
    """Whether the processor says that it computes with bfloat16."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return any(name in flags for name in ("avx512_bf16", "amx_bf16", " bf16"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure GS-CLIP.")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    start = time.perf_counter()
    known = "has" if has_bfloat16() else "does not say that it has"
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; the processor {known} bfloat16")
    found = {}
    for variant in VARIANTS:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[variant] = pool.apply(measure, (variant, options.small, options.repeats))
    show(found)
    print(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
