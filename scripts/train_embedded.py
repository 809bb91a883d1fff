"""Trains the embedded encoders `tiny`: pairs of parts, then sentences, then pictures and clouds.

    python scripts/train_embedded.py pool     --work FOLDER     parts with and without defects, on all cores
    python scripts/train_embedded.py text     --work FOLDER     about five minutes
    python scripts/train_embedded.py pictures --work FOLDER     an hour; the two may run side by side
    python scripts/train_embedded.py clouds   --work FOLDER
    python scripts/train_embedded.py check    --work FOLDER     what came out, on shapes never trained on

A stage that was stopped goes on where it was. `--seed` names another run, `--shuffled` a control whose
sentences mean nothing. Every stage appends to FOLDER/<run>/log.jsonl. The package ships the two files
tiny_*.safetensors of a run.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from pc3dad import seeding
from pc3dad.encoders import image_text
from pc3dad.encoders.embedded import checks, measure, tiny
from pc3dad.encoders.embedded.families import NOUNS, RELATED, TRAINING, VALIDATION
from pc3dad.encoders.embedded.items import TRAINED_KINDS
from pc3dad.encoders.embedded.training import clouds, pictures, sentences
from pc3dad.encoders.embedded.training.ahead import Ahead
from pc3dad.encoders.embedded.training.bank import Bank, make_bank, shuffle
from pc3dad.encoders.embedded.training.initial import mimetic, principal, sine_positions
from pc3dad.encoders.embedded.training.meanings import make_space
from pc3dad.encoders.embedded.training.optimise import Schedule, fit
from pc3dad.encoders.embedded.training.pool import Content, write_pool
from pc3dad.encoders.embedded.vocabulary import known_tokens
from pc3dad.encoders.image_text import ImageTextEncoder
from pc3dad.encoders.pointbert import TINY, PointBert
from pc3dad.encoders.prompts import tokenize

POOL_SEED, CHECK_SEED = 1, 2
PAIRS, LOOKS = 4096, 48
TEXT_STEPS, PICTURE_STEPS, CLOUD_STEPS = 900, (4000, 2000), (3500, 1000)  # captions, then also names
NAMES_RATE = 0.5  # times the rate of the first steps
PICTURES, CLOUDS = 16, 8  # pairs a step
FOLLOWED = 8  # looks at validation families during a run

Loss = tuple[torch.Tensor, dict[str, float]]


@dataclass(frozen=True)
class Run:
    """Where a run keeps its things."""

    work: Path
    seed: int
    shuffled: bool
    pairs: int
    device: str
    threads: int
    pairs_a_step: int | None
    rate: float

    @property
    def folder(self) -> Path:
        """Of this run."""
        folder = self.work / f"seed{self.seed}{'_shuffled' if self.shuffled else ''}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def content(self) -> Content:
        """Pairs of all runs."""
        return Content(dict(TRAINING), dict(TRAINED_KINDS), self.pairs, POOL_SEED)

    def log(self, stage: str, entry: dict[str, Any]) -> None:
        """Prints a line and appends it to the log."""
        line = json.dumps({"stage": stage, **entry})
        print(line, flush=True)
        with (self.folder / "log.jsonl").open("a") as stream:
            stream.write(line + "\n")


def pool(run: Run) -> None:
    """Writes the pairs."""
    started = time.monotonic()

    def progress(label: str, done: int, total: int) -> None:
        print(f"{done} of {total} {label}, {time.monotonic() - started:.0f} s", flush=True)

    write_pool(run.work / "pool", run.content, workers=os.cpu_count() or 1, progress=progress)


def text(run: Run, steps: int) -> None:
    """Trains the text tower."""
    encoder = image_text.untrained(tiny.ARCHITECTURE, seed=run.seed, dual_from=tiny.DUAL_FROM)
    tower = encoder.text.requires_grad_()
    space = make_space(list(NOUNS), RELATED, encoder.layout.embed_dim, seed=0)

    def step(number: int) -> Loss:
        return sentences.step_loss(tower, tokenize, space, NOUNS, seed=run.seed, step=number)

    fit(
        tower.named_parameters(),
        step,
        Schedule(steps, warm=50),
        partial(run.log, "text"),
        kept=run.folder / "text.pt",
    )
    tower.requires_grad_(requires_grad=False)
    tiny.save_image_text(encoder, known_tokens(tokenize, NOUNS), run.folder / "text.safetensors")
    towards = measure.direction(encoder, tokenize)
    strange = [measure.encode(encoder, tokenize, [f"{word} gizmo."])[0] for word in ("flawless", "broken")]
    run.log("text", {"states": 1 - float(towards @ towards) / 2, "strange": float(strange[0] @ strange[1])})


@dataclass(frozen=True)
class Cycle:
    """One of two runs up and down with the rate: captions within the batch, then also names of all families.

    Asked for from the start, names are learned more slowly than captions. Without them, pictures are a little
    like a few nouns, whatever they show.

    Attributes:
        names: whether names are asked for.
        schedule: how long and how fast.
        kept: file from which it goes on if it was stopped.
        first: number of the first step, which chooses the batches.
    """

    names: bool
    schedule: Schedule
    kept: Path
    first: int


def cycles(run: Run, stage: str, steps: tuple[int, int]) -> tuple[Cycle, Cycle]:
    """Both cycles of a tower."""
    return (
        Cycle(False, Schedule(steps[0], run.rate), run.folder / f"{stage}.pt", 0),
        Cycle(True, Schedule(steps[1], NAMES_RATE * run.rate), run.folder / f"{stage}_names.pt", steps[0]),
    )


def train_pictures(run: Run, steps: tuple[int, int]) -> None:
    """Trains the image tower."""
    encoder = tiny.load_image_text(run.folder / "text.safetensors")
    source = pictures.Pictures(run.work / "pool", run.content)
    generator = torch.Generator().manual_seed(run.seed)
    tower = encoder.vision.train().requires_grad_()
    for block in tower.blocks:
        mimetic(block.attn.in_proj_weight, block.attn.out_proj.weight, block.attn.num_heads, generator)
    principal(tower.visual.conv1.weight, source.patches(40_000, seeding.generator(run.seed, "patches")))
    sine_positions(tower.visual.positional_embedding, encoder.layout.grid)
    bank = _bank(run, encoder)
    encoder.to(run.device)

    def make(number: int) -> pictures.Task:
        pairs = run.pairs_a_step or PICTURES
        return pictures.make_task(source, bank, pairs=pairs, seed=run.seed, step=number)

    def step(task: Ahead[pictures.Task], cycle: Cycle, number: int) -> Loss:
        noise = seeding.torch_generator(run.seed, "noise", str(cycle.first + number), device=run.device)
        return pictures.task_loss(tower, task(cycle.first + number), noise, names=cycle.names)

    looked = partial(_look, encoder, None)
    for cycle in cycles(run, "pictures", steps):
        ahead = Ahead(make, threads=run.threads)
        log = _following(run, "pictures", cycle, looked)
        fit(tower.named_parameters(), partial(step, ahead, cycle), cycle.schedule, log, kept=cycle.kept)
    tower.eval().requires_grad_(requires_grad=False)
    encoder.to("cpu")
    tiny.save_image_text(encoder, known_tokens(tokenize, NOUNS), run.folder / tiny.IMAGE_TEXT)


def train_clouds(run: Run, steps: tuple[int, int]) -> None:
    """Trains the point tower."""
    encoder = tiny.load_image_text(run.folder / "text.safetensors")
    source = clouds.Clouds(run.work / "pool", run.content)
    generator = torch.Generator().manual_seed(run.seed)
    torch.manual_seed(run.seed)
    tower = PointBert(TINY)
    for block in tower.blocks.blocks:
        attention: Any = block.attn
        mimetic(attention.qkv.weight, attention.proj.weight, attention.heads, generator)
    bank = _bank(run, encoder)
    tower.to(run.device)

    def make(number: int) -> clouds.Task:
        pairs = run.pairs_a_step or CLOUDS
        return clouds.make_task(tower, source, bank, pairs=pairs, seed=run.seed, step=number)

    def step(task: Ahead[clouds.Task], cycle: Cycle, number: int) -> Loss:
        return clouds.task_loss(tower, task(cycle.first + number), names=cycle.names)

    looked = partial(_look, encoder, tower)
    for cycle in cycles(run, "clouds", steps):
        ahead = Ahead(make, threads=run.threads)
        log = _following(run, "clouds", cycle, looked)
        fit(tower.named_parameters(), partial(step, ahead, cycle), cycle.schedule, log, kept=cycle.kept)
    tiny.save_points(tower.eval().cpu(), run.folder / tiny.POINTS)


def check(run: Run) -> None:
    """Prints the checks of a run."""
    table = checks.run(folder=run.folder)
    print(table.to_text())
    run.log("check", {"rows": table.to_plain()})


def _bank(run: Run, encoder: ImageTextEncoder) -> Bank:
    nouns = {family: NOUNS[family] for family in TRAINING}
    rng = seeding.generator(run.seed, "bank")
    bank = make_bank(partial(measure.encode, encoder, tokenize), nouns, list(TRAINED_KINDS), rng)
    return shuffle(bank, rng) if run.shuffled else bank


def _following(
    run: Run, stage: str, cycle: Cycle, look: Callable[[], dict[str, float]]
) -> Callable[[dict[str, float]], None]:
    """A log that looks at validation families now and then."""
    steps = cycle.schedule.steps
    every = max(50, steps // FOLLOWED // 50 * 50)

    def log(entry: dict[str, float]) -> None:
        seen = look() if entry["step"] % every == 0 or entry["step"] == steps else {}
        run.log(stage, {**entry, "step": cycle.first + entry["step"], **seen})

    return log


def _look(encoder: ImageTextEncoder, tower: PointBert | None) -> dict[str, float]:
    """What the checks ask, on families that are used for nothing else."""
    content = Content(dict(VALIDATION), dict(TRAINED_KINDS), LOOKS, CHECK_SEED)
    if not (cached := _look.__dict__.setdefault("pairs", [])):
        cached += [pair for pair in map(content.make, range(LOOKS)) if pair is not None]
    towards = measure.direction(encoder, tokenize)
    module = encoder.vision if tower is None else tower
    module.eval()
    if tower is None:
        scores = measure.gather(measure.of_pictures(encoder, towards, cached), measure.PATCH)
    else:
        scores = measure.gather(measure.of_clouds(tower, towards, cached), measure.GROUP)
    module.train()
    nouns = {family: NOUNS[family] for family in VALIDATION}
    found = {
        "patch_auroc": scores.patch_auroc,
        "object_auroc": scores.object_auroc,
        "naming": measure.name_shapes(encoder, tokenize, scores, nouns).value,
    }
    return {name: round(value, 4) for name, value in found.items()}


def main() -> None:
    """Runs one stage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("pool", "text", "pictures", "clouds", "check"))
    parser.add_argument("--work", type=Path, required=True, help="folder for pairs and runs, about 10 GB")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shuffled", action="store_true", help="a control whose sentences mean nothing")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--steps", type=int, help="of each cycle, instead of those of the shipped weights")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="that make batches ahead of time")
    parser.add_argument("--pairs-a-step", type=int, help="instead of those of the shipped weights")
    parser.add_argument("--rate", type=float, default=Schedule(1).rate, help="the highest of a run")
    given = parser.parse_args()
    torch.set_num_threads(1)
    run = Run(
        given.work,
        given.seed,
        given.shuffled,
        given.pairs,
        given.device,
        given.threads,
        given.pairs_a_step,
        given.rate,
    )
    given_steps = given.steps and (given.steps, given.steps)
    stages: dict[str, Callable[[], None]] = {
        "pool": partial(pool, run),
        "text": partial(text, run, given.steps or TEXT_STEPS),
        "pictures": partial(train_pictures, run, given_steps or PICTURE_STEPS),
        "clouds": partial(train_clouds, run, given_steps or CLOUD_STEPS),
        "check": partial(check, run),
    }
    stages[given.stage]()


if __name__ == "__main__":
    main()
