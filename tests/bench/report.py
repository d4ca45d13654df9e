"""What a bench says: rows of measured against baseline, with the goal beside them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Final

from rich.console import Console
from rich.table import Table

_ROUNDS: Final = 7


class Unavailable(Exception):
    """What a bench needs cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `ratio` is measured / baseline in the unit that `what` names."""

    what: str
    measured: str
    baseline: str
    ratio: float | None
    goal: str


@dataclass(slots=True)
class Report:
    """The rows of one bench, in the order in which they were measured."""

    area: str
    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, measured: str, baseline: str, ratio: float | None, goal: str) -> None:
        """Add one comparison; `goal` is words, such as "at least 0.4" or "no goal"."""
        self.rows.append(Row(what, measured, baseline, ratio, goal))

    def note(self, what: str) -> None:
        """Say what a reader of the table has to know."""
        self.notes.append(what)

    def leave_out(self, why: str) -> None:
        """Say what could not be measured here, and why."""
        self.left_out.append(why)

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table("what", "measured", "baseline", "ratio", "goal", title=self.area)
        for row in self.rows:
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
            table.add_row(row.what, row.measured, row.baseline, ratio, row.goal)
        console.print(table)
        for what in self.notes:
            console.print(what, markup=False)
        for why in self.left_out:
            console.print(f"left out: {why}", markup=False)


def seconds_of(*calls: Callable[[], object], number: int = 1) -> list[float]:
    """The median seconds that each of `calls` takes, over rounds in which they take turns.

    Taking turns lets a busy machine slow all of them alike. `number` runs make one measurement.
    """
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(_ROUNDS):
        for call, times in zip(calls, taken, strict=True):
            start = perf_counter()
            for _ in range(number):
                call()
            times.append((perf_counter() - start) / number)
    return [median(times) for times in taken]
