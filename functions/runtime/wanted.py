"""Work goes on only as long as somebody wants its outcome.

caller ──request──▶ work ──▶ outcome
   └─goes away──▶ the work is cancelled, and with it all that it waits for ──▶ CallerGone
"""

import asyncio
from collections.abc import Awaitable, MutableMapping
from typing import Any, Final, TypeVar

from starlette.requests import Request

_GONE: Final = "http.disconnect"

Outcome = TypeVar("Outcome")


class CallerGone(Exception):
    """The caller closed its connection before the outcome was there."""


async def while_wanted(request: Request, work: Awaitable[Outcome]) -> Outcome:
    """The outcome of `work`; `CallerGone` where the caller goes away, whose body has been read."""
    working = asyncio.current_task()
    assert working is not None  # noqa: S101 -- it runs in one
    gone = False

    async def watch() -> None:
        nonlocal gone
        message: MutableMapping[str, Any] = {}
        while message.get("type") != _GONE:
            message = await request.receive()
        gone = True
        working.cancel()

    watching = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        if not gone:
            raise
        working.uncancel()
        raise CallerGone from None
    finally:
        watching.cancel()
