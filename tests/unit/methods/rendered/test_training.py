"""Training items stay on disk, and losses are those of the specification."""

import numpy as np
import pytest
import torch

from pc3dad.data.base import SampleRef, TrainView
from pc3dad.errors import MethodError
from pc3dad.methods.rendered.config import RenderedConfig
from pc3dad.methods.rendered.stream import Stream
from pc3dad.methods.rendered.training import Items, prompt_losses
from pc3dad.types import Regime, Split, Truth


class Parts:
    """A data set of given samples and labels."""

    def __init__(self, samples, truths):
        self.samples, self.truths = samples, truths

    def load(self, ref):
        return self.samples[int(ref.id)]

    def truth(self, ref):
        return self.truths[int(ref.id)]


def view(samples, truths):
    data = Parts(samples, truths)
    refs = [SampleRef("part", Split.TEST, str(number)) for number in range(len(samples))]
    return TrainView(Regime.AUXILIARY, "parts:part", [(data, ref) for ref in refs])


@pytest.fixture
def labelled(sample):
    defective = sample.cloud.xyz[:, 0] > 0.5
    return view([sample, sample], [Truth("0", False, None), Truth("1", True, defective)])


@pytest.fixture
def items(loaded, ctx, labelled):
    with Items(labelled, Stream(RenderedConfig(), ctx), ctx) as found:
        yield found


def test_an_item_holds_features_masks_and_labels(items, sample):
    good, bad = items[0], items[1]
    assert (good.anomalous, bad.anomalous) == (False, True)
    assert not good.masks.any()
    assert not good.points.any()
    assert 0 < bad.masks[4].float().mean() < 0.5
    assert torch.equal(bad.points, torch.from_numpy(sample.cloud.xyz[:, 0] > 0.5))
    assert bad.seen.features["shaded"].patches.dtype == torch.float32


def test_items_need_no_memory_and_their_folder_goes_with_them(items, ctx):
    (folder,) = ctx.scratch.glob("pc3dad-items-*")
    assert isinstance(np.load(folder / "0" / "shaded_patches.npy", mmap_mode="r"), np.memmap)
    with items:
        pass
    assert not folder.exists()


def test_samples_without_labels_are_refused(loaded, ctx, sample):
    stream = Stream(RenderedConfig(), ctx)
    for truth, said in ((Truth("0", None), "has no label"), (Truth("0", True), "has no labels of points")):
        with pytest.raises(MethodError, match=said):
            Items(view([sample], [truth]), stream, ctx)
    with pytest.raises(MethodError, match="nothing to train on"):
        Items(view([], []), stream, ctx)


def losses_of(items, right, **options):
    truth = torch.stack([item.masks for item in items]).float()
    anomalous = truth if right else 1 - truth
    maps = torch.stack([1 - anomalous, anomalous], dim=2)
    views = truth.flatten(2).any(2).long()
    logits = torch.nn.functional.one_hot(views if right else 1 - views, 2) * 20.0
    settings = {"view_mean": "object", "divide_by": "visible", **options}
    return {
        name: float(value) for name, value in prompt_losses(list(items), maps, logits, **settings).items()
    }


def test_right_maps_cost_nothing_and_wrong_ones_much(items):
    right, wrong = losses_of(items, True), losses_of(items, False)
    assert set(right) == {"2d_pixel", "3d_point", "2d_image", "3d_global"}
    assert right["2d_pixel"] < 1e-3
    assert right["3d_point"] < 0.2  # pixels at the edge of the defect show points of both sides
    assert right["2d_image"] < 1e-3
    assert all(wrong[name] > right[name] + 0.5 for name in right)


def test_points_that_no_view_shows_count_only_as_released(items):
    hidden = [items[1]]
    hidden[0].seen.visible[:, :100] = False
    assert losses_of(hidden, True, dice_background=True)["3d_point"] > losses_of(hidden, True)["3d_point"]
