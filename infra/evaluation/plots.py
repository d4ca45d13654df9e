"""Plots as SVG, drawn here so that a page needs nothing from elsewhere.

credential     ├───●─┤            a dot for the share, a line for its interval,
personal-data        ├─●┤         one below the other where two policies are compared
              0 %       100 %
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from infra.evaluation.counts import Count

_LABEL: Final = 240
_WIDTH: Final = 460
_ROW: Final = 22
_GAP: Final = 12
_TOP: Final = 8
_AXIS: Final = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """A name, and a count for each policy that is compared."""

    name: str
    counts: Sequence[Count]


def shares(bars: Sequence[Bar], most: float = 1.0) -> str:
    """A plot of shares from 0 to `most` with their intervals."""
    series = max((len(bar.counts) for bar in bars), default=1)
    step = _ROW * series + _GAP
    height = _TOP + step * len(bars) + _AXIS
    box = f"0 0 {_LABEL + _WIDTH + 90} {height}"
    parts = [f'<svg viewBox="{box}" role="img" xmlns="http://www.w3.org/2000/svg">']
    bottom = height - _AXIS
    for tick in range(5):
        share = most * tick / 4
        x = _x(share, most)
        parts.append(f'<line class="grid" x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 18}">{_percent(share, most)}</text>')
    for index, bar in enumerate(bars):
        top = _TOP + index * step
        middle = top + step / 2
        parts.append(f'<text class="name" x="{_LABEL - 12}" y="{middle}">{escape(bar.name)}</text>')
        for number, count in enumerate(bar.counts):
            y = top + _GAP / 2 + _ROW * (number + 0.5)
            parts.append(_whisker(count, number, y, most))
    return "".join([*parts, "</svg>"])


def scale(counts: Sequence[Count]) -> float:
    """A round upper end for a plot of small shares: 1 %, 2 %, 5 %, … up to 100 %."""
    most = max((count.interval[1] for count in counts if count.total), default=1.0)
    steps = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    return next((step for step in steps if most <= step), 1.0)


def _whisker(count: Count, number: int, y: float, most: float) -> str:
    share = count.share
    if share is None:
        return f'<text class="none" x="{_LABEL + 6}" y="{y}">no such texts</text>'
    low, high = count.interval
    told = f"{count.hits} of {count.total}, {low:.2%} to {high:.2%}"
    return (
        f'<g class="s{number}"><title>{told}</title>'
        f'<line x1="{_x(low, most)}" y1="{y}" x2="{_x(high, most)}" y2="{y}"/>'
        f'<circle cx="{_x(share, most)}" cy="{y}" r="5"/></g>'
        f'<text class="value" x="{_LABEL + _WIDTH + 14}" y="{y}">{_percent(share, most)}</text>'
    )


def _x(share: float, most: float) -> float:
    return round(_LABEL + _WIDTH * min(share, most) / most, 1)


def _percent(share: float, most: float) -> str:
    return f"{share:.2%}" if most < 0.1 else f"{share:.0%}" if share in (0, 1) else f"{share:.1%}"
