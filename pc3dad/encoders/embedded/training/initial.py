"""Where the towers of `tiny` start: attention that nearly copies, patches that see principal components."""

import math

import torch
from torch import nn

QUERY_KEY = 0.5
VALUE_OUT = 0.4
WHITENED = 40  # principal components that enter with equal strength
SINE = 0.3


@torch.no_grad()
def mimetic(
    attention_in: nn.Parameter, attention_out: nn.Parameter, heads: int, generator: torch.Generator
) -> None:
    """Query times key about 0.5 (Z + I), value times output about 0.4 (Z - I), Z normal of variance 1 / D.

    The factor 1 / sqrt(head) of attention is left as it is: making up for it saturates the softmax, and
    tokens never exchange anything. After Trockman and Kolter, "Mimetic initialization of self-attention
    layers" (2023).

    Args:
        attention_in: (3 D, D), weights of queries, keys and values.
        attention_out: (D, D).
        heads: H.
        generator: source of Z.
    """
    width = attention_out.shape[0]
    size, eye = width // heads, torch.eye(width)

    def noise() -> torch.Tensor:
        return torch.randn(width, width, generator=generator) / math.sqrt(width)

    query, key, value = attention_in.data.chunk(3)
    for head in range(heads):
        rows = slice(head * size, (head + 1) * size)
        left, strength, right = torch.linalg.svd(QUERY_KEY * (noise() + eye))
        root = strength[:size].sqrt()
        query[rows] = (left[:, :size] * root).T
        key[rows] = root[:, None] * right[:size]
    left, strength, right = torch.linalg.svd(VALUE_OUT * (noise() - eye))
    value.copy_(strength.sqrt()[:, None] * right)
    attention_out.data.copy_(left * strength.sqrt())


@torch.no_grad()
def principal(weight: nn.Parameter, patches: torch.Tensor) -> None:
    """Rows of a patch embedding: principal components of patches, the first 40 whitened, the others tapered.

    Whitening them all leaves tokens that are mostly noise of the pictures.

    Args:
        weight: (D, C, S, S) of the convolution.
        patches: (n, C * S * S) float32, as they are when they are embedded.
    """
    centred = patches - patches.mean(0)
    count = min(len(weight), centred.shape[1])
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    values, vectors = values.flip(0)[:count].clamp(min=1e-6), vectors.flip(1)[:, :count]
    rank = torch.arange(count)
    taper = torch.where(rank < WHITENED, 1.0, WHITENED / (rank + 1))
    weight.zero_()
    weight[:count] = (vectors * taper / values.sqrt()).T.reshape(count, *weight.shape[1:])


@torch.no_grad()
def sine_positions(table: nn.Parameter, grid: int) -> None:
    """Two-dimensional sines in a table of positions (1 + grid * grid, D); the class token has none."""
    width = table.shape[1]
    frequencies = torch.exp(-math.log(10_000) * torch.arange(width // 4) / (width // 4))
    place = torch.arange(grid, dtype=torch.float32)[:, None] * frequencies
    along = torch.cat([place.sin(), place.cos()], dim=1)  # (grid, D / 2)
    rows = along[:, None].expand(grid, grid, -1)
    columns = along[None].expand(grid, grid, -1)
    table.zero_()
    table[1:, : 4 * (width // 4)] = SINE * torch.cat([rows, columns], dim=2).reshape(grid * grid, -1)
