"""Training in two stages: when reweighting and contrast act, what is kept, and how many steps there are."""

from types import SimpleNamespace

import pytest
import torch

from pc3dad.baselines.align3d import stages
from pc3dad.baselines.align3d.aligner import Aligner, make_pair
from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.guidance import GREY, GuidedStream
from pc3dad.baselines.align3d.parts import new_parts
from pc3dad.context import RunContext
from pc3dad.methods import epochs
from pc3dad.methods.rendered.stream import Features
from pc3dad.methods.rendered.training import Items
from pc3dad.nn.losses import object_logits

FAST = {"align_epochs": 5, "scr_epochs": 2, "epochs": 4, "dpca_epochs": 1, "batch": 2}


@pytest.fixture
def make_items(loaded, ctx, samples, view):
    made = []

    def make(**options):
        config = Align3dConfig(**FAST, **options)
        items = Items(view(samples), GuidedStream(config, ctx), ctx)
        made.append(items)
        return config, items

    yield make
    for items in made:
        items.__exit__()


@pytest.fixture
def rules(monkeypatch):
    """Rules of reweighting that were asked for, in order."""
    asked = []

    def token_weights(consistency, *, scale, rule):
        asked.append((rule, scale))
        return original(consistency, scale=scale, rule=rule)

    original = stages.token_weights
    monkeypatch.setattr(stages, "token_weights", token_weights)
    return asked


@pytest.mark.parametrize(("scr", "last"), [("code", "code"), ("discrepancy", "discrepancy"), ("off", "off")])
def test_tokens_weigh_the_same_until_the_last_epochs(make_items, ctx, rules, scr, last):
    config, items = make_items(scr=scr, scr_weight=0.3)
    list(stages.alignment_stage(items, Aligner(16, seed=0), config, ctx))
    assert rules == 6 * [("off", 0.3)] + 4 * [(last, 0.3)]  # 2 steps of each epoch


def test_by_default_reweighting_acts_in_the_last_50_of_250_epochs():
    config = Align3dConfig()
    assert (config.align_epochs, config.scr_epochs) == (250, 50)
    assert (config.epochs, config.dpca_epochs) == (15, 5)


def test_the_aligner_learns_and_is_left_frozen(make_items, ctx):
    config, items = make_items(align_rate=0.01)
    aligner = Aligner(16, seed=0)
    records = list(stages.alignment_stage(items, aligner, config, ctx))
    assert records[-1]["local"] < records[0]["local"]
    assert records[-1]["global"] < records[0]["global"]
    assert not aligner.training
    assert not any(one.requires_grad for one in aligner.parameters())


def test_batches_of_stage_1_stay_the_same_unless_they_are_shuffled(make_items, ctx, monkeypatch):
    seen = []
    monkeypatch.setattr(stages, "join", lambda pairs: seen.append([id(one) for one in pairs]) or join(pairs))
    join = make_pair.__globals__["join"]
    config, items = make_items()
    list(stages.alignment_stage(items, Aligner(16, seed=0), config, ctx))
    assert all(batch == seen[number % 2] for number, batch in enumerate(seen))
    seen.clear()
    config, items = make_items(align_shuffle=True)
    list(stages.alignment_stage(items, Aligner(16, seed=0), config, ctx))
    assert any(batch != seen[number % 2] for number, batch in enumerate(seen))


def test_pairs_above_the_memory_budget_come_from_disk_and_are_the_same(make_items, ctx):
    _, items = make_items()
    kept = stages.Pairs(items, ctx)
    streamed = stages.Pairs(items, RunContext(scratch=ctx.scratch, memory_bytes=kept[0].bytes + 1))
    assert kept[3] is kept[3]
    assert streamed[0] is streamed[0]  # the first one fits
    assert streamed[3] is not streamed[3]
    for index in range(4):
        assert torch.equal(kept[index].grey.patches, streamed[index].grey.patches)
        assert torch.equal(kept[index].consistency, streamed[index].consistency)


def losses_of_stage_2(make_items, ctx, encoder, **options):
    config, items = make_items(**options)
    parts = new_parts(config, encoder, ctx, render_only=False)
    return list(stages.prompts_stage(items, parts, config, ctx, size=32))


