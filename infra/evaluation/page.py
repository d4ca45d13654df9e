"""The report: one HTML file that needs nothing from elsewhere and holds no piece of a text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import Final

from infra.evaluation.counts import Count, Outcome, Row, Tally, discordance
from infra.evaluation.plots import Bar, scale, shares

_LISTED_MAX: Final = 200
_FOOT: Final = """\
<p class=soft>Intervals are Wilson's, at 95 %. Texts are named by their line in the data; this page
holds none of them.</p>"""
_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2330;--soft:#667085;--line:#d8dde6;--a:#2563a8;--b:#b4531a;
--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#98a2b3;--line:#343c4a;--a:#7db4f0;
--b:#f0a26b;--paper:#14181f}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2.2rem}p,li{max-width:46rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.25rem .6rem;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left}small,.soft{color:var(--soft)}
svg{width:100%;height:auto}svg text{fill:var(--ink);font-size:13px;dominant-baseline:middle}
svg .name{text-anchor:end}svg .tick{text-anchor:middle;fill:var(--soft)}svg .none{fill:var(--soft)}
svg line{stroke:var(--line)}svg g line{stroke-width:3}
svg .s0 line{stroke:var(--a)}svg .s0 circle{fill:var(--a)}
svg .s1 line{stroke:var(--b)}svg .s1 circle{fill:var(--b)}
.s0{color:var(--a)}.s1{color:var(--b)}
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A policy that was measured: what it is called, its revision, and its counts."""

    name: str
    revision: str
    tally: Tally


def page(data: str, columns: Sequence[Column]) -> str:
    """The page about one policy, or about two of them."""
    names: dict[str, None] = {}
    for column in columns:
        names |= dict.fromkeys(column.tally.categories())
    rows = {name: [column.tally.row(name) for column in columns] for name in names}
    parts = [
        f"<h1>How good is {escape(' against '.join(each.name for each in columns))}?</h1>",
        _summary(data, columns),
        _compared(columns),
        "<h2>Of what is there, how much is found (recall)</h2>",
        _plot(rows, lambda row: row.recall),
        "<h2>Of what is not there, how much is found all the same (false positives)</h2>",
        _plot(rows, lambda row: row.false_positives, fit=True),
        "<h2>By category</h2>",
        _by_category(rows, columns),
        "<h2>By group</h2>",
        _by_group(columns),
        *(_details(column, number) for number, column in enumerate(columns)),
        _FOOT,
    ]
    title = escape(f"{data}: {columns[0].name}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _summary(data: str, columns: Sequence[Column]) -> str:
    items = []
    for number, column in enumerate(columns):
        tally = column.tally
        total = len(tally.outcomes)
        items.append(
            f"<li><b class=s{number}>{escape(column.name)}</b> <small>revision "
            f"{escape(column.revision)}</small>: {_told(tally.as_expected)} of the decisions are "
            f"as the labels ask; a verdict took {tally.microseconds(0.5):.0f} µs in the median and "
            f"{tally.microseconds(0.99):.0f} µs in 99 of 100, without a network.</li>"
        )
    return f"<p>{total:,} texts of <code>{escape(data)}</code>.</p><ul>{''.join(items)}</ul>"


def _compared(columns: Sequence[Column]) -> str:
    if len(columns) < 2:
        return ""
    first, second = columns
    only_first, only_second, p = discordance(first.tally.outcomes, second.tally.outcomes)
    return (
        f"<p>Only <b class=s0>{escape(first.name)}</b> decides {only_first:,} texts as labelled, "
        f"only <b class=s1>{escape(second.name)}</b> {only_second:,}. By chance alone so much of a "
        f"difference has a probability of {p:.3g} (exact McNemar test).</p>"
    )


def _plot(rows: dict[str, list[Row]], count: Callable[[Row], Count], *, fit: bool = False) -> str:
    bars = [Bar(name, [count(row) for row in found]) for name, found in rows.items()]
    most = scale([each for bar in bars for each in bar.counts]) if fit else 1.0
    return shares(bars, most)


def _by_category(rows: dict[str, list[Row]], columns: Sequence[Column]) -> str:
    head = ("category", "policy", "recall", "precision", "false positives")
    body = [
        (name, column.name, _told(row.recall), _told(row.precision), _told(row.false_positives))
        for name, found in rows.items()
        for column, row in zip(columns, found, strict=True)
    ]
    return _table(head, body)


def _by_group(columns: Sequence[Column]) -> str:
    body = [
        (name, column.name, _told(found), _told(wrongly))
        for column in columns
        for name, found, wrongly in column.tally.groups()
    ]
    return _table(("group", "policy", "all of it found", "found wrongly"), sorted(body))


def _details(column: Column, number: int) -> str:
    tally = column.tally
    rules = [(name, f"{right:,}", f"{wrong:,}") for name, right, wrong in tally.rules()]
    return (
        f"<h2 class=s{number}>{escape(column.name)}: rules</h2>"
        f"{_table(('rule', 'where something is', 'where nothing is'), rules)}"
        f"<h2 class=s{number}>{escape(column.name)}: missed</h2>{_listed(list(tally.missed()))}"
        f"<h2 class=s{number}>{escape(column.name)}: found wrongly</h2>"
        f"{_listed(list(tally.wrongly_found()))}"
    )


def _listed(outcomes: Sequence[Outcome]) -> str:
    body = [
        (
            f"line {each.sample.line}",
            ", ".join(each.sample.group),
            ", ".join(each.sample.category),
            ", ".join(sorted(each.rules)) or each.reason,
        )
        for each in islice(outcomes, _LISTED_MAX)
    ]
    if not body:
        return "<p>None.</p>"
    more = len(outcomes) - len(body)
    rest = f"<p class=soft>and {more:,} more</p>" if more else ""
    return _table(("text", "group", "labelled", "found"), body) + rest


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    heading = "".join(f"<th>{escape(each)}</th>" for each in head)
    lines = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in body
    )
    return f"<table><thead><tr>{heading}</tr></thead><tbody>{lines}</tbody></table>"


def _told(count: Count) -> str:
    """A share with its counts and interval, as text."""
    share = count.share
    if share is None:
        return "–"
    low, high = count.interval
    return f"{share:.1%} ({count.hits:,}/{count.total:,}; {low:.1%}–{high:.1%})"
