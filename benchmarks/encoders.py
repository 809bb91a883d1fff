"""How long loading `tiny` takes once torch is there, as a ratio to the import of torch in the same run.

    python benchmarks/encoders.py

CPU time of whole processes, best of 5, each less that of a process that imports what was there before.
Bar: 1 s after torch for all of it. The import of open_clip, which the first file needs, is told apart.
What encoders compute is measured by `encoders_image.py` and `encoders_points.py`.
"""

import resource
import subprocess
import sys

TORCH = "import torch"
CLIP = f"{TORCH}; from pc3dad.encoders import _compat; _compat.open_clip()"
IMAGE_TEXT = f"{CLIP}; from pc3dad.encoders.named import load_image_text; load_image_text('tiny')"
POINTS = f"{TORCH}; from pc3dad.encoders.named import load_points; load_points('tiny')"


def seconds(code: str) -> float:
    best = float("inf")
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def main() -> None:
    torch = seconds(TORCH) - seconds("pass")
    clip, image_text, points = (seconds(code) - seconds(TORCH) for code in (CLIP, IMAGE_TEXT, POINTS))
    rows = {"import of open_clip": clip, "pictures and sentences": image_text - clip, "clouds": points}
    for name, taken in rows.items():
        print(f"{name:<24} {taken:.2f} s, {taken / torch:.2f} x import torch ({torch:.2f} s)", flush=True)


if __name__ == "__main__":
    main()
