"""align3d: views are compared with sentences as they are, and as if they had colours."""

from collections.abc import Mapping

import torch

from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.description import CARD
from pc3dad.baselines.align3d.guidance import GREY, GuidedStream, has_guidance
from pc3dad.baselines.align3d.parts import Parts, new_parts, stored_parts
from pc3dad.baselines.align3d.scores import Branch, Fusion, blend, predict
from pc3dad.baselines.align3d.stages import alignment_stage, prompts_stage
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.methods.rendered import maps, training
from pc3dad.methods.rendered.base import RenderedMethod
from pc3dad.methods.rendered.stream import Features, Stream
from pc3dad.types import Prediction, Sample

FUSION = "fusion"  # name of the tuned weights among what was learned


class Align3d(RenderedMethod[Align3dConfig]):
    """Align3D-AD (Bai et al., 2026) in two stages.

    Stage 1 learns from coloured views how features of grey ones become those of coloured ones. Stage 2 learns
    sentences for the features as they are and for those that stage 1 maps. Scores need no colours.
    """

    card = CARD
    _parts: Parts
    _fusion: Fusion
    _texts: tuple[torch.Tensor, torch.Tensor | None]

    def fit(self, train: TrainView, ctx: RunContext) -> None:
        """Learns from labelled samples of other categories.

        Raises:
            ConfigError: tuned values are wanted that were not released.
            MethodError: there are no samples, labels or colours are missing, or a loss is not finite.
        """
        config = self.config.tuned_to(train.categories)
        alone = self._is_render_only(train)
        stream = GuidedStream(config, ctx) if config.aligner and not alone else self.stream(ctx)
        parts = new_parts(config, stream.encoder, ctx, render_only=alone)
        self.losses = []
        with training.Items(train, stream, ctx) as items:
            if parts.aligner is not None:
                records = alignment_stage(items, parts.aligner, config, ctx)
                self.losses += [{"stage": 1, **record} for record in records]
            records = prompts_stage(items, parts, config, ctx, size=stream.layout.image_size)
            self.losses += [{"stage": 2, **record} for record in records]
        tuned = {}
        if config.tuned_for != "off":
            tuned[FUSION] = torch.tensor(
                [config.object_weight, config.point_weight, float(config.blur_object)]
            )
        self.learn(parts.state() | tuned)

    def prepare(self, stream: Stream) -> None:
        """Makes the modules of what was learned and encodes the sentences."""
        if not self._learned:
            return
        self._fusion = fusion_of(self.config, self.learned)
        modules = {name: value for name, value in self.learned.items() if name != FUSION}
        self._parts = stored_parts(self.config, stream.encoder, modules)
        with torch.inference_mode():
            aligned = self._parts.aligned
            self._texts = self._parts.rendered(), None if aligned is None else aligned()

    @torch.inference_mode()
    def score_views(self, sample: Sample, stream: Stream, ctx: RunContext) -> Prediction:
        """Scores a sample by its views."""
        seen, size = stream.look(sample), stream.layout.image_size
        features = seen.features[GREY]
        texts, others = self._texts

        def branch(found: Features, sentences: torch.Tensor) -> Branch:
            return Branch(*maps.anomaly_maps(found, sentences, size))

        rendered = branch(features, texts)
        aligned = rendered if others is None else branch(self._parts.align(features), others)
        if self.config.rgb == "off":
            return predict(sample, seen, rendered, aligned, self._fusion, config=self.config, ctx=ctx)
        fusion = self._fusion
        both = blend(rendered, aligned, maps=fusion.point_weight, views=fusion.object_weight)
        colours = branch(stream.photograph(sample), texts if others is None else others)
        photograph = colours.maps[0], float(colours.views[0])
        return maps.predict(
            sample, seen, both.maps, both.views, config=self.config, ctx=ctx, photograph=photograph
        )

    def _is_render_only(self, train: TrainView) -> bool:
        """Whether the rendering branch is learned alone, for want of colours."""
        if self.config.no_rgb != "render_only" or not len(train):
            return False
        photographs = self.config.guidance == "photo_0deg"
        return not has_guidance(next(iter(train)), photographs=photographs)


def fusion_of(config: Align3dConfig, learned: Mapping[str, torch.Tensor]) -> Fusion:
    """How branches are fused: as the training set asked for, if values were tuned, else as configured."""
    if FUSION not in learned:
        return Fusion(config.object_weight, config.point_weight, config.blur_object, config.blurs_points)
    object_weight, point_weight, blur_object = learned[FUSION].tolist()
    return Fusion(object_weight, point_weight, bool(blur_object), config.blurs_points)
