"""Names and shapes of weights agree with the networks that are built elsewhere."""

import math

import pytest
import torch

from pc3dad.encoders import _compat
from pc3dad.errors import WeightsError
from pc3dad.weights.cards import CARDS
from pc3dad.weights.layouts import Layout, layout_of, shortened

CLIPS = [card for card in CARDS if card.kind in {"image-text", "text"} and card.slug != "tiny"]


def parameters(shapes, prefix=""):
    """Numbers in all tensors but statistics of batch normalisation."""
    ends = ("running_mean", "running_var", "num_batches_tracked")
    names = [name for name in shapes if name.startswith(prefix) and not name.endswith(ends)]
    return sum(math.prod(shapes[name]) for name in names)


@pytest.mark.parametrize("card", CLIPS, ids=lambda card: card.slug)
def test_clip_is_what_open_clip_builds(card):
    clip = _compat.open_clip()
    config = clip.get_model_config(card.architecture)
    with torch.device("meta"):
        model = clip.CLIP(**config)
    found = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    layout = layout_of(card.slug)
    layout.check(found, what="open_clip's model")
    assert all(name in found for name in layout.shapes)
    assert clip.get_pretrained_cfg(card.architecture, card.tag)


def test_published_numbers_of_parameters():
    assert parameters(layout_of("clip_vit_bigg_14_text").shapes) == 694_659_840
    ulip = layout_of("ulip2_pointbert").shapes
    assert parameters(ulip, "point_encoder.") == 32_499_072
    assert parameters(ulip, "pc_projection") == 983_040
    assert len([name for name in ulip if name.startswith("point_encoder.")]) == 226
    assert parameters(layout_of("pointnet2_sem_seg").shapes) == 968_269


def test_every_difference_is_listed():
    layout = Layout({"a": (1,), "b": (2, 3), "c": ()}, frozenset({"step"}), "visual.")
    layout.check({"a": (1,), "b": (2, 3), "c": (), "step": (), "visual.x": (9,)}, what="FILE")
    with pytest.raises(WeightsError) as refused:
        layout.check({"b": (3, 2), "d": (1,), "e": (1,)}, what="FILE")
    with pytest.raises(WeightsError, match=r"unexpected: \[31mred"):
        layout.check({"a": (1,), "b": (2, 3), "c": (), "\033[31mred": ()}, what="FILE")
    for words in (
        "FILE holds another network",
        "missing: a, c;",
        "unexpected: d, e;",
        "b (3, 2) instead of (2, 3)",
    ):
        assert words in str(refused.value)


def test_names_that_differ_in_a_number_are_written_once():
    names = ["a.0.w", "b", "a.1.w", "a.2.w", "a.5.w", "c.3.w", "a.0.v", "a.10.v (2,) instead of (3,)", "x1.y"]
    expected = "a.{0-2,5}.w, b, c.3.w, a.0.v, a.10.v (2,) instead of (3,), x1.y"
    assert shortened(names) == expected


def test_every_card_has_a_layout():
    assert [card.slug for card in CARDS if layout_of(card.slug) is None and not card.packaged] == []
