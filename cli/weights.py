"""`pc3dad weights`: list, info, fetch, verify, import."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pc3dad.cli import options, output
from pc3dad.errors import ConfigError, ExitCode, WeightsError

if TYPE_CHECKING:
    from pc3dad.cards import WeightsCard, WeightsFile
    from pc3dad.weights.store import Located

app = typer.Typer(help="Weights: list, describe, fetch, verify, import.", no_args_is_help=True)

Slug = Annotated[str, typer.Argument(help="Slug of the weights.")]

OK, REFUSED, ABSENT = "ok", "REFUSED", "not here"


@app.command("list")
def list_weights(as_json: options.Json = False) -> ExitCode:
    """List all weights with licence and size, and whether they are here."""
    from pc3dad.weights import cards, store

    rows, facts = [], []
    for card in cards.CARDS:
        found = store.look_up(card)
        size = _size(card)
        rows.append((card.slug, found[1] if found else "no", card.title))
        rows.append(("", "", f"{card.kind}; {size}; licence: {card.licence}"))
        facts.append({"card": card.model_dump(mode="json"), "here": str(found[0]) if found else None})
    if as_json:
        output.show_json(facts)
    else:
        output.show(output.table(rows, ("weights", "here", "what they are")))
    return ExitCode.DONE


@app.command()
def info(name: Slug, as_json: options.Json = False) -> ExitCode:
    """Show licence, source, training data, files and traps of weights, and what is here."""
    from pc3dad.weights import cards

    card = cards.get(name)
    states = _states(card)
    if as_json:
        output.show_json({"card": card.model_dump(mode="json"), "here": [asdict(state) for state in states]})
    else:
        output.show("\n\n".join(_described(card, states)))
    return ExitCode.DONE


@app.command()
def fetch(name: Slug, as_json: options.Json = False, quiet: options.Quiet = False) -> ExitCode:
    """Download weights, compare their digest, convert them.

    Licence, size and source are shown first. The same command goes on where a download broke. With
    HF_HUB_OFFLINE=1 it refuses at once.
    """
    from pc3dad.weights import cards, fetch, store

    card = cards.get(name)
    if store.look_up(card) is not None:
        located = store.locate(card)
        output.tell(f"{card.slug} are here; nothing was downloaded")
    else:
        fetch.refuse_offline(card)
        file = card.files[0]
        lines = {"licence": card.licence, "size": _size_of(file), "source": card.source}
        output.tell("\n".join([*_lines(lines), file.address]))
        from pc3dad.encoders.convert import fetch_file

        with output.progress(quiet=quiet or as_json) as progress:
            located = fetch_file(card, progress=progress)
    return _show_located(located, as_json=as_json)


@app.command("import")
def import_weights(
    name: Slug,
    file: Annotated[Path, typer.Argument(help="The file of its owners, or safetensors.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Convert a file that you have to safetensors.

    Nothing of it is run, nothing is downloaded. It is refused if its digest is not the published one, or if
    it holds another network.
    """
    from pc3dad.weights import cards

    card = cards.get(name)
    output.tell(output.paragraph(f"licence: {card.licence}", indent=9))
    from pc3dad.encoders.convert import import_file

    with output.progress(quiet=quiet or as_json) as progress:
        located = import_file(card, file, progress=progress)
    return _show_located(located, as_json=as_json)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Slugs of weights.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are here.")] = False,
    checks: Annotated[bool, typer.Option("--checks", help="Also measure how good they are.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Compare digest, size and every tensor with what is known.

    --checks also measures how good the embedded weights are.
    """
    from pc3dad.weights import cards

    if every == bool(names):
        raise ConfigError("name weights, or give --all", hint="`pc3dad weights list` shows their names")
    chosen = cards.CARDS if every else [cards.get(name) for name in names or ()]
    measured = [card for card in chosen if card.checks] if checks else []
    if checks and not measured:
        raise ConfigError(f"{', '.join(names or ['these'])} have no checks", hint="leave --checks out")
    states = [state for card in chosen for state in _states(card) if not (every and state.state == ABSENT)]
    if not states:
        output.tell("no weights are here; `pc3dad weights list` shows all")
    elif not as_json:
        rows = [(state.name, state.state, state.short) for state in states]
        output.show(output.table(rows, ("weights", "state", "sha256, or reason")))
    tables = {}
    for card in measured:
        with output.progress(quiet=quiet or as_json) as progress:
            tables[card.slug] = _load(card.checks)(progress)
        if not as_json:
            output.show("\n" + tables[card.slug].to_text())
    if as_json:
        plain = {slug: table.to_plain() for slug, table in tables.items()}
        output.show_json({"files": [asdict(state) for state in states], "checks": plain})
    if any(state.state == ABSENT for state in states):
        return ExitCode.DATA
    failed = any(state.state == REFUSED for state in states) or not all(table.ok for table in tables.values())
    return ExitCode.FAILED if failed else ExitCode.DONE


@dataclass(frozen=True, slots=True)
class _State:
    """One part of some weights: whether it is here and right."""

    name: str
    state: str
    detail: str
    path: str | None = None
    bytes: int | None = None
    identity: str | None = None
    made_of: dict[str, str] | None = None
    packaged: bool = False

    @property
    def short(self) -> str:
        """The reason, or as much of the digest as people compare."""
        return f"{self.detail[:16]}..., {self.identity}" if self.state == OK else self.detail


def _states(card: "WeightsCard") -> list[_State]:
    from pc3dad.weights import store

    states = []
    for part in card.parts:
        name = card.slug if len(card.parts) == 1 else f"{card.slug}/{part}"
        try:
            found = store.locate(card, part=part)
        except WeightsError as error:
            state = REFUSED if store.look_up(card, part=part) else ABSENT
            states.append(_State(name, state, str(error)))
        else:
            facts = (str(found.path), found.bytes, found.identity, found.made_of, found.place == "package")
            states.append(_State(name, OK, found.sha256, *facts))
    return states


def _described(card: "WeightsCard", states: list[_State]) -> Iterator[str]:
    """Blocks of text about weights."""
    yield f"{card.slug}: {card.title}"
    lines = {
        "kind": card.kind,
        "network": card.architecture,
        "licence": card.licence,
        "source": card.source,
        "revision": card.revision or "none is pinned",
        "trained on": card.training,
        "reads": card.inputs,
        "read by": card.reader,
    }
    yield "\n".join(_lines(lines))
    yield "\n".join(line for file in card.files for line in _file_lines(file))
    yield "\n".join(line for state in states for line in _state_lines(state))
    if card.notes:
        yield "\n".join(["good to know", *(output.paragraph(f"  - {note}", indent=4) for note in card.notes)])


def _file_lines(file: "WeightsFile") -> Iterator[str]:
    yield f"file {file.name}"
    digest = f"{file.sha256}... (the rest is not published)" if len(file.sha256) == 8 else file.sha256
    lines = {"  size": _size_of(file), "  sha256": digest or "none is published"}
    if file.hub:
        lines["  used from"] = f"the cache of the Hugging Face hub, {file.hub}"
    yield from _lines(lines)
    if file.address:
        yield f"  {file.address}"


def _state_lines(state: _State) -> Iterator[str]:
    place = f"in the package, {Path(state.path or '').name}" if state.packaged else state.path
    lines = {"here": place or ("no" if state.state == ABSENT else state.detail)}
    if state.state == OK:
        identity = {"published": "the published one", "recorded": "the recorded one"}
        lines |= {"  size": f"{state.bytes:,} bytes", "  sha256": state.detail}
        lines |= {"  which is": identity.get(state.identity or "", "recorded now, at the first use")}
    if state.made_of:
        lines |= {"  made of": f"{state.made_of.get('source')}, sha256 {state.made_of.get('sha256')}"}
    yield from _lines(lines)


def _lines(facts: dict[str, str]) -> list[str]:
    return [output.paragraph(f"{key:<12}{value}", indent=12) for key, value in facts.items()]


def _size(card: "WeightsCard") -> str:
    """Of the file to download first, or of all files that travel with the package."""
    return f"{sum(file.bytes for file in card.files):,} bytes" if card.packaged else _size_of(card.files[0])


def _size_of(file: "WeightsFile") -> str:
    return f"{file.bytes:,} bytes" if file.bytes else file.size or "size unknown"


def _show_located(located: "Located", *, as_json: bool) -> ExitCode:
    if as_json:
        output.show_json(asdict(located) | {"path": str(located.path)})
        return ExitCode.DONE
    output.show(str(located.path))
    output.tell("\n".join(_lines({"sha256": located.sha256, "size": f"{located.bytes:,} bytes"})))
    return ExitCode.DONE


def _load(reference: str) -> Any:
    """The function that a card names.

    Raises:
        WeightsError: this installation lacks it.
    """
    from importlib import import_module

    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise WeightsError(f"cannot load {reference}: {error}", hint="install pc3dad again") from error
