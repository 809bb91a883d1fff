"""Embeddings of patches: size, the plain formula, and products that are read off before the last layer."""

import pytest
import torch

from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.embedding import Embedding
from pc3dad.baselines.btp.parts import Parts
from pc3dad.encoders.pointbert import ULIP2
from pc3dad.errors import ConfigError


def given():
    draws = torch.Generator().manual_seed(0)
    shapes = ((2, 3, 7, 10), (2, 7, 5), (2, 10))
    return [torch.randn(shape, generator=draws) for shape in shapes]


def module(**options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Embedding(10, 6, layers=3, geometry=5, hidden=8, **options)
    if "patch" in made.parts:
        made.layer_weights.data = torch.tensor([0.5, 1.0, -1.0])
    return made


def plain(made, layers, geometry, cloud):
    """The formula of the paper, one step after another."""
    weights = made.layer_weights.softmax(dim=0)
    mapped = sum(weight * made.patch(layers[:, index]) for index, weight in enumerate(weights))
    whole = made.cloud(cloud)[:, None].expand(-1, geometry.shape[1], -1)
    return made.fuse(torch.cat([mapped, made.geometry(geometry), whole], dim=-1))


def test_both_modules_have_the_published_sizes():
    with torch.device("meta"):
        parts = Parts(BtpConfig(), ULIP2, seed=0)
    assert sum(one.numel() for one in parts.embedding.parameters()) == 8_937_732
    assert sum(one.numel() for one in parts.parameters()) == 9_017_381


def test_the_embedding_is_that_of_the_plain_formula():
    made = module()
    torch.testing.assert_close(made(*given()), plain(made, *given()), atol=1e-5, rtol=0)


def test_products_with_directions_need_no_embedding():
    made, directions = module(), torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        made.along(*given(), directions), made(*given()) @ directions.T, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("parts", [("geometry",), ("cloud", "patch"), ("cloud",)])
def test_parts_can_be_left_out(parts):
    made = module(parts=parts)
    assert made(*given()).shape == (2, 7, 6)
    assert {name.partition(".")[0] for name in made.state_dict()} - {"fuse", "layer_weights"} == set(parts)
    with pytest.raises(ConfigError, match="something that is known"):
        module(parts=())
