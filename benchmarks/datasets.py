"""Wall time and peak memory of `data verify` and `data prepare` on data sets of full size.

Run `python benchmarks/datasets.py`. The data sets are not shipped: stand-ins with the published names, counts
and numbers of points are built first, one after the other. Real3D-AD takes 6 GB, its prepared copy 3 GB;
`--folder` says where. Each command runs in a process of its own.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pc3dad.testing import trees

BUILDERS = {"anomaly_shapenet": trees.anomaly_shapenet, "real3d_ad": trees.real3d_ad}
HEADS = ("data set", "command", "samples", "GB read", "seconds", "peak MB")
WIDTHS = (18, 30, 8, 8, 8, 8)


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds and peak resident megabytes of one command; ends the benchmark if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        message = process.stderr.read().decode() if process.stderr else ""
        sys.exit(f"{' '.join(command)} failed: {message}")
    return time.perf_counter() - start, usage.ru_maxrss / 1e3


def gigabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


def row(*cells: str) -> None:
    print("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)), flush=True)


def compare(name: str, source: Path, out: Path, samples: str) -> None:
    prepare = ["prepare", name, "--root", str(source), "--out", str(out), "--quiet"]
    steps = (
        ("verify", ["verify", name, "--root", str(source)], source),
        ("prepare", prepare, source),
        ("prepare again: check digests", prepare, out),
        ("verify the prepared copy", ["verify", name, "--root", str(out)], out),
    )
    for label, words, read in steps:
        seconds, megabytes = measure([sys.executable, "-m", "pc3dad", "data", *words])
        row(name, label, samples, f"{gigabytes(read):.2f}", f"{seconds:.1f}", f"{megabytes:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, help="where to build; the folder for temporary files if left out"
    )
    parser.add_argument("--tiny", action="store_true", help="64 points per cloud, to try the script")
    parser.add_argument("--root", metavar="NAME=FOLDER", help="measure a data set of yours instead")
    arguments = parser.parse_args()
    row(*HEADS)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        if arguments.root:
            name, _, source = arguments.root.partition("=")
            compare(name, Path(source), Path(folder, "out"), "-")
            return
        for name, build in BUILDERS.items():
            build(source := Path(folder, name), points=64 if arguments.tiny else "real")
            samples = str(sum(path.suffix == ".pcd" for path in source.rglob("*")))
            compare(name, source, Path(folder, f"{name} prepared"), samples)
            shutil.rmtree(source)
            shutil.rmtree(Path(folder, f"{name} prepared"))


if __name__ == "__main__":
    main()
