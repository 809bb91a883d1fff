"""The modules of gsclip, made of a configuration, and what they say of objects and views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pc3dad.baselines.gsclip import points
from pc3dad.baselines.gsclip.config import GsClipConfig
from pc3dad.baselines.gsclip.defects import DefectOptions
from pc3dad.baselines.gsclip.depth import depth_tower, encode
from pc3dad.baselines.gsclip.fusion import Fusion, FusionOptions, ViewFeatures
from pc3dad.baselines.gsclip.prompts import GeometryPrompts, GeometryTexts, PromptOptions
from pc3dad.encoders import lora
from pc3dad.encoders.loading import load_strictly
from pc3dad.encoders.named import load_pointnet2
from pc3dad.encoders.pointnet2 import PointNet2
from pc3dad.encoders.vision import VisionTower
from pc3dad.errors import ConfigError
from pc3dad.methods.rendered.stream import Features, Stream
from pc3dad.types import Float32Array

PROMPTS, FUSION, DEPTH = "prompts.", "fusion.", "depth."  # how names of learned tensors begin

State = dict[str, torch.Tensor]


@dataclass(slots=True, eq=False)
class Parts:
    """What is learned: prompts and, for stage 2, fusion and depth tower.

    Args:
        config: of the method.
        stream: whose encoder is used.
        seed: draws all that starts at random.

    Raises:
        ConfigError: options do not fit each other.
        WeightsError: the weights of the point encoder are not here.
    """

    config: GsClipConfig
    stream: Stream
    prompts: GeometryPrompts
    fusion: Fusion | None
    depth: VisionTower | None

    @torch.no_grad()
    def state(self) -> State:
        """Learned tensors by name. The depth tower is stored whole only if its frozen weights are its own."""
        found = {PROMPTS + name: value for name, value in self.prompts.state_dict().items()}
        if self.fusion is not None and self.depth is not None:
            found |= {FUSION + name: value for name, value in self.fusion.state_dict().items()}
            found |= {DEPTH + name: value for name, value in self._of_depth(self.depth).items()}
        return found

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Takes over what `state` gave.

        Raises:
            WeightsError: listing every tensor that is missing, unexpected or of another shape.
        """

        def part(prefix: str) -> State:
            return {n.removeprefix(prefix): value for n, value in state.items() if n.startswith(prefix)}

        load_strictly(self.prompts, part(PROMPTS), what="the prompts of this fit")
        if self.fusion is not None and self.depth is not None:
            load_strictly(self.fusion, part(FUSION), what="the fusion of this fit")
            if self._own_depth:
                load_strictly(self.depth, part(DEPTH), what="the depth tower of this fit")
            elif self.config.lora:
                lora.load_adapter(self.depth, part(DEPTH))

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

    def fuse(
        self, features: Sequence[Features], pictures: Sequence[torch.Tensor], budget: int
    ) -> list[Features]:
        """Features of the views of B objects, refined by their depth pictures; as they are without stage 2.

        Args:
            features: of the views, (V, D) and (1, V, P, D) each.
            pictures: (V, S, S) uint8 depth pictures of each.
            budget: bytes that one batch of the depth tower may allocate.
        """
        if self.fusion is None or self.depth is None:
            return list(features)
        encoder, layer = self.stream.encoder, self.stream.layers[0]
        deep = encode(self.depth, encoder, torch.cat(list(pictures)), layer=layer, budget=budget)
        n = len(features)
        fused = self.fusion(
            ViewFeatures(
                torch.stack([one.image for one in features]),
                torch.stack([one.patches[0] for one in features]),
            ),
            ViewFeatures(
                deep.image.view(n, -1, *deep.image.shape[1:]),
                deep.patches[0].view(n, -1, *deep.patches.shape[2:]),
            ),
        )
        return [
            Features(image, patches[None]) for image, patches in zip(fused.image, fused.patches, strict=True)
        ]

    @property
    def _own_depth(self) -> bool:
        return self.config.depth_init == "random"

    def _of_depth(self, tower: VisionTower) -> State:
        if self._own_depth:
            return dict(tower.state_dict())
        return lora.adapter_tensors(tower) if self.config.lora else {}


def make_parts(config: GsClipConfig, stream: Stream, *, seed: int) -> Parts:
    """Modules as they are before training; arguments and errors: `Parts`."""
    encoder = stream.encoder
    if config.srm and len(stream.layers) > 1:
        raise ConfigError(
            f"layers={list(stream.layers)}: the fusion refines patches of one layer",
            hint="name one layer, or use srm=off",
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
    prompts = GeometryPrompts(encoder.text, _point_encoder(config, seed), options, seed=seed)
    fusion, depth = None, None
    if config.srm:
        form = FusionOptions(
            tokens=config.srm_tokens,
            value=config.srm_value,
            head=config.srm_head,
            residual=config.srm_residual,
            normalise=config.srm_normalise,
            scale=config.srm_scale,
        )
        fusion = Fusion(stream.layout.embed_dim, form, seed=seed).to(encoder.text.device)
        depth = depth_tower(encoder, config, seed=seed)
    return Parts(config, stream, prompts, fusion, depth)


def _point_encoder(config: GsClipConfig, seed: int) -> PointNet2 | None:
    if not (config.shape_prompt or config.defect_prompt):
        return None
    if config.point_weights is None:
        return points.untrained(points.SMALL, seed=seed)
    return load_pointnet2(config.point_weights).encoder
