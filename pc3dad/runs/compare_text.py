"""Comparisons as plain text. Values are per cent with one decimal, p values have three."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from pc3dad.metrics.base import METRICS
from pc3dad.metrics.significance import SIGNIFICANCE, Friedman
from pc3dad.runs.compare import Comparison, Comparisons, Interval, Pair, Standing
from pc3dad.runs.render import HOLE, per_cent

_LABEL = 16  # a longer name stands on a line of its own
_HEADS = ("mean difference", "median difference", "w/t/l", "p", "Holm")
_SIZES = (21, 21, 8, 7, 7)
LEGEND = (
    "Values in per cent, means over categories. [a, b]: 95 % bootstrap over samples, the same draws for both "
    "methods of a pair; categories count as fixed. w/t/l: categories in which the first method is better, "
    "equal, worse. p: Wilcoxon signed ranks over categories, Holm: corrected for all pairs."
)


def text(found: Comparisons, width: int = 80) -> str:
    """Plain text of at most `width` columns where names allow it."""
    blocks: list[str] = []
    group = None
    for item in found.comparisons:
        if item.group != group:
            group = item.group
            blocks.append("\n".join(wrap(group.title, width)))
        blocks.append("\n".join(_lines(item, width)))
    blocks.append("\n".join([*_notes(found.notes, width), *wrap(LEGEND, width)]))
    return "\n\n".join(blocks) + "\n"


def _lines(item: Comparison, width: int) -> Iterator[str]:
    spec = METRICS[item.metric]
    count = f"{len(item.categories)} {'category' if len(item.categories) == 1 else 'categories'}"
    yield f"{spec.title} ({item.metric}, {spec.direction} is better), {count}"
    yield " " * _LABEL + "mean".rjust(8) + "95 %".rjust(16) + "mean rank".rjust(12)
    for standing in item.standings:
        yield from _labelled(_name(standing), _standing(standing))
    yield ""
    yield " " * _LABEL + "".join(
        head.rjust(size) for head, size in zip(_HEADS, _SIZES[: _columns(item)], strict=False)
    )
    for pair in item.pairs:
        yield from _labelled(f"{pair.first} - {pair.second}", _pair(pair, _columns(item)))
    if item.friedman:
        yield from wrap(_friedman(item.friedman), width)
    for near in item.groups:
        yield from wrap(f"not told apart by mean rank: {', '.join(near)}", width, subsequent_indent="  ")
    yield from _notes(item.notes, width)


def _columns(item: Comparison) -> int:
    """One pair needs no column for the correction."""
    return len(_SIZES) - (len(item.pairs) == 1)


def _labelled(label: str, numbers: str) -> Iterator[str]:
    label = f"  {label}"
    if len(label) > _LABEL:
        yield label
        label = ""
    yield (label.ljust(_LABEL) + numbers).rstrip()


def _name(standing: Standing) -> str:
    return standing.method if standing.n_runs == 1 else f"{standing.method} x{standing.n_runs}"


def _standing(item: Standing) -> str:
    interval = f"[{', '.join(map(per_cent, item.interval))}]" if item.interval else HOLE
    return per_cent(item.mean).rjust(8) + interval.rjust(16) + f"{item.rank:.2f}".rjust(12)


def _pair(pair: Pair, columns: int) -> str:
    cells = (
        _difference(pair.mean_difference, pair.mean_interval),
        _difference(pair.median_difference, pair.median_interval),
        f"{pair.wins}/{pair.ties}/{pair.losses}",
        _p_value(pair.p_value),
        _p_value(pair.p_holm),
    )
    return "".join(cell.rjust(size) for cell, size in zip(cells, _SIZES[:columns], strict=False))


def _difference(value: float, interval: Interval | None) -> str:
    return _signed(value) + (f" [{', '.join(map(_signed, interval))}]" if interval else "")


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{per_cent(value)}"


def _p_value(value: float | None) -> str:
    if value is None:
        return HOLE
    return f"{value:.3f}" if value >= 0.0005 else "<0.001"


def _friedman(found: Friedman) -> str:
    between, within = found.degrees
    told = "the mean ranks differ" if found.p_value < SIGNIFICANCE else "no evidence that the methods differ"
    p_value = _p_value(found.p_value)
    return (
        f"Friedman test, F({between}, {within}) = {found.statistic:.2f} (Iman-Davenport), "
        f"p {p_value if p_value.startswith('<') else f'= {p_value}'}: {told}"
    )


def _notes(notes: Sequence[str], width: int) -> list[str]:
    return [line for note in notes for line in wrap(f"! {note}", width, subsequent_indent="  ")]
