"""The last lines of a function's log, numbered, for those who read once and those who follow."""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Final

LINES_MAX: Final = 500


class Log:
    """Lines in the order in which they came; old ones make room."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LINES_MAX)
        self._came = asyncio.Event()
        self.count = 0
        """How many lines there have ever been: the number of the next one."""

    def append(self, line: str) -> None:
        """Add a line."""
        self._lines.append(line)
        self.count += 1
        if not self._came.is_set():
            self._came.set()

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def after(self, number: int) -> list[str]:
        """The lines from that number on, as far as they are still kept."""
        fresh = max(min(self.count - number, len(self._lines)), 0)
        return list(self._lines)[len(self._lines) - fresh :]

    async def beyond(self, number: int, seconds: float) -> None:
        """Wait until there is a line of that number, but no longer than that."""
        try:
            async with asyncio.timeout(seconds):
                while self.count <= number:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            return
