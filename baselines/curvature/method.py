"""Curvature: parts are smooth nearly everywhere, so points where the surface suddenly bends stand out."""

from pc3dad.baselines.curvature.card import CARD
from pc3dad.baselines.curvature.config import CurvatureConfig
from pc3dad.context import RunContext
from pc3dad.geometry import descriptors
from pc3dad.methods import scoring
from pc3dad.methods.base import BaseMethod
from pc3dad.types import Prediction, Sample


class Curvature(BaseMethod[CurvatureConfig]):
    """Compares the surface variation of every point with the median of its surroundings."""

    card = CARD

    def score(self, sample: Sample, ctx: RunContext) -> Prediction:
        """Scores one sample; points that are not valid get 0.

        Raises:
            MethodError: no point is valid.
        """
        xyz, scored = scoring.subset(sample, n=self.config.max_points)
        contrast = descriptors.variation_contrast(
            xyz[scored], k=self.config.k, context=self.config.context, workers=ctx.workers
        )
        return scoring.spread(sample, scored, contrast, share=self.config.share, workers=ctx.workers)
