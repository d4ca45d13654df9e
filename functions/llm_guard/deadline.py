"""The moment by which an answer must be there, handed down to all that takes time."""

import asyncio
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Deadline:
    """`at` is a time of the running event loop's clock, which a simulation can make its own."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """The moment `seconds` from now; at once where they are negative."""
        return cls(asyncio.get_running_loop().time() + max(seconds, 0.0))

    def left(self) -> float:
        """The seconds until then, 0 when it has passed."""
        return max(self.at - asyncio.get_running_loop().time(), 0.0)

    def within(self, seconds: float) -> "Deadline":
        """This one, or that in `seconds` where it is earlier."""
        return min(self, Deadline.after(seconds), key=lambda each: each.at)
