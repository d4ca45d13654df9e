"""JSON, read so that no two readers can see different messages.

A lenient parser is a way around a guard: it takes the first of two equal keys where the provider
takes the last, or stops where the provider reads on. What RFC 8259 leaves open is refused here.

    MalformedMessage
    └── TooLarge      there is more in it than is read
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final, Never

Json = Any
"""A JSON value: dict, list, str, int, float, bool or None."""

DEPTH_MAX: Final = 128
"""Levels of lists and objects: several times any real tool schema, and safe to recurse into."""

_BOM: Final = b"\xef\xbb\xbf"
MAYBE_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_USUAL_KEYS: Final = frozenset(
    """
    canary category choices completion_tokens confidence content created finish_reason findings id
    index input logprobs max_tokens message messages model name object output parameters prompt
    prompt_tokens reason refusal role stream system temperature text tool_calls tool_choice tools
    top_p total_tokens type usage user verdict
    """.split()  # noqa: SIM905 -- easier to read so
)
"""All in lower case, so that of these alone no two differ in letter case only."""


class MalformedMessage(Exception):
    """A body that cannot be read in one way only; the message quotes nothing of it."""


class TooLarge(MalformedMessage):
    """A message that holds, or decodes to, more than is read."""


def parse(body: bytes) -> Json:
    """The JSON value of `body`, nested at most `DEPTH_MAX` deep.

    Raises `MalformedMessage` for anything but one UTF-8 JSON text without byte order mark, equal or
    case-variant keys, NaN or Infinity, or halves of surrogate pairs.
    """
    if body.startswith(_BOM):
        raise MalformedMessage("the body begins with a byte order mark")
    try:
        value = _value(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise MalformedMessage("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise MalformedMessage(f"the body is not JSON, at character {error.pos}") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # A number of more digits than Python converts.
        raise MalformedMessage("the body holds a number that cannot be read") from None
    # Brackets are counted first, since nearly no body has enough of them to be deep.
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX:
        _refuse_deep(value)
    # Only an escape can make a surrogate, so most bodies need no second look.
    if MAYBE_SURROGATE.search(body):
        _refuse_surrogates(value)
    return value


def _value(text: str) -> Json:
    """The value of a JSON text. One without blanks around it, as nearly all, is read at once."""
    if text.startswith(("{", "[")):
        value, end = _DECODER.raw_decode(text)
        if end == len(text):
            return value
    return _DECODER.decode(text)


def _pairs(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) == len(pairs) and _USUAL_KEYS.issuperset(found):  # None is another's variant.
        return found
    if len({key.casefold() for key in found}) != len(pairs):
        raise MalformedMessage("the body holds two keys that differ in letter case at most")
    return found


def _constant(_name: str) -> Never:
    raise MalformedMessage("the body holds NaN or Infinity, which JSON does not know")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant)


def _refuse_deep(value: Json) -> None:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [part for node in level for part in _parts(node) if isinstance(part, dict | list)]
        if not level:
            return
    raise _too_deep()


def _parts(node: Json) -> Iterable[Json]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _too_deep() -> MalformedMessage:
    return MalformedMessage(f"the body is nested more than {DEPTH_MAX} levels deep")


def _refuse_surrogates(value: Json) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedMessage("the body holds half of a surrogate pair") from None
