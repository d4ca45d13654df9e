"""All judges together: an opinion, or the reason why there is none, by the deadline.

    ask ──gate──▶ first judge ──fails──▶ second judge ──fails──▶ … ──▶ JudgeError
                    │ each with its share of the time that is left, unless its breaker is open
                    ├─ retried, with jitter: 429 that says when, 502, 503, a broken connection
                    └─ hedged: a second request where the first is slower than 95 of 100

Retries and hedges have budgets, so that a judge in trouble does not get more work than a healthy
one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from functions.llm_guard.breaker import Breaker, State
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.endpoint import Endpoint
from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.gate import Gate
from functions.llm_guard.metrics import Meter
from functions.llm_guard.opinion import Asked, Opinion

_ATTEMPTS_MAX: Final = 3
_PAUSE_SECONDS: Final = 0.05
_SEEN: Final = 128
"""Latencies remembered of each judge: enough for a 95th percentile, few enough to follow it."""
_SEEN_MIN: Final = 20
_RETRY_SHARE, _HEDGE_SHARE = 0.2, 0.1
_BUDGET_MAX: Final = 10.0
_HELPS: Final = frozenset({Failure.CONNECT, Failure.BROKEN_OFF})
_STATUS_HELPS: Final = frozenset({502, 503})

Tell = Callable[[str, JudgeError], None]
"""Told of each call that brought no opinion: the judge's name, and why."""


