"""fpfh_self: most shapes of a part occur in more than one place, so one that hardly occurs stands out."""

import math

import numpy as np

from pc3dad.baselines.fpfh_self.card import CARD
from pc3dad.baselines.fpfh_self.config import FpfhSelfConfig
from pc3dad.context import RunContext
from pc3dad.geometry import fpfh, neighbors, normals, sampling
from pc3dad.methods import scoring
from pc3dad.methods.base import BaseMethod
from pc3dad.types import Float32Array, Prediction, Sample


class FpfhSelf(BaseMethod[FpfhSelfConfig]):
    """Scores a point by how far its descriptor is from those of a given share of the same part."""

    card = CARD

    def score(self, sample: Sample, ctx: RunContext) -> Prediction:
        """Scores one sample; points that are not valid get 0.

        Raises:
            MethodError: no point is valid.
        """
        xyz, scored = scoring.subset(sample, n=self.config.max_points)
        rarity = self._rarity(xyz[scored], ctx.workers)
        return scoring.spread(sample, scored, rarity, share=self.config.share, workers=ctx.workers)

    def _rarity(self, xyz: Float32Array, workers: int) -> Float32Array:
        """Radius of the ball in descriptor space that holds the share `common` of all descriptors.

        Args:
            xyz: (M, 3) float32, any unit.
            workers: threads.

        Returns:
            (M,) float32, per cent of a histogram; 0 for clouds of one point.
        """
        directions = normals.estimate(
            xyz,
            max_neighbours=self.config.normal_neighbours,
            orientation="outwards",
            workers=workers,
        )
        described = fpfh.describe(
            xyz, directions, radius=np.inf, max_neighbours=self.config.neighbours, workers=workers
        )
        references = described[sampling.radial_subset(xyz, n=self.config.references)]
        k = math.ceil(self.config.common * len(references))
        distances, _ = neighbors.knn(references, described, k=k, workers=workers)
        return distances[:, -1]
