"""PointBERT: official weights fit, tokens are what they are said to be, and a small one can be trained."""

from dataclasses import replace

import pytest
import torch

from pc3dad.encoders.pointbert import TINY, ULIP2, PointBert, PointBertConfig, from_official, load
from pc3dad.errors import ConfigError, WeightsError
from pc3dad.testing.golden import run_case
from pc3dad.weights.layouts import layout_of

SMALL = PointBertConfig(
    groups=12,
    group_size=8,
    tokenizer=(8, 16, 16, 12),
    position=8,
    width=24,
    depth=4,
    heads=3,
    mlp=32,
    embed_dim=10,
)
SMALL_TINY = replace(
    SMALL, tokenizer=(8, 16, 16, 24), tokenizer_norm="none", local_frame=True, patch_projection=True,
    skip_origin=False,
)  # fmt: skip


def clouds(batch=2, points=100, channels=6):
    made = torch.rand(batch, points, channels, generator=torch.Generator().manual_seed(0))
    made[..., :3] = 2 * made[..., :3] - 1
    return made


def build(config, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return PointBert(config)


def official(model):
    """A state dict as ULIP-2 stores it."""
    state = {}
    for name, tensor in model.state_dict().items():
        is_convolution = name.startswith("encoder.") and tensor.ndim == 2
        prefix = "module." if name == "pc_projection" else "module.point_encoder."
        state[prefix + name] = tensor[..., None] if is_convolution else tensor
    return state | {"module.logit_scale": torch.tensor(4.6)}


def test_the_golden_case_is_reproduced(test_data):
    result = run_case(test_data / "golden" / "09_btp_pointbert.npz")
    assert result.problems == ()
    assert result.status == "PASS"


def test_sizes_of_ulip2_and_of_tiny():
    with torch.device("meta"):
        ulip2, tiny = PointBert(ULIP2), PointBert(TINY)
    assert sum(parameter.numel() for parameter in ulip2.parameters()) == 32_499_072 + 983_040
    assert len(ulip2.state_dict()) == 226 + 1
    assert sum(parameter.numel() for parameter in tiny.parameters()) == 5_505_536


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, channels=3)])
def test_official_weights_load_and_compute_the_same(config):
    model = build(config).eval()
    loaded = load(from_official(official(model)), config)
    cloud = clouds(channels=config.channels)
    with torch.no_grad():
        assert torch.equal(model(cloud).embedding, loaded(cloud).embedding)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_files_that_weights_import_writes_fit():
    shapes = layout_of("ulip2_pointbert").shapes
    with torch.device("meta"):
        load(from_official({name: torch.empty(shape) for name, shape in shapes.items()}), ULIP2)


def test_a_refusal_lists_every_missing_unexpected_and_wrong_tensor():
    state = official(build(SMALL))
    del state["module.pc_projection"], state["module.point_encoder.blocks.blocks.3.attn.qkv.weight"]
    state |= {"module.prompt": torch.zeros(1), "module.point_encoder.norm.bias": torch.zeros(25)}
    with pytest.raises(WeightsError) as caught:
        load(from_official(state), SMALL)
    for part in (
        "missing: pc_projection, blocks.blocks.3.attn.qkv.weight",
        "unexpected: prompt",
        "of another shape: norm.bias (25,) instead of (24,)",
    ):
        assert part in str(caught.value)


def test_half_precision_files_become_float32():
    model = build(SMALL)
    loaded = load({name: tensor.half() for name, tensor in model.state_dict().items()}, SMALL)
    assert all(parameter.dtype == torch.float32 for parameter in loaded.parameters())


def test_tokens_have_the_shapes_that_they_are_said_to_have():
    model = build(SMALL_TINY)
    tokens = model.encode(model.group(clouds()), layers=[4, 1], value_from=2)
    assert tokens.embedding.shape == (2, 10)
    assert tokens.class_token.shape == (2, 24)
    assert tokens.patches.shape == tokens.value_patches.shape == (2, 12, 24)
    assert tokens.patch_embeddings.shape == tokens.value_embeddings.shape == (2, 12, 10)
    assert sorted(tokens.layers) == [1, 4]
    torch.testing.assert_close(model.norm(tokens.layers[4])[:, 0], tokens.class_token)
    torch.testing.assert_close(model.to_text(tokens.layers[4])[:, 1:], tokens.patch_embeddings)
    plain = build(SMALL)(clouds())
    assert plain.value_patches is plain.patch_embeddings is plain.value_embeddings is None
    assert plain.layers == {}


