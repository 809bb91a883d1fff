"""Time of the image tower with a value path against open_clip's plain one, of bfloat16, and memory.

Run `python benchmarks/encoders_image.py`: about ten minutes and 3 GB. Nine random pictures at the size of
`ViT-L-14-336-quickgelu`, random weights. Times are the best of two of process time, measured in turns: only
ratios within one run mean anything. The bar: at most 1.15 times open_clip's `encode_image` of these pictures.

- open_clip: `encode_image`, the class token alone.
- value path: class token, and patches of the last block along the path that begins after `dual_from` blocks.
- four taps: the same with patches after 6, 12, 18 and 24 blocks.
- adapted: ordinary path with adapters on the linear layers of every block, as in GS-CLIP's depth tower.

Scores of bfloat16 and float32 are shares of two random texts per patch; real weights may differ more or less.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import spearmanr
from timing import seconds

from pc3dad.encoders import image_text, lora, prompts
from pc3dad.encoders.similarity import logits

NAME = "ViT-L-14-336-quickgelu"
VIEWS = 9


def pictures(side: int) -> torch.Tensor:
    return torch.randn(VIEWS, 3, side, side, generator=torch.Generator().manual_seed(0))


def in_turns(actions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    best = dict.fromkeys(actions, float("inf"))
    for _ in range(repeats):
        for name, action in actions.items():
            best[name] = min(best[name], seconds(action, 1))
    return best


def peak_memory(dual: bool) -> float:
    """GB of a process that encodes. Asked first: a child inherits its parent's peak."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (dual,))


@torch.inference_mode()
def _peak(dual: bool) -> float:
    encoder = image_text.untrained(NAME, seed=0, part="image")
    images, tower = pictures(encoder.layout.image_size), encoder.vision
    if dual:
        tower(images, dual_from=encoder.layout.dual_from)
    else:
        tower.visual(images)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)


def towers(repeats: int) -> None:
    encoder = image_text.untrained(NAME, seed=0, part="image")
    layout, tower, images = encoder.layout, encoder.vision, pictures(encoder.layout.image_size)
    depth_tower = lora.adapted(tower, seed=0)
    quarters = [layout.depth * quarter // 4 for quarter in (1, 2, 3, 4)]
    actions = {
        "open_clip": lambda: tower.visual(images),
        "value path": lambda: tower(images, dual_from=layout.dual_from),
        "four taps": lambda: tower(images, taps=quarters, dual_from=layout.dual_from),
        "adapted": lambda: depth_tower(images),
    }
    spent = in_turns(actions, repeats)
    for name, value in spent.items():
        bar = "bar 1.15" if name == "value path" else ""
        print(
            f"float32   {name:12} {value:6.1f} s   {value / spent['open_clip']:5.3f} x open_clip   {bar}",
            flush=True,
        )
    exact = scores(tower(images, dual_from=layout.dual_from).patches[0])
    encoder.to(dtype=torch.bfloat16)
    images = images.to(torch.bfloat16)
    shorter = in_turns({name: actions[name] for name in ("open_clip", "value path")}, repeats)
    for name, value in shorter.items():
        print(
            f"bfloat16  {name:12} {value:6.1f} s   {spent[name] / value:5.2f} x as fast as float32",
            flush=True,
        )
    near = scores(tower(images, dual_from=layout.dual_from).patches[0])
    print(
        f"scores of bfloat16: rank correlation {spearmanr(exact, near).statistic:.4f}, "
        f"largest difference {np.abs(exact - near).max():.1e}, spread {exact.std():.1e}"
    )


def scores(patches: torch.Tensor) -> np.ndarray:
    """(views * P,) share of the second of two random texts."""
    texts = torch.randn(1, 2, patches.shape[-1], generator=torch.Generator().manual_seed(1))
    return logits(patches.float(), texts).softmax(dim=-1)[..., 1].flatten().numpy()


def texts(repeats: int) -> None:
    tower = image_text.untrained(NAME, seed=0, part="text").text
    ids = prompts.tokenize([f"{'X ' * 12}damaged object."] * 8)
    embeddings, ends = tower.embed(ids), ids.argmax(dim=-1)
    whole = torch.full_like(ends, ids.shape[1] - 1)  # an end at the last slot: nothing is cut
    spent = in_turns(
        {"whole": lambda: tower.encode(embeddings, whole), "cut": lambda: tower.encode(embeddings, ends)},
        repeats,
    )
    print(f"8 texts   {spent['cut']:6.2f} s   {spent['whole'] / spent['cut']:5.2f} x as fast as all slots")


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the image-text encoder.")
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    start = time.perf_counter()
    print(f"{NAME}, {VIEWS} pictures, {torch.get_num_threads()} threads")
    plain, dual = peak_memory(False), peak_memory(True)
    print(f"{plain:.2f} GB at most with open_clip, {dual:.2f} GB with a value path", flush=True)
    towers(options.repeats)
    texts(options.repeats)
    print(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
