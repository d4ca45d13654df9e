"""The ASGI server of a function, until SIGTERM.

functions-framework makes the ASGI application (its signature, its routing), uvicorn with httptools
and uvloop serves it: four times the requests per second of the framework's own server.
"""

import asyncio
import signal
from types import ModuleType
from typing import Final

import functions_framework.aio
import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.runtime.settings import Settings

_KEEP_ALIVE_SECONDS: Final = 300
"""Longer than the platform keeps an idle connection to an instance, so that it closes first."""
_GRACE_SECONDS: Final = 10
_EXECUTION_ID: Final = (b"function-execution-id", b"-")
"""functions-framework gives each call an id of twelve random letters where it has none: a tenth of
what it costs itself. Nobody reads it, since a call has its request id."""


def serve(handler: ModuleType, settings: Settings) -> None:
    """Serve the function `handle` of `handler` until SIGTERM, then end the calls under way."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(handler, settings))


async def _serve(handler: ModuleType, settings: Settings) -> None:
    app: ASGIApp = functions_framework.aio.create_asgi_app_from_module(  # type: ignore[no-untyped-call]
        "handle", handler.__file__, "http", handler, handler.__spec__
    )

    async def with_id(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["headers"] = [*scope["headers"], _EXECUTION_ID]
        await app(scope, receive, send)

    config = uvicorn.Config(
        with_id,
        host=settings.listen,
        port=settings.port,
        http="httptools",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    for each in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises what it has caught once more after stopping; there is nothing left to do.
        signal.signal(each, lambda *_: None)
    await uvicorn.Server(config).serve()
    if hasattr(handler, "close"):
        await handler.close()
