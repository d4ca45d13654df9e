"""Why there is no opinion: a closed set of names, each of which is one of the verdict's reasons.

    judge.timeout        timeout
    judge.unavailable    overloaded · breaker-open · connect · broken-off · throttled · status ·
                         rejected · unauthorised
    judge.malformed      content-type · too-large · not-a-completion · empty · refused · filtered ·
                         cut · prose · fields · contradiction · canary · category

The verdict's reason tells the caller; the name tells whoever runs the judge, in log and metrics.
"""

from enum import StrEnum
from typing import Final

from functions.verdict import Reason


class Failure(StrEnum):
    """A way in which asking a judge can end without an opinion."""

    TIMEOUT = "timeout"
    """No whole answer in time."""
    OVERLOADED = "overloaded"
    """Too many calls wait already: this one would not have its turn in time."""
    BREAKER_OPEN = "breaker-open"
    """The judge failed too often of late, and is left alone for a while."""
    CONNECT = "connect"
    BROKEN_OFF = "broken-off"
    """The connection ended, or what came over it was no HTTP."""
    THROTTLED = "throttled"
    """Status 429."""
    STATUS = "status"
    """Any other status that is not 200."""
    REJECTED = "rejected"
    """Status 400, 413 or 422: it would not take the question, which may be too long for it."""
    UNAUTHORISED = "unauthorised"
    """Status 401 or 403: the key, or what it may do."""
    CONTENT_TYPE = "content-type"
    TOO_LARGE = "too-large"
    NOT_A_COMPLETION = "not-a-completion"
    EMPTY = "empty"
    """No choice, or one without text."""
    REFUSED = "refused"
    """The model declined to answer."""
    FILTERED = "filtered"
    """The judge's own provider filtered the text or the answer."""
    CUT = "cut"
    """The answer ran into the limit of tokens."""
    PROSE = "prose"
    """Text that does not hold exactly one JSON document, readable in one way only."""
    FIELDS = "fields"
    """A document whose fields are not a verdict's."""
    CONTRADICTION = "contradiction"
    """An allow with findings, or a denial without any."""
    CANARY = "canary"
    """The word to give back is missing or wrong: the answer may be the judged text's."""
    CATEGORY = "category"
    """A finding of no category that the judge was given."""

    @property
    def reason(self) -> Reason:
        """The verdict's reason for it."""
        if self is Failure.TIMEOUT:
            return Reason.JUDGE_TIMEOUT
        return Reason.JUDGE_UNAVAILABLE if self in _UNAVAILABLE else Reason.JUDGE_MALFORMED


_UNAVAILABLE: Final = frozenset(
    {
        Failure.OVERLOADED,
        Failure.BREAKER_OPEN,
        Failure.CONNECT,
        Failure.BROKEN_OFF,
        Failure.THROTTLED,
        Failure.STATUS,
        Failure.REJECTED,
        Failure.UNAUTHORISED,
    }
)


class JudgeError(Exception):
    """There is no opinion, and `failure` says why.

    The message is in words of ours: nothing of what the judge was asked or answered. `status` is
    the HTTP status where there was one; `retry_after` the seconds that the judge asks to wait.
    """

    def __init__(
        self, failure: Failure, why: str, status: int = 0, retry_after: float | None = None
    ) -> None:
        super().__init__(why)
        self.failure = failure
        self.status = status
        self.retry_after = retry_after
