"""fpfh_knn: remembers the shapes of normal parts; one that is like none of them stands out."""

import math

import numpy as np
from numpy.typing import NDArray

from pc3dad.baselines.fpfh_knn.card import CARD
from pc3dad.baselines.fpfh_knn.config import FpfhKnnConfig
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.errors import MethodError
from pc3dad.geometry import fpfh, neighbors, normals, sampling
from pc3dad.methods import scoring
from pc3dad.methods.base import BaseMethod
from pc3dad.types import Float32Array, Prediction, Sample


class FpfhKnn(BaseMethod[FpfhKnnConfig]):
    """Scores a point by the distance of its descriptor to the nearest one in a memory bank.

    Attributes:
        bank_: (B, 33) float32, a coreset of the descriptors of all training samples.
    """

    card = CARD
    bank_: Float32Array

    def fit(self, train: TrainView, ctx: RunContext) -> None:
        """Fills the memory bank from normal samples of the category.

        Raises:
            MethodError: there is no sample, or no point of a sample is valid.
        """
        if len(train) == 0:
            raise MethodError("fpfh_knn needs normal samples, got none", hint="name a training set")
        each = max(1, self.config.max_candidates // len(train))
        found = []
        for done, sample in enumerate(train):
            ctx.progress("describe normal samples", done, len(train))
            xyz, scored, described = self._described(sample, ctx.workers)
            found.append(described[sampling.radial_subset(xyz[scored], n=each)])
        candidates = np.concatenate(found)
        chosen = farthest_first(candidates, math.ceil(self.config.coreset * len(candidates)))
        self.bank_ = candidates[chosen]

    def score(self, sample: Sample, ctx: RunContext) -> Prediction:
        """Scores one sample; points that are not valid get 0.

        Raises:
            MethodError: no point is valid.
        """
        _, scored, described = self._described(sample, ctx.workers)
        distances, _ = neighbors.knn(self.bank_, described, k=1, workers=ctx.workers)
        return scoring.spread(sample, scored, distances[:, 0], share=self.config.share, workers=ctx.workers)

    def _described(self, sample: Sample, workers: int) -> tuple[Float32Array, NDArray[np.intp], Float32Array]:
        """Valid points (N, 3), which of them are described (M,), and their descriptors (M, 33).

        Training and test samples go through the same reduction, so that a neighbourhood covers the same
        share of either.
        """
        xyz, scored = scoring.subset(sample, n=self.config.max_points)
        kept = xyz[scored]
        directions = normals.estimate(
            kept,
            max_neighbours=self.config.normal_neighbours,
            orientation="outwards",
            workers=workers,
        )
        described = fpfh.describe(
            kept, directions, radius=np.inf, max_neighbours=self.config.neighbours, workers=workers
        )
        return xyz, scored, described


def farthest_first(descriptors: Float32Array, count: int) -> NDArray[np.intp]:
    """Greedy coreset (Roth et al., PatchCore, 2022): each choice is the farthest from all before it.

    The first one is the farthest from the mean. None is chosen twice.

    Args:
        descriptors: (M, D) float32.
        count: how many to choose, 1 to M.

    Returns:
        (count,) indices in the order of choice.
    """
    centred = descriptors - descriptors.mean(axis=0)  # smaller numbers, smaller rounding errors below
    columns = np.ascontiguousarray(centred.T)
    squared = np.einsum("dm,dm->m", columns, columns)
    gap = np.full_like(squared, np.inf)
    chosen = np.empty(count, dtype=np.intp)
    latest = int(squared.argmax())
    for step in range(count):
        chosen[step] = latest
        product = np.einsum("dm,d->m", columns, columns[:, latest])  # `@` waits for threads on a busy machine
        gap = np.minimum(gap, squared + squared[latest] - 2 * product)
        gap[latest] = -np.inf
        latest = int(gap.argmax())
    return chosen
