"""Checks of a find beyond its shape: check digits, real dates, entropy. By name, a closed set."""

from collections.abc import Callable, Mapping
from typing import Final

_LUHN_DIGITS_MIN: Final = 12


def _luhn(text: str) -> bool:
    """Payment cards and the like; ISO/IEC 7812-1, annex B. Spaces and dashes are skipped."""
    from stdnum import luhn  # noqa: PLC0415 -- only texts with a candidate pay for the import

    digits = "".join(each for each in text if each.isascii() and each.isdigit())
    return len(digits) >= _LUHN_DIGITS_MIN and luhn.is_valid(digits)


_VALIDATORS: Final[Mapping[str, Callable[[str], bool]]] = {"luhn": _luhn}
NAMES: Final = frozenset(_VALIDATORS)
"""What a rule's `match.valid` may name."""


def valid(name: str, text: str) -> bool:
    """Whether `text`, one find of a rule, passes the check of that name (one of `NAMES`)."""
    return _VALIDATORS[name](text)
