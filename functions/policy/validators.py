"""Checks of a find beyond its shape: check digits, real dates, entropy. By name, a closed set.

luhn, iban, cn-resident-id, …   python-stdnum's module for that number
entropy                         random enough to be a generated secret
"""

import importlib
import math
import re
from collections import Counter
from functools import cache
from typing import Any, Final

_MODULES: Final = {
    "au-tfn": "stdnum.au.tfn",
    "br-cnpj": "stdnum.br.cnpj",
    "br-cpf": "stdnum.br.cpf",
    "ca-sin": "stdnum.ca.sin",
    "ch-ssn": "stdnum.ch.ssn",
    "cn-uscc": "stdnum.cn.uscc",
    "de-idnr": "stdnum.de.idnr",
    "es-dni": "stdnum.es.dni",
    "es-nie": "stdnum.es.nie",
    "fr-nir": "stdnum.fr.nir",
    "gb-nhs": "stdnum.gb.nhs",
    "iban": "stdnum.iban",
    "in-aadhaar": "stdnum.in_.aadhaar",
    "in-pan": "stdnum.in_.pan",
    "it-codice-fiscale": "stdnum.it.codicefiscale",
    "jp-my-number": "stdnum.jp.in_",
    "kr-rrn": "stdnum.kr.rrn",
    "nl-bsn": "stdnum.nl.bsn",
    "pl-pesel": "stdnum.pl.pesel",
    "se-personnummer": "stdnum.se.personnummer",
    "us-itin": "stdnum.us.itin",
    "us-ssn": "stdnum.us.ssn",
}
NAMES: Final = frozenset({*_MODULES, "cn-resident-id", "entropy", "luhn"})
"""What a rule's `match.valid` may name."""

_LUHN_DIGITS_MIN: Final = 12
_ENTROPY_BITS_MIN: Final = 3.2
"""Bits a character, over the characters of the find itself. Of random strings, 97 in 100 of twenty
letters and digits pass, and 99 in 100 of thirty-two hexadecimal digits."""


def valid(name: str, text: str) -> bool:
    """Whether `text`, one find of a rule, passes the check of that name (one of `NAMES`)."""
    if name == "luhn":
        return _luhn(text)
    if name == "cn-resident-id":
        return _resident_id(text)
    if name == "entropy":
        return _random(text)
    return bool(_module(_MODULES[name]).is_valid(text))


@cache
def _module(name: str) -> Any:  # noqa: ANN401 -- python-stdnum's modules have no common type
    """A module of python-stdnum. Only texts with a candidate pay for the import."""
    return importlib.import_module(name)


def _luhn(text: str) -> bool:
    """Payment cards and the like; ISO/IEC 7812-1, annex B. Spaces and dashes are skipped.

    Not python-stdnum's, which knows alphabets of any length and takes ten times as long: rows of
    digits are the commonest candidates of all.
    """
    digits = _NO_DIGITS.sub("", text)
    if len(digits) < _LUHN_DIGITS_MIN or len(set(digits)) == 1:
        return False
    doubled = digits[-2::-2].translate(_DOUBLED)
    return sum(map(int, digits[-1::-2] + doubled)) % 10 == 0


_NO_DIGITS: Final = re.compile("[^0-9]+")
_DOUBLED: Final = str.maketrans("0123456789", "0246813579")
"""The digit sum of twice a digit."""


def _resident_id(text: str) -> bool:
    """A Chinese resident id: a real date of birth and the check digit of ISO/IEC 7064 MOD 11-2.

    The county is looked at only where the digits stand apart, as in an order number that holds a
    date: lists of counties are never complete.
    """
    compact = text.replace(" ", "").replace("-", "").upper()
    try:
        _module("stdnum.cn.ric").get_birth_date(compact)
    except ValueError:
        return False
    if compact != text.upper() and not any(_had_county(compact, year) for year in _COUNTY_YEARS):
        return False
    return bool(_module("stdnum.iso7064.mod_11_2").is_valid(compact))


_COUNTY_YEARS: Final = ("1985", "1995", "2005", "2015")
"""python-stdnum asks for a county of the year of birth, and ids are given later."""


def _had_county(compact: str, year: str) -> bool:
    try:
        _module("stdnum.cn.ric").get_birth_place(f"{compact[:6]}{year}0101{compact[14:]}")
    except (ValueError, KeyError):  # It knows some places without their county.
        return False
    return True


def _random(text: str) -> bool:
    """Whether a find looks generated: many different characters, and a digit among them.

    Names in code and pass phrases in words have no digit, and many different letters.
    """
    total = len(text)
    shares = [count / total for count in Counter(text).values()]
    bits = -sum(share * math.log2(share) for share in shares)
    return bits >= _ENTROPY_BITS_MIN and any(each.isdigit() for each in text)
