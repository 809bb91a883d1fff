"""Files of the authors: what is kept of them, and under which names."""

import torch

from pc3dad.baselines.gsclip.official import depth_from_official, fusion_from_official, prompts_from_official


def contexts():
    return {"ctx_pos": torch.zeros(1, 1, 12, 4), "ctx_neg": torch.ones(1, 1, 12, 4)}


def test_contexts_and_deep_prompts_are_stacked_in_order():
    deep = {f"compound_prompts_text.{index}": torch.full((2, 4), float(index)) for index in range(11)}
    ours = prompts_from_official(contexts() | deep)
    assert ours["context.context"].shape == (2, 12, 4)
    assert ours["context.context"][:, 0, 0].tolist() == [0, 1]
    assert ours["deep.prompts"][:, 0, 0].tolist() == list(range(11))


def test_what_the_authors_never_use_is_dropped_and_what_is_unknown_is_kept_to_be_refused():
    given = {
        "compound_prompts_text.0": torch.zeros(2, 4),
        "token_prefix_pos": torch.zeros(1, 1, 1, 4),
        "pointnet.conv2.weight": torch.zeros(13, 8, 1),
        "compound_prompt_projections.0.bias": torch.zeros(896),
        "point_feature_to_prompt_neg.0.bias": torch.zeros(4),
        "pointnet.conv1.weight": torch.zeros(8, 8, 1),
        "point_feature_to_neg_point.outlier_aggregator.ffn.0.bias": torch.zeros(4),
        "surprise": torch.zeros(1),
    }
    ours = prompts_from_official(contexts() | given)
    assert {name: tuple(value.shape) for name, value in ours.items()} == {
        "context.context": (2, 12, 4),
        "deep.prompts": (1, 2, 4),
        "encoder.conv1.weight": (8, 8),
        "defects.feed.bias": (4,),
        "surprise": (1,),
    }


def test_the_fusion_and_the_depth_tower_get_our_names():
    assert list(fusion_from_official({"final_proj.bias": torch.zeros(1)})) == ["head.bias"]
    layer = "transformer.resblocks.0.mlp.c_fc"
    given = {
        f"{layer}.original_layer.bias": torch.zeros(1),
        f"{layer}.lora_A": torch.zeros(1),
        "proj": torch.ones(1),
    }
    frozen, adapters = depth_from_official(given)
    assert sorted(frozen) == ["visual.proj", f"visual.{layer}.bias"]
    assert list(adapters) == [f"visual.{layer}.lora_A.default.weight"]
