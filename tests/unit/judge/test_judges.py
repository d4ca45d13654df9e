"""Fallbacks, retries, hedges and breakers, in virtual time and without a network."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

import pytest

from functions.llm_guard.deadline import Deadline
from functions.llm_guard.endpoint import Endpoint
from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.gate import Gate
from functions.llm_guard.http import Unreachable
from functions.llm_guard.judges import Judges
from functions.llm_guard.metrics import Meter
from tests.support.judge_in_memory import (
    Behaviour,
    JudgeInMemory,
    ReplyInMemory,
    asked,
    response,
    says,
    settings,
)
from tests.support.virtual_time import in_virtual_time


def judges_of(*transports: JudgeInMemory, hedge: bool = False, calls_max: int = 10) -> Judges:
    endpoints = [
        Endpoint(settings(f"judge-{number}"), transport)
        for number, transport in enumerate(transports, 1)
    ]
    gate = Gate(calls_max, calls_max)
    return Judges(endpoints, gate, Meter(), lambda *_: None, Random(1), hedge=hedge)


def after(seconds: float, *statuses: int, **headers: str) -> Behaviour:
    """Answers with these statuses, then with opinions, each after so many seconds."""
    left = list(statuses)

    async def behave(document: dict[str, Any]) -> ReplyInMemory:
        await asyncio.sleep(seconds)
        if left:
            return response(
                left.pop(0), headers={k.replace("_", "-"): v for k, v in headers.items()}
            )
        return says(document)

    return behave


async def fails(_document: dict[str, Any]) -> ReplyInMemory:
    raise Unreachable("nobody there")


async def hangs(_document: dict[str, Any]) -> ReplyInMemory:
    await asyncio.sleep(1000)
    raise AssertionError("it was waited for")


async def outcome(judges: Judges, seconds: float = 5.0) -> tuple[str, float]:
    """Verdict or failure, and the seconds that it took."""
    clock = asyncio.get_running_loop()
    began = clock.time()
    try:
        ended: str = (await judges.ask(asked(), Deadline.after(seconds))).verdict
    except JudgeError as error:
        ended = error.failure
    return ended, round(clock.time() - began, 6)


async def outcomes(judges: Judges, times: int, seconds: float = 5.0) -> list[tuple[str, float]]:
    return [await outcome(judges, seconds) for _ in range(times)]


@pytest.mark.parametrize("status", [502, 503])
def test_a_gateway_in_trouble_is_asked_again(status: int) -> None:
    judge = JudgeInMemory(after(0.1, status))
    ended, took = in_virtual_time(outcome(judges_of(judge)))
    assert ended == "allow"
    assert 0.2 <= took <= 0.3
    assert len(judge.asked) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 413, 500, 504])
def test_what_another_try_cannot_help_is_not_asked_again(status: int) -> None:
    judge = JudgeInMemory(after(0.1, *[status] * 9))
    ended, took = in_virtual_time(outcome(judges_of(judge)))
    assert ended in (Failure.STATUS, Failure.REJECTED, Failure.UNAUTHORISED)
    assert (took, len(judge.asked)) == (0.1, 1)


def test_a_throttled_call_waits_as_long_as_the_judge_says() -> None:
    judge = JudgeInMemory(after(0.1, 429, retry_after="2"))
    ended, took = in_virtual_time(outcome(judges_of(judge)))
    assert ended == "allow"
    assert 2.2 <= took <= 2.25


def test_a_throttled_call_does_not_wait_past_its_deadline() -> None:
    judge = JudgeInMemory(after(0.1, 429, retry_after="10"))
    assert in_virtual_time(outcome(judges_of(judge))) == (Failure.THROTTLED, 0.1)


def test_a_judge_in_trouble_is_not_asked_before_it_says() -> None:
    judge = JudgeInMemory(after(0.1, 503, retry_after="2"))
    ended, took = in_virtual_time(outcome(judges_of(judge)))
    assert ended == "allow"
    assert 2.2 <= took <= 2.3


def test_the_time_to_wait_may_be_told_as_a_date() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    judge = JudgeInMemory(after(0.1, 429, retry_after=then))
    ended, took = in_virtual_time(outcome(judges_of(judge), 60.0))
    assert ended == "allow"
    assert 25 < took < 31
    past = JudgeInMemory(after(0.1, 429, retry_after="Sun, 06 Nov 1994 08:49:37 GMT"))
    assert in_virtual_time(outcome(judges_of(past)))[0] == "allow"


@pytest.mark.parametrize(
    "told",
    ["soon", "-1", "1e9", "Sun, 99 Nov 1994", "Sun, 06 Nov 1994 08:49:37 +1000000000000000", ""],
)
def test_a_time_that_nobody_can_read_is_none(told: str) -> None:
    judge = JudgeInMemory(after(0.1, 429, retry_after=told))
    assert in_virtual_time(outcome(judges_of(judge))) == (Failure.THROTTLED, 0.1)


def test_a_throttled_call_that_is_told_no_time_is_given_up() -> None:
    judge = JudgeInMemory(after(0.1, 429))
    assert in_virtual_time(outcome(judges_of(judge))) == (Failure.THROTTLED, 0.1)


def test_retries_end_after_three_tries_and_have_a_budget() -> None:
    judge = JudgeInMemory(fails)

    async def scenario() -> list[int]:
        counts = []
        judges = judges_of(judge)
        for _ in range(20):
            await outcome(judges)
            await asyncio.sleep(60)  # The breaker lets one through again.
            counts.append(len(judge.asked))
        return counts

    counts = in_virtual_time(scenario())
    assert counts[0] == 3
    assert counts[-1] < 20 + 10 + 20 * 0.2 + 1


def test_the_deadline_holds_however_slow_the_judge_is() -> None:
    assert in_virtual_time(outcome(judges_of(JudgeInMemory(hangs)), 3.0)) == (Failure.TIMEOUT, 3.0)


def test_a_fallback_has_its_share_of_the_time() -> None:
    second = JudgeInMemory(after(0.5))
    judges = judges_of(JudgeInMemory(hangs), second)
    assert in_virtual_time(outcome(judges, 4.0)) == ("allow", 2.5)


def test_where_all_fail_the_last_failure_is_told() -> None:
    judges = judges_of(JudgeInMemory(hangs), JudgeInMemory(after(0.1, *[500] * 9)))
    assert in_virtual_time(outcome(judges, 4.0)) == (Failure.STATUS, 2.1)


def test_a_dead_judge_costs_time_only_until_its_breaker_opens() -> None:
    judges = judges_of(JudgeInMemory(hangs), JudgeInMemory(after(0.1)))
    took = [seconds for _, seconds in in_virtual_time(outcomes(judges, 8, 1.0))]
    assert took == [0.6] * 5 + [0.1] * 3


def test_callers_in_a_hurry_do_not_open_the_breaker() -> None:
    async def scenario() -> list[tuple[str, float]]:
        judges = judges_of(JudgeInMemory(after(0.1)))
        await outcomes(judges, 20)
        await outcomes(judges, 20, 0.01)
        return await outcomes(judges, 1)

    assert in_virtual_time(scenario()) == [("allow", 0.1)]


def test_a_judge_that_slows_down_opens_its_breaker_all_the_same() -> None:
    async def scenario() -> tuple[str, float]:
        judge = JudgeInMemory(after(0.1))
        judges = judges_of(judge)
        await outcomes(judges, 20)
        judge.behave = hangs
        await outcomes(judges, 5, 0.2)
        return await outcome(judges)

    assert in_virtual_time(scenario()) == (Failure.BREAKER_OPEN, 0.0)


def test_with_all_breakers_open_the_answer_comes_at_once() -> None:
    judges = judges_of(JudgeInMemory(after(0.1, *[500] * 99)))
    found = in_virtual_time(outcomes(judges, 6))
    assert found == [(Failure.STATUS, 0.1)] * 5 + [(Failure.BREAKER_OPEN, 0.0)]


def test_a_judge_that_is_well_again_is_asked_again() -> None:
    async def scenario() -> tuple[str, float]:
        judges = judges_of(JudgeInMemory(after(0.1, *[500] * 5)))
        await outcomes(judges, 6)
        await asyncio.sleep(1.5)
        return await outcome(judges)

    assert in_virtual_time(scenario()) == ("allow", 0.1)


def slow_once_in(number: int) -> Behaviour:
    turns: Iterable[int] = iter(range(10_000))

    async def behave(document: dict[str, Any]) -> ReplyInMemory:
        turn = next(iter(turns))
        await asyncio.sleep(3.0 if turn % number == number - 1 else 0.1 + 0.001 * (turn % 10))
        return says(document)

    return behave


def test_a_hedge_saves_the_slow_calls_and_costs_few_requests() -> None:
    judge = JudgeInMemory(slow_once_in(50))
    took = [seconds for _, seconds in in_virtual_time(outcomes(judges_of(judge, hedge=True), 100))]
    assert max(took[30:]) < 0.25
    assert len(judge.asked) <= 115


def test_without_hedging_the_slow_calls_are_slow() -> None:
    judge = JudgeInMemory(slow_once_in(50))
    took = [seconds for _, seconds in in_virtual_time(outcomes(judges_of(judge), 100))]
    assert (max(took), len(judge.asked)) == (3.0, 100)


def test_a_hedge_never_takes_the_place_of_a_call_that_waits() -> None:
    judge = JudgeInMemory(slow_once_in(50))
    in_virtual_time(outcomes(judges_of(judge, hedge=True, calls_max=1), 100))
    assert len(judge.asked) == 100


def test_a_caller_who_goes_away_leaves_nothing_behind() -> None:
    async def scenario() -> int:
        judges = judges_of(JudgeInMemory(hangs), hedge=True)
        call = asyncio.create_task(outcome(judges))
        await asyncio.sleep(0.5)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        return len(asyncio.all_tasks())

    assert in_virtual_time(scenario()) == 1
