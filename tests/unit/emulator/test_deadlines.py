"""Time limits of calls: what takes too long ends, and whoever else ends a call is obeyed."""

import asyncio

import pytest

from infra.emulator.deadlines import Deadlines


async def test_what_takes_too_long_is_a_timeout_and_the_task_goes_on() -> None:
    deadlines = Deadlines()

    with pytest.raises(TimeoutError), deadlines.of(0):
        await asyncio.sleep(60)

    await asyncio.sleep(0)
    assert not _current().cancelling()


async def test_what_ends_in_time_is_left_alone() -> None:
    deadlines = Deadlines()

    with deadlines.of(60):
        await asyncio.sleep(0)

    deadlines.close()


async def test_an_error_within_the_block_is_the_error() -> None:
    deadlines = Deadlines()

    with pytest.raises(KeyError), deadlines.of(60):
        raise KeyError

    deadlines.close()


async def test_whoever_else_cancels_the_task_is_obeyed() -> None:
    deadlines = Deadlines()

    async def call() -> None:
        with deadlines.of(60):
            await asyncio.sleep(60)

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    deadlines.close()


async def test_each_call_has_its_own() -> None:
    deadlines = Deadlines()

    async def call(seconds: float) -> str:
        try:
            with deadlines.of(seconds):
                await asyncio.sleep(0.3)
        except TimeoutError:
            return "late"
        return "in time"

    told = await asyncio.gather(call(0), call(60), call(0))
    assert list(told) == ["late", "in time", "late"]
    deadlines.close()


def _current() -> "asyncio.Task[object]":
    task = asyncio.current_task()
    assert task is not None
    return task
