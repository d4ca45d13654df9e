"""InvokeFunction, whatever the dialect: the version is picked, the answer worded in headers.

async   payload ──▶ 202 ──▶ events
sync    payload ──▶ an instance's /invoke ──▶ its answer, and what the platform says of it aside
"""

import base64
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.emulator import data_plane
from infra.emulator.errors import invalid
from infra.emulator.events import invocation
from infra.emulator.model import Function
from infra.emulator.state import Emulator

_LOG_TAIL_BYTES: Final = 4 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation came to, as the platform tells it."""

    body: bytes
    content_type: str
    headers: dict[str, str]


async def invoke(
    emulator: Emulator,
    function: Function,
    qualifier: str,
    payload: bytes,
    request_id: str,
    *,
    with_log: bool,
) -> Outcome:
    """Invoke and wait. A function that breaks is an answer too: a header tells of it."""
    version = emulator.pick(function, qualifier)
    pool, log = emulator.pool(function, version), emulator.log(function.name)
    call = replace(
        data_plane.invoke_call(request_id, pool, payload),
        qualifier=qualifier,
        fault=emulator.faults.draw(function.name),
        with_log=with_log,
    )
    begun = log.count
    invoked = await data_plane.invoke(call)
    headers = {
        "x-fc-instance-id": invoked.instance_id,
        "x-fc-code-checksum": version.code.checksum,
        "x-fc-invocation-service-version": version.id,
    }
    if with_log:
        tail = "\n".join(log.after(begun)).encode()[-_LOG_TAIL_BYTES:]
        headers["x-fc-log-result"] = base64.b64encode(tail).decode()
    if invoked.failed:
        headers["x-fc-error-type"] = "UnhandledInvocationError"
    return Outcome(invoked.body, invoked.content_type, headers)


async def answer(
    emulator: Emulator, function: Function, qualifier: str, request: Request
) -> Response:
    """The answer to an InvokeFunction request, of whichever dialect."""
    payload = await request.body()
    how = request.headers.get("x-fc-invocation-type", "Sync").lower()
    if how not in ("sync", "async"):
        raise invalid("x-fc-invocation-type", f"{how[:40]!r} is neither Sync nor Async")
    if how == "async":
        return _accepted(emulator, function, qualifier, request, payload)
    with_log = request.headers.get("x-fc-log-type", "").lower() == "tail"
    request_id: str = request.state.request_id
    outcome = await invoke(emulator, function, qualifier, payload, request_id, with_log=with_log)
    return Response(outcome.body, headers=outcome.headers, media_type=outcome.content_type or None)


def _accepted(
    emulator: Emulator, function: Function, qualifier: str, request: Request, payload: bytes
) -> Response:
    request_id: str = request.state.request_id
    event = invocation(request_id, function.name, qualifier, payload, emulator.clock)
    event.task_id = request.headers.get("x-fc-async-task-id", "")
    accepted = emulator.events.accept(event)
    task = {"x-fc-async-task-id": accepted.task_id} if accepted.task_id else {}
    return Response(status_code=202, headers=task)
