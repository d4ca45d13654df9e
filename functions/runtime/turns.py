"""So many calls begin in one turn of the event loop, the others in the next ones, in their order.

    call ──begin──▶ fewer than so many in this turn: at once
             └────▶ waits ──next turn──▶ the first so many of those that wait

The loop looks at its sockets between turns only. Where thousands of calls come at once and all of
them begin in one, those that were let in first hear from nobody until the last has been refused.
"""

import asyncio
from collections import deque


class Turns:
    """Lets `calls_max` calls begin in a turn."""

    def __init__(self, calls_max: int) -> None:
        self._calls_max = calls_max
        self._begun = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def enter(self) -> bool:
        """Whether a call may begin at once; if not, it is to wait for `begin`."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        if self._begun == 0:
            loop.call_soon(self._next)
        if self._begun >= self._calls_max:
            return False
        self._begun += 1
        return True

    async def begin(self) -> None:
        """Return when it is this call's turn."""
        if not self.enter():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn

    def _next(self) -> None:
        self._begun = 0
        while self._waiting and self._begun < self._calls_max:
            turn = self._waiting.popleft()
            if not turn.done():  # Else its call was ended while it waited.
                turn.set_result(None)
                self._begun += 1
        if self._begun and self._loop is not None:
            self._loop.call_soon(self._next)
