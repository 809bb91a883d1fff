"""Fuzzes the readers: coverage-guided damage (Atheris) must end in a valid result or in one clear sentence.

    python scripts/fuzz_readers.py pcd --seconds 1800 [libFuzzer options]
    python scripts/fuzz_readers.py --all --seconds 60

Seconds are CPU time for each format. What was learnt, the corpus, stays in `--folder` and is used again. A
finding does not end the run: the shortest input of each kind is kept in `FOLDER/findings` with its traceback,
and the exit code is 1. Needs `pip install pc3dad[fuzz]`; docs/readers_under_fire.md says more.
"""

import argparse
import hashlib
import json
import logging
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import atheris
import fuzz_inputs

INSTRUMENTED = ("pc3dad.io", "pc3dad.data.labels", "pc3dad.runs.store")
SLOW = 5.0  # seconds of CPU that one input may take
LARGE = 128 << 10  # KiB by which one input may raise the peak memory of the process
LONGEST_INPUT = 8192  # bytes
ADDRESS_SPACE = 3 << 30  # bytes; a larger allocation fails at once, which is a finding
AT_ONCE = 2


class Harness:
    """Runs single inputs and keeps the books: executions, CPU time, findings."""

    def __init__(self, name: str, folder: Path, seconds: float) -> None:
        import fuzz_targets  # only now, since `fuzz` instruments the readers first

        self.targets = fuzz_targets
        self.kinds = [(kind, fuzz_targets.KINDS[kind]) for kind in fuzz_inputs.FORMATS[name]]
        self.name, self.folder, self.seconds = name, folder, seconds
        memory = Path("/dev/shm")  # a disk would be the slowest part
        self.scratch = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.paths = [fuzz_targets.make_place(kind, self.scratch / label) for label, kind in self.kinds]
        self.kept: dict[str, int] = {}  # name of a finding to the length of its input
        self.executions = 0
        self.begin = self.reported = time.process_time()

    def __call__(self, data: bytes) -> None:
        """Reads one input; of formats with several kinds of files its first byte chooses the kind."""
        which, content = self.split(data)
        label, kind = self.kinds[which]
        path = self.paths[which]
        self.executions += 1
        start, memory = time.process_time(), _peak_memory()
        path.write_bytes(content)
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always")
            try:
                self.targets.read_or_refuse(kind, path)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is a finding
                self.keep(label, content, error, _place(error))
        for warning in raised:
            self.keep(label, content, warning.message, f"{Path(warning.filename).name}:{warning.lineno}")
        now = time.process_time()
        if _peak_memory() - memory > LARGE:
            self.keep(label, content, MemoryError(f"{_peak_memory() - memory} KiB"), "memory")
        if now - start > SLOW:
            self.keep(label, content, TimeoutError(f"{now - start:.0f} s"), "time")
        if now - self.reported > 1:
            self.reported = now
            self.report(now - self.begin)

    def split(self, data: bytes) -> tuple[int, bytes]:
        """Which kind of file an input is, and its content."""
        if len(self.kinds) == 1 or not data:
            return 0, data
        return data[0] % len(self.kinds), data[1:]

    def join(self, which: int, content: bytes) -> bytes:
        """The input that `split` takes apart."""
        return content if len(self.kinds) == 1 else bytes([which]) + content

    def mutate(self, data: bytes, max_size: int, seed: int) -> bytes:
        """Changes an input; where the format has checksums, mostly what lies behind them."""
        choice = random.Random(seed)
        which, content = self.split(data)
        repair = fuzz_inputs.MUTATIONS.get(self.kinds[which][0])
        if repair is None or choice.random() < 0.3:
            return bytes(atheris.Mutate(data, max_size))

        def change(part: bytes) -> bytes:
            return bytes(atheris.Mutate(part, max(2 * len(part), 64)))

        return self.join(which, repair(content, change, choice))[:max_size]

    def keep(self, label: str, content: bytes, error: Warning | Exception | str, place: str) -> None:
        """Keeps the shortest input of each kind of finding."""
        name = re.sub(r"\W+", "_", f"{type(error).__name__} {place}") + f".{label}"
        if self.kept.get(name, LONGEST_INPUT + 1) <= len(content):
            return
        self.kept[name] = len(content)
        path = self.folder / "findings" / self.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        story = traceback.format_exception(error) if isinstance(error, BaseException) else [error]
        path.with_name(f"{name}.why").write_text("".join(story))

    def report(self, seconds: float) -> None:
        """Writes the books, and ends the process when its time is over."""
        books = {"executions": self.executions, "seconds": seconds, "findings": sorted(self.kept)}
        (self.folder / f"{self.name}.{os.getpid()}.json").write_text(json.dumps(books))
        if seconds > self.seconds:
            shutil.rmtree(self.scratch)
            os._exit(bool(self.kept))  # libFuzzer itself counts wall time only