def test_patches_do_not_depend_on_the_order_of_points_in_a_group():
    model = build(SMALL_TINY).eval()
    groups = model.group(clouds())
    turned = replace(groups, neighbourhoods=groups.neighbourhoods.flip(2))
    torch.testing.assert_close(model.encode(groups).patches, model.encode(turned).patches)


def test_a_cloud_has_the_same_tokens_in_every_batch_and_other_numbers_of_groups_work():
    model = build(SMALL).eval()
    together, alone = model(clouds()), model(clouds()[1:])
    torch.testing.assert_close(together.embedding[1:], alone.embedding)
    assert model.encode(model.group(clouds(), count=30)).patches.shape == (2, 30, 24)


def test_the_value_path_adds_attention_of_values_to_the_input_of_its_first_block():
    """Computed plainly for the last of four blocks."""
    model = build(SMALL).eval()
    groups = model.group(clouds())
    tokens = model.encode(groups, layers=[3], value_from=3)
    ordinary = model.encode(groups)
    assert torch.equal(tokens.patches, ordinary.patches)
    block = model.blocks.blocks[3]
    place = model.pos_embed(groups.centres)
    x = tokens.layers[3] + torch.cat([model.cls_pos.expand(2, 1, -1), place], dim=1)
    value = block.attn.qkv(block.norm1(x))[..., 48:].unflatten(-1, (3, 8)).transpose(1, 2)
    weights = (value @ value.mT / 8**0.5).softmax(dim=-1)
    added = block.attn.proj((weights @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(tokens.value_patches, model.norm(x + added)[:, 1:])


def test_a_training_step_reaches_every_parameter_also_in_bfloat16():
    model = build(SMALL_TINY)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tokens = model.encode(model.group(clouds()), layers=[2], value_from=2)
        wanted = [
            tokens.embedding,
            tokens.patch_embeddings,
            tokens.value_embeddings,
            model.to_text(tokens.layers[2]),
        ]
        sum(part.float().pow(2).mean() for part in wanted).backward()
    assert tokens.layers[2].dtype == torch.float32  # what blocks add up keeps its digits
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_bfloat16_tokens_are_close_to_float32_ones():
    model = build(SMALL_TINY).eval()
    exact = model(clouds()).patches
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model(clouds()).patches
    converted = build(SMALL_TINY).eval().bfloat16()(clouds()).patches
    torch.testing.assert_close(rough.float(), exact, atol=0.1, rtol=0)
    torch.testing.assert_close(converted.float(), exact, atol=0.1, rtol=0)


def test_batch_norm_learns_in_training_mode():
    model = build(SMALL)
    before = model.encoder.first_conv[1].running_mean.clone()
    model(clouds())
    assert not torch.equal(before, model.encoder.first_conv[1].running_mean)


def test_what_does_not_fit_is_refused():
    model = build(SMALL)
    groups = model.group(clouds())
    with pytest.raises(ConfigError, match="3 channels, this encoder reads 6"):
        model(clouds(channels=3))
    with pytest.raises(ConfigError, match=r"layers are \[0, 5\], but there are 4"):
        model.encode(groups, layers=[5, 0])
    with pytest.raises(ConfigError, match="cannot begin after 4 of 4 blocks"):
        model.encode(groups, value_from=4)
    with pytest.raises(ConfigError, match="not patches"):
        model.to_text(torch.zeros(1, 1, 24))
    with pytest.raises(ConfigError, match="5 heads cannot share a width of 24"):
        replace(SMALL, heads=5)
    with pytest.raises(ConfigError, match="local_frame needs xyz and rgb"):
        replace(SMALL_TINY, channels=3)


@pytest.mark.gpu
def test_all_devices_compute_the_same_tokens():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    for config in (SMALL, SMALL_TINY):
        model = build(config).eval()
        here = model(clouds())
        there = model.cuda()(clouds().cuda())
        torch.testing.assert_close(here.embedding, there.embedding.cpu(), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(here.patches, there.patches.cpu(), atol=1e-4, rtol=1e-4)
