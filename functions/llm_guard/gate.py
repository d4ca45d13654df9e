"""How many calls may be at the judges at once, and how many may wait for their turn.

    entered ──free──▶ at the judge ──leave──▶ the next in the queue
      └─busy──▶ turn: queue, first come first served
                  full, or the turn would come too late ──▶ overloaded, at once

    calm    who finds room in the queue may wait as long as its deadline lets it
      │ as many were refused as gate and queue take      ▲ somebody finds a place free
      ▼                                                  │
    storm   nobody waits longer than half of what a judge takes, not even who waits already

To be refused early is worth more than to wait for nothing: what is refused costs neither the judge
nor the calls behind it. While the queue takes nearly all who come, waiting serves them. In a storm
just as many are served without, and sooner.
"""

import asyncio
import math
from collections import deque
from typing import Final

from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import Failure, JudgeError
from functions.runtime.limit import Limit

_WEIGHT: Final = 0.1
"""Of the newest call in the running mean of how long a call stays."""
_STORM_SHARE: Final = 0.5
"""Of a stay: what a call waits in a storm at most. With the stay, and some of it for what the storm
itself takes, it has its answer within twice a judge's time."""


class Gate:
    """At most `calls_max` calls inside, at most `queue_max` before it.

    Where `wait_seconds_max` is set, none waits for longer, and in a storm each may wait so long.
    """

    def __init__(
        self, calls_max: int, queue_max: int, wait_seconds_max: float | None = None
    ) -> None:
        self._calls_max = calls_max
        self._queue_max = queue_max
        self._wait_seconds_max = wait_seconds_max
        self._stay_seconds = 0.0
        self._refused = 0
        """Calls that found the queue full since one has found a place free."""
        self._since: deque[float] = deque()
        """When those inside came in, as if the first to come were the first to leave."""
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def inside(self) -> int:
        """How many calls are at the judges."""
        return len(self._since)

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return len(self._queue)

    @property
    def busy(self) -> bool:
        """Whether a call would have to wait."""
        return len(self._since) >= self._calls_max

    def refusal(self, deadline: Deadline) -> JudgeError | None:
        """Why a call that comes now is refused at once, None where it is not."""
        if not self.busy:
            return None
        now = deadline.now()
        if len(self._queue) >= self._queue_max:
            self._refused += 1
            if self._refused == self._calls_max + self._queue_max:
                self._shed(now)
            return JudgeError(Failure.OVERLOADED, "the queue before the judge is full")
        wait = self._wait(len(self._queue), now)
        if wait > self._patience(deadline) or wait + self._stay_seconds > deadline.at - now:
            return JudgeError(Failure.OVERLOADED, "its turn at the judge would come too late")
        return None

    def entered(self, now: float) -> bool:
        """Whether a place was free, which the call then has."""
        if len(self._since) >= self._calls_max:
            return False
        self._refused = 0
        self._since.append(now)
        return True

    async def turn(self, deadline: Deadline) -> None:
        """Wait for a place, where none was free, and have it.

        Raises `JudgeError` (overloaded) at once where the turn would not come in time, and when it
        has not come in time.
        """
        refusal = self.refusal(deadline)
        if refusal is not None:
            raise refusal
        turn = deadline.loop.create_future()
        self._queue.append(turn)
        try:
            with Limit(min(deadline.left(), self._patience(deadline)), deadline.loop):
                await turn
        except TimeoutError:
            self._give_up(turn, deadline.now())
            raise JudgeError(Failure.OVERLOADED, "its turn at the judge did not come") from None
        except asyncio.CancelledError:
            self._give_up(turn, deadline.now())
            raise

    def leave(self, since: float, now: float) -> None:
        """Give the place back that the call has had since then."""
        stayed, known = now - since, self._stay_seconds
        self._stay_seconds = known + _WEIGHT * (stayed - known) if known else stayed
        self._leave(now)

    @property
    def _storm(self) -> bool:
        return self._refused >= self._calls_max + self._queue_max

    def _wait(self, place: int, now: float) -> float:
        """The seconds until the turn of whoever stands in this place of the queue, from 0 on.

        Whoever came in first leaves first: in a herd that came in at once nobody leaves for a whole
        stay, in a steady flow somebody does all the time.
        """
        if not self._stay_seconds:  # Nobody has left so far: in a storm that is no time to wait.
            return math.inf if self._storm and self._wait_seconds_max is None else 0.0
        rounds, at = divmod(place, self._calls_max)
        return max(self._since[at] + (1 + rounds) * self._stay_seconds - now, 0.0)

    def _wait_max(self) -> float:
        if self._wait_seconds_max is not None:
            return self._wait_seconds_max
        return _STORM_SHARE * self._stay_seconds if self._storm else math.inf

    def _patience(self, deadline: Deadline) -> float:
        """How long a call may still wait: what it waited before it came here counts as well."""
        return self._wait_max() - deadline.waited

    def _shed(self, now: float) -> None:
        """Send away all whose turn is too far for the storm that begins."""
        longest = self._wait_max()
        while self._queue and self._wait(len(self._queue) - 1, now) > longest:
            turn = self._queue.pop()
            if not turn.done():
                turn.set_exception(
                    JudgeError(Failure.OVERLOADED, "more calls came than the queue could take")
                )

    def _give_up(self, turn: asyncio.Future[None], now: float) -> None:
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self._leave(now)  # The turn came at the very same moment.
        elif turn in self._queue:
            self._queue.remove(turn)

    def _leave(self, now: float) -> None:
        """Hand the place on, so that nobody who comes now gets before those who wait."""
        self._since.popleft()
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                self._since.append(now)
                return
