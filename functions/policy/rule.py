"""What a rule may say. Closed sets, bounds on everything, nothing unknown.

Rule ── id, why, source, category, severity, action, phase, message
  ├── match: regex · words · near · needs · unless · valid     what it looks for
  ├── scope: roles · parts                             where it looks
  ├── mask: label · restore                            what stands in place of a find
  └── examples: find · pass                            how it is known to work
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from functions.policy.validators import NAMES
from functions.verdict import Phase, Record, Severity
from functions.verdict.models import Name

NEAR_CHARS_MAX: Final = 1000
"""Further away than this a keyword says nothing about a find."""

Line = Annotated[str, StringConstraints(min_length=1, max_length=400, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Regex = Annotated[str, Field(min_length=1, max_length=2000)]
Example = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=400)]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=32)]


class RuleAction(StrEnum):
    """What a rule does when it matches, strictest first. `monitor` records and lets through."""

    DENY = "deny"
    MASK = "mask"
    MONITOR = "monitor"


class RulePhase(StrEnum):
    """Which messages of a call a rule reads."""

    REQUEST = "request"
    RESPONSE = "response"
    BOTH = "both"

    def covers(self, phase: Phase) -> bool:
        """Whether the rule reads messages of `phase`."""
        return self is RulePhase.BOTH or self.value == phase.value


class Role(StrEnum):
    """Who says a piece of text."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Part(StrEnum):
    """Which part of a message a piece of text is."""

    TEXT = "text"
    """What is said: contents, prompts, inputs, tool results."""
    ARGUMENTS = "arguments"
    """What a model gives to a tool."""
    DEFINITION = "definition"
    """Descriptions and schemas of tools and of the answer's format."""
    KEY = "key"
    """An object's key that no provider's interface knows."""
    PATH = "path"
    """The path and query of the call."""


class Source(Record):
    """Where a rule's format is published, and when the rule was last held against it."""

    url: Url
    date: date


class Near(Record):
    """Keywords of which one must stand within so many characters of a find, in any letter case."""

    words: Annotated[tuple[Word, ...], Field(min_length=1, max_length=200)]
    within: int = Field(default=40, ge=1, le=NEAR_CHARS_MAX)


class Unless(Record):
    """Exceptions, in any letter case: a find that overlaps with one of them does not count."""

    regex: Regex | None = None
    words: Annotated[tuple[Word, ...], Field(max_length=1000)] = ()

    @model_validator(mode="after")
    def _excepts_something(self) -> Self:
        if self.regex is None and not self.words:
            raise ValueError("give regex, words, or both")
        return self


class Match(Record):
    """What a rule looks for: a regular expression (RE2 syntax), any of some words, or both.

    A find is what the regular expression matches, or its group `(?P<find>…)` where it has one.
    `spread` also finds words with up to three separators between their letters. A text that holds
    none of `needs`, in any letter case, is not looked at: so a pattern that is costly waits.
    """

    regex: Regex | None = None
    words: Annotated[tuple[Word, ...], Field(max_length=1000)] = ()
    ignore_case: bool = False
    spread: bool = False
    near: Near | None = None
    needs: Annotated[tuple[Word, ...], Field(max_length=200)] = ()
    unless: Unless | None = None
    valid: str | None = None

    @model_validator(mode="after")
    def _looks_for_something(self) -> Self:
        if self.regex is None and not self.words:
            raise ValueError("give regex, words, or both")
        if self.spread and not self.words:
            raise ValueError("spread is about words; give words, or leave it out")
        if self.near is not None and self.needs:
            raise ValueError("near asks for keywords already; leave needs out")
        if self.valid is not None and self.valid not in NAMES:
            raise ValueError(f"valid: {self.valid} is none of {', '.join(sorted(NAMES))}")
        return self


class Scope(Record):
    """Which pieces of text a rule reads; an empty list means all of them.

    Text whose role or part cannot be told is always read.
    """

    roles: Annotated[tuple[Role, ...], Field(max_length=len(Role))] = ()
    parts: Annotated[tuple[Part, ...], Field(max_length=len(Part))] = ()

    def covers(self, role: Role | None, part: Part | None) -> bool:
        """Whether text of this role and part is read; None stands for "cannot be told"."""
        return (not self.roles or role is None or role in self.roles) and (
            not self.parts or part is None or part in self.parts
        )


class Mask(Record):
    """How a find is masked: `<LABEL_1>`, put back in the response where `restore` says so.

    Without a label the rule's id makes one.
    """

    label: Label | None = None
    restore: bool = False


class Examples(Record):
    """Texts in which the rule must match, and near misses in which it must not."""

    find: Annotated[tuple[Example, ...], Field(min_length=1, max_length=100)]
    pass_: Annotated[tuple[Example, ...], Field(min_length=1, max_length=100, alias="pass")]


class Rule(Record):
    """One rule. `message` is shown to the caller and must not depend on what was matched."""

    id: Name
    why: Line
    source: Source | None = None
    category: Name
    severity: Severity = Severity.HIGH
    match: Match
    scope: Scope = Scope()
    phase: RulePhase = RulePhase.REQUEST
    action: RuleAction = RuleAction.DENY
    mask: Mask | None = None
    message: Line
    examples: Examples

    @model_validator(mode="after")
    def _mask_belongs_to_masking(self) -> Self:
        if self.mask is not None and self.action is RuleAction.DENY:
            raise ValueError("mask says how to mask, and action is deny; set action: mask")
        return self

    @property
    def label(self) -> str:
        """What a placeholder for a find of this rule is called."""
        if self.mask is not None and self.mask.label is not None:
            return self.mask.label
        return "".join(each if each.isalnum() else "_" for each in self.id.upper())[:32]
