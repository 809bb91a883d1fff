"""Every computed number in docs/metrics.md is what the script prints; every figure can be drawn again."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from pc3dad.evaluation.passes import FEW_LEVELS, NOISY_SHARE
from pc3dad.evaluation.population import FEW_POINTS, PROTOCOLS, SAMPLED, Policies
from pc3dad.evaluation.settings import Bootstrap
from pc3dad.metrics import METRICS
from pc3dad.metrics.base import COMPAT_TITLES, LIMITS
from pc3dad.metrics.bootstrap import BINS, CONFIDENCE
from pc3dad.metrics.significance import EXACT_UP_TO, MIN_CATEGORIES

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "scripts"))
import metric_examples as examples  # noqa: E402
import metric_figures as figures  # noqa: E402
import metric_numbers as numbers  # noqa: E402

PAGE = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
GIVEN = {
    *map(str, LIMITS),
    *map(str, CONFIDENCE),
    *map(str, (*examples.NORMAL, *sum(examples.DEFECTS, ()))),
    *("0.05", "1.1", "1.9", "2.2", "2.3"),  # level of significance, versions
    "0.0",
}
"""Decimals that are defined and not computed."""


@pytest.fixture(scope="module")
def tables():
    return numbers.tables()


@pytest.fixture(scope="module")
def sentences():
    return numbers.sentences()


def pattern(text):
    """Finds a text whatever its numbers and line breaks are; the numbers are the groups."""
    words = [re.escape(part) for part in NUMBER.split(text)]
    joined = r"(\d+(?:\.\d+)?)".join(words)
    return re.compile(re.sub(r"(?:\\ |\\\n|\n)+", r"\\s+", joined), re.IGNORECASE)


def assert_shown(text, page):
    """The page holds the text with the same number of digits, and numbers within one of the last digit."""
    found = pattern(text).search(page)
    assert found, text
    for shown, made in zip(found.groups(), NUMBER.findall(text), strict=True):
        digits = len(made.partition(".")[2])
        assert len(shown.partition(".")[2]) == digits, (shown, made)
        assert float(shown) == pytest.approx(float(made), abs=1.01 * 10.0**-digits), found[0]


def test_the_tables_of_the_page_are_those_of_the_script(tables):
    for table in tables.values():
        assert_shown(table, PAGE)


def test_the_sentences_of_the_page_are_those_of_the_script(sentences):
    for sentence in sentences.values():
        assert_shown(sentence, PAGE)


def test_no_other_number_with_decimals_is_in_the_text(tables, sentences):
    text = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    text = re.sub(r"prints `.*?` and `.*?`", "", text)  # checked by test_docs.py
    for produced in (*tables.values(), *sentences.values()):
        text = pattern(produced).sub("", text)
    assert set(re.findall(r"\d+\.\d+", text)) <= GIVEN


def test_settings_that_the_page_names_are_those_of_the_code():
    low, high = CONFIDENCE
    replicates = Bootstrap().replicates
    for phrase in (
        f"percentiles {low} and {high} of {2 * replicates} draws (object metrics) or {replicates}",
        f"Up to {BINS} distinct anomalous scores",
        f"more than {100 * NOISY_SHARE:g} % of regions with fewer than {FEW_POINTS} points",
        f"fewer than {FEW_LEVELS} distinct point scores",
        f"exact without ties up to {EXACT_UP_TO} categories",
        f"below {MIN_CATEGORIES} categories no test is made",
        f"`sampled-{SAMPLED}`",
        *(f"- `{name}`" for name in PROTOCOLS),
        *(f"`{name} = " for name in Policies.model_fields),
        *(f"`{key}`" for key in COMPAT_TITLES),
    ):
        assert phrase in " ".join(PAGE.split()), phrase


def test_every_definition_that_a_metric_names_is_a_heading():
    headings = {line[3:].lower().replace(" ", "-") for line in PAGE.splitlines() if line.startswith("## ")}
    assert {spec.definition.partition("#")[2] for spec in METRICS.values()} <= headings
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= headings


def test_the_small_example_gives_the_values_of_the_definition(tables):
    rows = [line.split(" | ") for line in tables["golden example"].splitlines()[2:]]
    values = {name.removeprefix("| "): value for name, value, _ in rows}
    assert values == {
        "AUROC": "0.670000",
        "AP": "0.588034",
        "F1max": "0.571429",
        "AU-PRO@0.3": "0.277778",
        "AU-PRO@0.1": "0.166667",
        "AU-PRO@0.05": "0.166667",
        "AU-PRO@0.01": "0.166667",
        "AU-PRO@1.0": "0.629167",
    }


def test_joined_points_are_in_one_region_and_others_are_not():
    for from_cloud in (True, False):
        points, anomalous = examples.three_defects(900, 3)
        links, found = examples.linked(points, anomalous, from_cloud=from_cloud)
        reached = np.linalg.matrix_power(links.astype(float), len(links)) > 0
        assert (reached == (found[:, None] == found)).all()


def test_the_page_shows_every_figure():
    shown = re.findall(r"!\[.+?\]\(figures/metrics/(\w+)\.svg\)", PAGE)
    assert shown == list(figures.FIGURES)
    for path in figures.FOLDER.iterdir():
        assert path.stem in shown
        assert path.stat().st_size <= 40 * 1024


def test_figures_are_drawn_alike_again_and_are_opaque(tmp_path):
    pytest.importorskip("matplotlib")
    first, second = figures.draw(tmp_path / "first"), figures.draw(tmp_path / "second")
    assert [path.name for path in first] == [f"{name}.svg" for name in figures.FIGURES]
    for one, other in zip(first, second, strict=True):
        svg = one.read_text(encoding="utf-8")
        assert svg == other.read_text(encoding="utf-8")
        assert "fill: #ffffff" in svg
        assert "dc:date" not in svg
        assert not re.search(r"[ \t]$", svg, flags=re.MULTILINE)
