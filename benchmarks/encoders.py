"""How long loading `tiny` takes once torch is there, as a ratio to the import of torch in the same run.

    python benchmarks/encoders.py

CPU time of whole processes, best of 5, each less that of a process that does what comes before.
Bar: 1 s after torch for all of it. The import of open_clip, which the first file needs, is told apart.
What encoders compute is measured by `encoders_image.py` and `encoders_points.py`.
"""

import itertools
import resource
import subprocess
import sys

TORCH = "import torch"
CLIP = f"{TORCH}; from pc3dad.encoders import _compat; _compat.open_clip()"
IMAGE_TEXT = f"{CLIP}; from pc3dad.encoders.named import load_image_text; load_image_text('tiny')"
POINTS = f"{IMAGE_TEXT}; from pc3dad.encoders.named import load_points; load_points('tiny')"


def seconds(code: str) -> float:
    best = float("inf")
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def main() -> None:
    taken = [seconds(code) for code in ("pass", TORCH, CLIP, IMAGE_TEXT, POINTS)]
    torch, *steps = (after - before for before, after in itertools.pairwise(taken))
    names = ("import of open_clip", "pictures and sentences", "clouds", "all after torch")
    for name, step in zip(names, [*steps, sum(steps)], strict=True):
        print(f"{name:<24} {step:.2f} s, {step / torch:.2f} x import torch ({torch:.2f} s)", flush=True)


if __name__ == "__main__":
    main()
