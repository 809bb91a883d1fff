"""Tables as plain text and Markdown. Metrics are printed per cent with one decimal, half to even."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from textwrap import wrap
from typing import Literal

from pc3dad.metrics.base import COMPAT_TITLES, METRICS

HOLE = "-"
_HEADS = (
    {key: spec.title for key, spec in METRICS.items()}
    | dict(COMPAT_TITLES)
    | {
        "resources/seconds": "ms/obj",
        "resources/peak_bytes": "peak MB",
    }
)
_CELL = 9  # widest head plus a space
_LABEL = 16  # longest method name that shares a line with its numbers
MANY = 5
_BEHIND = {"spread": " {}", "low": " [{}, ", "high": "{}]"}

Kind = Literal["value", "spread", "low", "high"]


@dataclass(frozen=True, slots=True)
class Column:
    """One metric: its head and how its values are printed."""

    key: str
    head: str

    @classmethod
    def of(cls, key: str) -> "Column":
        """The column of a metric key."""
        return cls(key, _HEADS.get(key, key))

    def show(self, value: float | None, kind: Kind = "value") -> str:
        """A number as text."""
        if value is None:
            return HOLE if kind == "value" else ""
        if self.key == "resources/seconds":
            text = f"{value * 1000:.1f}" if value < 10 else f"{value * 1000:.0f}"
        elif self.key == "resources/peak_bytes":
            text = f"{value / 2**20:.0f}"
        else:
            text = per_cent(value)
        return f"±{text}" if kind == "spread" else text


@dataclass(frozen=True, slots=True)
class Line:
    """One method of one section; or the spread or an end of the interval of the method above it."""

    label: str
    values: Sequence[float | None]
    n_runs: int = 1
    kind: Kind = "value"

    @property
    def name(self) -> str:
        """Label with the number of runs behind the mean."""
        if self.kind != "value":
            return self.label.rjust(len("95 % from") + 3)
        return self.label if self.n_runs == 1 else f"{self.label} x{self.n_runs}"


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under one heading: a category, or the mean over categories."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Block:
    """One table; `remarks` are notes about single categories."""

    title: str
    columns: Sequence[Column]
    sections: Sequence[Section]
    notes: Sequence[str]
    remarks: Sequence[str] = ()

    @property
    def brief(self) -> "Block":
        """The last section alone, which is the headline, where there are many categories."""
        if len(self.sections) <= MANY:
            return self
        hidden = [f"{len(self.sections) - 1} categories"]
        if self.remarks:
            hidden.append(f"{len(self.remarks)} remarks about them")
        note = f"not shown: {', '.join(hidden)}; `pc3dad report RUN` prints all"
        return Block(self.title, self.columns, self.sections[-1:], [*self.notes, note])


def per_cent(value: float) -> str:
    """A share as per cent with one decimal, rounded half to even from the unrounded value."""
    rounded = (Decimal(value) * 100).quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN)
    return str(abs(rounded) if rounded == 0 else rounded)


def text(block: Block, width: int = 80) -> str:
    """Plain text; columns that do not fit into `width` follow in a second table below.

    Only the last section, which is the headline, shows its intervals; Markdown and files have all.
    """
    fitting = max(1, (width - _LABEL) // _CELL)
    lines = wrap(block.title, width)
    for start in range(0, len(block.columns), fitting):
        chosen = range(start, min(start + fitting, len(block.columns)))
        lines += ["", " " * _LABEL + "".join(block.columns[index].head.rjust(_CELL) for index in chosen)]
        for section in block.sections:
            last = section is block.sections[-1]
            lines += [section.title, *_text_lines(block, section, chosen, intervals=last)]
    for note in (*block.notes, *block.remarks):
        lines += wrap(f"! {note}", width, subsequent_indent="  ")
    return "\n".join(line.rstrip() for line in lines)


def markdown(block: Block) -> str:
    """A Markdown table; spreads and intervals stand behind their means."""
    lines = [f"**{block.title}**", ""]
    lines.append("| category | method | runs | " + " | ".join(column.head for column in block.columns) + " |")
    lines.append("|---|---|---:|" + "---:|" * len(block.columns))
    for section in block.sections:
        for line, cells in merged(block, section):
            label = line.label.replace("|", "\\|")
            lines.append(f"| {section.title} | {label} | {line.n_runs} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {note}" for note in (*block.notes, *block.remarks))]).rstrip()


def merged(block: Block, section: Section) -> list[tuple[Line, list[str]]]:
    """Each method of a section with its cells as text, spreads and intervals behind their means."""
    found: list[tuple[Line, list[str]]] = []
    for line in section.lines:
        pairs = zip(block.columns, line.values, strict=True)
        cells = [column.show(value, line.kind) for column, value in pairs]
        if line.kind == "value":
            found.append((line, cells))
            continue
        mean, shown = found.pop()
        both = [
            one + _BEHIND[line.kind].format(other) if other else one
            for one, other in zip(shown, cells, strict=True)
        ]
        found.append((mean, both))
    return found


def _text_lines(block: Block, section: Section, chosen: range, *, intervals: bool) -> list[str]:
    lines = []
    for line in section.lines:
        if line.kind in ("low", "high") and not intervals:
            continue
        numbers = [block.columns[index].show(line.values[index], line.kind) for index in chosen]
        if line.kind != "value" and not any(numbers):
            continue
        label = f"  {line.name}"
        if len(label) > _LABEL:  # a long name stands on a line of its own
            lines.append(label)
            label = ""
        lines.append(label.ljust(_LABEL) + "".join(number.rjust(_CELL) for number in numbers))
    return lines
