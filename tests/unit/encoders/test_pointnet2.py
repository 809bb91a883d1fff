"""PointNet++: public weights fit, levels are what they are said to be, and it can be trained further."""

import pytest
import torch

from pc3dad.encoders.pointnet2 import (
    S3DIS,
    Level,
    PointNet2,
    PointNet2Config,
    SetAbstraction,
    from_official,
    load,
)
from pc3dad.errors import ConfigError, DataError, WeightsError
from pc3dad.testing.golden import run_case
from pc3dad.weights.layouts import layout_of

SMALL = PointNet2Config(
    centres=(24, 8), radii=(0.3, 0.7), neighbours=6, down=((8, 12), (12, 16)), up=((12,), (10, 9))
)


def clouds(batch=2, points=60):
    made = torch.rand(batch, points, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    return made.repeat(1, 1, 3)


def build(config=SMALL, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return PointNet2(config)


def official(model):
    """A state dict as the public repository stores it."""
    state = {}
    for name, tensor in model.state_dict().items():
        ones = [1, 1] if name.startswith("sa") else [1]
        state[name] = tensor.view(*tensor.shape, *ones) if tensor.ndim == 2 else tensor
    return state | {"conv2.weight": torch.zeros(13, 9, 1), "conv2.bias": torch.zeros(13)}


@pytest.mark.parametrize(
    "name", ["05_gsclip_pointnet2", "05b_gsclip_pointnet2_full", "08d_gsclip_pointnet_input"]
)
def test_the_golden_cases_are_reproduced(test_data, name):
    result = run_case(test_data / "golden" / f"{name}.npz")
    assert result.problems == ()
    assert result.status == "PASS"


def test_the_public_weights_have_as_many_parameters():
    with torch.device("meta"):
        model = PointNet2(S3DIS)
    assert (
        sum(parameter.numel() for parameter in model.parameters()) == 966_592
    )  # without the layer of classes


def test_official_weights_load_and_compute_the_same():
    model = build().eval()
    loaded = load(from_official(official(model)), SMALL)
    with torch.no_grad():
        assert torch.equal(model(clouds()).points, loaded(clouds()).points)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_files_that_weights_import_writes_fit():
    shapes = layout_of("pointnet2_sem_seg").shapes
    with torch.device("meta"):
        load(from_official({name: torch.empty(shape) for name, shape in shapes.items()}))


def test_a_refusal_lists_every_missing_unexpected_and_wrong_tensor():
    state = official(build())
    del state["sa2.mlp_convs.0.weight"], state["bn1.bias"]
    state |= {"sa9.bias": torch.zeros(1), "conv1.weight": torch.zeros(9, 8, 1)}
    with pytest.raises(WeightsError) as caught:
        load(from_official(state), SMALL)
    for part in (
        "missing: sa2.mlp_convs.0.weight, bn1.bias",
        "unexpected: sa9.bias",
        "of another shape: conv1.weight (9, 8) instead of (9, 9)",
    ):
        assert part in str(caught.value)


def test_levels_have_the_shapes_that_they_are_said_to_have():
    found = build()(clouds())
    assert found.points.shape == (2, 60, 9)
    assert found.whole.shape == (2, 16)
    assert [level.features.shape for level in found.down] == [(2, 24, 12), (2, 8, 16)]
    assert [level.features.shape for level in found.up] == [(2, 24, 12), (2, 60, 9)]
    assert torch.equal(found.up[0].xyz, found.down[0].xyz)
    assert torch.equal(found.whole, found.down[-1].features.amax(dim=1))


def test_a_centre_has_the_largest_features_of_its_group_and_a_point_those_of_centres_near_it():
    """Layers that change nothing, so that results can be told from the cloud alone."""
    config = PointNet2Config(
        channels=3, centres=(4,), radii=(0.5,), neighbours=60, down=((6,),), up=((6,),), dropout=0
    )
    model = build(config).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.weight.data, module.bias.data = torch.eye(6), torch.zeros(6)
    xyz = clouds()[:1, :, :3] + 0.5  # positive: ReLU keeps them
    found = model(xyz, starts=torch.tensor([7]))
    centre = found.down[0].xyz[0, 0]
    assert torch.equal(centre, xyz[0, 7])
    near = (xyz[0] - centre).norm(dim=-1) <= 0.5
    largest = torch.cat([(xyz[0] - centre)[near].amax(dim=0), xyz[0, near].amax(dim=0)])
    torch.testing.assert_close(found.down[0].features[0, 0], largest, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.points[0, 7], largest, atol=1e-4, rtol=1e-4)  # it is a centre itself


def test_a_cloud_has_the_same_features_in_every_batch():
    model = build().eval()
    starts = torch.tensor([[3, 40], [1, 5]])
    together = model(clouds(), starts)
    alone = model(clouds()[1:], starts[:, 1:])
    torch.testing.assert_close(together.points[1:], alone.points)
    assert not torch.equal(together.points, model(clouds()).points)


def test_starts_are_drawn_among_the_points_of_their_level():
    model = build()
    drawn = [model.draw_starts(clouds(), torch.Generator().manual_seed(seed)) for seed in range(200)]
    assert torch.equal(drawn[3], model.draw_starts(clouds(), torch.Generator().manual_seed(3)))
    largest = torch.stack(drawn).amax(dim=(0, 2))
    assert largest.tolist() == [59, 23]


def test_a_training_step_reaches_every_parameter():
    model = build()
    found = model(clouds())
    (found.points.pow(2).mean() + found.whole.mean()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert (found.points == 0).float().mean() > 0.5  # dropout


def test_copies_in_a_group_share_a_gradient_of_either_sign():
    """A group filled up with copies of its first point teaches as much as that point alone."""

    def taught(neighbours, sign):
        layer = SetAbstraction(3, (4,), centres=8, radius=0.2, neighbours=neighbours)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            layer.mlp_convs[0].reset_parameters()
        far = torch.arange(8.0)[None, :, None].expand(1, 8, 3)
        level = layer.eval()(Level(far, far), 0)
        (sign * level.features.sum()).backward()
        return layer.mlp_convs[0].weight.grad

    for sign in (1, -1):
        torch.testing.assert_close(taught(5, sign), taught(1, sign))
    assert taught(5, -1).abs().sum() > 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="a cloud of 20 points cannot give 24"):
        build()(clouds(points=20))
    with pytest.raises(ConfigError, match="one entry per abstraction"):
        PointNet2Config(radii=(0.1,))


@pytest.mark.gpu
def test_all_devices_compute_the_same_features():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    model = build().eval()
    here = model(clouds())
    model.cuda()
    there = [model(clouds().cuda()).points.cpu() for _ in range(2)]
    torch.testing.assert_close(here.points, there[0], atol=1e-4, rtol=1e-4)
    assert torch.equal(*there)
