"""What the encoder says of clouds, small ones included."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pc3dad.baselines.btp.config import BtpConfig
from pc3dad.baselines.btp.encoded import Reader, encode
from pc3dad.baselines.btp.preprocess import choose
from pc3dad.encoders.pointbert import PointBert
from pc3dad.errors import ConfigError
from pc3dad.types import PointCloud, Sample


def encoded(encoder, xyz, **options):
    subset = choose(Sample("a", "part", PointCloud(np.asarray(xyz, np.float32))), n=128)
    return encode(encoder, torch.from_numpy(subset.xyz), layers=(1, 3), grey=0.5, **options)


def test_centres_are_the_first_points_and_belong_to_their_patches(encoder, ball):
    found = encoded(encoder, ball())
    assert found.centres.tolist() == list(range(16))
    assert (found.patches == found.centres[:, None]).any(dim=1).all()
    counts = torch.bincount(found.patches.flatten(), minlength=128)
    assert counts.sum() == 16 * 8
    assert found.layers.shape == (2, 16, 24)
    for features in (found.layers, found.cloud, found.embedding):
        torch.testing.assert_close(features.norm(dim=-1), torch.ones(features.shape[:-1]))


def test_points_of_patches_are_absolute_or_around_their_centres(encoder, ball):
    found = encoded(encoder, ball())
    around, mine = found.members(centred=True)
    absolute, shared = found.members(centred=False)
    torch.testing.assert_close(absolute[shared], found.xyz[found.patches])
    torch.testing.assert_close(around[mine] + found.xyz[found.centres][:, None], found.xyz[found.patches])
    assert len(absolute) == len(found.patches.unique()) < len(around) == found.patches.numel()


def test_points_near_the_origin_are_centres_only_if_they_are_allowed(ball, sizes):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = PointBert(replace(sizes, groups=40)).eval()
    xyz = np.concatenate([ball(20), -ball(20), [[0.01, 0, 0]]])  # a hollow body with a point inside
    skipped, allowed = (encoded(encoder, xyz, origin=rule) for rule in ("encoder", "allow"))
    near = skipped.xyz.norm(dim=1).argmin()
    assert near not in skipped.centres
    assert near in allowed.centres


@pytest.mark.parametrize("n", [1, 3, 12])
def test_clouds_with_fewer_points_than_patches_are_read_several_times_over(encoder, n, ball):
    found = encoded(encoder, ball(n))
    assert found.patches.shape == (16, 8)
    assert found.patches.max() == n - 1
    assert set(found.centres.tolist()) == set(range(n))
    assert torch.isfinite(found.layers).all()


def test_every_point_has_a_nearest_patch(encoder, ball):
    found = encoded(encoder, ball())
    distances = torch.cdist(found.xyz, found.xyz[found.centres])
    torch.testing.assert_close(distances.gather(1, found.nearest()[:, None])[:, 0], distances.amin(dim=1))


def test_features_are_computed_once_per_content_and_set_of_options(calls, ctx, ball, sample_of, small):
    config = BtpConfig(**small)
    for name in ("good", "defect"):
        Reader(config, ctx).read(sample_of(ball(), name))
    assert calls["encoder"] == 1
    Reader(config.model_copy(update={"grey": 0.4}), ctx).read(sample_of(ball()))
    assert calls["encoder"] == 2


def test_layers_that_do_not_exist_are_refused(calls, ctx):
    with pytest.raises(ConfigError, match="name layers from 1 to 3"):
        Reader(BtpConfig(), ctx)
