"""Time limits of calls, by one clock for all of them.

    with deadlines.of(seconds): …      TimeoutError where it takes longer

asyncio.timeout sets a timer for every call and takes it back, a tenth of all that a warm call
costs. Here one timer looks at all calls, ten times a second: a function's limit is a whole number
of seconds.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

_PERIOD_SECONDS: Final = 0.1


class Deadlines:
    """The limits of all calls that are under way. To be made and used within one event loop."""

    def __init__(self) -> None:
        self._running: set[Deadline] = set()
        self.loop = asyncio.get_running_loop()  # Asked once: it costs a system call each time.
        self._timer: asyncio.TimerHandle | None = None

    def of(self, seconds: float) -> "Deadline":
        """A limit for what the current task does within the block."""
        return Deadline(self, seconds)

    def add(self, deadline: "Deadline") -> None:
        """A block has begun."""
        self._running.add(deadline)
        if self._timer is None:
            self._look()

    def discard(self, deadline: "Deadline") -> None:
        """A block has ended."""
        self._running.discard(deadline)

    def close(self) -> None:
        """Look at none any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """End what has taken too long, and look again as long as there is anything."""
        now = self.loop.time()
        for deadline in [each for each in self._running if each.at <= now]:
            deadline.expire()
        self._timer = self.loop.call_later(_PERIOD_SECONDS, self._look) if self._running else None


class Deadline:
    """One call's limit: its task is cancelled when it is reached, and that becomes TimeoutError."""

    __slots__ = ("_all", "_expired", "_task", "at")

    def __init__(self, every: Deadlines, seconds: float) -> None:
        self._all = every
        self._task = asyncio.current_task(every.loop)
        self._expired = False
        self.at = every.loop.time() + seconds

    def expire(self) -> None:
        """Cancel the task."""
        self._all.discard(self)
        self._expired = True
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> Self:
        self._all.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._all.discard(self)
        if not self._expired or self._task is None:
            return
        # As asyncio.timeout has it: whoever else has cancelled the task is to be obeyed.
        if self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError
