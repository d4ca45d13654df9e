"""The moment by which an answer must be there, handed down to all that takes time.

Deadline ──left──▶ seconds          with its event loop, which is asked for once a call
"""

import asyncio
from typing import Self


class Deadline:
    """`at` is a time of the running event loop's clock, which a simulation can make its own.

    `waited` are the seconds that the call had waited before anybody looked at it. A plain class,
    as there are several in each call, and a frozen record takes three times as long to make.
    """

    __slots__ = ("at", "loop", "waited")

    def __init__(self, at: float, waited: float, loop: asyncio.AbstractEventLoop) -> None:
        self.at = at
        self.waited = waited
        self.loop = loop

    @classmethod
    def after(cls, seconds: float, waited: float = 0.0) -> Self:
        """The moment `seconds` from now; at once where they are negative."""
        loop = asyncio.get_running_loop()
        return cls(loop.time() + max(seconds, 0.0), waited, loop)

    def now(self) -> float:
        """The time by the same clock."""
        return self.loop.time()

    def left(self) -> float:
        """The seconds until then, 0 when it has passed."""
        left = self.at - self.loop.time()
        return left if left > 0 else 0.0

    def within(self, seconds: float) -> "Deadline":
        """This one, or that in `seconds` where it is earlier."""
        return Deadline(min(self.at, self.loop.time() + seconds), self.waited, self.loop)
