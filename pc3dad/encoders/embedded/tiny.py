"""The encoders that travel with the package: `tiny`, an image-text model and a point tower, one joint space.

Half precision on disk, single precision in memory. Of the table of token embeddings only the rows of known
words are stored (`vocabulary`).
"""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pc3dad.encoders import image_text, pointbert
from pc3dad.encoders.embedded.vocabulary import UNKNOWN, expand
from pc3dad.encoders.image_text import ImageTextEncoder, Part
from pc3dad.encoders.pointbert import PointBert
from pc3dad.encoders.vision import Positions
from pc3dad.errors import WeightsError

ARCHITECTURE: Mapping[str, Any] = MappingProxyType(
    {
        "embed_dim": 192,
        "vision_cfg": {"image_size": 224, "patch_size": 16, "width": 192, "layers": 8, "head_width": 64},
        "text_cfg": {"context_length": 77, "vocab_size": 49_408, "width": 128, "heads": 4, "layers": 4},
    }
)
SLUG = "tiny"
DUAL_FROM = 4  # of 8 blocks: where the value path was trained from
DEEP_DEPTH = 3  # of 4 blocks of the text tower
VALUE_FROM = 8  # of 12 blocks of the point tower
IMAGE_TEXT, POINTS = "tiny_image_text.safetensors", "tiny_points.safetensors"
TABLE = "token_embedding.weight"
ROWS, KNOWN, REST = "token_embedding.rows", "token_embedding.known", "token_embedding.unknown"


def folder() -> Path:
    """Where the files lie in the installed package."""
    return Path(str(files("pc3dad.encoders.embedded"))) / "weights"


def load_image_text(
    path: Path | None = None,
    *,
    part: Part = "both",
    image_size: int | None = None,
    positions: Positions = "bicubic-antialias",
) -> ImageTextEncoder:
    """The image-text model, frozen.

    Args:
        path: of the file; by default the one in the package.
        part: which half to build.
        image_size: side of the pictures if it is another than that of training.
        positions: how positions are interpolated then.

    Raises:
        WeightsError: the file is missing, unreadable or of another model.
    """
    tensors = _read(path or folder() / IMAGE_TEXT)
    if missing := [name for name in (ROWS, KNOWN, REST) if name not in tensors]:
        raise WeightsError(f"the file of tiny has no {', '.join(missing)}", hint="install pc3dad again")
    rows, known, unknown = (tensors.pop(name) for name in (ROWS, KNOWN, REST))
    tensors[TABLE] = expand(rows, known.long(), unknown, ARCHITECTURE["text_cfg"]["vocab_size"])
    return image_text.load(
        ARCHITECTURE,
        tensors,
        part=part,
        image_size=image_size,
        positions=positions,
        dual_from=DUAL_FROM,
        deep_depth=DEEP_DEPTH,
    )


def load_points(path: Path | None = None) -> PointBert:
    """The point tower, frozen.

    Args:
        path: of the file; by default the one in the package.

    Raises:
        WeightsError: the file is missing, unreadable or of another model.
    """
    return pointbert.load(_read(path or folder() / POINTS), pointbert.TINY)


def save_image_text(encoder: ImageTextEncoder, known: torch.Tensor, path: Path) -> None:
    """Writes the image-text model in half precision with the rows of the known tokens (T,) int64."""
    tensors = encoder.tensors()
    table = tensors.pop(TABLE)
    halves = {name: one.half().contiguous() for name, one in tensors.items() if name != "attn_mask"}
    rows = {ROWS: table[known].half(), KNOWN: known.int(), REST: table[UNKNOWN].half().clone()}
    save_file({**halves, **rows}, path)


def save_points(tower: PointBert, path: Path) -> None:
    """Writes the point tower in half precision."""
    save_file({name: one.half().contiguous() for name, one in tower.state_dict().items()}, path)


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise WeightsError(f"{path} is missing", hint="install pc3dad again") from error
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} is unreadable: {error}", hint="install pc3dad again") from error
