"""The one gate to open_clip and peft, which import torchvision.

The compiled part of torchvision's wheel cannot load beside a torch without CUDA. torchvision bears that, but
for a shape rule that it gives to two operators which are not declared then ("operator torchvision::nms does
not exist"). Declaring them is enough: its transforms and networks work, and `ops.nms` raises a clear error
when it is called. A torchvision whose compiled part loads is left alone.
"""

import importlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from pc3dad.errors import ConfigError

OPERATORS = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def open_clip() -> Any:
    """The package open_clip."""
    return _import("open_clip", "open_clip_torch")


def peft() -> Any:
    """The package peft."""
    return _import("peft", "peft")


def _import(name: str, distribution: str) -> ModuleType:
    _declare_operators()
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"cannot import {name}: {error}", hint=f"install it again: pip install {distribution}"
        ) from error


@cache  # keeps the library too: what it declares lives as long as it does
def _declare_operators() -> Any:
    """Declares the operators if torchvision is there, not yet imported, and its compiled part cannot load."""
    untyped: Any = torch
    spec = importlib.util.find_spec("torchvision") if "torchvision" not in sys.modules else None
    if spec is None or spec.origin is None or _loads(Path(spec.origin).parent):
        return None
    library = untyped.library.Library("torchvision", "FRAGMENT")
    for name in OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}{SCHEMA}")
    return library


def _loads(package: Path) -> bool:
    """Whether the compiled part of torchvision loads. Loading it also declares its operators."""
    untyped: Any = torch
    for path in sorted(package.glob("_C*.so")) + sorted(package.glob("_C*.pyd")):
        try:
            untyped.ops.load_library(path)
        except OSError:
            continue
        return True
    return False
