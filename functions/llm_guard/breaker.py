"""A circuit breaker: a judge that fails again and again is left alone for a while.

    closed ──failures in a row, or half of the last calls──▶ open ──pause──▶ half-open
      ▲                                                        ▲                │ one call at a time
      └──────────────────── it answers ────────────────────────┼────────────────┤
                                                               └─── it fails ───┘  twice the pause

Only failures of the judge itself count. An answer that is no verdict can be brought about by the
judged text, and nobody who writes texts shall be able to switch the judge off.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from random import Random
from typing import Final

from functions.llm_guard.failures import Failure

_IN_A_ROW: Final = 5
_LAST: Final = 20
_SHARE: Final = 0.5
_PAUSE_SECONDS: Final = 1.0
_PAUSE_SECONDS_MAX: Final = 30.0
_JITTER: Final = 0.2
"""Of the pause, so that not all instances come back in the same moment."""
_COUNTS: Final = frozenset(
    {
        Failure.TIMEOUT,
        Failure.CONNECT,
        Failure.BROKEN_OFF,
        Failure.STATUS,
        Failure.UNAUTHORISED,
        Failure.THROTTLED,
    }
)


class State(StrEnum):
    """Whether calls get through: yes, no, one at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """The breaker before one judge. `clock` gives seconds.

    Every `admits` that says yes is followed by exactly one of `succeeded`, `failed`, `abandoned`.
    """

    def __init__(self, clock: Callable[[], float], random: Random) -> None:
        self._clock = clock
        self._random = random
        self._in_a_row = 0
        self._last: deque[bool] = deque(maxlen=_LAST)
        self._pause = _PAUSE_SECONDS
        self._opened_until: float | None = None
        self._probing = False

    @property
    def state(self) -> State:
        """The state at this moment."""
        if self._opened_until is None:
            return State.CLOSED
        return State.OPEN if self._clock() < self._opened_until else State.HALF_OPEN

    def admits(self) -> bool:
        """Whether a call may go to the judge now."""
        match self.state:
            case State.CLOSED:
                return True
            case State.HALF_OPEN if not self._probing:
                self._probing = True
                return True
            case _:
                return False

    def succeeded(self) -> None:
        """The judge answered."""
        self._probing = False
        self._opened_until = None
        self._pause = _PAUSE_SECONDS
        self._in_a_row = 0
        self._last.append(True)

    def failed(self, failure: Failure) -> None:
        """The call ended without an opinion."""
        if failure not in _COUNTS:
            self.succeeded()
            return
        if self.state is not State.CLOSED:
            # A late failure of a call from before the pause says nothing new.
            if self._probing:
                self._probing = False
                self._pause = min(2 * self._pause, _PAUSE_SECONDS_MAX)
                self._open()
            return
        self._in_a_row += 1
        self._last.append(False)
        many = len(self._last) == _LAST and self._last.count(False) >= _SHARE * _LAST
        if self._in_a_row >= _IN_A_ROW or many:
            self._open()

    def abandoned(self) -> None:
        """The call was given up before anybody knew what would come of it."""
        self._probing = False

    def _open(self) -> None:
        jitter = 1 + self._random.uniform(-_JITTER, _JITTER)
        self._opened_until = self._clock() + self._pause * jitter
        self._in_a_row = 0
        self._last.clear()
