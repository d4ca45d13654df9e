"""What a policy may say of the judge: what it looks for, how it is asked, what follows.

Judge ── on_error, timeout_ms, mode, sample, quorum
  ├── categories: id · description · examples · threshold · action · message
  ├── language, prompt: the words in which it is asked
  └── window_chars, windows_max, context_chars: how much text it sees at once
"""

from collections import Counter
from enum import StrEnum
from string import Template
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from functions.policy.rule import Line
from functions.verdict import Record
from functions.verdict.contract import DEADLINE_MS_MAX
from functions.verdict.models import Name

_WINDOW_CHARS: Final = 6000
"""Some 1,500 tokens of English and 5,000 of Chinese: small judges read 8,000."""
_CONTEXT_CHARS: Final = 400
_WINDOWS_MAX: Final = 64
_PLACEHOLDERS: Final = {
    "system": {"marker", "categories"},
    "reminder": {"marker", "categories", "canary"},
}
_NEEDED: Final = {"system": {"marker", "categories"}, "reminder": {"marker", "canary"}}

Example = Annotated[str, StringConstraints(min_length=1, max_length=400, strip_whitespace=True)]
Examples = Annotated[tuple[Example, ...], Field(max_length=8)]
PromptText = Annotated[str, StringConstraints(min_length=1, max_length=8000)]


class OnError(StrEnum):
    """What happens when a verdict cannot be had."""

    DENY = "deny"
    ALLOW = "allow"


class JudgeMode(StrEnum):
    """Whether the judge's findings decide, or are only recorded."""

    ENFORCE = "enforce"
    MONITOR = "monitor"


class Language(StrEnum):
    """The language in which the judge is asked; the judged text may be in any."""

    EN = "en"
    ZH = "zh"


class CategoryAction(StrEnum):
    """What follows from a finding. `monitor` records and lets through."""

    DENY = "deny"
    MONITOR = "monitor"


class CategoryExamples(Record):
    """Short texts that belong to a category, and texts that seem to and do not."""

    find: Examples = ()
    skip: Examples = Field(default=(), alias="pass")


class Category(Record):
    """A kind of text that the judge looks for: a built-in one by its id, or one's own in words.

    A finding below the `threshold` of confidence counts for nothing. `message` stands in the
    denial instead of the judge's own reason.
    """

    id: Name
    description: Annotated[str, StringConstraints(max_length=1000, strip_whitespace=True)] = ""
    examples: CategoryExamples = CategoryExamples()
    threshold: float | None = Field(default=None, ge=0, le=1)
    action: CategoryAction = CategoryAction.DENY
    message: Line | None = None


class Quorum(Record):
    """Several judges for one text: the first `ask` of them, of which `deny` must flag it.

    It is cleared once so many have cleared it that no such number can be left.
    """

    ask: int = Field(ge=2, le=4)
    deny: int = Field(ge=1, le=4)

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.deny > self.ask:
            raise ValueError("deny must be at most ask")
        return self


class PromptTexts(Record):
    """The words around the judged text: the instruction before it, the reminder after it.

    `$marker`, `$categories` and `$canary` are filled in; `$$` is a dollar sign.
    """

    system: PromptText
    reminder: PromptText

    @model_validator(mode="after")
    def _placeholders_are_known(self) -> Self:
        for name, text in self:
            template = Template(text)
            if not template.is_valid():
                raise ValueError(f"{name}: a $ that begins no placeholder; write $$ for the sign")
            found = set(template.get_identifiers())
            for each in sorted(_NEEDED[name] - found):
                raise ValueError(f"{name}: ${each} must stand in it")
            for each in sorted(found - _PLACEHOLDERS[name]):
                raise ValueError(f"{name}: ${each} is not known here")
        return self


class Judge(Record):
    """What the judge looks for, how long it may take, and what happens without it.

    The callout's deadline holds all the same: the shorter of both decides. Without an `on_error`
    of its own the policy's counts. `sample` is the share of calls that are judged at all.
    """

    on_error: OnError | None = None
    timeout_ms: int = Field(default=DEADLINE_MS_MAX, ge=1, le=DEADLINE_MS_MAX)
    mode: JudgeMode = JudgeMode.ENFORCE
    sample: float = Field(default=1.0, gt=0, le=1)
    quorum: Quorum | None = None
    language: Language = Language.EN
    prompt: PromptTexts | None = None
    threshold: float = Field(default=0.5, ge=0, le=1)
    window_chars: int = Field(default=_WINDOW_CHARS, ge=1000, le=200_000)
    windows_max: int = Field(default=_WINDOWS_MAX, ge=1, le=1000)
    context_chars: int = Field(default=_CONTEXT_CHARS, ge=50, le=10_000)
    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=32)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        ((commonest, count),) = Counter(each.id for each in self.categories).most_common(1)
        if count > 1:
            raise ValueError(f"the id {commonest} stands twice")
        if self.context_chars * 2 > self.window_chars:
            raise ValueError("context_chars must be at most half of window_chars")
        return self
