"""Reads a request: the fields of its JSON body, each held to its type, and pages of lists.

A field that is missing or null is None: which fields must be there is the reader's to say. Every
breach names the field by its path, as in `customRuntimeConfig.healthCheckConfig.periodSeconds`.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self, TypeVar

from starlette.requests import Request

from infra.emulator.errors import invalid

_Type = TypeVar("_Type")
_LIST_MAX: Final = 100
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""How a string begins that may hold half a character: what cannot be written as UTF-8 again."""


class Fields:
    """A JSON object of a request, and where in the request it stands."""

    def __init__(self, content: Mapping[str, Any], place: str = "") -> None:
        self._content = content
        self._place = place

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """The request's body; raises InvalidArgument where it is no JSON object.

        Held to what can be told again: numbers are finite, and strings are of whole characters.
        """
        try:
            text = body.decode()
            content = json.loads(text, parse_float=_finite, parse_constant=_finite)
            if _SURROGATE.search(text):
                json.dumps(content, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise invalid("body", "must be a JSON object")
        return cls(content)

    def __contains__(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._content.get(name) is not None

    def text(self, name: str) -> str | None:
        """A string."""
        return self._typed(name, str, "a string")

    def required_text(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise invalid(self._place + name, "is required")
        return value

    def integer(self, name: str) -> int | None:
        """A whole number; a truth value is none."""
        value = self._content.get(name)
        if isinstance(value, bool):
            raise invalid(self._place + name, f"must be a whole number, not {value}")
        return self._typed(name, int, "a whole number")

    def number(self, name: str) -> float | None:
        """A number; a truth value is none."""
        value = self._content.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise invalid(self._place + name, "must be a number")
        return value

    def flag(self, name: str) -> bool | None:
        """True or false."""
        return self._typed(name, bool, "true or false")

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A list of strings."""
        value: list[Any] | None = self._typed(name, list, "a list of strings")
        if value is None:
            return None
        if not all(isinstance(each, str) for each in value):
            raise invalid(self._place + name, "must be a list of strings")
        return tuple(value)

    def text_by_name(self, name: str) -> tuple[tuple[str, str], ...] | None:
        """An object of strings, as sorted pairs."""
        value: dict[str, Any] | None = self._typed(name, dict, "an object of strings")
        if value is None:
            return None
        if not all(isinstance(each, str) for each in value.values()):
            raise invalid(self._place + name, "must be an object of strings")
        return tuple(sorted(value.items()))

    def number_by_name(self, name: str) -> tuple[tuple[str, float], ...] | None:
        """An object of numbers, as sorted pairs."""
        if name not in self:
            return None
        inner = self.object(name)
        return tuple(sorted((each, inner.number(each) or 0) for each in inner.rest()))

    def object(self, name: str) -> "Fields":
        """An object; an empty one where the field is missing."""
        value: dict[str, Any] | None = self._typed(name, dict, "an object")
        return Fields(value or {}, f"{self._place}{name}.")

    def objects(self, name: str) -> "list[Fields]":
        """A list of objects; an empty one where the field is missing."""
        value: list[Any] = self._typed(name, list, "a list of objects") or []
        if not all(isinstance(each, dict) for each in value):
            raise invalid(self._place + name, "must be a list of objects")
        return [Fields(each, f"{self._place}{name}[{i}].") for i, each in enumerate(value)]

    def rest(self, *known: str) -> dict[str, Any]:
        """All fields but those named, as they came."""
        return {name: value for name, value in self._content.items() if name not in known}

    def _typed(self, name: str, kind: type[_Type], what: str) -> _Type | None:
        value = self._content.get(name)
        if value is not None and not isinstance(value, kind):
            raise invalid(self._place + name, f"must be {what}")
        return value


def _finite(text: str) -> float:
    """A number of JSON; raises ValueError for NaN, Infinity and what is too large to be told."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def read_tags(body: Fields, name: str) -> dict[str, str]:
    """A list of tags, each an object of Key and Value."""
    return {tag.required_text("Key"): tag.text("Value") or "" for tag in body.objects(name)}


def has_tags(tags: Mapping[str, str], wanted: Sequence[Any]) -> bool:
    """Whether all of the wanted tags are there, each an object of Key and, if it matters, Value."""
    for tag in wanted:
        if not isinstance(tag, dict):
            raise invalid("Tag", "must be a list of objects with Key and Value")
        key, value = str(tag.get("Key")), tag.get("Value")
        if key not in tags or value not in (None, "", tags[key]):
            return False
    return True


def json_list(request: Request, name: str) -> list[Any]:
    """A list in the query, as JSON."""
    text = request.query_params.get(name)
    if not text:
        return []
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, list):
        raise invalid(name, "must be a list in JSON")
    return content


def json_texts(request: Request, name: str) -> list[str]:
    """A list of strings in the query, as JSON."""
    found = json_list(request, name)
    if not all(isinstance(each, str) for each in found):
        raise invalid(name, "must be a list of strings in JSON")
    return found


def whole(request: Request, name: str, low: int, high: int, default: int) -> int:
    """A whole number of the query, between two bounds."""
    text = request.query_params.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not low <= int(text[:20]) <= high:
        raise invalid(name, f"{text[:40]!r} is not between {low} and {high}")
    return int(text)


def page(request: Request, names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """One page of sorted names by `prefix`, `limit` and `nextToken`, and what leads to the next.

    The token is the last name seen.
    """
    prefix = request.query_params.get("prefix", "")
    after = request.query_params.get("nextToken", "")
    limit = whole(request, "limit", 1, _LIST_MAX, _LIST_MAX)
    left = [name for name in names if name.startswith(prefix) and name > after]
    shown = left[:limit]
    return shown, ({"nextToken": shown[-1]} if len(left) > limit else {})
