"""Reads the fields of a request's JSON body, each held to its type.

A field that is missing or null is None: which fields must be there is the reader's to say. Every
breach names the field by its path, as in `customRuntimeConfig.healthCheckConfig.periodSeconds`.
"""

import json
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from infra.emulator.errors import invalid

_Type = TypeVar("_Type")


class Fields:
    """A JSON object of a request, and where in the request it stands."""

    def __init__(self, content: Mapping[str, Any], place: str = "") -> None:
        self._content = content
        self._place = place

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """The request's body; raises InvalidArgument where it is no JSON object."""
        try:
            content = json.loads(body)
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
