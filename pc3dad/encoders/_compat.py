"""The one gate to open_clip and peft, which import torchvision.

The compiled part of torchvision's wheel cannot load beside a torch without CUDA. torchvision bears that, but
for a shape rule that it gives to two operators which are not declared then ("operator torchvision::nms does
not exist"). Declaring them is enough: its transforms and networks work, and `ops.nms` raises a clear error
when it is called. A torchvision whose compiled part loads is left alone.

open_clip is imported in half a second instead of three. timm and transformers, which it takes if they are
there and which no network of ours is made of, are not there for it; who wants open_clip with them imports it
first. And torchvision imports the compiler of torch only when it calls the one function that it wants of it.
"""

import gc
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from pc3dad.errors import ConfigError

OPERATORS = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
OPTIONAL = ("timm", "transformers")
COMPILER, UTILITIES = "torch._dynamo", "torch._dynamo.utils"


def open_clip() -> Any:
    """The package open_clip."""
    with _instead(dict.fromkeys(OPTIONAL) | _compiler()):
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


@contextmanager
def _instead(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """Stands in for modules, None for one that is not there, while they are not imported.

    The collector rests meanwhile: it would walk through all of torch several times and find nothing.
    """
    absent = {name: module for name, module in modules.items() if name not in sys.modules}
    sys.modules.update(absent)  # type: ignore[arg-type] # None makes an import fail
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
        for name in absent:
            del sys.modules[name]


def _compiler() -> dict[str, ModuleType]:
    """Modules with the one function that torchvision imports; called, it imports the real one."""

    def is_compile_supported(device: str) -> bool:
        return bool(importlib.import_module(UTILITIES).is_compile_supported(device))

    package, utilities = ModuleType(COMPILER), ModuleType(UTILITIES)
    package.__path__ = []
    vars(utilities)[is_compile_supported.__name__] = is_compile_supported
    return {COMPILER: package, UTILITIES: utilities}


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
