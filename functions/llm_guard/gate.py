"""How many calls may be at the judges at once, and how many may wait for their turn.

    enter ──free──▶ at the judge ──leave──▶ the next in the queue
      └─busy──▶ queue, first come first served
                  full, or the turn would come too late ──▶ overloaded, at once

To be refused early is worth more than to wait for nothing: what is refused costs neither the judge
nor the calls behind it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import Failure, JudgeError

_WEIGHT: Final = 0.1
"""Of the newest call in the running mean of how long a call stays."""


class Gate:
    """At most `calls_max` calls inside, at most `queue_max` before it."""

    def __init__(self, calls_max: int, queue_max: int) -> None:
        self._calls_max = calls_max
        self._queue_max = queue_max
        self._stay_seconds = 0.0
        self.inside = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return len(self._queue)

    @property
    def busy(self) -> bool:
        """Whether a call would have to wait."""
        return self.inside >= self._calls_max

    @asynccontextmanager
    async def enter(self, deadline: Deadline) -> AsyncIterator[None]:
        """Be inside for as long as the context lasts.

        Raises `JudgeError` (overloaded) at once where the turn would not come in time, and when it
        has not come in time.
        """
        await self._turn(deadline)
        clock = asyncio.get_running_loop()
        entered = clock.time()
        try:
            yield
        finally:
            self._stay_seconds += _WEIGHT * (clock.time() - entered - self._stay_seconds)
            self._leave()

    async def _turn(self, deadline: Deadline) -> None:
        if not self.busy:
            self.inside += 1
            return
        if len(self._queue) >= self._queue_max:
            raise JudgeError(Failure.OVERLOADED, "the queue before the judge is full")
        # A place frees itself every stay / calls_max on the average, and then the call takes one.
        expected = self._stay_seconds * (1 + (len(self._queue) + 1) / self._calls_max)
        if expected > deadline.left():
            raise JudgeError(Failure.OVERLOADED, "its turn at the judge would come too late")
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(deadline.left()):
                await turn
        except TimeoutError:
            self._give_up(turn)
            raise JudgeError(Failure.OVERLOADED, "its turn at the judge did not come") from None
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():  # The turn came at the very same moment.
            self._leave()
        elif turn in self._queue:
            self._queue.remove(turn)

    def _leave(self) -> None:
        """Hand the place on, so that nobody who comes now gets before those who wait."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.inside -= 1
