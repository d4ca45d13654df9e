"""The report: one file, well-formed, that needs nothing from elsewhere and tells no text."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from infra.evaluation import Column, Count, Tally, page
from infra.evaluation.plots import Bar, scale, shares
from tests.unit.evaluation.test_counts import outcome, tally

SOME = tally(
    outcome("deny", "key", found="key"),
    outcome("deny", "key", line=2),
    outcome("allow", line=3),
    outcome("allow", found="phone", line=4),
)
VOID = {"meta", "circle", "line"}
"""Tags without an end, or that end themselves."""


class Checker(HTMLParser):
    """Holds tags to be closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


def checked(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    return checker


@pytest.mark.parametrize("tallies", [[SOME], [SOME, SOME], [Tally()]], ids=["one", "two", "none"])
def test_a_page_is_well_formed_and_needs_nothing_from_elsewhere(tallies: list[Tally]) -> None:
    text = page("data.jsonl", [Column(f"p{at}", "r1", each) for at, each in enumerate(tallies)])
    checked(text)
    assert not re.search(r"(src|href)=|@import|url\(", text)
    assert re.findall(r"https?://[^\"<]+", text) in ([], ["http://www.w3.org/2000/svg"] * 2)


def test_a_page_tells_counts_and_the_lines_of_what_was_missed() -> None:
    cells = checked(page("data.jsonl", [Column("p", "r1", SOME)])).cells
    row = cells[cells.index("key") + 2 :]
    assert row[0].startswith("50.0% (1/2; ")
    assert "line 2" in cells
    assert "line 4" in cells


def test_names_cannot_break_out_of_a_page() -> None:
    text = page("<script>", [Column("<img>", "<b>", SOME)])
    checked(text)
    assert "<script>" not in text
    assert "<img>" not in text


def test_a_plot_places_dots_and_whiskers_on_its_scale() -> None:
    root = ET.fromstring(shares([Bar("a & b", [Count(1, 2), Count(0, 0)])]))  # noqa: S314 -- ours
    svg = "{http://www.w3.org/2000/svg}"
    (circle,) = root.iter(f"{svg}circle")
    assert float(circle.attrib["cx"]) == 240 + 460 / 2
    assert "no such texts" in [each.text for each in root.iter(f"{svg}text")]


def test_small_shares_get_a_scale_of_their_own() -> None:
    assert scale([Count(0, 10_000), Count(3, 10_000)]) == 0.001
    assert scale([Count(9, 10)]) == 1.0
    assert scale([]) == 1.0
