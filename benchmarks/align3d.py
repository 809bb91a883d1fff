"""Time of align3d against pointad on the same views, and of stage 1 against encoding views in every epoch.

Run `python benchmarks/align3d.py [points]`: a few minutes. Times are the best of three of process time, taken
in turns: only ratios within one run mean anything. Encoder and views are the defaults; what is learned has
random weights, which change no time. A larger encoder makes both ratios better, since what is compared comes
on top of it.

Bars: scores in at most 1.1 times the time of pointad, nothing kept between samples; an epoch of stage
1 at least 20 times faster than one that renders and encodes its views anew.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from timing import seconds

from pc3dad.baselines.align3d.aligner import Aligner, align_losses, join, token_weights
from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.guidance import GuidedStream, pair_of
from pc3dad.baselines.align3d.method import Align3d
from pc3dad.baselines.align3d.parts import new_parts
from pc3dad.baselines.align3d.stages import alignment_stage
from pc3dad.baselines.pointad.config import PointAdConfig
from pc3dad.baselines.pointad.method import PointAd
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.methods.epochs import advance
from pc3dad.methods.rendered.training import Items
from pc3dad.types import Regime, Sample, Split

BAR_SCORES, BAR_EPOCH = 1.1, 20
BATCH, EPOCHS, REPEATS = 4, 20, 3


def in_turns(actions: dict[str, Callable[[], object]]) -> dict[str, float]:
    best = dict.fromkeys(actions, float("inf"))
    for _ in range(REPEATS):
        for name, action in actions.items():
            best[name] = min(best[name], seconds(action, 1))
    return best


def scores(samples: list[Sample], ctx: RunContext) -> None:
    """Prints seconds per sample of both methods."""
    aligned, peer = Align3d(Align3dConfig()), PointAd(PointAdConfig())
    encoder = GuidedStream(Align3dConfig(), ctx).encoder
    state = new_parts(Align3dConfig(), encoder, ctx, render_only=False).state()
    aligned.learn(state)
    rendered = {name: value for name, value in state.items() if name.startswith("rendered.")}
    peer.learn({name.replace("rendered.", "prompts."): value for name, value in rendered.items()})
    for method in (aligned, peer):
        method.score(samples[0], ctx)  # loads the encoder
    took = in_turns(
        {
            "align3d": lambda: list(aligned.predict(samples, ctx)),
            "pointad": lambda: list(peer.predict(samples, ctx)),
        }
    )
    ratio = took["align3d"] / took["pointad"]
    each = {name: 1000 * value / len(samples) for name, value in took.items()}
    print(f"scores: align3d {each['align3d']:.0f} ms, pointad {each['pointad']:.0f} ms per sample")
    print(f"        {ratio:.2f} times, bar {BAR_SCORES}: {'kept' if ratio <= BAR_SCORES else 'MISSED'}")


def stage_1(train: TrainView, samples: list[Sample], ctx: RunContext) -> None:
    """Prints seconds per epoch with features that are kept, and with views that are encoded anew."""
    config = Align3dConfig(align_epochs=EPOCHS, scr_epochs=EPOCHS)
    stream = GuidedStream(config, ctx)
    aligner = Aligner(stream.layout.embed_dim, seed=0)
    optimiser = torch.optim.Adam(aligner.parameters(), lr=config.align_rate)

    def encode_anew() -> None:
        for start in range(0, len(samples), BATCH):
            pair = join([pair_of(stream.look(sample)) for sample in samples[start : start + BATCH]])
            weights = token_weights(pair.consistency, scale=config.scr_weight, rule=config.scr)
            losses = align_losses(aligner, pair, weights)
            advance(optimiser, torch.stack(list(losses.values())).sum(), clip=None)

    with Items(train, stream, ctx) as items:
        files = [path for path in ctx.scratch.rglob("*.npy") if path.stem.endswith(("_image", "_patches"))]
        megabytes = sum(path.stat().st_size for path in files) / len(items) / 1e6

        def keep() -> None:
            fresh = Aligner(stream.layout.embed_dim, seed=0)
            list(alignment_stage(items, fresh, config, ctx))

        took = in_turns({"kept": keep, "anew": encode_anew})
    kept = took["kept"] / EPOCHS
    ratio = took["anew"] / kept
    print(
        f"stage 1, {len(samples)} samples: {1000 * kept:.0f} ms an epoch, {1000 * took['anew']:.0f} ms with"
    )
    print(f"        views encoded anew, {ratio:.0f} times; bar {BAR_EPOCH}: ", end="")
    print("kept" if ratio >= BAR_EPOCH else "MISSED")
    print(f"        float16 features on disk: {megabytes:.1f} MB per sample, grey and coloured")


def main() -> None:
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 32_768
    data = Synthetic(None, SyntheticConfig(points=points, train=0, good=4, defective=4))
    refs = data.refs("flange", Split.TEST)
    samples = [data.load(ref) for ref in refs]
    train = TrainView(Regime.AUXILIARY, "synthetic:flange", [(data, ref) for ref in refs])
    print(f"{points} points, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as folder:
        ctx = RunContext(cache=False, scratch=Path(folder))
        scores(samples[:4], ctx)
        stage_1(train, samples, ctx)


if __name__ == "__main__":
    main()
