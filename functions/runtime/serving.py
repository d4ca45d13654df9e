"""Serves a handler as the platform starts it: `python -m functions.runtime.serving HANDLER`.

functions-framework makes the ASGI application (its signature, its routing), uvicorn with httptools
and uvloop serves it: four times the requests per second of the framework's own server.
"""

import importlib.util
import sys
from pathlib import Path

import functions_framework.aio
import uvicorn

from functions.runtime import logs
from functions.runtime.settings import Settings, SettingsError, read

_KEEP_ALIVE_SECONDS = 300
"""Longer than the platform keeps an idle connection to an instance, so that it closes first."""
_GRACE_SECONDS = 10


def serve(source: Path, settings: Settings) -> None:
    """Serve the function `handle` in the file `source` until SIGTERM."""
    app = functions_framework.aio.create_asgi_app("handle", str(source), "http")  # type: ignore[no-untyped-call]
    uvicorn.run(
        app,
        host=settings.listen,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def main(arguments: list[str], environment: dict[str, str]) -> int:
    """Serve the handler module named in `arguments`; the exit status is 1 if it cannot start."""
    if len(arguments) != 1:
        logs.event("error", "start refused", "usage: functions.runtime.serving HANDLER_MODULE")
        return 2
    spec = importlib.util.find_spec(arguments[0])
    if spec is None or spec.origin is None:
        logs.event("error", "start refused", f"no module {arguments[0]}")
        return 1
    try:
        settings = read(environment)
        serve(Path(spec.origin), settings)
    except (SettingsError, ValueError) as error:
        logs.event("error", "start refused", str(error))
        return 1
    return 0


if __name__ == "__main__":
    import os

    sys.exit(main(sys.argv[1:], dict(os.environ)))
