"""The moment by which an answer must be there, handed down to all that takes time."""

import asyncio
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Deadline:
    """`at` is a time of the running event loop's clock, which a simulation can make its own.

    `waited` are the seconds that the call had waited before anybody looked at it.
    """

    at: float
    waited: float = 0.0

    @classmethod
    def after(cls, seconds: float, waited: float = 0.0) -> Self:
        """The moment `seconds` from now; at once where they are negative."""
        return cls(asyncio.get_running_loop().time() + max(seconds, 0.0), waited)

    def left(self) -> float:
        """The seconds until then, 0 when it has passed."""
        return max(self.at - asyncio.get_running_loop().time(), 0.0)

    def within(self, seconds: float) -> "Deadline":
        """This one, or that in `seconds` where it is earlier."""
        return Deadline(min(self.at, Deadline.after(seconds).at), self.waited)
