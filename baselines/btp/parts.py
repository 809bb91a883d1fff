"""The learned modules of btp together: from encoded clouds to logits."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import nn

from pc3dad.baselines.btp import scoring
from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.descriptors import Descriptors
from pc3dad.baselines.btp.embedding import Embedding
from pc3dad.baselines.btp.encoded import Encoded
from pc3dad.encoders.loading import load_strictly
from pc3dad.encoders.pointbert import PointBertConfig


class Found(NamedTuple):
    """What is found in B clouds of G patches.

    Attributes:
        patches: (B, G) logits, high for defects.
        clouds: (B,) logits of whole clouds, which do not depend on what was learned but for the texts.
        geometry: (B, G, geo_dim) predicted descriptors.
    """

    patches: torch.Tensor
    clouds: torch.Tensor
    geometry: torch.Tensor


class Parts(nn.Module):
    """Geometric Feature Creation Module and Multi-Granularity Feature Embedding Module.

    Args:
        config: of the method.
        encoder: sizes of the point encoder.
        seed: draws the weights.
    """

    def __init__(self, config: BtpConfig, encoder: PointBertConfig, *, seed: int) -> None:
        super().__init__()
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.descriptors = Descriptors(config.geo_dim)
            self.embedding = Embedding(
                encoder.width,
                encoder.embed_dim,
                layers=len(config.layers),
                geometry=config.geo_dim,
                hidden=config.hidden,
                parts=config.granularity,
            )

    def forward(self, clouds: Sequence[Encoded], texts: torch.Tensor) -> Found:
        """Compares patches and clouds with texts.

        Args:
            clouds: B encoded clouds; they may have different numbers of points.
            texts: (2, D) of unit length: normal, defective.
        """
        geometry = self.descriptors(*self._members(clouds))
        known = (
            torch.stack([one.layers for one in clouds]),
            geometry,
            torch.stack([one.cloud for one in clouds]),
        )
        if self.config.patch_similarity == "dot":
            patches = self.embedding.along(*known, texts[1:] - texts[:1])[..., 0]
        else:
            embedded = self.embedding(*known)
            patches = scoring.cosine_logits(embedded, texts, temperature=self.config.patch_temperature)
        whole = scoring.cloud_logits(torch.stack([one.embedding for one in clouds]), texts)
        return Found(patches, whole, geometry)

    def _members(self, clouds: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
        """Points (P, 3) of the patches of all clouds, and (B, G, K) which of them every patch holds."""
        found = [one.members(centred=self.config.gfcm_coords == "centred") for one in clouds]
        before = accumulate((len(points) for points, _ in found), initial=0)
        patches = [which + start for (_, which), start in zip(found, before, strict=False)]
        return torch.cat([points for points, _ in found]), torch.stack(patches)

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Takes over learned tensors by the names of the state dict.

        Raises:
            WeightsError: listing every tensor that is missing, unexpected or of another shape.
        """
        load_strictly(self, state, what="the modules of this fit")
