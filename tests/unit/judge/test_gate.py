"""Bounded calls, a bounded queue, and an early refusal where waiting is in vain."""

import asyncio

import pytest

from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.gate import Gate
from tests.support.virtual_time import in_virtual_time

SECOND = 1.0


async def stay(gate: Gate, seconds: float, deadline: float = 60.0) -> float:
    """Be inside for `seconds`; the time of going in."""
    by = Deadline.after(deadline)
    if not gate.entered(by.now()):
        await gate.turn(by)
    entered = by.now()
    try:
        await asyncio.sleep(seconds)
    finally:
        gate.leave(entered, by.now())
    return entered


async def came(gate: Gate, count: int, apart: float = 0.0) -> list[tuple[str, float]]:
    """Calls of a second each, so many seconds apart: how each ended, and how long it waited."""
    clock = asyncio.get_running_loop()

    async def one(number: int) -> tuple[str, float]:
        await asyncio.sleep(number * apart)
        began = clock.time()
        try:
            waited = await stay(gate, SECOND) - began
        except JudgeError:
            return "refused", round(clock.time() - began, 6)
        return "served", round(waited, 6)

    return await asyncio.gather(*(one(number) for number in range(count)))


def test_no_more_than_so_many_are_inside_and_the_others_follow_in_order() -> None:
    async def scenario() -> list[float]:
        gate = Gate(calls_max=2, queue_max=10)
        return await asyncio.gather(*(stay(gate, SECOND) for _ in range(6)))

    assert in_virtual_time(scenario()) == [0, 0, 1, 1, 2, 2]


def test_a_full_queue_refuses_at_once() -> None:
    async def scenario() -> tuple[Failure, float]:
        gate = Gate(calls_max=1, queue_max=1)
        busy = [asyncio.create_task(stay(gate, SECOND)) for _ in range(2)]
        await asyncio.sleep(0.1)
        with pytest.raises(JudgeError) as refused:
            await stay(gate, SECOND)
        now = asyncio.get_running_loop().time()
        await asyncio.gather(*busy)
        return refused.value.failure, now

    assert in_virtual_time(scenario()) == (Failure.OVERLOADED, 0.1)


def test_it_tells_whom_it_would_refuse_before_they_come() -> None:
    async def scenario() -> list[bool]:
        gate, deadline = Gate(calls_max=1, queue_max=1), Deadline.after(60)
        told = [gate.refusal(deadline) is None]
        busy = [asyncio.create_task(stay(gate, SECOND)) for _ in range(2)]
        await asyncio.sleep(0)
        told.append(gate.refusal(deadline) is None)
        await asyncio.gather(*busy)
        told.append(gate.refusal(deadline) is None)
        return told

    assert in_virtual_time(scenario()) == [True, False, True]


def test_a_turn_that_would_come_too_late_is_refused_at_once() -> None:
    async def scenario() -> float:
        gate = Gate(calls_max=1, queue_max=100)
        for _ in range(40):  # It learns how long a call stays.
            await stay(gate, SECOND)
        busy = [asyncio.create_task(stay(gate, SECOND)) for _ in range(4)]
        await asyncio.sleep(0)
        before = asyncio.get_running_loop().time()
        with pytest.raises(JudgeError):
            await stay(gate, SECOND, deadline=2.0)
        waited = asyncio.get_running_loop().time() - before
        await asyncio.gather(*busy)
        return waited

    assert in_virtual_time(scenario()) == 0


def test_a_turn_that_does_not_come_is_given_up_at_the_deadline() -> None:
    async def scenario() -> tuple[float, int]:
        gate = Gate(calls_max=1, queue_max=1)
        busy = asyncio.create_task(stay(gate, 10))
        await asyncio.sleep(0)
        with pytest.raises(JudgeError):
            await stay(gate, SECOND, deadline=3.0)
        now = asyncio.get_running_loop().time()
        await busy
        return now, gate.inside + gate.waiting

    assert in_virtual_time(scenario()) == (3.0, 0)


def test_nobody_waits_longer_than_is_set() -> None:
    async def scenario() -> tuple[float, float]:
        gate, clock = Gate(1, 100, wait_seconds_max=0.5), asyncio.get_running_loop()
        busy = asyncio.create_task(stay(gate, SECOND))
        await asyncio.sleep(0)
        began = clock.time()
        with pytest.raises(JudgeError):
            await stay(gate, SECOND)
        gave_up = clock.time() - began
        await busy
        for _ in range(40):  # Once it knows how long a call stays, it does not let any wait so.
            await stay(gate, SECOND)
        busy = asyncio.create_task(stay(gate, SECOND))
        await asyncio.sleep(0)
        began = clock.time()
        with pytest.raises(JudgeError):
            await stay(gate, SECOND)
        refused = clock.time() - began
        await busy
        return round(gave_up, 6), refused

    assert in_virtual_time(scenario()) == (0.5, 0)


