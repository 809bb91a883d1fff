"""The plain page of a run: complete, escaped, and readable from disk without network."""

import re
from html.parser import HTMLParser

from pc3dad.report import html
from pc3dad.runs.rows import Row, Status
from pc3dad.runs.table import ResultTable

FACTS = {
    "name": "first <run>",
    "status": "done",
    "pc3dad": "1.2.3",
    "argv": ["pc3dad", "bench"],
    "git": {"commit": "abc", "changed": True},
    "device": {"device": "cpu", "name": "CPU", "cores": 2},
    "packages": {"numpy": "2.0"},
}
CONFIG = {"methods": {"random": {}, "curvature": {"neighbours": 32}}, "datasets": {"toys": {"points": 8}}}


def row(variant, value, *, category="A", seed=0, **words):
    fixed = {"run": "r", "method": variant, "seen": "nothing", "dataset": "toys", "train": "none"}
    fixed |= {"defects": "all", "metric": "point/auroc", "protocol": "valid", "chance": 0.5}
    return Row(variant=variant, value=value, category=category, seed=seed, **fixed, **words)


class Cells(HTMLParser):
    """Texts of all table cells, and how often each tag opens and closes."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.depth, self.inside = [], {}, False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.depth[tag] = self.depth.get(tag, 0) + 1
        if tag in ("td", "th"):
            self.inside = True
            self.texts.append("")

    def handle_endtag(self, tag):
        self.depth[tag] -= 1
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.texts[-1] += data


def test_every_number_of_the_text_table_stands_on_the_page():
    table = ResultTable([row("random", 0.5), row("random", 0.25, seed=1), row("curvature", 0.123)])
    cells = Cells(html.page(table, FACTS, CONFIG)).texts
    assert "37.5 ±17.7" in cells
    assert {"12.3", "50.0", "curvature", "P-AUROC"} <= set(cells)


def test_a_hole_has_its_reason():
    failed = row("random", None, status=Status.FAILED, reason="the sensor burnt")
    page = html.page(ResultTable([failed, row("curvature", 1.0)]), FACTS, CONFIG, ["tire was left out"])
    assert "the sensor burnt" in page
    assert "tire was left out" in page
    assert "\N{MINUS SIGN}" in Cells(page).texts


def test_names_are_escaped_and_the_markup_is_closed():
    page = html.page(ResultTable([row("<script>alert(1)</script>", 0.5)]), FACTS, CONFIG)
    assert "<script>" not in page
    assert "first &lt;run&gt;" in page
    void = {"meta"}
    assert {tag for tag, depth in Cells(page).depth.items() if depth} <= void


def test_the_page_needs_no_network():
    page = html.page(ResultTable([row("random", 0.5)]), FACTS, CONFIG)
    assert not re.search(r"(?:src|href)\s*=|url\(|@import", page)


def test_settings_and_provenance_are_told():
    cells = Cells(html.page(ResultTable([row("random", 0.5)]), FACTS, CONFIG)).texts
    assert {"neighbours = 32", "no options", "points = 8", "1.2.3", "abc with changes", "numpy 2.0"} <= set(
        cells
    )


def test_a_run_without_facts_has_a_page_too():
    assert "unknown" in html.page(ResultTable([]), {}, {})