@pytest.mark.parametrize(("dpca", "expected"), [("code", [3]), ("all_epochs", [0, 1, 2, 3]), ("off", [])])
def test_contrast_acts_in_the_last_epochs(make_items, ctx, encoder, dpca, expected):
    records = losses_of_stage_2(make_items, ctx, encoder, dpca=dpca)
    assert [number for number, record in enumerate(records) if "contrast" in record] == expected
    assert [number for number, record in enumerate(records) if "a_contrast" in record] == expected


def test_before_it_acts_contrast_changes_nothing(make_items, ctx, encoder):
    without = losses_of_stage_2(make_items, ctx, encoder, dpca="off")
    assert losses_of_stage_2(make_items, ctx, encoder)[:3] == without[:3]


def test_shared_sentences_learn_from_both_branches_without_contrast(make_items, ctx, encoder):
    config, items = make_items(prompt_sets="one")
    parts = new_parts(config, encoder, ctx, render_only=False)
    assert parts.aligned is parts.rendered
    assert len(parts.prompts()) == 2
    (record, *_) = stages.prompts_stage(items, parts, config, ctx, size=32)
    assert {"3d_point", "a_3d_point"} <= set(record)
    assert "contrast" not in record


def test_each_branch_minimises_its_own_losses(make_items, ctx, encoder):
    config, items = make_items()
    parts = new_parts(config, encoder, ctx, render_only=False)
    found = stages.branch_losses(list(items), parts, config, size=32, contrasted=True)
    torch.stack([value for name, value in found.items() if name.startswith("a_")]).sum().backward()
    assert parts.rendered.context.context.grad is None
    assert parts.aligned.context.context.grad.abs().sum() > 0
    assert all(one.grad is None for one in parts.aligner.parameters())


def test_sentences_of_the_aligned_branch_see_grey_views_as_the_aligner_maps_them(make_items, ctx, encoder):
    config, items = make_items()
    parts = new_parts(config, encoder, ctx, render_only=False)
    expected = stages.branch_losses(list(items), parts, config, size=32, contrasted=False)
    mapped = []
    for item in items:
        features = {GREY: parts.aligner(item.seen.features[GREY])}
        seen = SimpleNamespace(features=features, pixel=item.seen.pixel, visible=item.seen.visible)
        mapped.append(
            SimpleNamespace(seen=seen, masks=item.masks, points=item.points, anomalous=item.anomalous)
        )
    alone = SimpleNamespace(rendered=parts.aligned, aligned=None)
    found = stages.branch_losses(mapped, alone, config, size=32, contrasted=False)
    assert {f"a_{name}": float(value.detach()) for name, value in found.items()} == pytest.approx(
        {name: float(value.detach()) for name, value in expected.items() if name.startswith("a_")}
    )


def steps(n, passes):
    """How many steps `epochs.run` takes over n samples in the released batches."""
    weight = torch.zeros(1, requires_grad=True)
    taken = []

    def step(chosen):
        taken.append(len(chosen))
        return {"loss": weight.sum()}

    optimiser = torch.optim.SGD([weight], lr=0.1)
    batch = Align3dConfig().batch
    list(
        epochs.run(
            range(n), step, optimiser, epochs=passes, batch=batch, rng=None, ctx=RunContext(), label=""
        )
    )
    return len(taken)


@pytest.mark.parametrize(
    ("n", "first", "second"), [(131, 8250, 495), (130, 8250, 495), (159, 10_000, 600), (50, 3250, 195)]
)
def test_training_sets_of_the_paper_take_its_number_of_steps(n, first, second):
    config = Align3dConfig()
    assert steps(n, config.epochs) == second
    assert steps(n, 2) * config.align_epochs // 2 == first


def test_released_logits_of_objects_mix_rows():
    logits = torch.arange(36.0)[:, None].expand(-1, 2).reshape(4, 9, 2)
    mixed = object_logits(logits, mean="interleaved")[:, 0]
    expected = torch.stack([torch.arange(first, 36, 4).float().mean() for first in range(4)])
    assert torch.equal(mixed, expected)
    assert torch.equal(object_logits(logits, mean="object")[:, 0], logits[..., 0].mean(1))


def test_features_of_layers_are_aligned_alike():
    grey, coloured = (Features(torch.randn(2, 8), torch.randn(3, 2, 4, 8)) for _ in range(2))
    assert make_pair(grey, coloured).consistency.shape == (3, 2, 4)
