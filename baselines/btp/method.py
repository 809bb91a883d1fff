"""btp: patches of a frozen point-language encoder, embedded among two sentences."""

import numpy as np
import torch

from pc3dad import seeding
from pc3dad.baselines.btp import scoring, training
from pc3dad.baselines.btp.card import CARD
from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.descriptors import WIDTH
from pc3dad.baselines.btp.encoded import Encoded, Reader
from pc3dad.baselines.btp.parts import Found, Parts
from pc3dad.baselines.btp.preprocess import Subset
from pc3dad.baselines.btp.prompts import TEXTS, Prompts
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.device import batches
from pc3dad.encoders.named import load_image_text
from pc3dad.encoders.text import TextTower
from pc3dad.errors import ConfigError
from pc3dad.geometry import neighbors
from pc3dad.methods.learned import LearnedMethod
from pc3dad.types import Float32Array, Prediction, Sample

ALIGNED = {"tiny": "tiny", "ulip2_pointbert": "clip_vit_bigg_14_text"}
"""Text towers by the point encoders that were aligned with them."""
PARTS, PROMPTS = "parts.", "prompts."  # how names of learned tensors begin
STATES = "texts"  # features of both states among them
SPREAD = 128  # bytes that a point takes while its nearest one is looked for


class Btp(LearnedMethod[BtpConfig]):
    """BTP (Li et al., CVPR 2026).

    The features of both texts are stored with what was learned, so that the text tower, which has billions of
    bytes in the paper, is not needed for scores.
    """

    card = CARD

    def __init__(self, config: BtpConfig) -> None:
        super().__init__(config)
        self._ready: tuple[RunContext, Reader, Parts, torch.Tensor] | None = None

    def fit(self, train: TrainView, ctx: RunContext) -> None:
        """Learns from labelled samples of other categories.

        Raises:
            ConfigError: options do not fit each other or the encoder.
            MethodError: there are no samples, labels are missing, or a loss is not finite.
        """
        if self.config.geo_loss_weight > 0 and self.config.geo_dim != WIDTH:
            raise ConfigError(
                f"geo_dim={self.config.geo_dim} cannot be compared with histograms of {WIDTH} numbers",
                hint="set geo_loss_weight=0",
            )
        reader, tower = Reader(self.config, ctx), self._tower(ctx)
        seed = seeding.stream(ctx.seed, "btp") % 2**31
        parts = self._parts(reader, ctx, seed=seed)
        prompts = self._prompts(tower, reader, seed=seed)
        with training.Items(train, reader, self.config, ctx) as items:
            self.losses = list(training.train(items, parts, prompts, lambda: prompts(tower), ctx))
        with torch.no_grad():
            texts = prompts(tower)
        self.learn({**parts.state_dict(prefix=PARTS), **prompts.state_dict(prefix=PROMPTS), STATES: texts})
        self._ready = None

    def score(self, sample: Sample, ctx: RunContext) -> Prediction:
        """Scores one sample; points that are not valid get 0.

        `extras` has what the object score is made of: the probability of the cloud, and the mean of the
        highest and the highest one of the patches.

        Raises:
            DataError: no point is valid.
            MethodError: nothing was learned yet.
        """
        reader, parts, texts = self._prepared(ctx)
        subset, encoded = reader.read(sample)
        with torch.inference_mode():
            found = parts([encoded], texts)
            scores = point_scores(found, encoded, self.config)
            total = float(object_scores(found, self.config)[0])
            patches = torch.sigmoid(found.patches)
            extras = {
                "cloud": float(torch.sigmoid(found.clouds)[0]),
                "patches_highest": float(scoring.highest(patches, share=self.config.topk_ratio)[0]),
                "patches_max": float(patches.max()),
            }
        cloud = sample.cloud
        xyz = cloud.valid_xyz
        points = np.zeros(len(cloud), dtype=np.float32)
        points[cloud.valid] = to_all(xyz, subset, scores, ctx)
        n_filled = len(xyz) - len(scores)
        return Prediction(
            sample.id,
            object_score=total,
            point_scores=points,
            propagation="nearest" if n_filled else "native",
            n_filled=n_filled,
            extras=extras,
        )

    def _prepared(self, ctx: RunContext) -> tuple[Reader, Parts, torch.Tensor]:
        if self._ready is None or self._ready[0] is not ctx:
            state = dict(self.learned)
            reader = Reader(self.config, ctx)
            parts = self._parts(reader, ctx, seed=0).eval()
            own = {name: one for name, one in state.items() if name.startswith(PARTS)}
            parts.restore({name.removeprefix(PARTS): one for name, one in own.items()})
            texts = state.get(STATES)  # files of the authors have none
            if texts is None:
                tower = self._tower(ctx)
                texts = self._prompts(tower, reader, seed=0)(tower)
            self._ready = ctx, reader, parts, texts.to(next(parts.parameters()).device)
        return self._ready[1:]

    def _parts(self, reader: Reader, ctx: RunContext, *, seed: int) -> Parts:
        return Parts(self.config, reader.encoder.config, seed=seed).to(ctx.device)

    def _tower(self, ctx: RunContext) -> TextTower:
        slug = self.config.text_encoder or ALIGNED.get(self.config.encoder)
        if slug is None:
            raise ConfigError(f"{self.config.encoder} names no text tower", hint="set text_encoder")
        return load_image_text(slug, part="text").encoder.to(ctx.device).text

    def _prompts(self, tower: TextTower, reader: Reader, *, seed: int) -> Prompts:
        learned = self.config.prompt == "learnable"
        texts = self.config.texts or TEXTS[self.config.prompt]
        prompts = Prompts(tower, texts, n_context=self.config.n_context if learned else 0, seed=seed)
        with torch.no_grad():
            length = prompts(tower).shape[1]
        if length != reader.encoder.config.embed_dim:
            raise ConfigError(
                f"texts have features of length {length}, clouds of {reader.encoder.config.embed_dim}",
                hint="use the text tower that the point encoder was aligned with",
            )
        return prompts


