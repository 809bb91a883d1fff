"""Official files become safetensors: small stand-ins of every layout, and files that must be refused."""

import argparse
import hashlib
import io
import os
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pc3dad.cards import WeightsCard, WeightsFile
from pc3dad.encoders import _compat, image_text, pointbert, pointnet2
from pc3dad.encoders.convert import form_of, import_file, read_checkpoint
from pc3dad.errors import WeightsError
from pc3dad.weights import layouts, store

ARCHITECTURE = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 28, "layers": 2, "width": 32, "head_width": 16, "patch_size": 14},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
}
SIZES = layouts.ClipSizes(28, 14, width=32, layers=2, text_width=16, text_layers=2, joint=16)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without weights."""
    monkeypatch.setenv("PC3DAD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def card(monkeypatch):
    """A card of weights of a layout; `file` is the published one."""

    def make(layout, **file):
        monkeypatch.setitem(layouts.LAYOUTS, "small", lambda: layout)
        words = dict.fromkeys(
            ("title", "architecture", "licence", "source", "training", "inputs", "reader"), "none"
        )
        published = WeightsFile(**{"name": "official.pt", "form": "torch"} | file)
        return WeightsCard(slug="small", kind="points", files=(published,), **dict.fromkeys(words, "none"))

    return make


@pytest.fixture(scope="module")
def clip():
    """State dict of a small CLIP model of open_clip."""
    torch.manual_seed(0)
    return _compat.open_clip().CLIP(**ARCHITECTURE).state_dict()


@pytest.fixture
def few():
    """Layout and tensors of a network of one layer."""
    return layouts.Layout({"a.weight": (3, 2), "a.bias": (3,)}), {
        "a.weight": torch.arange(6.0).reshape(3, 2),
        "a.bias": torch.ones(3),
    }


def saved(path, value, **options):
    torch.save(value, path, **options)
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def equal(path, tensors):
    found = load_file(path)
    assert found.keys() == tensors.keys()
    assert all(found[name].dtype == tensors[name].dtype for name in found)
    assert all(torch.equal(found[name], tensors[name]) for name in found)
    return True


# What the owners of weights publish


class Archive(nn.Module):
    """Tensors under the names and with the three numbers of an archive of OpenAI."""

    def __init__(self, state):
        super().__init__()
        for name, value in state.items():
            *path, last = name.split(".")
            owner = self
            for word in path:
                if not hasattr(owner, word):
                    owner.add_module(word, nn.Module())
                owner = getattr(owner, word)
            owner.register_parameter(last, nn.Parameter(value.clone(), requires_grad=False))
        for name, number in (("input_resolution", 28), ("context_length", 77), ("vocab_size", 49408)):
            self.register_buffer(name, torch.tensor(number))

    def forward(self, x):
        return x


def archive(path, state):
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.script(Archive(state)).save(str(path))
    return path


def test_an_archive_of_openai_is_converted_without_loss(tmp_path, card, clip):
    half = {name: value.half() if value.ndim > 1 else value for name, value in clip.items()}
    source = archive(tmp_path / "ViT.pt", half)
    made = import_file(card(layouts.clip(SIZES), form="torchscript", sha256=sha256(source)), source)
    assert equal(made.path, half)
    assert (made.made_of["source"], made.made_of["sha256"]) == ("ViT.pt", sha256(source))
    loaded = image_text.load(ARCHITECTURE, made.path)
    assert torch.equal(loaded.tensors()["visual.proj"], half["visual.proj"].float())


def test_an_archive_with_another_digest_is_never_opened(tmp_path, card, clip, monkeypatch):
    source = archive(tmp_path / "ViT.pt", clip)
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("opened"))
    for digest in ("0" * 64, ""):
        with pytest.raises(WeightsError, match="archive with code, which reading would run"):
            import_file(card(layouts.clip(SIZES), form="torchscript", sha256=digest), source)


@pytest.mark.parametrize("kind", ["state dict", "checkpoint", "wrapped", "old format", "safetensors"])
def test_state_dicts_of_open_clip_are_read_in_every_form(tmp_path, card, clip, kind):
    source = tmp_path / "open_clip_pytorch_model.bin"
    if kind == "safetensors":
        save_file(clip, source)
    elif kind == "wrapped":
        saved(source, {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in clip.items()}})
    else:
        value = {"epoch": 3, "name": "run", "state_dict": clip} if kind == "checkpoint" else clip
        saved(source, value, _use_new_zipfile_serialization=kind != "old format")
    assert equal(import_file(card(layouts.clip(SIZES)), source).path, clip)


@pytest.mark.parametrize("kind", ["torch", "safetensors"])
def test_of_the_large_model_only_the_text_half_is_kept(tmp_path, card, clip, kind):
    source = tmp_path / "open_clip_pytorch_model.bin"
    save_file(clip, source) if kind == "safetensors" else saved(source, clip)
    made = import_file(card(layouts.clip_text(SIZES)), source)
    kept = {n: value for n, value in clip.items() if not n.startswith("visual.") and n != "logit_scale"}
    assert equal(made.path, kept)
    loaded = image_text.load(ARCHITECTURE, made.path, part="text")
    assert torch.equal(loaded.tensors()["text_projection"], clip["text_projection"])


SMALL_BERT = layouts.pointbert(layers=2, width=384, joint=8)


def random_state(layout):
    torch.manual_seed(0)
    ends = ("num_batches_tracked",)
    return {
        name: torch.tensor(7) if name.endswith(ends) else torch.rand(shape)
        for name, shape in layout.shapes.items()
    }


def numpy_1(content):
    """The bytes of a pickle as NumPy 1 would have written them."""
    return content.replace(b"cnumpy._core.multiarray\nscalar", b"cnumpy.core.multiarray\nscalar")


def test_a_checkpoint_of_ulip_2_with_its_options_and_numpy_1_numbers(tmp_path, card):
    state = random_state(SMALL_BERT) | {"logit_scale": torch.tensor(4.6)}
    checkpoint = {
        "epoch": 250,
        "state_dict": {f"module.{name}": value for name, value in state.items()},
        "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 1e-3}]},
        "scaler": {"scale": 65536.0},
        "best_acc1": np.float64(50.6),
        "args": argparse.Namespace(lr=1e-3, model="ULIP2_PointBERT"),
    }
    new, old = saved(tmp_path / "new.pt", checkpoint), tmp_path / "old.pt"
    with zipfile.ZipFile(new) as source, zipfile.ZipFile(old, "w", zipfile.ZIP_STORED) as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, numpy_1(content) if name.endswith("data.pkl") else content)
    assert old.read_bytes() != new.read_bytes()
    for path in (new, old):
        made = import_file(card(SMALL_BERT), path)
        assert equal(made.path, {name: value for name, value in state.items() if name != "logit_scale"})
    tower = pointbert.load(
        pointbert.from_official(load_file(made.path)), pointbert.PointBertConfig(depth=2, embed_dim=8)
    )
    assert torch.equal(tower.state_dict()["pc_projection"], state["pc_projection"])


def test_a_checkpoint_of_pointnet2(tmp_path, card):
    state = random_state(layouts.pointnet2())
    checkpoint = {"epoch": 80, "class_avg_iou": np.float64(0.53), "model_state_dict": state}
    source = saved(tmp_path / "best_model.pth", checkpoint | {"optimizer_state_dict": {"state": {}}})
    made = import_file(card(layouts.pointnet2()), source)
    assert equal(made.path, state)
    assert made.path.stat().st_size < 4_000_000
    network = pointnet2.load(pointnet2.from_official(load_file(made.path)))
    assert torch.equal(network.state_dict()["conv1.bias"], state["conv1.bias"])


# What is recorded


def test_the_result_says_what_it_was_made_of_and_is_the_same_each_time(tmp_path, card, few, home):
    layout, tensors = few
    source = saved(tmp_path / "official.pt", tensors)
    digests = {import_file(card(layout), source).sha256 for _ in range(2)}
    assert len(digests) == 1
    folder = home / "weights" / "small"
    assert {path.name for path in folder.iterdir()} == {
        ".lock",
        "model.safetensors",
        "model.safetensors.json",
    }
    found = store.locate(card(layout))
    assert found.identity == "recorded"
    assert found.made_of == {
        "weights": "small",
        "source": "official.pt",
        "sha256": sha256(source),
        "converter": "1",
    }


def test_it_replaces_what_was_there_with_its_record(tmp_path, card, few):
    layout, tensors = few
    first = import_file(card(layout), saved(tmp_path / "a.pt", tensors)).sha256
    second = import_file(card(layout), saved(tmp_path / "b.pt", {**tensors, "a.bias": torch.zeros(3)}))
    assert second.sha256 != first
    assert store.locate(card(layout)).sha256 == second.sha256


def test_tensors_that_share_memory_or_are_views_are_kept_whole(tmp_path, card, few):
    layout, _ = few
    block = torch.arange(12.0)
    state = {"a.weight": block[:6].reshape(2, 3).T, "a.bias": block[:3]}
    made = import_file(card(layout), saved(tmp_path / "official.pt", state))
    assert equal(made.path, {name: value.contiguous() for name, value in state.items()})


# What is refused, before anything is written


@pytest.fixture
def refused(card, home):
    """Imports a file that must be refused with these words."""

    def check(layout, path, words, **file):
        with pytest.raises(WeightsError, match=words):
            import_file(card(layout, **file), path)
        assert not (home / "weights" / "small" / "model.safetensors").exists()

    return check


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("where", ["value", "state dict", "beside", "old format", "bare pickle"])
def test_a_pickle_that_would_run_code_does_not_run(tmp_path, few, refused, where):
    layout, tensors = few
    mark = tmp_path / "was-run"
    bomb = Bomb(mark)
    state = {"value": {**tensors, "a.bias": bomb}, "beside": {"state_dict": tensors, "args": bomb}}.get(
        where, bomb
    )
    source = tmp_path / "official.pt"
    if where == "bare pickle":
        source.write_bytes(pickle.dumps(bomb, protocol=2))
    else:
        saved(source, state, _use_new_zipfile_serialization=where != "old format")
    refused(
        layout, source, r"needs \w+\.system, which is no tensor and could run code: nothing of it was run"
    )
    assert not mark.exists()


def test_types_that_are_not_on_the_list_are_refused_by_name(tmp_path, few, refused, monkeypatch):
    layout, tensors = few
    plug = types.ModuleType("plug")
    plug.Thing = type("Thing", (), {"__module__": "plug"})
    monkeypatch.setitem(sys.modules, "plug", plug)
    source = saved(tmp_path / "official.pt", {"state_dict": tensors, "thing": plug.Thing()})
    refused(layout, source, r"needs plug\.Thing, which")


@pytest.mark.parametrize("form", ["torch", "old format", "safetensors", "archive"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, few, refused, form, share):
    layout, tensors = few
    source = tmp_path / "official.pt"
    if form == "safetensors":
        save_file(tensors, source)
    elif form == "archive":
        archive(source, tensors)
    else:
        saved(source, tensors, _use_new_zipfile_serialization=form == "torch")
    content = source.read_bytes()
    source.write_bytes(content[: int(share * len(content))])
    refused(layout, source, "is empty|is damaged or of an unknown kind|could run code")


def test_a_missing_file_and_a_folder_are_refused(tmp_path, few, refused):
    refused(
        few[0], tmp_path / "nothing.pt", "cannot read .*nothing.pt: No such file or directory; check the path"
    )
    refused(few[0], tmp_path, "cannot read .*: Is a directory; check the path")


def test_every_missing_unexpected_and_misshapen_tensor_is_named(tmp_path, clip, refused):
    state = dict(clip)
    del state["ln_final.bias"], state["visual.proj"]
    state |= {"bonus": torch.ones(1), "extra.weight": torch.ones(2), "text_projection": torch.ones(2, 3)}
    source = saved(tmp_path / "official.pt", state)
    words = (
        r"another network \(missing: visual.proj, ln_final.bias; unexpected: bonus, extra.weight; "
        r"of another shape: text_projection \(2, 3\) instead of \(16, 16\)\)"
    )
    refused(layouts.clip(SIZES), source, words)


def test_the_first_release_of_ulip_2_is_refused_at_its_shapes(tmp_path, refused):
    older = random_state(layouts.pointbert(layers=2, width=384, joint=4, channels=3))
    words = r"pc_projection \(768, 4\) instead of \(768, 8\), .*first_conv.0.weight \(128, 3, 1\) instead of"
    refused(SMALL_BERT, saved(tmp_path / "pointbert_ULIP-2.pt", {"state_dict": older}), words)


@pytest.mark.parametrize(
    "value", [3.0, "word", [torch.ones(3)], torch.ones(3).to_sparse(), torch.ones(3) * 1j]
)
def test_what_is_no_plain_tensor_is_refused(tmp_path, few, refused, value):
    layout, tensors = few
    source = saved(tmp_path / "official.pt", {**tensors, "a.bias": value})
    refused(layout, source, "has no plain tensor as a.bias")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(tmp_path, few, refused, value):
    layout, tensors = few
    source = saved(tmp_path / "official.pt", {**tensors, "a.bias": torch.tensor([1.0, value, 2.0])})
    refused(layout, source, "has NaN or infinity in a.bias")


@pytest.mark.parametrize("value", [[], {}, torch.ones(3), {"state_dict": {}}])
def test_a_file_without_tensors_by_name_is_refused(tmp_path, few, refused, value):
    refused(few[0], saved(tmp_path / "official.pt", value), "not tensors by name|no plain tensor as anything")


def test_another_digest_or_size_than_the_published_one_is_refused(tmp_path, few, refused):
    layout, tensors = few
    source = saved(tmp_path / "official.pt", tensors)
    refused(layout, source, "has sha256 .*, published is 00000000; get it again", sha256="0" * 8)
    refused(layout, source, f"has {source.stat().st_size} bytes, published are 7", bytes=7)


def test_the_first_digits_of_a_digest_are_compared(tmp_path, few, card):
    layout, tensors = few
    source = saved(tmp_path / "official.pt", tensors)
    assert import_file(card(layout, sha256=sha256(source)[:8]), source).bytes > 0


def test_a_tensor_that_pretends_to_be_huge_is_refused_by_its_shape(tmp_path, few, refused):
    layout, tensors = few
    huge = {**tensors, "a.bias": torch.ones(1).expand(2**40)}
    refused(layout, saved(tmp_path / "official.pt", huge), r"a.bias \(1099511627776,\) instead of \(3,\)")


def test_a_compressed_archive_that_could_fill_the_memory_is_refused(tmp_path, few, refused):
    stored, source = saved(tmp_path / "stored.pt", few[1]), tmp_path / "official.pt"
    with zipfile.ZipFile(stored) as old, zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    refused(few[0], source, "damaged or of an unknown kind: it is compressed, which torch never does")


def test_what_comes_with_the_package_is_not_imported(tmp_path, few, card):
    packaged = card(few[0]).model_copy(update={"packaged": "pc3dad.encoders.embedded"})
    with pytest.raises(WeightsError, match="small is not imported; it is a part of pc3dad"):
        import_file(packaged, tmp_path / "x.pt")


def test_the_form_follows_from_the_content_not_from_the_name(tmp_path, few):
    _, tensors = few
    assert form_of(saved(tmp_path / "x.safetensors", tensors)) == "torch"
    save_file(tensors, tmp_path / "x.pt")
    assert form_of(tmp_path / "x.pt") == "safetensors"
    assert form_of(archive(tmp_path / "x.bin", tensors)) == "torchscript"
    (tmp_path / "x").write_bytes(io.BytesIO(b"text").getvalue())
    assert form_of(tmp_path / "x") == "torch"


TRAINED = layouts.Layout({"net.a.weight": (3, 2), "net.a.bias": (3,)}, frozenset({"net.unused"}))


def trained(tensors, **more):
    return {"net": {**tensors, "unused": torch.ones(1)}, "optimizer": {"state": {}}, "epoch": 3, **more}


def test_a_file_of_training_gives_the_parts_that_are_wanted(tmp_path, few):
    _, tensors = few
    wanted = {f"net.{name}": value for name, value in tensors.items()}
    path = saved(tmp_path / "epoch_3.pth", trained(tensors, options=argparse.Namespace(rate=0.1)))
    found = read_checkpoint(path, TRAINED, hint="give another")
    assert {name: value.tolist() for name, value in found.items()} == {
        name: value.tolist() for name, value in wanted.items()
    }
    save_file(wanted, tmp_path / "epoch_3.safetensors")
    assert read_checkpoint(tmp_path / "epoch_3.safetensors", TRAINED, hint="none").keys() == wanted.keys()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"other": {}}, "has no net; give another"),
        ([1], "has no net"),
        (trained({"a.weight": torch.ones(3, 2)}), "missing: net.a.bias"),
        (trained({"a.weight": torch.ones(3, 2), "a.bias": "x"}), "has no plain tensor as net.a.bias"),
        (trained({}, bomb=Bomb("was-run")), "could run code: nothing of it was run"),
    ],
)
def test_a_file_of_training_with_something_else_is_refused(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=message):
        read_checkpoint(saved(tmp_path / "x.pth", content), TRAINED, hint="give another")
    assert not (tmp_path / "was-run").exists()


def test_a_file_of_training_that_holds_code_is_refused(tmp_path, few):
    with pytest.raises(WeightsError, match="archive with code, which reading would run; give another"):
        read_checkpoint(archive(tmp_path / "x.pth", few[1]), TRAINED, hint="give another")
