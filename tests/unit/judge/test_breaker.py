"""A judge that fails is left alone, tried again one call at a time, and trusted again."""

from itertools import pairwise
from random import Random

import pytest

from functions.llm_guard.breaker import Breaker, State
from functions.llm_guard.failures import Failure


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock, Random(1))


def state(breaker: Breaker) -> State:
    """A call, so that no reader of types believes that it stays as it was."""
    return breaker.state


def fail(breaker: Breaker, times: int, failure: Failure = Failure.TIMEOUT) -> None:
    for _ in range(times):
        assert breaker.admits()
        breaker.failed(failure)


def test_five_failures_in_a_row_open_it(breaker: Breaker) -> None:
    fail(breaker, 4)
    assert state(breaker) is State.CLOSED
    fail(breaker, 1)
    assert state(breaker) is State.OPEN
    assert not breaker.admits()


def test_half_of_the_last_twenty_open_it(breaker: Breaker) -> None:
    for _ in range(10):
        breaker.succeeded()
        breaker.failed(Failure.CONNECT)
    assert state(breaker) is State.OPEN


def test_an_answer_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, 4)
    breaker.succeeded()
    fail(breaker, 4)
    assert state(breaker) is State.CLOSED


@pytest.mark.parametrize(
    "failure",
    [
        *(Failure.PROSE, Failure.CANARY, Failure.REFUSED, Failure.FILTERED, Failure.CUT),
        Failure.REJECTED,  # A text of rare characters can be too long for the judge.
    ],
)
def test_nobody_can_switch_the_judge_off_with_a_text(breaker: Breaker, failure: Failure) -> None:
    fail(breaker, 100, failure)
    assert state(breaker) is State.CLOSED


def test_after_a_pause_one_call_at_a_time_tries_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 2
    assert state(breaker) is State.HALF_OPEN
    assert breaker.admits()
    assert not breaker.admits()
    breaker.succeeded()
    assert state(breaker) is State.CLOSED


def test_a_probe_that_is_given_up_makes_room_for_another(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 2
    assert breaker.admits()
    breaker.abandoned()
    assert breaker.admits()


def test_each_probe_that_fails_doubles_the_pause_up_to_a_bound(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 5)
    pauses = []
    for _ in range(8):
        began = clock.now
        while not breaker.admits():
            clock.now += 0.1
        pauses.append(clock.now - began)
        breaker.failed(Failure.TIMEOUT)
    assert 0.8 <= pauses[0] <= 1.3
    assert all(later > 1.2 * earlier for earlier, later in pairwise(pauses[:5]))
    assert max(pauses) <= 30 * 1.2 + 0.1


def test_a_late_failure_from_before_the_pause_says_nothing_new(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 5)
    breaker.failed(Failure.TIMEOUT)
    clock.now += 1.3
    assert state(breaker) is State.HALF_OPEN