def test_what_a_call_waited_before_it_came_counts_as_well() -> None:
    async def scenario() -> tuple[float, float]:
        gate, clock = Gate(1, 100, wait_seconds_max=0.5), asyncio.get_running_loop()
        busy = asyncio.create_task(stay(gate, SECOND))
        await asyncio.sleep(0)
        with pytest.raises(JudgeError):
            await gate.turn(Deadline.after(60.0, waited=0.25))
        gave_up = clock.time()
        with pytest.raises(JudgeError):
            await gate.turn(Deadline.after(60.0, waited=0.75))
        refused = clock.time() - gave_up
        await busy
        return gave_up, refused

    assert in_virtual_time(scenario()) == (0.25, 0)


def test_whoever_is_cancelled_leaves_its_place_to_the_next() -> None:
    async def scenario() -> tuple[float, int]:
        gate = Gate(calls_max=1, queue_max=10)
        inside, waiting, last = (asyncio.create_task(stay(gate, SECOND)) for _ in range(3))
        await asyncio.sleep(0.2)
        waiting.cancel()
        inside.cancel()
        entered = await last
        await asyncio.gather(inside, waiting, return_exceptions=True)
        return entered, gate.inside + gate.waiting

    assert in_virtual_time(scenario()) == (0.2, 0)


def test_a_place_given_to_a_call_that_is_just_being_cancelled_is_not_lost() -> None:
    async def scenario() -> int:
        gate = Gate(calls_max=1, queue_max=10)
        inside, waiting = (asyncio.create_task(stay(gate, SECOND)) for _ in range(2))
        await asyncio.sleep(0.5)
        asyncio.get_running_loop().call_later(0.5, waiting.cancel)
        await asyncio.gather(inside, waiting, return_exceptions=True)
        return gate.inside + gate.waiting

    assert in_virtual_time(scenario()) == 0


def test_while_the_queue_takes_all_who_come_all_of_them_wait_and_are_served() -> None:
    async def scenario() -> list[tuple[str, float]]:
        gate = Gate(calls_max=2, queue_max=3)
        await stay(gate, SECOND)
        return await came(gate, 5)

    served = [("served", 0.0)] * 2 + [("served", 1.0)] * 2 + [("served", 2.0)]
    assert in_virtual_time(scenario()) == served


@pytest.mark.parametrize("known", [True, False])
def test_in_a_storm_nobody_waits_for_a_herd_to_leave(*, known: bool) -> None:
    async def scenario() -> list[tuple[str, float]]:
        gate = Gate(calls_max=2, queue_max=3)
        if known:
            await stay(gate, SECOND)
        return await came(gate, 50)

    assert in_virtual_time(scenario()) == [("served", 0.0)] * 2 + [("refused", 0.0)] * 48


def test_in_a_storm_whoever_is_served_waits_at_most_half_of_a_stay() -> None:
    async def scenario() -> list[tuple[str, float]]:
        gate = Gate(calls_max=10, queue_max=10)
        await stay(gate, SECOND)
        return await came(gate, 1000, apart=0.03)

    ended = in_virtual_time(scenario())
    waited = [seconds for how, seconds in ended if how == "served"]
    before = [seconds for how, seconds in ended[:100] if how == "served"]
    assert max(before) > 0.5  # Of those who came before it was a storm.
    assert max(waited[len(before) :]) <= 0.5
    assert len(waited) == pytest.approx(300, abs=15)  # No place stands empty.


def test_those_few_who_find_the_queue_full_cost_no_other_call() -> None:
    async def scenario() -> list[tuple[str, float]]:
        gate = Gate(calls_max=2, queue_max=2)
        await stay(gate, SECOND)
        return await came(gate, 7)

    served = [("served", 0.0)] * 2 + [("served", 1.0)] * 2
    assert in_virtual_time(scenario()) == served + [("refused", 0.0)] * 3


def test_a_storm_is_over_when_somebody_finds_a_place_free() -> None:
    async def scenario() -> list[list[tuple[str, float]]]:
        gate = Gate(calls_max=1, queue_max=1)
        await stay(gate, SECOND)
        return [await came(gate, 4), await came(gate, 2)]

    storm = [("served", 0.0)] + [("refused", 0.0)] * 3
    assert in_virtual_time(scenario()) == [storm, [("served", 0.0), ("served", 1.0)]]


def test_where_a_longest_wait_is_set_it_holds_in_a_storm_as_well() -> None:
    async def scenario() -> list[tuple[str, float]]:
        gate = Gate(calls_max=2, queue_max=2, wait_seconds_max=1.5)
        return await came(gate, 10)

    ended = [("served", 0.0)] * 2 + [("served", 1.0)] * 2 + [("refused", 0.0)] * 6
    assert in_virtual_time(scenario()) == ended


def test_a_call_that_is_sent_away_just_when_it_gives_up_leaves_nothing_behind() -> None:
    async def scenario() -> int:
        gate = Gate(calls_max=1, queue_max=1)
        inside, waiting = (asyncio.create_task(stay(gate, SECOND)) for _ in range(2))
        await asyncio.sleep(0)
        for _ in range(2):  # The storm sends the other away.
            assert gate.refusal(Deadline.after(60)) is not None
        assert gate.waiting == 0
        waiting.cancel()
        await asyncio.gather(inside, waiting, return_exceptions=True)
        return gate.inside + gate.waiting

    assert in_virtual_time(scenario()) == 0
