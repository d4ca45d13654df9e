"""The moment by which an answer must be there, handed down to all that takes time.

Deadline ──left──▶ seconds          with its event loop, which is asked for once a call
Limit    ──────▶ TimeoutError       what stands under it is cancelled when its seconds are over
"""

import asyncio
from typing import Self, cast


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


class Limit:
    """`with Limit(seconds, loop)` cancels what runs in it and makes that a `TimeoutError`.

    What `asyncio.timeout` does, for a third of its cost in a call that ends in time.
    """

    __slots__ = ("_before", "_handle", "_loop", "_over", "_seconds", "_task")

    def __init__(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._seconds = seconds
        self._loop = loop
        self._over = False

    def __enter__(self) -> None:
        self._task = cast("asyncio.Task[object]", asyncio.current_task(self._loop))
        self._before = self._task.cancelling()
        self._handle = self._loop.call_later(self._seconds, self._end)

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        self._handle.cancel()
        # A task that others have cancelled as well stays cancelled.
        if self._over and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError

    def _end(self) -> None:
        self._over = True
        self._task.cancel()
