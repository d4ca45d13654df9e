"""What a policy file may say. Closed sets, bounds on everything, nothing unknown."""

from collections import Counter
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from functions.verdict import Phase, Record, Severity
from functions.verdict.contract import CACHE_SECONDS_MAX, DEADLINE_MS_MAX
from functions.verdict.models import Name

Line = Annotated[str, StringConstraints(min_length=1, max_length=400, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Example = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class RuleAction(StrEnum):
    """What a rule does when it matches. `monitor` records and lets through."""

    DENY = "deny"
    MONITOR = "monitor"


class RulePhase(StrEnum):
    """Which messages of a call a rule reads."""

    REQUEST = "request"
    RESPONSE = "response"
    BOTH = "both"

    def covers(self, phase: Phase) -> bool:
        """Whether the rule reads messages of `phase`."""
        return self is RulePhase.BOTH or self.value == phase.value


class Unreadable(StrEnum):
    """What happens to messages with content that no check can read."""

    ALLOW = "allow"
    DENY = "deny"


class OnError(StrEnum):
    """What happens when a verdict cannot be had."""

    DENY = "deny"
    ALLOW = "allow"


class Match(Record):
    """What a rule looks for: a regular expression (RE2 syntax), any of some words, or both."""

    regex: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    words: Annotated[tuple[Word, ...], Field(max_length=1000)] = ()
    ignore_case: bool = False

    @model_validator(mode="after")
    def _looks_for_something(self) -> Self:
        if self.regex is None and not self.words:
            raise ValueError("give regex, words, or both")
        return self


class Examples(Record):
    """Texts in which the rule must match, and near misses in which it must not."""

    find: Annotated[tuple[Example, ...], Field(min_length=1, max_length=100)]
    pass_: Annotated[tuple[Example, ...], Field(min_length=1, max_length=100, alias="pass")]


class Rule(Record):
    """One rule. `message` is shown to the caller and must not depend on what was matched."""

    id: Name
    why: Line
    category: Name
    severity: Severity = Severity.HIGH
    match: Match
    phase: RulePhase = RulePhase.REQUEST
    action: RuleAction = RuleAction.DENY
    message: Line
    examples: Examples


class Category(Record):
    """A kind of text that the judge denies, in plain words."""

    id: Name
    description: Annotated[
        str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)
    ]


class Judge(Record):
    """What the judge looks for, how long it may take, and what happens without it.

    The callout's deadline holds all the same: the shorter of both decides.
    """

    on_error: OnError = OnError.DENY
    timeout_ms: int = Field(default=DEADLINE_MS_MAX, ge=1, le=DEADLINE_MS_MAX)
    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=32)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        _refuse_twice([category.id for category in self.categories])
        return self


class PolicyFile(Record):
    """One policy as its file says it."""

    policy: Name
    description: Line
    unreadable: Unreadable = Unreadable.DENY
    cache_seconds: int = Field(default=0, ge=0, le=CACHE_SECONDS_MAX)
    rules: Annotated[tuple[Rule, ...], Field(max_length=5000)] = ()
    judge: Judge | None = None

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        _refuse_twice([rule.id for rule in self.rules])
        return self


def _refuse_twice(ids: list[str]) -> None:
    twice = [each for each, count in Counter(ids).items() if count > 1]
    if twice:
        raise ValueError(f"the id {twice[0]} stands twice")
