"""Random: shows what each metric gives to a detector that knows nothing."""

import numpy as np

from pc3dad.baselines.random.card import CARD
from pc3dad.baselines.random.config import RandomConfig
from pc3dad.context import RunContext
from pc3dad.methods.base import BaseMethod
from pc3dad.types import Prediction, Sample


class Random(BaseMethod[RandomConfig]):
    """Scores are uniform in [0, 1) and independent: that of the object does not follow from its points."""

    card = CARD

    def score(self, sample: Sample, ctx: RunContext) -> Prediction:
        """Draws the scores of one sample by its content; points that are not valid get 0."""
        rng = ctx.rng("random", sample.cloud)
        best = float(rng.random())
        points = rng.random(len(sample.cloud), dtype=np.float32)
        points[~sample.cloud.valid] = 0
        return Prediction(sample.id, object_score=best, point_scores=points)
