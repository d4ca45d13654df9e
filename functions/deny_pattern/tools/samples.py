"""Texts that a pattern finds, and near misses that it does not: guesses, for others to verify.

[0-9]{4}(账号|密码)  ──▶  7777账号, 7777密码        each a walk through the pattern's parts
7777账号             ──▶  7777账, 777账号, …        one character less
"""

import importlib
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final

_TEXTS_MAX: Final = 6
_REPEATS_MAX: Final = 64
_CATEGORIES: Final = {
    "CATEGORY_DIGIT": "7",
    "CATEGORY_NOT_DIGIT": "x",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_SPACE": "x",
    "CATEGORY_WORD": "x",
    "CATEGORY_NOT_WORD": " ",
}
_ANY: Final = "x7 -文"


def texts_like(pattern: str) -> Iterator[str]:
    """Some texts that `pattern` is likely to match, none where its syntax is not understood.

    Python's own reader of patterns takes it apart; what it does not share with RE2 is simply not
    found later on.
    """
    parser: Any = importlib.import_module("re._parser")
    try:
        with warnings.catch_warnings():
            # What may mean something else in a later Python means this to the engines.
            warnings.simplefilter("ignore", FutureWarning)
            parsed = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return
    seen: set[str] = set()
    for turn in range(_TEXTS_MAX):
        text = "".join(_parts(parsed, turn))
        if text and text not in seen:
            seen.add(text)
            yield text


def near_misses(text: str) -> Iterator[str]:
    """`text` with one character less, from the end, the middle and the beginning."""
    for at in dict.fromkeys((len(text) - 1, len(text) // 2, 0)):
        less = text[:at] + text[at + 1 :]
        if less.strip():
            yield less


def _parts(parsed: Sequence[Any], turn: int) -> Iterator[str]:
    for kind, value in parsed:
        match kind.name:
            case "LITERAL":
                yield chr(value)
            case "NOT_LITERAL":
                yield next(each for each in _ANY if ord(each) != value)
            case "ANY":
                yield _ANY[turn % 2]
            case "IN":
                yield _one_of(value, turn)
            case "BRANCH":
                yield from _parts(value[1][turn % len(value[1])], turn)
            case "SUBPATTERN":
                yield from _parts(value[3], turn)
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, inner = value
                count = min(least + turn % 2, int(most), least + _REPEATS_MAX)
                for _ in range(min(count, _REPEATS_MAX)):
                    yield from _parts(inner, turn)
            case _:  # Places in a text, which whoever verifies will know of.
                pass


def _one_of(members: Sequence[Any], turn: int) -> str:
    if members[0][0].name == "NEGATE":
        refused = set(_members(members[1:]))
        return next((each for each in _ANY if each not in refused), "x")
    found = list(_members(members))
    return found[turn % len(found)] if found else "x"


def _members(members: Sequence[Any]) -> Iterator[str]:
    for kind, value in members:
        if kind.name == "LITERAL":
            yield chr(value)
        elif kind.name == "RANGE":
            low, high = value
            yield from (chr(low), chr((low + high) // 2))
        elif kind.name == "CATEGORY":
            yield _CATEGORIES[value.name]
