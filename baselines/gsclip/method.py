"""gsclip: sentences that know the shape of the object, compared with views that know their depth."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pc3dad import seeding
from pc3dad.baselines.gsclip.card import CARD
from pc3dad.baselines.gsclip.config import GsClipConfig
from pc3dad.baselines.gsclip.parts import Parts, make_parts
from pc3dad.baselines.gsclip.stages import DEPTH, POINTS, STREAM, fusion_stage, prompts_stage
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.methods.rendered import maps, training
from pc3dad.methods.rendered.base import RenderedMethod
from pc3dad.methods.rendered.stream import Features, Stream
from pc3dad.types import Prediction, Sample


class GsClip(RenderedMethod[GsClipConfig]):
    """GS-CLIP (Deng et al., CVPR 2026) in two stages.

    Stage 1 learns the sentences of normal and anomalous objects with tokens of their shape and their oddest
    points. Stage 2 learns how depth pictures refine the features of the views.
    """

    card = CARD
    kept = (DEPTH,)
    _parts: Parts

    def fit(self, train: TrainView, ctx: RunContext) -> None:
        """Learns from labelled samples of other categories.

        Raises:
            ConfigError: options do not fit each other or the encoder.
            MethodError: there are no samples, labels are missing, or a loss is not finite.
            WeightsError: `point_weights` are not here.
        """
        stream, seed = self.stream(ctx), seeding.stream(ctx.seed, "gsclip") % 2**31
        parts = make_parts(self.config, stream, seed=seed)
        with training.Items(train, stream, ctx) as items, _drawing(seed, parts.prompts.context.ids.device):
            self.losses = [{"stage": 1, **record} for record in prompts_stage(items, parts, ctx)]
            self.losses += [{"stage": 2, **record} for record in fusion_stage(items, parts, ctx)]
        self.learn(parts.state())

    def prepare(self, stream: Stream) -> None:
        """Makes the modules of what was learned."""
        if self._learned:
            self._parts = make_parts(self.config, stream, seed=0, stored=True)
            self._parts.restore(self.learned)

    @torch.inference_mode()
    def score_views(self, sample: Sample, stream: Stream, ctx: RunContext) -> Prediction:
        """Scores a sample by its views."""
        seen, size = stream.look(sample), stream.layout.image_size
        texts = self._texts(sample, ctx)
        organised = sample.cloud.grid is not None
        fused = self._refined(seen.features[STREAM], seen.pictures[DEPTH], stream, ctx, organised)
        normalise = not self.config.srm or self.config.srm_normalise
        found, of_views = maps.anomaly_maps(fused, texts, size, normalise=normalise)
        photograph = None
        if self.config.rgb != "off":
            picture = stream.picture(sample)
            coloured = self._refined(stream.encode(picture), picture, stream, ctx, organised)
            shown, probability = maps.anomaly_maps(coloured, texts, size, normalise=normalise)
            photograph = shown[0], float(probability[0])
        return maps.predict(sample, seen, found, of_views, config=self.config, ctx=ctx, photograph=photograph)

    def _texts(self, sample: Sample, ctx: RunContext) -> torch.Tensor:
        """(1, 2, D) sentences of a sample; which points are read depends on their number alone."""
        rng, key = ctx.rng(POINTS), seeding.cloud_key(sample.cloud)
        seed = seeding.stream(ctx.seed, POINTS, key) % 2**31  # of dropout, which is on in the released code
        with _drawing(seed, self._parts.prompts.context.ids.device):
            return self._parts.describe([sample.cloud.valid_xyz], [rng]).features

    def _refined(
        self, views: Features, depth: torch.Tensor, stream: Stream, ctx: RunContext, organised: bool
    ) -> Features:
        """Features of views, or of a photograph, which is its own depth picture, after stage 2."""
        refiner = self._parts.refiner
        if refiner is None:
            return views
        released = self.config.depth_at_test == "released" and not organised
        tower = stream.encoder.vision if released else None
        return refiner.fuse([views], refiner.read([depth], ctx.memory_bytes, tower=tower))[0]


@contextmanager
def _drawing(seed: int, device: torch.device) -> Iterator[None]:
    """Gives torch's own generators a seed, which dropout needs, and afterwards the state that they had."""
    with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
        torch.manual_seed(seed)
        yield
