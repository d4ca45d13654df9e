"""Work goes on only as long as somebody wants its outcome.

caller ──request──▶ work ──▶ outcome
   └─goes away──▶ the work is cancelled, and with it all that it waits for ──▶ CallerGone
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from functions.runtime.web import Call, CallerGone

Outcome = TypeVar("Outcome")


async def while_wanted(call: Call, work: Awaitable[Outcome]) -> Outcome:
    """The outcome of `work`; `CallerGone` where the caller goes away, whose body has been read."""
    working = asyncio.current_task()
    assert working is not None  # noqa: S101 -- it runs in one
    gone = False

    async def watch() -> None:
        nonlocal gone
        await call.gone()
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
