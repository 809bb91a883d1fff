"""Low-rank adapters on linear layers, by peft: y = W x + b + (alpha / rank) B A dropout(x).

Only plain linear layers are adapted. Attention is refused: `nn.MultiheadAttention` reads the weights of its
projections and never calls a layer put in their place, so that an adapter there gets no gradient, and peft's
own layer for attention adds the update of the output projection twice (peft 0.21).
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from pc3dad.encoders import _compat
from pc3dad.encoders.loading import load_strictly
from pc3dad.errors import ConfigError

M = TypeVar("M", bound=nn.Module)

MLP = r".*\.mlp\.(c_fc|c_proj)"
"""The two linear layers of every block of a tower."""
MARK = "lora_"  # in the names of what an adapter learns


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Form of an adapter; the defaults are those of GS-CLIP's depth tower.

    Attributes:
        rank: of the update.
        alpha: its scale times the rank.
        dropout: share of the inputs of an adapter that training leaves out.
        targets: regular expression for the whole names of the layers to adapt.
    """

    rank: int = 8
    alpha: float = 16
    dropout: float = 0.1
    targets: str = MLP


def adapted(module: M, settings: LoraSettings = LoraSettings(), *, seed: int) -> M:
    """A copy with adapters that change nothing yet. It shares the frozen parameters with the original.

    Args:
        module: tower; its parameters must not be trained any more.
        settings: of the adapters.
        seed: draws A; B is zero.

    Raises:
        ConfigError: no layer has such a name, or one that has it is not a plain linear layer.
    """
    shared: dict[int, Any] = {id(parameter): parameter for parameter in module.parameters()}
    result = copy.deepcopy(module.requires_grad_(False), shared)
    _refuse_unsuitable(result, settings.targets)
    peft = _compat.peft()
    config = peft.LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.targets,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        peft.inject_adapter_in_model(config, result)
    return result.train(module.training)


def merged(module: M) -> M:
    """A copy with plain linear layers in place of adapted ones. It computes the same and shares nothing."""
    result = copy.deepcopy(module)
    for name, layer in list(result.named_modules()):
        if isinstance(layer, _compat.peft().tuners.lora.LoraLayer):
            layer.merge()
            parent, _, last = name.rpartition(".")
            setattr(result.get_submodule(parent), last, layer.get_base_layer())
    return result


def adapter_tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """What the adapters have learned, by name: small enough to be saved with every fit."""
    return {name: value for name, value in module.state_dict().items() if MARK in name}


def load_adapter(module: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Puts what `adapter_tensors` gave into the adapters of a module of the same form.

    Raises:
        WeightsError: listing every tensor that is missing, unexpected or of another shape.
    """
    frozen = {name: value for name, value in module.state_dict().items() if MARK not in name}
    load_strictly(module, {**frozen, **tensors}, what="the adapters")


def _refuse_unsuitable(module: nn.Module, targets: str) -> None:
    chosen = {name: part for name, part in module.named_modules() if re.fullmatch(targets, name)}
    if not chosen:
        linear = [name for name, part in module.named_modules() if type(part) is nn.Linear]
        raise ConfigError(f"no layer has a name like {targets!r}", hint=f"one is called {linear[0]!r}")
    attention = [name for name, part in module.named_modules() if isinstance(part, nn.MultiheadAttention)]
    for name, part in chosen.items():
        if name in attention or name.rpartition(".")[0] in attention:
            raise ConfigError(
                f"an adapter on attention ({name}) would not be right: peft's gets no gradient there or adds "
                f"its update twice",
                hint=f"adapt the MLP, {MLP!r}",
            )
        if type(part) is not nn.Linear:
            raise ConfigError(f"{name} is no linear layer but {type(part).__name__}", hint="choose others")
