"""pointad: two sentences are learned on other categories; views, pixels and points are compared with them."""

from collections.abc import Sequence

import torch

from pc3dad.baselines.pointad.card import CARD
from pc3dad.baselines.pointad.config import PointAdConfig
from pc3dad.context import RunContext
from pc3dad.data.base import TrainView
from pc3dad.methods import epochs
from pc3dad.methods.rendered import maps, training
from pc3dad.methods.rendered.base import RenderedMethod
from pc3dad.methods.rendered.prompts import BETAS, StatePrompts
from pc3dad.methods.rendered.stream import Stream
from pc3dad.types import Prediction, Sample


class PointAd(RenderedMethod[PointAdConfig]):
    """PointAD (Zhou et al., NeurIPS 2024), which is stage 1 of GS-CLIP without its geometry-aware tokens."""

    card = CARD

    def fit(self, train: TrainView, ctx: RunContext) -> None:
        """Learns the sentences from labelled samples of other categories.

        Raises:
            MethodError: there are none, labels are missing, or the loss is not finite.
        """
        stream = self.stream(ctx)
        prompts = self._prompts(stream, ctx.torch_rng("pointad prompts"))
        optimiser = torch.optim.Adam(prompts.parameters(), lr=self.config.rate, betas=BETAS)

        def step(chosen: Sequence[training.Item]) -> epochs.Losses:
            texts, seen = prompts(), [item.seen.features["shaded"] for item in chosen]
            size = stream.layout.image_size
            return training.prompt_losses(
                chosen,
                torch.stack([maps.view_maps(one.patches, texts, size) for one in seen]),
                torch.stack([maps.view_logits(one.image, texts) for one in seen]),
                view_mean=self.config.view_mean,
                divide_by=self.config.divide_by,
                dice_background=self.config.dice_background,
            )

        with training.Items(train, stream, ctx) as items:
            records = epochs.run(
                items,
                step,
                optimiser,
                epochs=self.config.epochs,
                batch=self.config.batch,
                rng=ctx.rng("pointad order"),
                ctx=ctx,
                label="learn sentences",
            )
            self.losses = list(records)
        self.learn({f"prompts.{name}": value for name, value in prompts.state_dict().items()})

    def prepare(self, stream: Stream) -> None:
        """Encodes the learned sentences."""
        if not self._learned:
            return
        prompts = self._prompts(stream, torch.Generator())
        prompts.load_state_dict(
            {name.removeprefix("prompts."): value for name, value in self.learned.items()}
        )
        with torch.inference_mode():
            self._texts = prompts()

    @torch.inference_mode()
    def score_views(self, sample: Sample, stream: Stream, ctx: RunContext) -> Prediction:
        """Scores a sample by its views."""
        seen, size = stream.look(sample), stream.layout.image_size
        found, of_views = maps.anomaly_maps(seen.features["shaded"], self._texts, size)
        photograph = None
        if self.config.rgb != "off":
            picture, probability = maps.anomaly_maps(stream.photograph(sample), self._texts, size)
            photograph = picture[0], float(probability[0])
        return maps.predict(sample, seen, found, of_views, config=self.config, ctx=ctx, photograph=photograph)

    def _prompts(self, stream: Stream, generator: torch.Generator) -> StatePrompts:
        return StatePrompts(
            stream.encoder,
            n_context=self.config.n_context,
            deep_tokens=self.config.deep_tokens,
            generator=generator,
            half=self.config.half_prompts,
        )
