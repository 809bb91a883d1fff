"""Networks are filled with all tensors of a file or none, and built without random numbers for that."""

import pytest
import torch
from torch import nn

from pc3dad.encoders.loading import Undrawn, load_strictly
from pc3dad.errors import WeightsError


class Network(nn.Module):
    """A linear layer, a table and a parameter that open_clip's way of building draws."""

    def __init__(self):
        super().__init__()
        self.linear, self.table = nn.Linear(4, 3), nn.Embedding(5, 4)
        self.token = nn.Parameter(0.1 * torch.randn(4))
        nn.init.trunc_normal_(self.linear.weight, std=0.02)


def test_a_network_that_is_built_undrawn_leaves_the_random_numbers_where_they_were():
    before = torch.random.get_rng_state()
    with Undrawn():
        Network()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_it_takes_every_tensor_and_half_precision_becomes_single():
    torch.manual_seed(0)
    source = {name: tensor.half() for name, tensor in Network().state_dict().items()}
    with Undrawn():
        network = Network()
    load_strictly(network, source, what="a network")
    filled = network.state_dict()
    assert all(torch.equal(filled[name], tensor.float()) for name, tensor in source.items())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: tensors.pop("token"), "missing: token"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), "unexpected: more"),
        (lambda tensors: tensors.update(token=torch.zeros(7)), r"token \(7,\) instead of \(4,\)"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_changes_nothing(change, said):
    network, tensors = Network(), dict(Network().state_dict())
    change(tensors)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(WeightsError, match=said):
        load_strictly(network, tensors, what="a network")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
