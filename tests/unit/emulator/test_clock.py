"""The emulator's clock: whoever waits by it is woken when it is moved; it stays within dates."""

import asyncio

import pytest

from infra.emulator.clock import Clock
from infra.emulator.errors import FcError

YEARS = 10 * 365 * 86400


async def test_who_waits_for_hours_is_woken_when_they_have_gone_by() -> None:
    clock = Clock()
    waiting = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)

    clock.advance(3599)
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(1)

    await asyncio.wait_for(waiting, 5)


def test_it_is_moved_as_far_as_ten_years_in_all() -> None:
    clock = Clock()
    clock.advance(YEARS - 1)

    with pytest.raises(FcError, match="advanceSeconds"):
        clock.advance(2)

    assert clock.text() > "2030"
