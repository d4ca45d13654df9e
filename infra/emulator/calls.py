"""One call as it is told to whoever watches the emulator: a line, never what was sent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What a call came to. `path` is without its query, which may hold what is nobody's business.

    `function` is empty for calls of the API, `error` for calls that went well. Status 0: the
    answer was cut, or the caller went away.
    """

    at: datetime
    request_id: str
    method: str
    path: str
    function: str
    status: int
    milliseconds: float
    error: str = ""
    cold_start: bool = False


Watcher = Callable[[CallRecord], None]
