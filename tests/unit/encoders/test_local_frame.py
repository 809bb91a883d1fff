"""Coordinates in the frame of a group: they turn and mirror with the cloud."""

import pytest
import torch
from scipy.spatial.transform import Rotation

from pc3dad.encoders.grouping import gather, group
from pc3dad.encoders.local_frame import local_features, principal_axes


def bumpy_sheet(points=400):
    """A sheet that bends in one direction more than in the other, with colours, away from the origin."""
    made = torch.rand(1, points, 6, generator=torch.Generator().manual_seed(0))
    made[..., :2] = 2 * made[..., :2] - 1
    made[..., 2] = 0.3 * made[..., 0] ** 2 + 0.1 * torch.sin(4 * made[..., 1])
    return made


def test_features_are_relative_coordinates_frame_coordinates_and_centred_colours():
    groups = group(bumpy_sheet(), count=20, size=16)
    features = local_features(groups)
    assert features.shape == (1, 20, 16, 9)
    torch.testing.assert_close(features[..., :3], 8 * groups.neighbourhoods[..., :3])
    torch.testing.assert_close(features[..., 6:], groups.neighbourhoods[..., 3:] - 0.5)
    distances = (features[..., 3:6] / torch.tensor([8.0, 8.0, 24.0])).norm(dim=-1)
    torch.testing.assert_close(distances, groups.neighbourhoods[..., :3].norm(dim=-1))


@pytest.mark.parametrize("mirrored", [False, True])
def test_frame_coordinates_do_not_change_when_the_cloud_turns(mirrored):
    cloud = bumpy_sheet()
    groups = group(cloud, count=20, size=16)
    turn = torch.from_numpy(Rotation.from_euler("xyz", [0.3, 1.1, -0.8]).as_matrix()).float()
    turn = turn * torch.tensor([1.0, 1.0, -1.0]) if mirrored else turn
    turned = gather(
        torch.cat([cloud[..., :3] @ turn.T, cloud[..., 3:]], dim=-1), groups.chosen, groups.indices
    )
    before, after = local_features(groups)[..., 3:6], local_features(turned)[..., 3:6]
    torch.testing.assert_close(before, after, atol=2e-4, rtol=0)


def test_heights_tell_a_bump_from_a_dent():
    """On a ball, away from the centroid is up: neighbours lie below the centre, in a dent above it."""
    cloud = torch.randn(1, 2000, 6, generator=torch.Generator().manual_seed(0))
    cloud[..., :3] /= cloud[..., :3].norm(dim=-1, keepdim=True)
    groups = group(cloud, count=64, size=32)
    heights = local_features(groups)[..., 5]
    assert (heights.mean(dim=2) < 0).all()
    inside_out = cloud.clone()
    inside_out[..., :3] *= 0.8 + 4 * (1 - cloud[..., 2:3]).clamp(max=0.1)  # a dent around the pole
    pole = torch.full((1, 1), int(cloud[0, :, 2].argmax()))
    around = cloud[..., :3].sub(cloud[0, pole[0, 0], :3]).norm(dim=-1).argsort(dim=1)[:, None, :32]
    with_others = gather(
        inside_out,
        torch.cat([pole, groups.chosen], dim=1),
        torch.cat([around, groups.indices], dim=1),
    )
    assert local_features(with_others)[0, 0, :, 5].mean() > 0


def test_autocast_does_not_round_them():
    groups = group(bumpy_sheet(), count=20, size=16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = local_features(groups)
    assert torch.equal(found, local_features(groups))


def test_copies_of_one_point_have_a_frame():
    groups = group(torch.zeros(1, 40, 6), count=2, size=8)
    assert torch.isfinite(local_features(groups)).all()


def test_principal_axes_are_eigenvectors_by_falling_eigenvalue():
    half = torch.randn(500, 3, 3, generator=torch.Generator().manual_seed(0))
    half[:100, 2] = 0  # planes
    half[100:200, 1:] = 0  # lines
    half[200] = 0
    matrices = half.mT @ half
    axes = principal_axes(matrices)
    torch.testing.assert_close(axes @ axes.mT, torch.eye(3).expand(500, 3, 3), atol=2e-6, rtol=0)
    diagonal = axes @ matrices @ axes.mT
    values = torch.linalg.eigvalsh(matrices).flip(-1)
    torch.testing.assert_close(diagonal, torch.diag_embed(values), atol=5e-5, rtol=0)
