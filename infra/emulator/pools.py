"""The instances of one version: started on demand, shared, kept at a minimum, ended.

    acquire ──room?──▶ instance                        release ──▶ room for the next in line
       └─ no: wait in line ──▶ as many start as the line needs, up to the limit; beyond: 429

One method, `_balance`, compares what is there with what is needed whenever either changes.
"""

import asyncio
import math
from collections import deque
from collections.abc import Coroutine, Iterable
from typing import Final

from infra.emulator.errors import FcError
from infra.emulator.instances import Instance, State
from infra.emulator.log import Log
from infra.emulator.model import Function, Version
from infra.emulator.place import Place

_RETRY_SECONDS_MIN: Final = 0.2
_RETRY_SECONDS_MAX: Final = 10.0
"""A function that keeps failing is started again at a bounded rate."""
_ENDING: Final = (State.DRAINING, State.STOPPING, State.GONE)


class Pool:
    """The instances of one version. Everything runs in one event loop, without locks.

    The log is the function's: all its versions write to it.
    """

    def __init__(self, function: Function, version: Version, place: Place, log: Log) -> None:
        self.instances: list[Instance] = []
        self.log = log
        self.error: FcError | None = None
        """Why the last start failed, until one succeeds."""
        self._function, self._version = function, version
        self._place = place
        self._line: deque[asyncio.Future[Instance]] = deque()
        self._failures = 0
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def acquire(self) -> Instance:
        """An instance with room for one more request, started if there is none.

        Raises ResourceExhausted (429) where all are full, and an FcError where none can start.
        """
        ready = self._with_room()
        if ready is not None:
            ready.in_flight += 1
            return ready
        if self._closed or len(self._line) >= self._room_to_come():
            raise self._exhausted()
        place: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
        self._line.append(place)
        self._balance()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.release(place.result())
            elif place in self._line:
                self._line.remove(place)
            raise

    def release(self, instance: Instance, *, broken: bool = False) -> None:
        """Give an instance back after a request; a broken one gets no other."""
        instance.in_flight -= 1
        instance.idle_since = self._place.clock.monotonic()
        if broken and instance.state in (State.READY, State.UNHEALTHY):
            instance.state = State.DRAINING
        if self._outdated(instance) and instance.in_flight == 0:
            self._spawn(instance.stop())
        self._balance()

    @property
    def version(self) -> Version:
        """The version whose instances they are."""
        return self._version

    @property
    def function_name(self) -> str:
        """Whose instances they are."""
        return self._function.name

    @property
    def running(self) -> int:
        """How many instances there are, those included that come or go."""
        return len(self.instances)

    @property
    def reserved(self) -> int:
        """How many instances the function may always have."""
        return self._function.reserved or 0

    def retire(self) -> None:
        """End what is idle, so that the next call waits for a new instance."""
        for instance in self._of_current():
            if instance.state is State.READY and not instance.in_flight:
                instance.state = State.DRAINING
                self._spawn(instance.stop())

    def ready(self) -> int:
        """How many instances of the current version can take requests."""
        return sum(each.state is State.READY for each in self._of_current())

    def changed(self) -> None:
        """After a change of the function: what is outdated goes, what is needed comes."""
        self._failures = 0
        self.error = None
        for instance in self.instances:
            if self._outdated(instance) and instance.in_flight == 0:
                self._spawn(instance.stop())
        self._balance(minimum=True)
        beyond = max(len(self._line) - self._room_to_come(), 0)
        self._refuse((self._line.pop() for _ in range(beyond)), self._exhausted())

    def reap(self) -> None:
        """Stop instances beyond the minimum that have been idle too long."""
        now = self._place.clock.monotonic()
        spare = self.ready() - self._minimum()
        for instance in self._of_current():
            patience = instance.configuration.idle_seconds
            idle = now - instance.idle_since > patience and not instance.in_flight
            if spare > 0 and idle and instance.state is State.READY:
                spare -= 1
                self._spawn(instance.stop())

    async def close(self) -> None:
        """Stop everything; whoever still waits is told."""
        self._closed = True
        gone = FcError(404, "FunctionNotFound", f"{self._function.name} has been deleted")
        self._refuse(self._line, gone)
        await asyncio.gather(*(instance.stop() for instance in list(self.instances)))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _balance(self, *, minimum: bool = False) -> None:
        """Hand free room to whoever waits, and start what is missing.

        The minimum is filled up only when told so, or a function that cannot start would be
        started over and over.
        """
        while self._line and (instance := self._with_room()) is not None:
            place = self._line.popleft()
            if not place.done():
                instance.in_flight += 1
                place.set_result(instance)
        if self._closed or not (self._line or minimum):
            return
        needed = math.ceil(len(self._line) / self._version.configuration.instance_concurrency)
        if minimum:
            needed = max(needed, self._minimum() - self.ready())
        missing = needed - sum(each.state is State.STARTING for each in self._of_current())
        for _ in range(min(missing, self._more())):
            instance = Instance(self._version, self._place, self.log.append)
            self.instances.append(instance)
            self._spawn(self._live(instance))

    async def _live(self, instance: Instance) -> None:
        """An instance's whole life."""
        try:
            await instance.start()
        except FcError as error:
            self.instances.remove(instance)
            if self._closed or self._outdated(instance):
                self._balance()
            else:
                self._failed(error)
            return
        self._failures, self.error = 0, None
        self._balance(minimum=True)
        await instance.wait_gone()
        self.instances.remove(instance)
        self._refill_later()

    def _failed(self, error: FcError) -> None:
        """Tell those whom nothing else that is starting will serve, and try again later."""
        self.error = error
        self._failures += 1
        self.log.append(f"{error.code}: {error.message}")
        others = sum(each.state is State.STARTING for each in self._of_current())
        served = others * self._version.configuration.instance_concurrency
        self._refuse((self._line.popleft() for _ in range(len(self._line) - served)), error)
        self._refill_later()

    def _refill_later(self) -> None:
        seconds = min(_RETRY_SECONDS_MIN * 2**self._failures, _RETRY_SECONDS_MAX)
        asyncio.get_running_loop().call_later(seconds, lambda: self._balance(minimum=True))

    def _with_room(self) -> Instance | None:
        """A ready instance that may take one more; those beyond a lowered limit take none."""
        most = self._version.configuration.instance_concurrency
        allowed = self._limit()
        for instance in self.instances:
            if not self._is_current(instance):
                continue
            if allowed == 0:
                return None
            allowed -= 1
            if instance.state is State.READY and instance.in_flight < most:
                return instance
        return None

    def _room_to_come(self) -> int:
        """How many more requests could be served by instances that start now."""
        of_current = self._of_current()
        starting = sum(each.state is State.STARTING for each in of_current[: self._limit()])
        return (starting + self._more()) * self._version.configuration.instance_concurrency

    def _more(self) -> int:
        """How many more instances may be started."""
        own = self._limit() - len(self._of_current())
        return max(min(own, self._place.capacity.left(self)), 0)

    def _exhausted(self) -> FcError:
        what = f"all instances of {self._function.name} are busy, {self._limit()} are allowed"
        if self._place.capacity.left(self) <= 0:
            most = self._place.capacity.most
            what = f"the account's instances are all taken, {most} are allowed or reserved"
        return FcError(429, "ResourceExhausted", what)

    def _limit(self) -> int:
        reserved, capacity = self._function.reserved, self._place.capacity
        own = self._function.limit(self._version.id) if self._function.limits else None
        most = capacity.most if own is None else min(own, capacity.most)
        if reserved is None:
            return most
        return max(min(reserved - capacity.beside(self), most), 0)

    def _minimum(self) -> int:
        return self._function.minimum(self._version.id)

    def _outdated(self, instance: Instance) -> bool:
        """Whether it is to end when its last request has ended."""
        return instance.rollout != self._version.rollout or instance.state is State.DRAINING

    def _of_current(self) -> list[Instance]:
        """Instances of the current version that are coming or there; unhealthy ones count."""
        return [each for each in self.instances if self._is_current(each)]

    def _is_current(self, instance: Instance) -> bool:
        return instance.rollout == self._version.rollout and instance.state not in _ENDING

    @staticmethod
    def _refuse(waiting: "Iterable[asyncio.Future[Instance]]", error: FcError) -> None:
        for place in waiting:
            if not place.done():
                place.set_exception(error)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
