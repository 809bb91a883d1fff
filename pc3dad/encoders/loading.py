"""Puts tensors into a network: all of them, or none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from pc3dad.errors import WeightsError

DRAWN = frozenset(
    {
        *(nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_, nn.init.xavier_uniform_),
        *(torch.Tensor.normal_, torch.Tensor.uniform_),  # of functions that cannot be told otherwise
    }
)


class Undrawn(TorchFunctionMode):
    """A context in which networks are built without the random numbers that given weights would replace.

    The device "meta" does that as well, but brings in the compiler of torch for it, which takes a second.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Calls `func`, unless it draws random numbers."""
        if func in DRAWN:
            return args[0] if args else (kwargs or {})["tensor"]
        return (torch.empty if func is torch.randn else func)(*args, **(kwargs or {}))


def load_strictly(module: nn.Module, tensors: Mapping[str, torch.Tensor], *, what: str) -> None:
    """Fills parameters and buffers; half-precision tensors become what the module has.

    Args:
        module: network to fill.
        tensors: by the names of its state dict.
        what: name of the network in the message.

    Raises:
        WeightsError: a tensor is missing, unexpected or of another shape; the message lists every one.
    """
    wanted = module.state_dict()
    shapes = [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    problems = {
        "missing": [name for name in wanted if name not in tensors],
        "unexpected": [name for name in tensors if name not in wanted],
        "of another shape": shapes,
    }
    if any(problems.values()):
        listed = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in problems.items() if names)
        raise WeightsError(
            f"weights do not fit {what} ({listed})",
            hint="give the file of this architecture, converted by `pc3dad weights import`",
        )
    module.load_state_dict(tensors)
