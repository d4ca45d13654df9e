"""Faults that testers order: for a function or for all, with a probability.

cold_start   the call waits for a new instance
throttle     429, as if no instance were left
timeout      the call ends as one that takes too long, after `seconds` or the function's limit
error        `status`, 500 to 599, as if the platform had failed
cut          the answer breaks off in the middle
kill         the instance ends while it has the call
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from infra.emulator.errors import invalid

ANY_FUNCTION: Final = "*"


class Kind(StrEnum):
    """What happens to a call."""

    COLD_START = "cold_start"
    THROTTLE = "throttle"
    TIMEOUT = "timeout"
    ERROR = "error"
    CUT = "cut"
    KILL = "kill"


class CutError(Exception):
    """The answer to this call is to break off."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One order. `seconds` None: at once, or for a timeout the function's own limit."""

    kind: Kind
    function: str = ANY_FUNCTION
    probability: float = 1.0
    seconds: float | None = None
    status: int = 500

    def __post_init__(self) -> None:
        """Hold every field to what makes sense."""
        if not 0 <= self.probability <= 1:
            raise invalid("probability", f"{self.probability} is not between 0 and 1")
        if not 500 <= self.status <= 599:
            raise invalid("status", f"{self.status} is not between 500 and 599")
        if self.seconds is not None and not 0 <= self.seconds <= 86400:
            raise invalid("seconds", f"{self.seconds} is not between 0 and 86400")


class Faults:
    """All orders; `chance` decides which calls they hit."""

    def __init__(self, chance: random.Random) -> None:
        self.orders: tuple[Fault, ...] = ()
        self._chance = chance

    def draw(self, function: str) -> Fault | None:
        """The fault that hits a call of this function, if one does."""
        if not self.orders:
            return None
        for order in self.orders:
            if order.function not in (ANY_FUNCTION, function):
                continue
            if self._chance.random() < order.probability:
                return order
        return None
