"""Files of the authors of a method become a stored fit: `pc3dad methods import`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from safetensors.torch import save_file

from pc3dad import registry
from pc3dad.config import Config, build, nearest, plain
from pc3dad.errors import ConfigError, DataError
from pc3dad.evaluation import kept
from pc3dad.evaluation.spec import DatasetSpec, MethodSpec, parse_dataset, parse_word
from pc3dad.evaluation.worker import method_errors
from pc3dad.io import atomic, digest, locks
from pc3dad.methods.base import STATE_FILE, Method
from pc3dad.registry import MethodEntry
from pc3dad.runs import store

if TYPE_CHECKING:
    import torch

Convert = Callable[[Sequence[Path], Config], "Mapping[str, torch.Tensor]"]


def import_fit(
    method: str,
    files: Sequence[Path],
    *,
    trained_on: str = "",
    out: Path | None = None,
    plugins: Sequence[Path] = (),
) -> Path:
    """Converts files that the authors of a method published.

    Args:
        method: "NAME" or "NAME[key=value,...]", the variant that shall use them.
        files: in the order that its converter expects.
        trained_on: "DATASET:A+B", what the authors trained on, which is not scored with this fit then.
        out: folder of the fit, not there yet; one named by its content in `$PC3DAD_HOME/fits` if None.
        plugins: card files or folders besides the registered ones.

    Returns:
        The folder of the fit.

    Raises:
        ConfigError: a name or an option is wrong, or nothing reads files of that method.
        WeightsError: a file is missing, damaged, hostile, or holds something else.
        DataError: the folder exists, or the disk refuses.
    """
    spec = build(MethodSpec, "bench", parse_word(method))
    entry = registry.methods(plugins)[spec.name]
    if not entry.ready.imports:
        raise ConfigError(f"nothing reads files of {spec.name}", hint="train it instead")
    config, train = entry.configure(spec.values), _training(trained_on, plugins)
    convert: Convert = entry.load(entry.ready.imports)
    with method_errors(f"{entry.slug} cannot read these files"):
        tensors = convert(files, config)
    sources = [{"name": path.name, "sha256": digest.of_file(path)} for path in files]
    facts = {
        "method": spec.name,
        "revision": entry.ready.revision,
        "config": plain(config),
        "train": train,
        "seed": 0,
        "imported": sources,
    }
    if out is not None:
        if out.exists():
            raise DataError(f"{out} exists", hint="choose another --out")
        return _write(out, tensors, facts, entry, config)
    folder = kept.folder_of(digest.of_plain(facts)[:16])
    with locks.turn(folder.with_name(f"{folder.name}.lock"), lambda: None):
        return folder if store.is_done(folder) else _write(folder, tensors, facts, entry, config)


def _training(text: str, plugins: Sequence[Path]) -> str:
    """Name of the training set as in benchmarks, `kept.UNKNOWN` if the user does not say it."""
    if not text:
        return kept.UNKNOWN
    spec = build(DatasetSpec, "bench", parse_dataset(text, "--trained-on"))
    card = registry.datasets(plugins)[spec.name].ready
    if spec.categories == "all":
        raise ConfigError(f"--trained-on {text} names no category", hint="write DATASET:A+B")
    for category in spec.categories:
        if card.categories and category not in card.categories:
            raise ConfigError(f"{spec.name} has no category {category!r}{nearest(category, card.categories)}")
    return f"{spec.variant}:{'+'.join(sorted(spec.categories))}"


def _write(
    folder: Path,
    tensors: "Mapping[str, torch.Tensor]",
    facts: Mapping[str, Any],
    entry: MethodEntry,
    config: Config,
) -> Path:
    """The fit, complete once the method has read it."""
    store.begin(folder)
    with atomic.disk_errors(folder):
        save_file(dict(tensors), folder / STATE_FILE)
    atomic.write_json(folder / store.FIT, facts)
    with method_errors(f"{entry.slug} cannot read these files"):
        method: Method = entry.create(config)
        method.load(folder)
    store.finish(folder, {"made": uuid4().hex, "seconds": 0.0})
    return folder