def _peak_memory() -> int:
    """KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _place(error: BaseException) -> str:
    """Where an error comes from: file and line, of pc3dad if it was there."""
    origin = error.__cause__ or error
    frames = traceback.extract_tb(origin.__traceback__)
    ours = [frame for frame in frames if "pc3dad" in frame.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


def fuzz(name: str, folder: Path, seconds: float, options: list[str]) -> None:
    """Fuzzes one format; does not return."""
    logging.disable(logging.CRITICAL)
    also = ["tifffile"] if name == "tiff" else []
    with atheris.instrument_imports(include=[*INSTRUMENTED, *also]):
        import pc3dad.data.labels
        import pc3dad.io.clouds
        import pc3dad.io.depth
        import pc3dad.io.images
        import pc3dad.runs.store  # noqa: F401
    harness = Harness(name, folder, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    corpus = folder / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for which, (label, _) in enumerate(harness.kinds):
        for seed in fuzz_inputs.SEEDS[label]:
            content = harness.join(which, seed)
            (corpus / hashlib.sha256(content).hexdigest()).write_bytes(content)
    words = [word for label, _ in harness.kinds for word in fuzz_inputs.TOKENS.get(label, ())]
    tokens = folder / f"{name}.dict"
    tokens.write_text("".join(f'"{word}"\n' for word in words) or "#\n")
    given = [f"-max_len={LONGEST_INPUT}", "-timeout=60", "-verbosity=0", f"-artifact_prefix={folder}/{name}-"]
    repaired = any(label in fuzz_inputs.MUTATIONS for label, _ in harness.kinds)
    hooks = {"custom_mutator": harness.mutate} if repaired else {}
    atheris.Setup([sys.argv[0], str(corpus), f"-dict={tokens}", *given, *options], harness, **hooks)
    atheris.Fuzz()


def fuzz_all(folder: Path, seconds: float, options: list[str]) -> int:
    """Fuzzes every format, some at once; prints a line for each. Returns how many have findings."""

    def run(name: str) -> bool:
        for old in folder.glob(f"{name}.*.json"):
            old.unlink()
        command = [sys.executable, __file__, name, f"--seconds={seconds}", f"--folder={folder}", *options]
        ended = subprocess.run(command, capture_output=True, check=False)
        books = [json.loads(path.read_text()) for path in folder.glob(f"{name}.*.json")]
        executions = sum(book["executions"] for book in books)
        findings = [finding for book in books for finding in book["findings"]]
        if ended.returncode and not findings:
            findings = [f"ended with code {ended.returncode}: {ended.stderr.decode()[-300:]}"]
        print(f"{name:12}{executions:12} executions   {', '.join(findings) or 'no finding'}", flush=True)
        return bool(findings)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(run, fuzz_inputs.FORMATS))


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("format", nargs="?", choices=fuzz_inputs.FORMATS)
    parser.add_argument("--all", action="store_true", help="every format, two at a time")
    parser.add_argument("--seconds", type=float, default=60, help="CPU time for each format (default 60)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pc3dad-fuzz")
    arguments, options = parser.parse_known_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.all:
        return min(fuzz_all(arguments.folder, arguments.seconds, options), 1)
    if arguments.format is None:
        parser.error("name a format, or give --all")
    fuzz(arguments.format, arguments.folder, arguments.seconds, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
