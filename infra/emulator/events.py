"""Asynchronous invocations: accepted at once, carried out by and by, retried, and told of.

    accept ──202──▶ attempt ──the function fails──▶ again, as often as its settings say ──▶ Failed
                       │ └─ 429, 5xx of the platform: again, until it is too old ──▶ Expired
                       └──▶ Succeeded            a result ──▶ onSuccess, onFailure: a function

Waits go by the emulator's clock. Source: help.aliyun.com/zh/functioncompute, "Asynchronous
invocation: retries" and "Result callback", 2026-04.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Final

from infra.emulator import data_plane
from infra.emulator.clock import Clock
from infra.emulator.data_plane import Call, Invoked
from infra.emulator.errors import FcError, exists, invalid, not_found, too_large
from infra.emulator.faults import CutError
from infra.emulator.ids import Ids
from infra.emulator.model import AsyncSettings, Event, Function, Status, Step, Target
from infra.emulator.record import Changed

PAYLOAD_BYTES_MAX: Final = 128 * 1024
_BACK_OFF_SECONDS_MIN: Final = 0.5
_BACK_OFF_SECONDS_MAX: Final = 5 * 3600.0
_TASKS_MAX: Final = 10_000
"""Of one function that are kept after their end."""
_DEFAULT: Final = AsyncSettings()

Prepare = Callable[[Event], Call]
"""An event as a call to an instance of the version that it is to go to; raises FcError."""


class Events:
    """All asynchronous invocations that are under way, and stateful ones that have ended."""

    def __init__(
        self, clock: Clock, ids: Ids, find: Callable[[str], Function], prepare: Prepare
    ) -> None:
        self.told: Changed = lambda _kind, _key, _value: None
        self._clock, self._ids, self._find, self._prepare = clock, ids, find, prepare
        self._events: dict[str, dict[str, Event]] = {}
        """By function, then by id: the task's own, or that of its request."""
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def accept(self, event: Event) -> Event:
        """Take it on; it is carried out from now on, and kept if it is stateful."""
        if len(event.payload) > PAYLOAD_BYTES_MAX:
            raise too_large(PAYLOAD_BYTES_MAX)
        function = self._find(event.function)
        function.refuse_disabled()
        function.at(event.qualifier)
        wanted = event.task_id or event.id
        event.task_id = wanted if settings_of(function, event.qualifier).stateful else ""
        kept = self._events.setdefault(event.function, {})
        if event.task_id and event.task_id in kept:
            raise exists("AsyncTask", event.task_id)
        event.steps.append(Step(Status.ENQUEUED, self._now_ms()))
        self.told("event", event.id, event)
        self.resume(event)
        return event

    def resume(self, event: Event) -> None:
        """Carry on with an event that is not at its end."""
        self._events.setdefault(event.function, {})[_key(event)] = event
        if event.status.is_final or event.status is Status.STOPPING:
            return
        task = asyncio.get_running_loop().create_task(self._carry_out(event))
        self._tasks[event.id] = task
        task.add_done_callback(lambda _task: self._tasks.pop(event.id, None))

    def of(self, function: str) -> list[Event]:
        """The stateful invocations of a function, the oldest first."""
        return [event for event in self._events.get(function, {}).values() if event.task_id]

    def task(self, function: str, task_id: str) -> Event:
        """The stateful invocation of that id, or AsyncTaskNotFound."""
        event = self._events.get(function, {}).get(task_id)
        if event is None or not event.task_id:
            raise not_found("AsyncTask", task_id)
        return event

    def stop(self, event: Event) -> None:
        """End it: the call under way is cut, and nobody is told."""
        if event.status.is_final:
            raise invalid("taskId", f"the task has ended already: {event.status}")
        self._step(event, Status.STOPPING)
        if task := self._tasks.get(event.id):
            task.cancel()
        self._end(event, Status.STOPPED)

    def drop(self, function: str) -> None:
        """Forget those of a function that has been deleted, whatever they are at."""
        for event in self._events.pop(function, {}).values():
            if task := self._tasks.get(event.id):
                task.cancel()
            self._forget(event)

    def close(self) -> None:
        """Carry out nothing any more."""
        for task in list(self._tasks.values()):
            task.cancel()

    async def _carry_out(self, event: Event) -> None:
        pause = _BACK_OFF_SECONDS_MIN
        while True:
            function, settings = self._settings(event)
            if function is None:
                self._end(event, Status.INVALID, "the function or the qualifier is gone")
                return
            if self._now_ms() - event.accepted_ms > settings.age_seconds_max * 1000:
                self._end(event, Status.EXPIRED, f"older than {settings.age_seconds_max} s")
                break
            failed_by_function = await self._attempt(event)
            if event.status is Status.SUCCEEDED:
                break
            event.failures += failed_by_function
            if event.failures > settings.retries_max:
                self._end(event, Status.FAILED, event.error)
                break
            self._step(event, Status.RETRYING, event.error)
            await self._clock.sleep(pause)
            pause = min(pause * 2, _BACK_OFF_SECONDS_MAX)
        self._tell(event, settings)

    async def _attempt(self, event: Event) -> bool:
        """Ask an instance once; whether the function, rather than the platform, has failed."""
        self._step(event, Status.RUNNING)
        event.attempts += 1
        event.started_ms = event.started_ms or self._now_ms()
        try:
            invoked = await data_plane.invoke(self._prepare(event))
        except FcError as error:
            event.error = f"{error.code}: {error.message}"
            return error.status not in (429, 500, 503)
        except CutError:
            event.error = "the answer broke off"
            return False
        event.instance_id, event.answer = invoked.instance_id, invoked.body
        if invoked.failed:
            event.error = _error(invoked)
            return True
        event.error = ""
        self._end(event, Status.SUCCEEDED)
        return False

    def _tell(self, event: Event, settings: AsyncSettings) -> None:
        """Hand the result to the destination for it, as an invocation of its own."""
        well = event.status is Status.SUCCEEDED
        arn = settings.on_success if well else settings.on_failure
        if not arn:
            return
        target, payload = Target.of(arn), json.dumps(self._result(event)).encode()
        told = invocation(
            self._ids.request(), target.function, target.qualifier, payload, self._clock
        )
        try:
            self.accept(told)
            event.destination = "Succeeded"
        except FcError:
            event.destination = "Failed"
        if event.task_id:
            self._keep(event)

    def _result(self, event: Event) -> dict[str, object]:
        well = event.status is Status.SUCCEEDED
        return {
            "timestamp": self._now_ms(),
            "requestContext": {
                "requestId": event.id,
                "functionName": event.function,
                "qualifier": event.qualifier,
                "condition": "" if well else _CONDITIONS.get(event.status, event.status),
                "approximateInvokeCount": event.attempts,
            },
            "requestPayload": event.payload.decode("utf-8", "replace"),
            "responseContext": {"statusCode": 200, "functionError": event.error},
            "responsePayload": event.answer.decode("utf-8", "replace"),
        }

    def _settings(self, event: Event) -> tuple[Function | None, AsyncSettings]:
        try:
            function = self._find(event.function)
            function.at(event.qualifier)
        except FcError:
            return None, _DEFAULT
        return function, settings_of(function, event.qualifier)

    def _step(self, event: Event, status: Status, detail: str = "") -> None:
        event.status = status
        event.steps.append(Step(status, self._now_ms(), detail))
        self._keep(event)

    def _keep(self, event: Event) -> None:
        """Keep how far it is. Where that cannot be, it stays as it was kept before: the next
        emulator carries it out once more, which is better than not at all."""
        with contextlib.suppress(FcError):
            self.told("event", event.id, event)

    def _end(self, event: Event, status: Status, detail: str = "") -> None:
        event.ended_ms = self._now_ms()
        event.error = detail
        self._step(event, status, detail)
        kept = self._events.get(event.function, {})
        if not event.task_id:
            kept.pop(_key(event), None)
            self._forget(event)
            return
        ended = [each for each in kept.values() if each.status.is_final]
        for old in ended[: max(len(ended) - _TASKS_MAX, 0)]:
            del kept[_key(old)]
            self._forget(old)

    def _forget(self, event: Event) -> None:
        with contextlib.suppress(FcError):  # Likewise.
            self.told("event", event.id, None)

    def _now_ms(self) -> int:
        return milliseconds(self._clock)


_CONDITIONS: Final = {Status.FAILED: "RetriesExhausted", Status.EXPIRED: "EventAgeExceeded"}


def invocation(
    request_id: str, function: str, qualifier: str, payload: bytes, clock: Clock
) -> Event:
    """An InvokeFunction request as an event."""
    return Event(
        request_id,
        function,
        qualifier,
        data_plane.INVOKE_PATH,
        b"POST",
        data_plane.INVOKE_PATH.encode(),
        data_plane.INVOKE_HEAD,
        payload,
        milliseconds(clock),
    )


def milliseconds(clock: Clock) -> int:
    """The moment that it is, since 1970."""
    return int(clock.now().timestamp() * 1000)


def settings_of(function: Function, qualifier: str) -> AsyncSettings:
    """The settings of a qualifier, or the platform's defaults."""
    return function.asynchronous.get(qualifier or "LATEST", _DEFAULT)


def _key(event: Event) -> str:
    return event.task_id or event.id


def _error(invoked: Invoked) -> str:
    """What a function said of its failure, in short."""
    return invoked.body[:1000].decode("utf-8", "replace")
