"""`pc3dad data synthesize`: labelled samples of one's own part."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pc3dad.cli import options, output
from pc3dad.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pc3dad.data.synthetic.synthesize import Written


def synthesize(
    part: Annotated[Path, typer.Argument(help="Closed mesh of the part: STL, OBJ or PLY.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write, new or empty.")],
    scale: Annotated[
        float,
        typer.Option(
            "--scale",
            min=1e-9,
            max=1e9,
            help="Millimetres per unit of the file: 1000 for metres, 25.4 for inches. Noise (0.05 mm) and "
            "defects (0.4 to 8 mm high or deep) are in millimetres.",
        ),
    ] = 1.0,
    form: Annotated[
        str,
        typer.Option(
            "--form", help="surround: a cloud from all around; sensor: one organised view in colour."
        ),
    ] = "surround",
    good: Annotated[int, typer.Option("--good", help="Samples without a defect.")] = 20,
    defective: Annotated[
        int,
        typer.Option("--defective", help="Samples with one or two defects of one kind; kinds take turns."),
    ] = 36,
    kinds: Annotated[
        list[str],
        typer.Option(
            "--kinds",
            help="Kinds of defects, A,B,... or repeated; default all: bend, bulge, contamination, crack, "
            "cut_off, dent, hole, scratch, stain.",
        ),
    ] = [],
    smallest: Annotated[
        float,
        typer.Option("--smallest", help="Smallest share of the surface that a defect is asked to take."),
    ] = 0.0005,
    largest: Annotated[
        float,
        typer.Option("--largest", help="Largest share of the surface that a defect is asked to take."),
    ] = 0.08,
    points: Annotated[int, typer.Option("--points", help="Points of a cloud from all around.")] = 32_768,
    side: Annotated[int, typer.Option("--side", help="Pixels along each side of a sensor view.")] = 320,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")] = 0,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> ExitCode:
    """Give your own part defects and write labelled samples, to be read as the data set `arrays`.

    Samples differ as scans of the same part do: noise, points, place, colour, and the side that is seen best.
    All have the shape of the file. Real parts of one kind differ in shape a little; such differences, which
    make defects harder to tell, are missing here.
    """
    from pc3dad.config import build
    from pc3dad.data.synthetic.config import SyntheticConfig
    from pc3dad.data.synthetic.synthesize import synthesize as write

    values: dict[str, object] = {"form": form, "good": good, "defective": defective, "smallest": smallest}
    values |= {"largest": largest, "points": points, "side": side, "seed": seed}
    if kinds:
        values["kinds"] = tuple(kind.strip() for words in kinds for kind in words.split(","))
    config = build(SyntheticConfig, "synthetic", values)
    with output.progress(quiet=quiet or as_json) as progress:
        own, written = write(part, out, config, scale=scale, progress=progress)
    if as_json:
        output.show_json({"sides_mm": own.sides.tolist(), "samples": [asdict(one) for one in written]})
        return ExitCode.DONE
    _show(written)
    sides = " x ".join(f"{side:.4g}" for side in own.sides)
    output.tell(f"{own.name} is {sides} mm; if it is not, pass another --scale")
    output.tell(f"use it with: pc3dad bench --dataset arrays --root {out} --methods random,fpfh_self")
    return ExitCode.DONE


def _show(written: "Sequence[Written]") -> None:
    """One row per kind."""
    rows = []
    for kind in dict.fromkeys(one.kind for one in written):
        alike = [one for one in written if one.kind == kind]
        shares = [100 * one.labelled for one in alike]
        defects = sum(one.defects for one in alike)
        labelled = f"{min(shares):.2g} to {max(shares):.2g} %" if defects else "-"
        rows.append((kind, str(len(alike)), str(defects), labelled))
    output.show(output.table(rows, ("kind", "samples", "defects", "points labelled")))
