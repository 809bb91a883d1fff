"""What the views of training samples are aligned with: the same views in colours, or the photograph."""

from dataclasses import replace

from pc3dad.baselines.align3d.aligner import Pair, make_pair
from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.context import RunContext
from pc3dad.errors import MethodError
from pc3dad.methods.rendered.stream import Features, Seen, Stream
from pc3dad.types import Sample

GREY, COLOURED, PHOTOGRAPH = "shaded", "rgb", "photograph"  # names of features


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
        if not self._photographs:
            return seen
        return replace(seen, features={**seen.features, PHOTOGRAPH: self.photograph(sample)})


def has_guidance(sample: Sample, *, photographs: bool) -> bool:
    """Whether a sample has a photograph on its grid of points, or colours of its points."""
    if photographs:
        return sample.image is not None and sample.cloud.grid is not None
    return sample.cloud.rgb is not None


def pair_of(seen: Seen) -> Pair:
    """What is aligned of a sample that a `GuidedStream` looked at."""
    grey = seen.features[GREY]
    if PHOTOGRAPH not in seen.features:
        return make_pair(grey, seen.features[COLOURED])
    view = int(seen.visible.sum(dim=1).argmax())  # no other view shows as many points as that of the camera
    alone = Features(grey.image[view : view + 1], grey.patches[:, view : view + 1])
    return make_pair(alone, seen.features[PHOTOGRAPH])
