"""What `tiny` can do, measured on shapes and defects that it was not trained on, beside simpler scorers."""

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pc3dad.context import Progress, silent
from pc3dad.device import cpu_count
from pc3dad.encoders import image_text
from pc3dad.encoders.embedded import measure, tiny
from pc3dad.encoders.embedded.families import NOUNS, TEST, TRAINING
from pc3dad.encoders.embedded.items import TRAINED_KINDS
from pc3dad.encoders.embedded.measure import Found, Item, Scores
from pc3dad.encoders.embedded.training.pool import Content
from pc3dad.encoders.embedded.unseen_kinds import UNSEEN_KINDS
from pc3dad.encoders.image_text import ImageTextEncoder
from pc3dad.encoders.pointbert import TINY, PointBert
from pc3dad.encoders.prompts import tokenize

SEED = 3  # of the pairs; training and the choice of settings use other ones
UNTRAINED_SEED = 0
AIMS = {("families unseen", "object"): 0.75, ("families unseen", "patch"): 0.80}
SEEN, NEW = TRAINED_KINDS, {**UNSEEN_KINDS, "bend": "bend"}
SETS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], int]] = {
    "families unseen": (TEST, SEEN, 72),
    "kinds unseen": (TRAINING, NEW, 36),
    "both unseen": (TEST, NEW, 36),
    "new instances": (TRAINING, SEEN, 36),
}
"""Shape families, kinds of defects, and how many pairs of parts are made of them."""
CONTROLLED = "families unseen"
"""Where untrained networks are measured too."""


@dataclass(frozen=True, slots=True)
class Row:
    """One number beside those that it must beat.

    Attributes:
        tested_on: one of `SETS`.
        inputs: pictures or clouds.
        what: "object" and "patch" are AUROC, "name of N" is top-1 accuracy among so many families: those
            of the set, and all.
        items: how many pictures or clouds.
        tiny: of the embedded encoders.
        untrained: of the same networks with random weights, of families unseen.
        curvature: of surface variation; only of clouds.
        chance: of what knows nothing; of naming, that of who says each name as often, but blindly.
    """

    tested_on: str
    inputs: str
    what: str
    items: int
    tiny: float
    untrained: float | None
    curvature: float | None
    chance: float


