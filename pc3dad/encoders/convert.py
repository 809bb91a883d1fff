"""Official files of weights become safetensors that are read from then on: `pc3dad weights import`.

Nothing of a file can run: safetensors hold no code, and pickles are read with a list of harmless types. The
exception are TorchScript archives, whose code torch runs when it reads them; they are opened only if their
digest is the published one.
"""

import argparse
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from pc3dad.cards import WeightsCard
from pc3dad.context import Progress, silent
from pc3dad.errors import WeightsError
from pc3dad.io import atomic, digest
from pc3dad.io.locks import locked
from pc3dad.io.scan import shown
from pc3dad.weights import fetch, store
from pc3dad.weights.layouts import HINT, Layout, layout_of

REVISION = 1
"""Raised whenever the same file would be converted to something else."""

PREFIX = "module."  # of names that were saved from a wrapped network
STATE_DICTS = ("state_dict", "model_state_dict")  # where training scripts keep the tensors
SAFETENSORS, TORCH, TORCHSCRIPT = "safetensors", "torch", "torchscript"
ZIP_MAGIC = b"PK\x03\x04"


def import_file(card: WeightsCard, source: Path, *, progress: Progress = silent) -> store.Located:
    """Converts an official file into `$PC3DAD_HOME/weights/<slug>/`. Types of numbers are kept.

    Args:
        card: which weights it is said to hold.
        source: OpenAI's archive, a pickled state dict or safetensors.
        progress: callback.

    Raises:
        WeightsError: the file is missing, damaged, not the published one, holds another network or something
            that could run, or the card is a part of pc3dad.
        DataError: the disk refuses, or another command is importing the same.
    """
    if card.packaged:
        raise WeightsError(f"{card.slug} is not imported", hint="it is a part of pc3dad")
    label = f"importing {card.slug}"
    progress(label, 0, 3)
    form = form_of(source)
    sha256 = digest.of_file(source)
    _identify(card, source, form, sha256)
    progress(label, 1, 3)
    layout = layout_of(card.slug)
    tensors = _check(_read(source, form, layout or Layout({})), source, layout)
    progress(label, 2, 3)
    facts = {"weights": card.slug, "source": source.name, "sha256": sha256, "converter": REVISION}
    target = store.own_folder(card) / card.parts[0]
    atomic.make_folder(target.parent)
    with locked(target.parent, otherwise="end it"):
        store.forget_record(target)  # of what is replaced
        with atomic.replacing(target) as temporary:
            # In one entry, since safetensors writes several in any order: equal files have equal digests.
            save_file(tensors, temporary, {store.MADE_OF: json.dumps(facts)})
        located = store.locate(card, target)
    progress(label, 3, 3)
    return located


def fetch_file(card: WeightsCard, *, progress: Progress = silent) -> store.Located:
    """Downloads the first file of a card, converts it and removes it, since nothing reads it any more.

    Args:
        card: which weights.
        progress: callback.

    Raises:
        WeightsError: as `fetch.download` and `import_file`; a file that is the published one but cannot be
            converted is kept.
        DataError: the disk refuses.
    """
    source = fetch.download(card, progress=progress)
    located = import_file(card, source, progress=progress)
    with atomic.disk_errors(source):
        source.unlink()
    return located


def read_checkpoint(source: Path, layout: Layout, *, hint: str) -> dict[str, torch.Tensor]:
    """Tensors of a file that a training script wrote, with a state dict for each part of what it trained.

    Args:
        source: a pickle of `{part: {name: tensor}}`, or safetensors with names "part.name".
        layout: what must be there by "part.name"; parts that it does not know are not read.
        hint: what the user can do if the file holds something else.

    Raises:
        WeightsError: the file is missing, damaged, holds something else, or something that could run.
    """
    form, parts = form_of(source), {name.partition(".")[0] for name in layout.shapes}
    if form == TORCHSCRIPT:
        raise WeightsError(f"{source} is an archive with code, which reading would run", hint=hint)
    with _refusals(source):
        found = _flat(source, form)
    wanted = {
        name: value
        for name, value in found.items()
        if name.partition(".")[0] in parts and not layout.ignores(name)
    }
    if not wanted:
        raise WeightsError(f"{source} has no {' and no '.join(sorted(parts))}", hint=hint)
    return _check(wanted, source, layout, hint=hint)


