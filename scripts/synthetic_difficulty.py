"""Prints how hard the embedded data set is: point AUROC in per cent, per kind and per size of defects.

python scripts/synthetic_difficulty.py [--seed 0] [--preset mini] [--form surround]

Means over samples, each with its own AUROC: a sample with a small defect counts as much as one with a large
one. The last line is the number of the benchmark: all points of a category together, mean over categories.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pc3dad import registry
from pc3dad.config import build
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.geometry import neighbors
from pc3dad.metrics.ranking import auroc
from pc3dad.types import Float32Array, Regime, Sample, Split

SCORERS = ("random", "curvature", "fpfh_self")
DENSITY = "density alone"
BANDS = ((0, 0.003), (0.003, 0.01), (0.01, 0.03), (0.03, 1))

Score = Callable[[Sample], Float32Array]


@dataclass(frozen=True)
class Seen:
    """One defective sample: its kind, the share of its points that is labelled, and each scorer's AUROC."""

    kind: str
    share: float
    values: tuple[float, ...]


def density(sample: Sample) -> Float32Array:
    """Distance to the 12th neighbour: what the spacing of points alone would tell."""
    scores = np.zeros(len(sample.cloud), dtype=np.float32)
    xyz = sample.cloud.valid_xyz
    scores[sample.cloud.valid] = neighbors.knn(xyz, xyz, k=12)[0][:, -1]
    return scores


def scorers() -> dict[str, Score]:
    """Name of a scorer to its point scores."""
    found: dict[str, Score] = {}
    for slug in SCORERS:
        entry = registry.methods()[slug]
        method = entry.create(entry.configure({}))
        method.fit(TrainView(Regime.TRAINING_FREE), RunContext())
        found[slug] = lambda sample, method=method: next(method.predict([sample], RunContext())).point_scores
    return found | {DENSITY: density}


def main() -> None:
    """Scores all test samples and prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--preset", default="mini")
    arguments.add_argument("--form", default="surround")
    given = arguments.parse_args()
    data = Synthetic(None, build(SyntheticConfig, "synthetic", vars(given)))
    names, seen, pooled = scorers(), [], {}
    for category in data.categories():
        scores, labels = [], []
        for ref in data.refs(category, Split.TEST):
            sample, truth = data.load(ref), data.truth(ref)
            valid = sample.cloud.valid
            scored = [score(sample)[valid] for score in names.values()]
            scores.append(np.stack(scored))
            labels.append(truth.points[valid])
            if truth.points.any():
                values = tuple(auroc(part, truth.points[valid]) for part in scored)
                seen.append(Seen(str(truth.defect), float(truth.points[valid].mean()), values))
        together = np.concatenate(labels)
        pooled[category] = [auroc(part, together) for part in np.concatenate(scores, axis=1)]
    groups = {kind: [one for one in seen if one.kind == kind] for kind in sorted({one.kind for one in seen})}
    groups |= {
        f"{100 * low:g} to {100 * high:g} %": [one for one in seen if low <= one.share < high]
        for low, high in BANDS
    }
    print("| defects | samples | " + " | ".join(names) + " |")
    print("|---|---|" + "---|" * len(names))
    for name, members in groups.items():
        means = np.mean([one.values for one in members], axis=0)
        print(f"| {name} | {len(members)} | " + " | ".join(f"{100 * mean:.1f}" for mean in means) + " |")
    overall = np.mean(list(pooled.values()), axis=0)
    print("| all, as in the benchmark | | " + " | ".join(f"{100 * mean:.1f}" for mean in overall) + " |")


if __name__ == "__main__":
    main()
