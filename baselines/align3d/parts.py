"""What align3d learns: an aligner and the sentences of two branches."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from pc3dad import seeding
from pc3dad.baselines.align3d.aligner import Aligner
from pc3dad.baselines.align3d.config import Align3dConfig
from pc3dad.baselines.align3d.prompts import RoundedPrompts
from pc3dad.context import RunContext
from pc3dad.encoders.image_text import ImageTextEncoder
from pc3dad.encoders.loading import load_strictly
from pc3dad.methods.rendered.prompts import StatePrompts
from pc3dad.methods.rendered.stream import Features

RENDERED, ALIGNED, ALIGNER = "rendered.", "aligned.", "aligner."  # how names of learned tensors begin

State = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Modules. The rendering branch compares features of views with its sentences; the aligned one maps them.

    Attributes:
        rendered: sentences of the rendering branch.
        aligned: those of the aligned branch; the same module if both share them, None if there is no second
            branch.
        aligner: maps features for the aligned branch; None leaves them as they are.
    """

    rendered: StatePrompts
    aligned: StatePrompts | None
    aligner: Aligner | None

    @property
    def shared(self) -> bool:
        """Whether both branches have the same sentences."""
        return self.aligned is self.rendered

    def align(self, features: Features) -> Features:
        """Features of the aligned branch."""
        if self.aligner is None:
            return features
        found: Features = self.aligner(features)
        return found

    def prompts(self) -> list[torch.nn.Parameter]:
        """What stage 2 learns."""
        modules = [self.rendered] if self.aligned is None or self.shared else [self.rendered, self.aligned]
        return [one for module in modules for one in module.parameters()]

    def state(self) -> State:
        """Learned tensors by name."""
        return {
            prefix + name: value
            for prefix, module in self._modules().items()
            for name, value in module.state_dict().items()
        }

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Takes over what `state` gave.

        Raises:
            WeightsError: listing every tensor that is missing, unexpected or of another shape.
        """
        for prefix, module in self._modules().items():
            own = {name.removeprefix(prefix): one for name, one in state.items() if name.startswith(prefix)}
            load_strictly(module, own, what=f"the part {prefix.rstrip('.')} of this fit")

    def _modules(self) -> dict[str, torch.nn.Module]:
        found: dict[str, torch.nn.Module] = {RENDERED: self.rendered}
        if self.aligned is not None and not self.shared:
            found[ALIGNED] = self.aligned
        if self.aligner is not None:
            found[ALIGNER] = self.aligner
        return found


def new_parts(
    config: Align3dConfig, encoder: ImageTextEncoder, ctx: RunContext, *, render_only: bool
) -> Parts:
    """Modules as they are before training.

    The rendering branch starts as pointad does with the same seed, so that what differs is the other branch.
    """
    align, two = config.aligner and not render_only, config.prompt_sets == "two" and not render_only
    rendered = _prompts(config, encoder, ctx.torch_rng("pointad prompts"))
    aligned = _prompts(config, encoder, ctx.torch_rng("align3d prompts")) if two else rendered
    seed = seeding.stream(ctx.seed, "align3d aligner") % 2**31
    return Parts(rendered, aligned if two or align else None, _aligner(encoder, seed) if align else None)


def stored_parts(
    config: Align3dConfig, encoder: ImageTextEncoder, state: Mapping[str, torch.Tensor]
) -> Parts:
    """Modules of learned tensors, in inference mode; their names tell which there are.

    Raises:
        WeightsError: tensors do not fit the encoder or the options.
    """
    two, align = (any(name.startswith(prefix) for name in state) for prefix in (ALIGNED, ALIGNER))
    rendered = _prompts(config, encoder, torch.Generator())
    aligned = _prompts(config, encoder, torch.Generator()) if two else rendered
    parts = Parts(rendered, aligned if two or align else None, _aligner(encoder, 0) if align else None)
    parts.restore(state)
    return parts


def _prompts(config: Align3dConfig, encoder: ImageTextEncoder, generator: torch.Generator) -> StatePrompts:
    kind = RoundedPrompts if config.half_prompts else StatePrompts
    return kind(encoder, n_context=config.n_context, deep_tokens=config.deep_tokens, generator=generator)


def _aligner(encoder: ImageTextEncoder, seed: int) -> Aligner:
    return Aligner(encoder.layout.embed_dim, seed=seed).to(encoder.text.device)