def _flat(source: Path, form: str) -> dict[str, Any]:
    """What a file of training holds, by "part.name"."""
    if form == SAFETENSORS:
        with safe_open(source, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
    state = _load_pickle(source)
    if not isinstance(state, Mapping):
        return {}
    return {
        f"{part}.{name}": value
        for part, tensors in state.items()
        if isinstance(tensors, Mapping)
        for name, value in tensors.items()
    }


def form_of(source: Path) -> str:
    """How a file is written, from its content: "safetensors", "torch" or "torchscript".

    Raises:
        WeightsError: it is missing, empty, or a damaged archive.
    """
    try:
        with source.open("rb") as stream:
            head = stream.read(9)
        if head[:4] == ZIP_MAGIC:
            with zipfile.ZipFile(source) as archive:
                names = archive.namelist()
            return TORCHSCRIPT if any("/code/" in f"/{name}" for name in names) else TORCH
    except OSError as error:
        raise WeightsError(
            f"cannot read {source}: {error.strerror or error}", hint="check the path"
        ) from error
    except zipfile.BadZipFile as error:
        raise _damaged(source, error) from error
    if not head:
        raise WeightsError(f"{source} is empty", hint="get it again")
    return SAFETENSORS if head[8:] == b"{" else TORCH


def _identify(card: WeightsCard, source: Path, form: str, sha256: str) -> None:
    """Compares a file with what its owners published.

    Raises:
        WeightsError: it is another one, or could run code and nobody vouches for it.
    """
    published = [file for file in card.files if file.form == form]
    known = [file.sha256 for file in published if file.sha256]
    if any(sha256.startswith(item) for item in known):
        return
    if form == TORCHSCRIPT:
        found = f"published is {', '.join(known)}" if known else "none is published"
        raise WeightsError(
            f"{source} is an archive with code, which reading would run, and its sha256 is {sha256}; {found}",
            hint=f"get it again from {card.source}, or import a state dict or safetensors",
        )
    if known:
        hint = f"get it again from {card.source}"
        raise WeightsError(f"{source} has sha256 {sha256}, published is {', '.join(known)}", hint=hint)
    sizes, size = {file.bytes for file in published if file.bytes}, source.stat().st_size
    if sizes and size not in sizes:
        wanted = " or ".join(str(item) for item in sorted(sizes))
        raise WeightsError(f"{source} has {size} bytes, published are {wanted}", hint="get it again")


def _read(source: Path, form: str, layout: Layout) -> dict[str, Any]:
    """What a file holds by name, without what the layout leaves out; big files are read where it is used.

    Raises:
        WeightsError: it is damaged, or needs types that could run code.
    """
    with _refusals(source):
        if form == SAFETENSORS:
            with safe_open(source, framework="pt") as file:
                return {bare: file.get_tensor(name) for name, bare in _kept(file.keys(), layout)}
        state = _load_archive(source) if form == TORCHSCRIPT else _load_pickle(source)
    if not isinstance(state, Mapping):
        raise WeightsError(f"{source} holds a {type(state).__name__}, not tensors by name")
    nested = next((state[key] for key in STATE_DICTS if isinstance(state.get(key), Mapping)), state)
    return {bare: nested[name] for name, bare in _kept(nested, layout)}


@contextmanager
def _refusals(source: Path) -> Iterator[None]:
    """Turns what reading a file raises into one sentence.

    Raises:
        WeightsError: it is damaged, or needs types that could run code.
    """
    try:
        yield
    except pickle.UnpicklingError as error:
        names = shown(", ".join(dict.fromkeys(re.findall(r"GLOBAL (\S+)", str(error)))))
        if not names:
            raise _damaged(source, error) from error
        raise WeightsError(
            f"{source} needs {names}, which is no tensor and could run code: nothing of it was run",
            hint="get the file from its owners, or save its tensors as safetensors",
        ) from error
    except Exception as error:  # torch raises anything on damaged files
        raise _damaged(source, error) from error


def _kept(names: Iterable[Any], layout: Layout) -> Iterator[tuple[Any, str]]:
    """Names of a file that are not left out, each with the one without the prefix that all of them have."""
    listed = list(names)
    cut = len(PREFIX) if listed and all(str(name).startswith(PREFIX) for name in listed) else 0
    for name in listed:
        if not layout.ignores(bare := str(name)[cut:]):
            yield name, bare


def _load_archive(source: Path) -> Mapping[str, torch.Tensor]:
    """Tensors of a TorchScript archive. Its code runs: only for files whose digest is the published one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as a whole
        module = torch.jit.load(source, map_location="cpu")  # type: ignore[no-untyped-call]
    state: dict[str, torch.Tensor] = module.state_dict()
    return state


def _load_pickle(source: Path) -> Any:
    """A pickle of tensors, numbers and words.

    Official checkpoints hold NumPy numbers and the options of their training too. The pair names the type as
    NumPy 1 did, which wrote some of them.
    """
    from numpy._core.multiarray import scalar  # it has no public name

    archive = zipfile.is_zipfile(source)
    if archive:
        with zipfile.ZipFile(source) as opened:
            # A few compressed bytes could fill the memory.
            if any(member.compress_type != zipfile.ZIP_STORED for member in opened.infolist()):
                raise ValueError("it is compressed, which torch never does")
    allowed: list[Any] = [
        argparse.Namespace,
        np.dtype,
        np.dtypes.Float64DType,
        scalar,
        (scalar, "numpy.core.multiarray.scalar"),
    ]
    with torch.serialization.safe_globals(allowed):
        return torch.load(source, map_location="cpu", weights_only=True, mmap=archive)


def _check(
    found: Mapping[str, Any], source: Path, layout: Layout | None, *, hint: str = HINT
) -> dict[str, torch.Tensor]:
    """The tensors as they are stored: dense, of one block each, and all of them those of the network.

    Raises:
        WeightsError: one is something else, or holds NaN or infinity.
    """
    odd = [name for name, value in found.items() if not _is_plain(value)]
    if odd or not found:
        raise WeightsError(f"{source} has no plain tensor as {shown(', '.join(odd)) or 'anything'}")
    if layout:
        layout.check({name: tuple(value.shape) for name, value in found.items()}, what=str(source), hint=hint)
    if broken := [name for name, value in found.items() if not torch.isfinite(value).all()]:
        raise WeightsError(f"{source} has NaN or infinity in {', '.join(broken)}", hint="get it again")
    return {name: value.detach().contiguous() for name, value in found.items()}


def _is_plain(value: Any) -> bool:
    """Whether something is a dense tensor of numbers in memory."""
    return (
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not (value.is_quantized or value.is_complex())
    )


def _damaged(source: Path, error: Exception) -> WeightsError:
    reason = shown(error) or type(error).__name__
    return WeightsError(f"{source} is damaged or of an unknown kind: {reason}", hint="get it again")
