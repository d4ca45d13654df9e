"""pydantic's complaints in the words of whoever writes policies: what, the value, what to do."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

OFF: Final = "<off>"
"""The kind of an override that leaves a rule out."""
_SHOWN_CHARS: Final = 40
_WORDS: Final = {
    "tuple_type": "must be a list, such as [a, b]",
    "model_type": "must be a mapping, such as {name: value}",
    "dict_type": "must be a mapping, such as {name: value}",
    "string_type": "must be text; put it in quotes",
}
_CHOICES: Final = frozenset({"enum", "literal_error"})


def worded(detail: Mapping[str, Any], names: Collection[str]) -> str:
    """The message of one of pydantic's `errors()`; `names` are those that a file may use."""
    kind, value = detail["type"], detail.get("input")
    if kind == "extra_forbidden":
        return "is not known" + nearest(str(detail["loc"][-1]), names)
    if kind == "literal_error" and str(detail["loc"][-1]) == OFF:
        return "write off, or what to change, such as {action: monitor}"
    if kind in _CHOICES and isinstance(value, str | int | bool):
        expected = str(detail["ctx"]["expected"]).replace("'", "")
        shown = str(value)[:_SHOWN_CHARS]
        choices = expected.replace(" or ", ", ").split(", ")
        return f"is {shown}; it must be {expected}" + nearest(shown, choices)
    return _WORDS.get(kind) or str(detail["msg"]).removeprefix("Value error, ")


def nearest(name: str, known: Collection[str]) -> str:
    """`; did you mean …?` where something known is near, else nothing."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def place_of(loc: Sequence[int | str]) -> tuple[int | str, ...]:
    """Where a complaint is in its file: without pydantic's names for the kinds of a value."""
    return tuple(step for step in loc if not str(step).startswith("<"))
