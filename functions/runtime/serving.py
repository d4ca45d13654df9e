"""Serves a handler as the platform starts it: `python -m functions.runtime.serving HANDLER`.

    HANDLER   a module with `handle`, a functions-framework function, and where there is something
              to close, `async def close()`, which runs once the last call is answered

functions-framework makes the ASGI application (its signature, its routing), uvicorn with httptools
and uvloop serves it: four times the requests per second of the framework's own server.
"""

import asyncio
import gc
import importlib
import signal
import sys
from types import ModuleType
from typing import Final

import functions_framework.aio
import uvicorn
import uvloop

from functions.runtime import logs
from functions.runtime.settings import Settings, current

_KEEP_ALIVE_SECONDS: Final = 300
"""Longer than the platform keeps an idle connection to an instance, so that it closes first."""
_GRACE_SECONDS: Final = 10


async def serve(handler: ModuleType, settings: Settings) -> None:
    """Serve the function `handle` of `handler` until SIGTERM, then end the calls under way."""
    app = functions_framework.aio.create_asgi_app_from_module(  # type: ignore[no-untyped-call]
        "handle", handler.__file__, "http", handler, handler.__spec__
    )
    config = uvicorn.Config(
        app,
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


def main(arguments: list[str]) -> int:
    """Serve the handler module named in `arguments`. The exit status is 0 after SIGTERM."""
    logs.take_over()
    if len(arguments) != 1:
        logs.event("error", "start refused", "usage: functions.runtime.serving HANDLER_MODULE")
        return 2
    try:
        settings = current()
        handler = importlib.import_module(arguments[0])
    except ValueError as error:
        logs.event("error", "start refused", str(error))
        return 1
    except ModuleNotFoundError as error:
        logs.event("error", "start refused", f"no module {error.name}")
        return 1
    _settle_garbage()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(handler, settings))
    return 0


def _settle_garbage() -> None:
    """Look for cycles seldom, and not among what is there for the life of the process.

    By default a call's hundreds of short-lived objects have them looked for all the time: a third
    more calls per second without (`make bench ONLY=judge`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