class _Budget:
    """Allows extra work up to a share of the regular work."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._left = _BUDGET_MAX

    def earn(self) -> None:
        self._left = min(self._left + self._share, _BUDGET_MAX)

    def spend(self) -> bool:
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True, slots=True)
class _Seat:
    """A judge, its breaker, and the seconds that its last opinions took."""

    endpoint: Endpoint
    breaker: Breaker
    took: deque[float]

    def slowness(self, share: float) -> float | None:
        """The seconds within which that share of opinions came; None where too few are known."""
        if len(self.took) < _SEEN_MIN:
            return None
        return sorted(self.took)[int(share * len(self.took))]


class Judges:
    """The judges of one process, in the order in which they are asked."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        gate: Gate,
        meter: Meter,
        tell: Tell,
        random: Random,
        *,
        hedge: bool = False,
    ) -> None:
        self._gate = gate
        self._meter = meter
        self._tell = tell
        self._random = random
        self._hedge = hedge
        self._retries, self._hedges = _Budget(_RETRY_SHARE), _Budget(_HEDGE_SHARE)
        self._seats = [
            _Seat(endpoint, Breaker(_now, random), deque(maxlen=_SEEN)) for endpoint in endpoints
        ]
        meter.watch_gate(lambda: gate.inside, lambda: gate.waiting)
        meter.watch_breakers({each.endpoint.settings.name: _state(each) for each in self._seats})

    @property
    def busy(self) -> bool:
        """Whether a question that came now would have to wait."""
        return self._gate.busy

    def refusal(self, deadline: Deadline) -> JudgeError | None:
        """Why a question that came now would be refused at once, None where it would not be."""
        error = self._gate.refusal(deadline)
        if error is not None:
            self._meter.refused(error.failure)
        return error

    async def ask(self, asked: Asked, deadline: Deadline, only: int | None = None) -> Opinion:
        """The first opinion to be had, or `JudgeError` by the deadline.

        With `only` that of the judge in this place of the order, from 0 on, and of no other.
        """
        try:
            since = deadline.now()
            if not self._gate.entered(since):
                await self._gate.turn(deadline)
                since = deadline.now()
            try:
                if only is not None:
                    return await self._persistent(self._seats[only], asked, deadline)
                if len(self._seats) == 1:
                    return await self._persistent(self._seats[0], asked, deadline)
                return await self._any(asked, deadline)
            finally:
                self._gate.leave(since, deadline.now())
        except JudgeError as error:
            if error.failure in (Failure.OVERLOADED, Failure.BREAKER_OPEN):
                self._meter.refused(error.failure)
            raise

    async def close(self) -> None:
        """Close all connections."""
        for seat in self._seats:
            await seat.endpoint.close()

    async def _any(self, asked: Asked, deadline: Deadline) -> Opinion:
        last = JudgeError(Failure.BREAKER_OPEN, "it failed too often of late")
        for index, seat in enumerate(self._seats):
            others = [each for each in self._seats[index + 1 :] if _may_answer(each)]
            share = deadline.within(deadline.left() / (1 + len(others)))
            try:
                return await self._persistent(seat, asked, share)
            except JudgeError as error:
                if error.failure is not Failure.BREAKER_OPEN:
                    last = error
        raise last

    async def _persistent(self, seat: _Seat, asked: Asked, deadline: Deadline) -> Opinion:
        """With retries, as long as they can help and there is time for them."""
        self._retries.earn()
        attempt, first = 1, None
        while True:
            try:
                once = self._hedged if self._hedge else self._once
                return await once(seat, asked, deadline)
            except JudgeError as error:
                # What opened the breaker says more than that it is open.
                if error.failure is Failure.BREAKER_OPEN and first is not None:
                    raise first from None
                pause = self._pause(error, attempt)
                needed = (pause or 0) + (seat.slowness(0.5) or 0)
                if pause is None or needed >= deadline.left() or not self._retries.spend():
                    raise
                first = first or error
            self._meter.retried(seat.endpoint.settings, first.failure)
            await asyncio.sleep(pause)
            attempt += 1

    def _pause(self, error: JudgeError, attempt: int) -> float | None:
        """The seconds to wait before another try, None where one cannot help."""
        if attempt >= _ATTEMPTS_MAX:
            return None
        if error.failure in _HELPS or error.status in _STATUS_HELPS:
            # Never earlier than asked for, and not all at once.
            wait = self._random.uniform(0, _PAUSE_SECONDS * 2**attempt)
            return wait + (error.retry_after or 0)
        if error.failure is Failure.THROTTLED and error.retry_after is not None:
            return error.retry_after + self._random.uniform(0, _PAUSE_SECONDS)
        return None

    async def _hedged(self, seat: _Seat, asked: Asked, deadline: Deadline) -> Opinion:
        self._hedges.earn()
        patience = seat.slowness(0.95)
        if patience is None or patience >= deadline.left():
            return await self._once(seat, asked, deadline)
        first = asyncio.create_task(self._once(seat, asked, deadline))
        tasks = {first}
        try:
            await asyncio.wait(tasks, timeout=patience)
            if not first.done() and not self._gate.busy and self._hedges.spend():
                self._meter.hedged(seat.endpoint.settings)
                tasks.add(asyncio.create_task(self._once(seat, asked, deadline)))
            return await _first_good(tasks)
        finally:
            await _drop(tasks)

    async def _once(self, seat: _Seat, asked: Asked, deadline: Deadline) -> Opinion:
        if not seat.breaker.admits():
            raise JudgeError(Failure.BREAKER_OPEN, "it failed too often of late")
        settings, began = seat.endpoint.settings, deadline.now()
        given = deadline.at - began
        try:
            opinion, usage = await seat.endpoint.ask(asked, deadline)
        except JudgeError as error:
            if error.failure is Failure.TIMEOUT and given < (seat.slowness(0.95) or 0):
                seat.breaker.abandoned()  # Whoever is in a hurry says nothing of the judge.
            else:
                seat.breaker.failed(error.failure)
            self._meter.failed(settings, error.failure)
            self._tell(settings.name, error)
            raise
        except BaseException:  # Cancelled: somebody else was faster, or the caller is gone.
            seat.breaker.abandoned()
            raise
        seat.breaker.succeeded()
        took = deadline.now() - began
        seat.took.append(took)
        self._meter.judged(settings, usage, took)
        return opinion


async def _first_good(tasks: set[asyncio.Task[Opinion]]) -> Opinion:
    """The first opinion; where none comes, the error of the one that ended last."""
    pending = set(tasks)
    while True:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        good = next((task for task in done if task.exception() is None), None)
        if good is not None:
            return good.result()
        if not pending:
            return done.pop().result()


async def _drop(tasks: set[asyncio.Task[Opinion]]) -> None:
    """End what is still under way, and look at every error, or asyncio complains of it."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _may_answer(seat: _Seat) -> bool:
    return seat.breaker.state is not State.OPEN


def _state(seat: _Seat) -> Callable[[], State]:
    return lambda: seat.breaker.state


def _now() -> float:
    """The event loop's clock, which a simulation can make its own."""
    return asyncio.get_running_loop().time()
