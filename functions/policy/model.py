"""What a policy file may say. Closed sets, bounds on everything, nothing unknown."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from functions.verdict import Record, Severity
from functions.verdict.models import Name

Line = Annotated[str, StringConstraints(min_length=1, max_length=400, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Example = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class RuleAction(StrEnum):
    """What a rule does when it matches. `monitor` records and lets through."""

    DENY = "deny"
    MONITOR = "monitor"


class Unreadable(StrEnum):
    """What happens to messages with content that no check can read."""

    ALLOW = "allow"
    DENY = "deny"


class OnError(StrEnum):
    """What happens when a verdict cannot be had."""

    DENY = "deny"
    ALLOW = "allow"


class Match(Record):
    """What a rule looks for: a regular expression (RE2 syntax), or any of some words."""

    regex: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    words: Annotated[tuple[Word, ...], Field(max_length=1000)] = ()

    @model_validator(mode="after")
    def _looks_for_something(self) -> Self:
        if self.regex is None and not self.words:
            raise ValueError("match needs regex or words")
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
    """What the judge looks for, and what happens without it."""

    on_error: OnError = OnError.DENY
    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=32)]


class PolicyFile(Record):
    """One policy as its file says it."""

    policy: Name
    description: Line
    unreadable: Unreadable = Unreadable.DENY
    cache_seconds: int = Field(default=0, ge=0, le=86_400)
    rules: Annotated[tuple[Rule, ...], Field(max_length=5000)] = ()
    judge: Judge | None = None

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        for ids in (
            [rule.id for rule in self.rules],
            [category.id for category in self.judge.categories] if self.judge else [],
        ):
            twice = sorted({each for each in ids if ids.count(each) > 1})
            if twice:
                raise ValueError(f"the id {twice[0]} stands twice")
        return self
