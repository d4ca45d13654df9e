"""The emulator's clock: real time, moved by testers.

What waits for long on the platform (idle instances, retries, the age of events) goes by it.
Signatures do not: a client's clock is its own.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from infra.emulator.errors import invalid

_OFFSET_SECONDS_MAX: Final = 10 * 365 * 86400


class Clock:
    """Real time and an offset. Whoever waits is woken when it is moved."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._moved = asyncio.Event()

    def monotonic(self) -> float:
        """Seconds from some beginning; never backwards."""
        return time.monotonic() + self._offset

    def now(self) -> datetime:
        """The moment that it is."""
        return datetime.now(UTC) + timedelta(seconds=self._offset)

    def text(self) -> str:
        """The moment that it is, as the platform writes times."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def advance(self, seconds: float) -> None:
        """Move it forward, by ten years at most in all."""
        if not 0 <= seconds <= _OFFSET_SECONDS_MAX - self._offset:
            left = f"between 0 and {_OFFSET_SECONDS_MAX - self._offset:.0f}"
            raise invalid("advanceSeconds", f"{seconds} is not {left} (ten years in all)")
        self._offset += seconds
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait until so many of its seconds have gone by, moved or not."""
        end = self.monotonic() + seconds
        while (left := end - self.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._moved.wait()
            except TimeoutError:
                return
