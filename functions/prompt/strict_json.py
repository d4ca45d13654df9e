"""JSON, read so that no two readers can see different messages.

A lenient parser is a way around a guard: it takes the first of two equal keys where the provider
takes the last, or stops where the provider reads on. What RFC 8259 leaves open is refused here.
"""

import json
import re
from typing import Any, Never

Json = Any
"""A JSON value: dict, list, str, int, float, bool or None."""

_BOM = b"\xef\xbb\xbf"
_MAYBE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class MalformedMessage(Exception):
    """A body that is not strict JSON; the message says why and quotes nothing of it."""


def parse(body: bytes) -> Json:
    """The JSON value of `body`.

    Raises `MalformedMessage` for anything but one UTF-8 JSON text without byte order mark, equal or
    case-variant keys, NaN or Infinity, lone surrogates, or nesting too deep to read.
    """
    if body.startswith(_BOM):
        raise MalformedMessage("the body begins with a byte order mark")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedMessage("the body is not UTF-8") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedMessage(f"the body is not JSON, at character {error.pos}") from None
    except RecursionError:
        raise MalformedMessage("the body is nested too deeply") from None
    except ValueError:  # such as a number with more digits than Python converts
        raise MalformedMessage("the body holds a number that cannot be read") from None
    # Only an escape can make a surrogate, so most bodies need no second look.
    if _MAYBE_SURROGATE.search(body) and _holds_surrogate(value):
        raise MalformedMessage("the body holds half of a surrogate pair")
    return value


def _pairs(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len({key.casefold() for key in found}) != len(pairs):
        raise MalformedMessage("the body holds two keys that differ in letter case at most")
    return found


def _constant(_name: str) -> Never:
    raise MalformedMessage("the body holds NaN or Infinity, which JSON does not know")


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant)


def _holds_surrogate(value: Json) -> bool:
    if isinstance(value, str):
        return _SURROGATE.search(value) is not None
    if isinstance(value, list):
        return any(map(_holds_surrogate, value))
    if isinstance(value, dict):
        return any(_holds_surrogate(part) for pair in value.items() for part in pair)
    return False
