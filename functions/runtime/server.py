"""The ASGI server of a function, until SIGTERM: uvicorn with httptools and uvloop."""

import asyncio
import signal
from types import ModuleType
from typing import Final

import uvicorn
import uvloop

from functions.runtime.settings import Settings

_KEEP_ALIVE_SECONDS: Final = 300
"""Longer than the platform keeps an idle connection to an instance, so that it closes first."""
_GRACE_SECONDS: Final = 10


def serve(handler: ModuleType, settings: Settings) -> None:
    """Serve the application `app` of `handler` until SIGTERM, then end the calls under way."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(handler, settings))


async def _serve(handler: ModuleType, settings: Settings) -> None:
    config = uvicorn.Config(
        handler.app,
        host=settings.listen,
        port=settings.port,
        http="httptools",
        ws="none",
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
