"""How long `pc3dad --help` takes, as a ratio to a bare interpreter in the same run.

    python benchmarks/startup.py

Wall time of whole processes, best of 5. Bar: 0.5 s on two quiet cores.
"""

import subprocess
import sys
import time


def seconds(*words: str) -> float:
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    bare = seconds("-c", "pass")
    commands = {"import pc3dad": ("-c", "import pc3dad"), "pc3dad --help": ("-m", "pc3dad", "--help")}
    for name, words in commands.items():
        taken = seconds(*words)
        peer = f"a bare Python {sys.version.split()[0]} ({bare:.3f} s)"
        print(f"{name:<16} {taken:.3f} s, {taken / bare:.1f} x {peer}")


if __name__ == "__main__":
    main()
