"""An event loop whose clock is made of what it waits for: an hour passes at once, and exactly.

    result = in_virtual_time(scenario())

Nothing outside the process may be waited for. Where nothing at all is left to wait for, it says so
instead of hanging.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Starts at time 0; its selector passes the time."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_PassesTime(self))

    def time(self) -> float:
        return self.now


class _PassesTime(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("nothing is left that could ever happen")
        self._loop.now += max(timeout, 0.0)
        return super().select(0)


def in_virtual_time(scenario: Coroutine[Any, Any, Result]) -> Result:
    """Run `scenario` to its end on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scenario)
