"""How many calls may be at the judges at once, and how many may wait for their turn.

    entered ──free──▶ at the judge ──leave──▶ the next in the queue
      └─busy──▶ turn: queue, first come first served
                  full, or the turn would come too late ──▶ overloaded, at once

To be refused early is worth more than to wait for nothing: what is refused costs neither the judge
nor the calls behind it.
"""

import asyncio
import math
from collections import deque
from typing import Final

from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import Failure, JudgeError

_WEIGHT: Final = 0.1
"""Of the newest call in the running mean of how long a call stays."""


class Gate:
    """At most `calls_max` calls inside, at most `queue_max` before it, none for longer than so."""

    def __init__(self, calls_max: int, queue_max: int, wait_seconds_max: float = math.inf) -> None:
        self._calls_max = calls_max
        self._queue_max = queue_max
        self._wait_seconds_max = wait_seconds_max
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

    def refusal(self, deadline: Deadline) -> JudgeError | None:
        """Why a call that came now would be refused at once, None where it would not be."""
        if not self.busy:
            return None
        if len(self._queue) >= self._queue_max:
            return JudgeError(Failure.OVERLOADED, "the queue before the judge is full")
        # A place frees itself every stay / calls_max on the average, and then the call takes one.
        wait = self._stay_seconds * (len(self._queue) + 1) / self._calls_max
        if wait > self._patience(deadline) or wait + self._stay_seconds > deadline.left():
            return JudgeError(Failure.OVERLOADED, "its turn at the judge would come too late")
        return None

    def entered(self) -> bool:
        """Whether a place was free, which the call then has."""
        if self.inside >= self._calls_max:
            return False
        self.inside += 1
        return True

    async def turn(self, deadline: Deadline) -> None:
        """Wait for a place, where none was free, and have it.

        Raises `JudgeError` (overloaded) at once where the turn would not come in time, and when it
        has not come in time.
        """
        refusal = self.refusal(deadline)
        if refusal is not None:
            raise refusal
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(min(deadline.left(), self._patience(deadline))):
                await turn
        except TimeoutError:
            self._give_up(turn)
            raise JudgeError(Failure.OVERLOADED, "its turn at the judge did not come") from None
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    def _patience(self, deadline: Deadline) -> float:
        """How long a call may still wait: what it waited before it came here counts as well."""
        return self._wait_seconds_max - deadline.waited

    def leave(self, stayed_seconds: float) -> None:
        """Give the place back, after a stay of so many seconds."""
        self._stay_seconds += _WEIGHT * (stayed_seconds - self._stay_seconds)
        self._leave()

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
