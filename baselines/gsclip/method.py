"""gsclip: sentences that know the shape of the object, compared with views that know their depth."""

import torch

from pc3dad import seeding
from pc3dad.baselines.gsclip.config import GsClipConfig
from pc3dad.baselines.gsclip.description import CARD
from pc3dad.baselines.gsclip.parts import Parts, make_parts
from pc3dad.baselines.gsclip.stages import STREAM, fusion_stage, prompts_stage
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.encoders import lora
from pc3dad.methods.rendered import maps, training
from pc3dad.methods.rendered.base import RenderedMethod
from pc3dad.methods.rendered.stream import Stream
from pc3dad.types import Prediction, Sample


class GsClip(RenderedMethod[GsClipConfig]):
    """GS-CLIP (Deng et al., CVPR 2026) in two stages.

    Stage 1 learns the sentences of normal and anomalous objects with tokens of their shape and their oddest
    points. Stage 2 learns how depth pictures refine the features of the views.
    """

    card = CARD
    kept = ("depth",)
    _parts: Parts

    def fit(self, train: TrainView, ctx: RunContext) -> None:
        """Learns from labelled samples of other categories.

        Raises:
            ConfigError: options do not fit each other or the encoder.
            MethodError: there are no samples, labels are missing, or a loss is not finite.
        """
        stream = self.stream(ctx)
        parts = make_parts(self.config, stream, seed=seeding.stream(ctx.seed, "gsclip") % 2**31)
        with training.Items(train, stream, ctx) as items:
            self.losses = [{"stage": 1, **record} for record in prompts_stage(items, parts, ctx)]
            self.losses += [{"stage": 2, **record} for record in fusion_stage(items, parts, ctx)]
        self.learn(parts.state())

    def prepare(self, stream: Stream) -> None:
        """Makes the modules of what was learned."""
        if not self._learned:
            return
        self._parts = make_parts(self.config, stream, seed=0)
        self._parts.restore(self.learned)
        self._parts.prompts.train(self.config.train_mode_at_test)
        if self._parts.fusion is not None and self._parts.depth is not None:
            self._parts.fusion.eval()
            tower = self._parts.depth
            self._parts.depth = (lora.merged(tower) if self.config.lora else tower).eval()

    @torch.inference_mode()
    def score_views(self, sample: Sample, stream: Stream, ctx: RunContext) -> Prediction:
        """Scores a sample by its views."""
        seen, size, rng = (
            stream.look(sample),
            stream.layout.image_size,
            ctx.rng("gsclip points", sample.cloud),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))  # of dropout, which is on in the released code
            texts = self._parts.describe([sample.cloud.valid_xyz], [rng]).features
        budget = ctx.memory_bytes
        fused = self._parts.fuse([seen.features[STREAM]], [seen.pictures["depth"]], budget)[0]
        normalise = self._parts.fusion is None or self.config.srm_normalise
        found, of_views = maps.anomaly_maps(fused, texts, size, normalise=normalise)
        photograph = None
        if self.config.rgb != "off":
            colours = stream.photograph(sample)
            picture, probability = maps.anomaly_maps(colours, texts, size)
            photograph = picture[0], float(probability[0])
        return maps.predict(sample, seen, found, of_views, config=self.config, ctx=ctx, photograph=photograph)
