"""Serves a handler as the platform starts it: `python -m functions.runtime.serving HANDLER`.

    HANDLER   a module with `service`, and where there is something to close, `async def close()`,
              which runs once the last call is answered

    settings ──▶ handler imported, its policies taken up ──▶ garbage settled ──▶ `server.serve`

What takes long to import is imported in between, while nothing looks for garbage.
"""

import gc
import importlib
import sys
from typing import Final

from functions.runtime import logs
from functions.runtime.settings import current

_TURN_SECONDS: Final = 0.0005
"""How long a thread may keep the interpreter while others ask for it; Python's own is 5 ms. A call
asks several times, and beside it a large message may be judged or policies be taken up."""


def main(arguments: list[str]) -> int:
    """Serve the handler module named in `arguments`. The exit status is 0 after SIGTERM."""
    gc.disable()
    logs.take_over()
    if len(arguments) != 1:
        logs.event("error", "start refused", "usage: functions.runtime.serving HANDLER_MODULE")
        return 2
    try:
        settings = current()
        handler = importlib.import_module(arguments[0])
        from functions.runtime.server import serve  # noqa: PLC0415 -- see the top
    except ValueError as error:
        logs.event("error", "start refused", str(error))
        return 1
    except ModuleNotFoundError as error:
        logs.event("error", "start refused", f"no module {error.name}")
        return 1
    _settle_garbage()
    sys.setswitchinterval(_TURN_SECONDS)
    return 0 if serve(handler, settings) else 1


def _settle_garbage() -> None:
    """Look for cycles seldom, and not among what is there for the life of the process.

    By default a call's hundreds of short-lived objects have them looked for all the time: a third
    more calls per second without (`make bench ONLY=judge`). Nothing is collected here, since of
    90,000 objects some 700 would go, and looking at all of them is a tenth of the start.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
