"""Labelled texts, one JSON object a line.

    {"text": "Call me on …", "expect": "mask", "category": "personal-data", "group": "plain"}
    {"body": {"messages": [ … ]}, "expect": "allow"}

`expect`: what should become of it: `allow`, `mask`, `deny`, or `find` where only the find counts.
`category`: what is in it, one or several; none for texts that should pass. `group`: any names, by
which finds are told apart as well. `phase`, `role`, `path` and `workload` say how it is sent.
"""

import difflib
import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from functions.verdict import Phase, Record
from functions.verdict.models import Name

Group = Annotated[str, Field(min_length=1, max_length=60)]
LINE_BYTES_MAX: Final = 4 * 1024 * 1024
LINES_MAX: Final = 2_000_000


class DataError(ValueError):
    """A line that is no sample; the message names file, line and field, never the text."""


class Expectation(StrEnum):
    """What should become of a text."""

    ALLOW = "allow"
    MASK = "mask"
    DENY = "deny"
    FIND = "find"


class Sample(Record):
    """One labelled text, or a whole message in `body`. `line` is its place in the file."""

    line: int
    text: Annotated[str, Field(min_length=1)] | None = None
    body: dict[str, Any] | None = None
    expect: Expectation
    category: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    group: Annotated[tuple[Group, ...], Field(max_length=10)] = ()
    phase: Phase = Phase.REQUEST
    role: Annotated[str, Field(max_length=40)] = "user"
    path: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    workload: Annotated[str, Field(max_length=255)] = ""
    source: Annotated[str, Field(max_length=400)] = ""

    @field_validator("category", "group", mode="before")
    @classmethod
    def _one_is_enough(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.text is None) == (self.body is None):
            raise ValueError("give text or body, and not both")
        if (self.expect is Expectation.ALLOW) == bool(self.category):
            raise ValueError("a text that should be found needs a category, and only such a one")
        return self


def samples(path: Path) -> Iterator[Sample]:
    """The samples in a file. Raises `DataError` for the first line that is none."""
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if number > LINES_MAX:
                    raise DataError(f"{path}: has more than {LINES_MAX:,} lines; split it")
                if line.strip():
                    yield _sample(path, number, line)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _sample(path: Path, number: int, line: bytes) -> Sample:
    place = f"{path}:{number}"
    if len(line) > LINE_BYTES_MAX:
        raise DataError(f"{place}: has {len(line):,} bytes; at most {LINE_BYTES_MAX:,} are read")
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError(f"{place}: is not a JSON object in UTF-8") from None
    if not isinstance(document, dict) or "line" in document:
        raise DataError(f'{place}: must be an object such as {{"text": "…", "expect": "allow"}}')
    try:
        return Sample.model_validate({**document, "line": number})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(step) for step in first["loc"]) or "the line"
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(field, set(Sample.model_fields) - {"line"}, n=1)
            message = "is not known" + (f"; did you mean {near[0]}?" if near else "")
        raise DataError(f"{place}: {field}: {message}") from None