def point_scores(found: Found, encoded: Encoded, config: BtpConfig) -> Float32Array:
    """(n,) probabilities of the points of the first cloud, from those of its patches."""
    nearest = encoded.nearest() if config.uncovered == "nearest-patch" else None
    values = torch.sigmoid(found.patches[0])
    scores = scoring.to_points(values, encoded.patches, len(encoded.xyz), nearest=nearest)
    array: Float32Array = scores.cpu().numpy()
    return array


def to_all(xyz: Float32Array, subset: Subset, scores: Float32Array, ctx: RunContext) -> Float32Array:
    """Every point takes the score of the nearest one that was chosen; those keep their own.

    As many points at a time as the memory budget allows.

    Args:
        xyz: (N, 3) float32, valid points of a cloud, any unit.
        subset: n of them that were chosen.
        scores: (n,) float32.
        ctx: workers and budget.

    Returns:
        (N,) float32.
    """
    order = np.argsort(subset.indices)  # of equally near ones the lowest index counts
    chosen, own = subset.indices[order], scores[order]
    spread = np.empty(len(xyz), dtype=np.float32)
    for rows in batches(len(xyz), bytes_each=SPREAD, budget=ctx.memory_bytes):
        _, closest = neighbors.knn(xyz[chosen], xyz[rows], k=1, workers=ctx.workers)
        spread[rows] = own[closest[:, 0]]
    spread[chosen] = own
    return spread


def object_scores(found: Found, config: BtpConfig) -> torch.Tensor:
    """(B,) scores of objects."""
    return scoring.object_scores(
        found.clouds,
        found.patches,
        alpha=config.global_alpha,
        aggregate=config.object_agg,
        share=config.topk_ratio,
        space=config.object_space,
    )
