"""Serves a function until SIGTERM: the calls under way are ended, then what the handler closes."""

import asyncio
import os
import signal
from contextlib import suppress
from types import ModuleType
from typing import Final

import uvloop

from functions.runtime import logs
from functions.runtime.connection import Connection
from functions.runtime.outbox import Outbox
from functions.runtime.settings import Settings

_BACKLOG: Final = 2048
"""Callers who may come in one turn of the event loop."""
_LOOK_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.01


def serve(handler: ModuleType, settings: Settings) -> bool:
    """Serve the `service` of `handler` until SIGTERM; False where nobody can be listened to."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(handler, settings))


async def _serve(handler: ModuleType, settings: Settings) -> bool:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopped.set)
    # The lines of verdicts leave in one write, and before the verdicts.
    logs.keep_lines()
    outbox, connections = Outbox(loop, logs.write_kept), set[Connection]()
    try:
        server = await loop.create_server(
            lambda: Connection(handler.service, outbox, connections, loop),
            settings.listen,
            settings.port,
            backlog=_BACKLOG,
        )
    except OSError as error:
        where = f"{settings.listen}:{settings.port}"
        logs.event(
            "error", "start refused", f"cannot listen on {where}: {os.strerror(error.errno or 0)}"
        )
        return False
    looking = loop.create_task(_look(connections))
    await stopped.wait()
    server.close()
    looking.cancel()
    await _shut(connections)
    logs.write_kept()
    if hasattr(handler, "close"):
        await handler.close()
    return True


async def _look(connections: set[Connection]) -> None:
    """Close connections that are still for too long."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        now = loop.time()
        for each in tuple(connections):
            each.look(now)


async def _shut(connections: set[Connection]) -> None:
    """Close all connections, those with a call under way when it is answered."""
    for each in tuple(connections):
        each.shut()
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_SECONDS):
            while connections:  # noqa: ASYNC110 -- looked at only while the process ends
                await asyncio.sleep(_PAUSE_SECONDS)
    for each in tuple(connections):
        each.abort()
    await asyncio.sleep(0)
