"""open_clip and peft import beside any torch: each way is tried in a fresh interpreter."""

import subprocess
import sys

import pytest
import torch

WITHOUT_CUDA = pytest.mark.skipif(
    torch.version.cuda is not None, reason="torchvision's compiled part loads beside this torch"
)


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@WITHOUT_CUDA
def test_without_the_gate_torchvision_does_not_import():
    """Once this fails, the gate is a plain import and can go."""
    done = run("import torchvision")
    assert "operator torchvision::nms does not exist" in done.stderr, "_compat.py is no longer needed"


def test_the_gate_lets_all_in_even_after_an_import_that_failed():
    done = run("""
try:
    import torchvision
except RuntimeError:
    pass
from pc3dad.encoders import _compat
assert _compat.open_clip().CLIP and _compat.peft().LoraConfig
import timm, torch, torchvision
box = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
assert torchvision.ops.box_iou(box, box).item() == 1
try:
    torchvision.ops.nms(box, torch.ones(1), 0.5)
except RuntimeError as error:
    assert "Couldn't load custom C++ ops" in str(error), error
""")
    assert done.returncode == 0, done.stderr


def test_open_clip_brings_in_neither_the_compiler_of_torch_nor_what_it_can_do_without():
    done = run("""
import sys
from pc3dad.encoders import _compat
assert _compat.open_clip().CLIP
absent = {"torch._dynamo", "timm", "transformers"}
assert not absent & set(sys.modules), absent & set(sys.modules)
import timm, torch._dynamo, transformers
assert timm.__version__ and torch._dynamo.disable and transformers.__version__
""")
    assert done.returncode == 0, done.stderr


def test_what_is_already_imported_is_left_alone():
    done = run("""
import transformers
from pc3dad.encoders import _compat
assert _compat.open_clip().hf_model.transformers is transformers
""")
    assert done.returncode == 0, done.stderr


def test_the_function_that_torchvision_wants_of_the_compiler_is_the_real_one():
    done = run("""
from pc3dad.encoders import _compat
_compat.open_clip()
from torchvision.ops.roi_align import is_compile_supported
import torch._dynamo.utils
assert is_compile_supported("cpu") == torch._dynamo.utils.is_compile_supported("cpu")
""")
    assert done.returncode == 0, done.stderr
