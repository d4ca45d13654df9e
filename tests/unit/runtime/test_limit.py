"""What takes too long is ended, and nothing else is."""

import asyncio

import pytest

from functions.runtime.limit import Limit


def limit(seconds: float) -> Limit:
    return Limit(seconds, asyncio.get_running_loop())


async def test_what_takes_too_long_is_a_timeout() -> None:
    with pytest.raises(TimeoutError), limit(0.001):
        await asyncio.Event().wait()
    await asyncio.sleep(0)  # Nothing is left of it that would end the next thing.


async def test_what_ends_in_time_is_left_alone() -> None:
    with limit(0.001):
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)


async def test_the_inner_limit_ends_first_and_the_outer_one_goes_on() -> None:
    with limit(60):
        with pytest.raises(TimeoutError), limit(0.001):
            await asyncio.Event().wait()
        await asyncio.sleep(0)


async def test_who_is_cancelled_by_others_stays_cancelled() -> None:
    async def waits() -> None:
        with limit(60):
            await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
