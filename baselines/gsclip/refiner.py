"""Stage 2 of gsclip: depth pictures of the same views refine the features of the views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from pc3dad.baselines.gsclip.config import GsClipConfig
from pc3dad.baselines.gsclip.depth import depth_tower, encode
from pc3dad.baselines.gsclip.fusion import Fusion, FusionOptions, ViewFeatures
from pc3dad.encoders import lora
from pc3dad.encoders.image_text import ImageTextEncoder
from pc3dad.encoders.loading import load_strictly
from pc3dad.encoders.vision import VisionTower
from pc3dad.methods.rendered.stream import Features, Stream

FUSION, DEPTH = "fusion.", "depth."  # how names of learned tensors begin


@dataclass(slots=True, eq=False)
class Refiner:
    """Depth tower and fusion.

    Args:
        config: of the method.
        encoder: whose image tower the depth tower is made of.
        layer: after how many blocks patches are read.
        fusion: of both streams.
        tower: of depth pictures.
    """

    config: GsClipConfig
    encoder: ImageTextEncoder
    layer: int
    fusion: Fusion
    tower: VisionTower

    @property
    def learns_depth(self) -> bool:
        """Whether training changes what the tower makes of a picture."""
        return self.config.lora and self.config.lora_train

    def train(self, mode: bool) -> None:
        """Sets training or inference mode; a tower that does not learn drops nothing."""
        self.fusion.train(mode)
        self.tower.train(mode and self.learns_depth)

    def read(
        self, pictures: Sequence[torch.Tensor], budget: int, *, tower: VisionTower | None = None
    ) -> list[Features]:
        """Features of the depth pictures of B objects; patches only if they are fused.

        Args:
            pictures: uint8 of each, (V, S, S), or (V, H, W, 3) for a photograph.
            budget: bytes that one batch may allocate.
            tower: reads them instead of the depth tower.
        """
        image, patches = encode(
            tower or self.tower,
            self.encoder,
            torch.cat(list(pictures)),
            layer=self.layer if self.config.srm_tokens == "cls+patch" else None,
            budget=budget,
        )
        lengths = [len(one) for one in pictures]
        pairs = zip(torch.split(image, lengths), torch.split(patches, lengths), strict=True)
        return [Features(whole, parts[None]) for whole, parts in pairs]

    def fuse(self, views: Sequence[Features], depths: Sequence[Features]) -> list[Features]:
        """Features of the views of B objects, refined by those of `read`: (V, D) and (1, V, P, D) each."""
        fused = self.fusion(_stacked(views), _stacked(depths))
        return [
            Features(image, patches[None]) for image, patches in zip(fused.image, fused.patches, strict=True)
        ]

    def state(self) -> dict[str, torch.Tensor]:
        """Learned tensors by name. The tower is stored whole only if its frozen weights are its own."""
        found = {FUSION + name: value for name, value in self.fusion.state_dict().items()}
        tensors: Mapping[str, torch.Tensor] = {}
        if self._own_weights:
            tensors = self.tower.state_dict()
        elif self.config.lora:
            tensors = lora.adapter_tensors(self.tower)
        return found | {DEPTH + name: value for name, value in tensors.items()}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Takes over what `state` gave, for scores: adapters become part of the layers.

        Raises:
            WeightsError: listing every tensor that is missing, unexpected or of another shape.
        """
        load_strictly(self.fusion, below(state, FUSION), what="the fusion of this fit")
        if self._own_weights:
            load_strictly(self.tower, below(state, DEPTH), what="the depth tower of this fit")
        elif self.config.lora:
            lora.load_adapter(self.tower, below(state, DEPTH))
        if self.config.lora:
            self.tower = lora.merged(self.tower)
        self.train(mode=False)

    @property
    def _own_weights(self) -> bool:
        return self.config.depth_init == "random"


def make_refiner(config: GsClipConfig, stream: Stream, *, seed: int) -> Refiner:
    """Depth tower and fusion as they are before training.

    Args:
        config: of the method.
        stream: whose encoder is used; it has one layer.
        seed: draws all that starts at random.
    """
    form = FusionOptions(
        tokens=config.srm_tokens,
        value=config.srm_value,
        head=config.srm_head,
        residual=config.srm_residual,
        normalise=config.srm_normalise,
        scale=config.srm_scale,
    )
    encoder = stream.encoder
    fusion = Fusion(stream.layout.embed_dim, form, seed=seed).to(encoder.text.device)
    return Refiner(config, encoder, stream.layers[0], fusion, depth_tower(encoder, config, seed=seed))


def below(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin like that, without that beginning."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _stacked(features: Sequence[Features]) -> ViewFeatures:
    return ViewFeatures(
        torch.stack([one.image for one in features]), torch.stack([one.patches[0] for one in features])
    )
