"""Prints what both radii of btp's histograms leave of the normals of `synthetic` (baselines/btp/README.md).

Run `python scripts/btp_radii.py`: ten seconds. Of the first test sample of each category 2048 points are
chosen and scaled to radius 1, as the method does.
"""

import numpy as np

from pc3dad.baselines.btp import descriptors, preprocess
from pc3dad.data.synthetic.config import SyntheticConfig
from pc3dad.data.synthetic.dataset import Synthetic
from pc3dad.geometry import neighbors, normals
from pc3dad.types import Float32Array, Split

N = 2048


def row(xyz: Float32Array, scale: descriptors.Scale) -> tuple[float, float, float]:
    """Radius for normals, per cent of the points that have none, median number of neighbours."""
    near, wide = descriptors.radii(xyz, scale)
    found = normals.estimate(xyz, max_neighbours=descriptors.NORMAL_NEIGHBOURS, radius=near)
    around = neighbors.neighbourhoods(xyz, max_neighbours=descriptors.NEIGHBOURS, radius=wide)
    counts = np.concatenate([some.counts for some in around]) - 1
    return near, 100 * float((found == normals.UP).all(axis=1).mean()), float(np.median(counts))


def main() -> None:
    """Prints the table."""
    data = Synthetic(None, SyntheticConfig())
    print(
        "| category | without normal, fixed | neighbours | radius, adaptive | without normal | neighbours |"
    )
    print("|---|---|---|---|---|---|")
    for category in data.categories():
        sample = data.load(data.refs(category, Split.TEST)[0])
        xyz = preprocess.choose(sample, n=N).xyz
        fixed, adaptive = row(xyz, "fixed"), row(xyz, "adaptive")
        print(
            f"| {category} | {fixed[1]:.1f} % | {fixed[2]:.0f} "
            f"| {adaptive[0]:.3f} | {adaptive[1]:.1f} % | {adaptive[2]:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
