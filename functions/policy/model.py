"""What a policy file and a pack file may say. Closed sets, bounds on everything, nothing unknown.

policy file ── select, unreadable, body_bytes_max, on_error, cache_seconds, judge
  ├── extends: another policy of the folder, whose rules and settings are inherited
  ├── packs: files of rules, each rule of which can be changed or left out
  ├── rules: its own
  └── overrides: changes to inherited rules
"""

from collections import Counter
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from functions.policy.judging import Judge, OnError
from functions.policy.rule import (
    Line,
    Mask,
    Rule,
    RuleAction,
    RulePhase,
    Scope,
)
from functions.policy.wording import OFF
from functions.verdict import Record, Severity
from functions.verdict.contract import CACHE_SECONDS_MAX
from functions.verdict.models import Name

RULES_MAX: Final = 5000
"""More than any policy needs, few enough to compile in seconds."""
BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""More than a message of a million tokens holds."""

Glob = Annotated[str, StringConstraints(pattern=r"^[^\s\[\]]+$", max_length=255)]
"""`*` stands for any characters, `?` for one."""
Globs = Annotated[tuple[Glob, ...], Field(max_length=200)]


class Unreadable(StrEnum):
    """What happens to messages with content that no check can read."""

    ALLOW = "allow"
    DENY = "deny"


class Select(Record):
    """Which calls a policy is for; an empty list stands for all. Hosts without their port."""

    hosts: Globs = ()
    paths: Globs = ()
    models: Globs = ()
    workloads: Globs = ()

    @model_validator(mode="after")
    def _selects_something(self) -> Self:
        if not (self.hosts or self.paths or self.models or self.workloads):
            raise ValueError("give hosts, paths, models or workloads, or leave select out")
        return self


class Override(Record):
    """What a policy changes of a rule that it did not write; what is left out stays."""

    severity: Severity | None = None
    scope: Scope | None = None
    phase: RulePhase | None = None
    action: RuleAction | None = None
    mask: Mask | None = None
    message: Line | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if all(value is None for _, value in self):
            raise ValueError("say what to change, or off")
        return self

    def applied(self, rule: Rule) -> Rule:
        """`rule`, changed; one that denies now loses its mask. Raises `ValidationError`."""
        changes = {name: value for name, value in self if value is not None}
        if self.action is RuleAction.DENY:
            changes.setdefault("mask", None)
        return Rule.model_validate(dict(rule) | changes)


def _kind_of(value: object) -> str:
    """Which of the two an override is: what to change, or off."""
    return _CHANGE if isinstance(value, dict | Override) else OFF


# YAML reads a plain `off` as false. The tags keep errors about one kind from the other's.
_CHANGE: Final = "<change>"
_Off = Annotated[Literal[False, "off"], Tag(OFF)]
_Either = Annotated[Annotated[Override, Tag(_CHANGE)] | _Off, Discriminator(_kind_of)]
Overrides = Annotated[dict[Name, _Either], Field(max_length=RULES_MAX)]


class PackUse(Record):
    """A pack that a policy takes in, and what it changes of the pack's rules."""

    pack: Name
    rules: Overrides = Field(default={})


class PolicyFile(Record):
    """One policy as its file says it; as `load` gives it, `rules` holds all rules in force."""

    policy: Name
    description: Line
    extends: Name | None = None
    select: Select | None = None
    unreadable: Unreadable = Unreadable.DENY
    body_bytes_max: int = Field(default=BODY_BYTES_MAX, ge=1, le=BODY_BYTES_MAX)
    on_error: OnError = OnError.DENY
    cache_seconds: int = Field(default=0, ge=0, le=CACHE_SECONDS_MAX)
    packs: Annotated[tuple[PackUse, ...], Field(max_length=50)] = ()
    rules: Annotated[tuple[Rule, ...], Field(max_length=RULES_MAX)] = ()
    overrides: Overrides = Field(default={})
    judge: Judge | None = None

    @model_validator(mode="after")
    def _packs_are_taken_once(self) -> Self:
        twice = [
            pack for pack, count in Counter(use.pack for use in self.packs).items() if count > 1
        ]
        if twice:
            raise ValueError(f"the pack {twice[0]} is taken twice")
        return self


class PackFile(Record):
    """A pack as its file says it: rules to share, and how often they hit what they should not."""

    pack: Name
    description: Line
    false_positive_rate: Line
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=RULES_MAX)]