@dataclass(frozen=True, slots=True)
class CheckTable:
    """All rows."""

    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is at chance of what training is for: new instances, and families unseen."""
        promised = [row for row in self.rows if row.tested_on in ("families unseen", "new instances")]
        return all(row.tiny > row.chance for row in promised)

    def to_plain(self) -> list[dict[str, Any]]:
        """Rows as plain data."""
        return [asdict(row) for row in self.rows]

    def to_text(self) -> str:
        """A table of at most 80 columns; AUROC and accuracy in per cent."""
        heads = ("tested on", "of", "what", "n", "tiny", "untrained", "curvature", "chance", "aim")
        lines: list[tuple[str, ...]] = [heads]
        for row in self.rows:
            aim = AIMS.get((row.tested_on, row.what))
            values = (row.tiny, row.untrained, row.curvature, row.chance, aim)
            shown = ("-" if value is None else f"{100 * value:.1f}" for value in values)
            lines.append((row.tested_on, row.inputs, row.what, str(row.items), *shown))
        widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
        return "\n".join(
            "".join(
                cell.ljust(width + 2) if column < 3 else cell.rjust(width + (column > 3))
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )


def run(progress: Progress = silent, *, folder: Path | None = None) -> CheckTable:
    """Measures the weights of the package, or those of a folder. About two minutes on two cores.

    The test set is made anew from its seed, which nothing else uses.

    Raises:
        WeightsError: the weights are missing or unreadable.
    """
    place = folder or tiny.folder()
    encoder = tiny.load_image_text(place / tiny.IMAGE_TEXT)
    measured = _measure_all(place, progress)
    return CheckTable(tuple(row for name, items in measured.items() for row in _rows(name, items, encoder)))


class _Networks(NamedTuple):
    """What is measured: the embedded encoders, the same untrained, and the direction of their sentences."""

    encoder: ImageTextEncoder
    tower: PointBert
    blank: ImageTextEncoder
    blank_tower: PointBert
    towards: Any


@cache
def _load(folder: Path) -> _Networks:
    """Loads them, once in a process of those that measure."""
    import torch

    torch.set_num_threads(1)  # the processes have the cores
    encoder = tiny.load_image_text(folder / tiny.IMAGE_TEXT)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        blank_tower = PointBert(TINY).eval()
    return _Networks(
        encoder,
        tiny.load_points(folder / tiny.POINTS),
        image_text.untrained(tiny.ARCHITECTURE, seed=UNTRAINED_SEED, dual_from=tiny.DUAL_FROM),
        blank_tower,
        measure.direction(encoder, tokenize),
    )


Measured = dict[str, list[Item]]
"""Items by scorer."""


def _measure_all(folder: Path, progress: Progress) -> dict[str, Measured]:
    """Items of each set, in the order of their pairs."""
    contents = {
        name: Content(dict(families), dict(kinds), count, SEED)
        for name, (families, kinds, count) in SETS.items()
    }
    total = sum(content.pairs for content in contents.values())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cpu_count(), mp_context=context) as processes:
        jobs = {
            processes.submit(_measure, content, number, folder, name == CONTROLLED): (name, number)
            for name, content in contents.items()
            for number in range(content.pairs)
        }
        found = {}
        for done, job in enumerate(as_completed(jobs), start=1):
            found[jobs[job]] = job.result()
            progress("pairs of parts", done, total)
    measured: dict[str, Measured] = {}
    for name, number in sorted(found, key=lambda one: (list(contents).index(one[0]), one[1])):
        for scorer, items in found[name, number].items():
            measured.setdefault(name, {}).setdefault(scorer, []).extend(items)
    return measured


def _measure(content: Content, number: int, folder: Path, controlled: bool) -> Measured:
    """Items of one pair, also of untrained networks; none if a shape had no place for its defect."""
    pair, networks = content.make(number), _load(folder)
    if pair is None:
        return {}
    found = {
        "pictures": measure.of_pictures(networks.encoder, networks.towards, [pair]),
        "clouds": measure.of_clouds(networks.tower, networks.towards, [pair]),
        "variation": measure.of_variation([pair]),
    }
    if controlled:
        found |= {
            "pictures, untrained": measure.of_pictures(networks.blank, networks.towards, [pair]),
            "clouds, untrained": measure.of_clouds(networks.blank_tower, networks.towards, [pair]),
        }
    return found


def _rows(name: str, measured: Measured, encoder: ImageTextEncoder) -> Iterator[Row]:
    """Rows of one set: object, patch and naming of pictures and of clouds."""

    def gathered(scorer: str, enough: float) -> Scores | None:
        return measure.gather(measured[scorer], enough) if scorer in measured else None

    seen = [gathered(scorer, measure.PATCH) for scorer in ("pictures", "pictures, untrained")]
    read = [gathered(scorer, measure.GROUP) for scorer in ("clouds", "clouds, untrained", "variation")]
    yield from _compared(name, "pictures", [*seen, None], encoder)
    yield from _compared(name, "clouds", read, encoder)


def _compared(
    name: str, inputs: str, scores: Sequence[Scores | None], encoder: ImageTextEncoder
) -> Iterator[Row]:
    """Object, patch and naming of our scores, those of untrained networks, and those of surface variation."""
    items = len(scores[0].objects) if scores[0] else 0
    own, all_nouns = {family: NOUNS[family] for family in SETS[name][0]}, NOUNS
    measures: dict[str, Callable[[Scores], Found]] = {
        "object": lambda one: Found(one.object_auroc, 0.5),
        "patch": lambda one: Found(one.patch_auroc, 0.5),
        f"name of {len(own)}": lambda one: measure.name_shapes(encoder, tokenize, one, own),
        f"name of {len(all_nouns)}": lambda one: measure.name_shapes(encoder, tokenize, one, all_nouns),
    }
    for what, value in measures.items():
        ours, untrained, curvature = (
            None if one is None or (what.startswith("name") and not one.features.size) else value(one)
            for one in scores
        )
        if ours is not None:
            blank, simple = (None if one is None else one.value for one in (untrained, curvature))
            yield Row(name, inputs, what, items, ours.value, blank, simple, ours.chance)
