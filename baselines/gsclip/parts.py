"""The modules of gsclip, made of a configuration, and what they say of objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pc3dad.baselines.gsclip import points
from pc3dad.baselines.gsclip.config import GsClipConfig
from pc3dad.baselines.gsclip.defects import DefectOptions
from pc3dad.baselines.gsclip.prompts import GeometryPrompts, GeometryTexts, PromptOptions
from pc3dad.baselines.gsclip.refiner import Refiner, below, make_refiner
from pc3dad.encoders.loading import load_strictly
from pc3dad.encoders.named import load_pointnet2
from pc3dad.encoders.pointnet2 import PointNet2
from pc3dad.errors import ConfigError
from pc3dad.methods.rendered.stream import Stream
from pc3dad.types import Float32Array

PROMPTS = "prompts."  # how names of learned tensors begin, beside those of the refiner

State = dict[str, torch.Tensor]


@dataclass(slots=True, eq=False)
class Parts:
    """What is learned.

    Args:
        config: of the method.
        stream: whose encoder is used.
        prompts: of stage 1.
        refiner: of stage 2, None without it.
    """

    config: GsClipConfig
    stream: Stream
    prompts: GeometryPrompts
    refiner: Refiner | None

    @torch.no_grad()
    def state(self) -> State:
        """Learned tensors by name."""
        found = {PROMPTS + name: value for name, value in self.prompts.state_dict().items()}
        return found | (self.refiner.state() if self.refiner else {})

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Takes over what `state` gave, for scores.

        Raises:
            WeightsError: listing every tensor that is missing, unexpected or of another shape.
        """
        load_strictly(self.prompts, below(state, PROMPTS), what="the prompts of this fit")
        self.prompts.train(self.config.train_mode_at_test)
        if self.refiner:
            self.refiner.restore(state)

    def describe(self, clouds: Sequence[Float32Array], rngs: Sequence[np.random.Generator]) -> GeometryTexts:
        """Sentences of B objects; without tokens of clouds they are the same for all, and B is 1.

        Args:
            clouds: B clouds of (n, 3) valid points.
            rngs: B sources of the points that are drawn.
        """
        tower = self.stream.encoder.text
        if self.prompts.encoder is None:
            return self.prompts.forward(tower)
        drawn = [
            points.draw_points(xyz, n_points=self.config.n_points, rng=rng)
            for xyz, rng in zip(clouds, rngs, strict=True)
        ]
        return self.prompts.forward(tower, torch.stack(drawn).to(tower.device))


def make_parts(config: GsClipConfig, stream: Stream, *, seed: int, stored: bool = False) -> Parts:
    """Modules as they are before training.

    Args:
        config: of the method.
        stream: whose encoder is used.
        seed: draws all that starts at random.
        stored: what was learned will replace all; the file of the point encoder is not read.

    Raises:
        ConfigError: options do not fit each other.
        WeightsError: the weights of the point encoder are not here.
    """
    encoder = stream.encoder
    if config.srm and len(stream.layers) > 1:
        raise ConfigError(
            f"layers={list(stream.layers)}: the fusion refines patches of one layer",
            hint="name one layer, or use srm=false",
        )
    options = PromptOptions(
        n_context=config.n_context,
        n_deep=config.deep_tokens,
        deep_depth=stream.layout.deep_depth,
        half=config.half_prompts,
        shape=config.shape_prompt,
        defect=config.defect_prompt,
        order=config.prompt_order,
        finetune=config.point_encoder == "finetune",
        defects=DefectOptions(
            bank=config.prototypes,
            prototypes=config.n_prototypes,
            outliers=config.n_outliers,
            tokens=config.n_defect_tokens,
            order=config.defect_order,
        ),
    )
    prompts = GeometryPrompts(encoder.text, _point_encoder(config, seed, stored), options, seed=seed)
    refiner = make_refiner(config, stream, seed=seed) if config.srm else None
    return Parts(config, stream, prompts, refiner)


def _point_encoder(config: GsClipConfig, seed: int, stored: bool) -> PointNet2 | None:
    if not (config.shape_prompt or config.defect_prompt):
        return None
    if config.point_weights is None:
        encoder = points.untrained(points.SMALL, seed=seed)
    elif stored:
        encoder = points.untrained(seed=seed)
    else:
        encoder = load_pointnet2(config.point_weights).encoder
    if config.n_points < (least := encoder.config.centres[0]):
        raise ConfigError(f"n_points={config.n_points} are fewer than the {least} centres of PointNet++")
    return encoder
