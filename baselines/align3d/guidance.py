"""What the views of training samples are aligned with: the same views in colours, or the photograph."""

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from pc3dad.baselines.align3d.aligner import Pair, make_pair
from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.context import RunContext
from pc3dad.errors import MethodError
from pc3dad.methods.rendered.stream import Features, Seen, Stream
from pc3dad.types import Sample

GREY, COLOURED, CAMERA, PHOTOGRAPH = "shaded", "rgb", "camera", "photograph"  # names of features


class GuidedStream(Stream):
    """Looks at training samples as `Stream` does, and at what their views are aligned with.

    Args:
        config: of the method.
        ctx: surroundings.
    """

    def __init__(self, config: Align3dConfig, ctx: RunContext) -> None:
        self._photographs = config.guidance == "photo_0deg"
        super().__init__(config, ctx, encoded=(GREY,) if self._photographs else (GREY, COLOURED))

    def look(self, sample: Sample, *, front: bool = False) -> Seen:
        """What is seen of a sample.

        Raises:
            DataError: no point is valid.
            MethodError: the sample has no colours.
        """
        if not has_guidance(sample, photographs=self._photographs):
            what = "photograph on its grid of points" if self._photographs else "colours"
            raise MethodError(
                f"training sample {sample.id!r} has no {what}, which stage 1 of align3d aligns views with",
                hint="train on data with colours, which the method then scores with or without, or use "
                "align3d[no_rgb=render_only]",
            )
        seen = super().look(sample, front=front)
        if not self._photographs or sample.cloud.grid is None:
            return seen
        grey, view = seen.features[GREY], camera_view(seen, sample.cloud.grid, self.layout.image_size)
        alone = Features(grey.image[view : view + 1], grey.patches[:, view : view + 1])
        added = {CAMERA: alone, PHOTOGRAPH: self.photograph(sample)}
        return replace(seen, features={**seen.features, **added})


def has_guidance(sample: Sample, *, photographs: bool) -> bool:
    """Whether a sample has a photograph on its grid of points, or colours of its points."""
    if photographs:
        return sample.image is not None and sample.cloud.grid is not None
    return sample.cloud.rgb is not None


def pair_of(seen: Seen) -> Pair:
    """What is aligned of a sample that a `GuidedStream` looked at."""
    if PHOTOGRAPH in seen.features:
        return make_pair(seen.features[CAMERA], seen.features[PHOTOGRAPH])
    return make_pair(seen.features[GREY], seen.features[COLOURED])


def camera_view(seen: Seen, grid: tuple[int, int], size: int) -> int:
    """Which view is that of the camera: points lie in it as in the photograph, up to place and scale.

    Args:
        seen: views of an organised cloud.
        grid: its rows and columns.
        size: side of the views in pixels.
    """
    row, column = np.divmod(seen.indices, grid[1])
    wanted = torch.from_numpy(np.stack([row, column])[:, None]).to(seen.pixel.device)  # (2, 1, n)
    found = torch.stack([seen.pixel // size, seen.pixel % size])  # (2, V, n)
    wanted, found = (one - one.double().mean(dim=-1, keepdim=True) for one in (wanted, found))
    alike = functional.cosine_similarity(wanted.movedim(0, 1).flatten(1), found.movedim(0, 1).flatten(1))
    return int(alike.argmax())
