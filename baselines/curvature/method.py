"""Curvature: parts are smooth nearly everywhere, so points where the surface suddenly bends stand out."""

import numpy as np

from pc3dad.baselines.curvature.card import CARD
from pc3dad.baselines.curvature.config import CurvatureConfig
from pc3dad.context import RunContext
from pc3dad.geometry import descriptors, neighbors
from pc3dad.methods import scoring
from pc3dad.methods.base import BaseMethod
from pc3dad.types import Float32Array, Prediction, Sample


class Curvature(BaseMethod[CurvatureConfig]):
    """Compares the surface variation of every point with the median of its surroundings."""

    card = CARD

    def score(self, sample: Sample, ctx: RunContext) -> Prediction:
        """Scores one sample; points that are not valid get 0.

        Raises:
            MethodError: no point is valid.
        """
        xyz, scored = scoring.subset(sample, n=self.config.max_points)
        contrast = self._contrast(xyz[scored], ctx.workers)
        return scoring.spread(sample, scored, contrast, share=self.config.share, workers=ctx.workers)

    def _contrast(self, xyz: Float32Array, workers: int) -> Float32Array:
        """|variation - median variation of the surroundings|, which has no unit and needs no scaling.

        Clouds too small for a neighbourhood, lines and single positions get 0 everywhere.

        Args:
            xyz: (M, 3) float32, any unit.
            workers: threads.

        Returns:
            (M,) float32 in [0, 1/3].
        """
        k, context = (min(size, len(xyz)) for size in (self.config.k, self.config.context))
        _, near = neighbors.knn(xyz, xyz, k=max(k, context), workers=workers)
        variation = descriptors.surface_variation(xyz, near[:, :k])
        contrast: Float32Array = np.abs(variation - np.median(variation[near[:, :context]], axis=1))
        return contrast
