r"""Text that stands encoded in a text: URL escapes, HTML entities, \u escapes, hexadecimal, Base64.

    "say 6LSm5Y+3 aloud"  ──base64──▶  "say 账号 aloud"
    "%25E8%25B4%25A6"     ──url──▶  "%E8%B4%A6"  ──url──▶  "账"

Each round decodes all that it can in place, so that what stands half encoded is read whole, and the
next round looks at what came of it. What does not decode to printable text stays as it is: a hash
or an id is no text. Rounds and lengths are bounded: nothing decodes to more than it was.
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits, hexdigits
from typing import Final

from functions.prompt.normalise import Normalised

ROUNDS_MAX: Final = 3
"""Encodings one inside another. A model asked to undo more makes mistakes."""

_URL: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?")
_ESCAPE: Final = re.compile(
    r"(?:\\x[0-9A-Fa-f]{2})+|(?:\\u[0-9A-Fa-f]{4})+|\\u\{[0-9A-Fa-f]{1,6}\}|\\U[0-9A-Fa-f]{8}"
    r"|(?:\\[0-3][0-7]{2})+|(?:[Uu]\+[0-9A-Fa-f]{4,6}[ ,;]?)+"
)
# The first byte of UTF-8 text has a decimal digit in it, but for a few letters of Greek.
_HEX: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:0[xX])?(?:[0-9][0-9A-Fa-f]|[A-Fa-f][0-9])"
    r"(?:[ :,-]{0,2}(?:0[xX])?[0-9A-Fa-f]{2}){3,}(?![0-9A-Za-z])"
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
# From where a run begins, and never back into it, or a long run would be read from every place.
_BASE64_LINES: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{40,}+\r?\n[ \t]*+)+[A-Za-z0-9+/_-]+={0,2}"
)
_URL_SAFE: Final = str.maketrans("-_", "+/")
_LINE_ENDS: Final = str.maketrans("", "", "\r\n\t ")
_ALLOWED: Final = str.maketrans("", "", "\t\n\r")


# Kinds of characters, told apart in C: most text has none of what an encoding needs.
_KINDS: Final = bytes(
    ord("a" if each in ascii_lowercase else "A" if each in ascii_uppercase else "0")
    if each in ascii_letters + digits + "+/"
    else ord(" ")
    for each in map(chr, range(256))
)
_MIXTURES: Final = (b"aA", b"a0", b"0a", b"A0", b"0A", b"AAa")
"""Base64 of text mixes these within a few characters; words do not."""
_HEX_KINDS: Final = bytes(ord("h" if chr(at) in hexdigits else " ") for at in range(256))
_HEX_BETWEEN: Final = b" :,-xX"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text with what stood encoded in it, decoded by the encodings that `how` names."""

    text: Normalised
    how: str


def decode(text: str) -> Iterator[Decoded]:
    """What `text` says when what is encoded in it is read, round by round; often nothing."""
    here = Normalised(text, None)
    how: list[str] = []
    for _ in range(ROUNDS_MAX):
        applied = []
        for name, may_hold, pattern, reader in _CODINGS:
            there = _replaced(here, pattern, reader) if may_hold(here.text) else None
            if there is not None:
                here = there
                applied.append(name)
        if not applied:
            return
        how += applied
        yield Decoded(here, ".".join(how))


def _replaced(
    here: Normalised, pattern: re.Pattern[str], reader: Callable[[str], str | None]
) -> Normalised | None:
    """`here` with every match that decodes replaced by what it says; None where none does."""
    text = here.text
    origins: list[int] | None = None
    pieces: list[str] = []
    done = 0
    for match in pattern.finditer(text):
        decoded = reader(match[0])
        if decoded is None or decoded == match[0]:
            continue
        begin, end = match.span()
        if origins is None:
            origins = []
        source = here.origins or range(len(text) + 1)
        pieces += (text[done:begin], decoded)
        origins += source[done:begin]
        # Every character of it leads back to the whole of what was encoded.
        origins += [source[begin]] * len(decoded)
        done = end
    if origins is None:
        return None
    source = here.origins or range(len(text) + 1)
    pieces.append(text[done:])
    origins += source[done:]
    return Normalised("".join(pieces), tuple(origins))


def _as_text(raw: bytes) -> str | None:
    """The text that bytes are, None where they are none."""
    try:
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    except UnicodeDecodeError:
        return None
    # Nothing unassigned and no control character: a hash that happens to be UTF-8 has one soon.
    return text if text and text.translate(_ALLOWED).isprintable() else None


def _from_url(match: str) -> str | None:
    return _as_text(bytes.fromhex(match.replace("%", "")))


def _from_entity(match: str) -> str | None:
    decoded = html.unescape(match)
    return decoded if decoded != match and "\x00" not in decoded else None


def _from_escape(match: str) -> str | None:
    if match.startswith("\\x"):
        return _as_text(bytes.fromhex(match.replace("\\x", "")))
    if match[1:2].isdigit():
        return _as_text(bytes(int(each, 8) for each in match.split("\\")[1:]))
    points = [int(each, 16) for each in re.findall(r"[0-9A-Fa-f]{4,8}|(?<=\{)[0-9A-Fa-f]+", match)]
    units = b"".join(point.to_bytes(2, "big") for point in points if point < 0x10000)
    if len(units) == 2 * len(points):
        return units.decode("utf-16-be", "replace")
    return "".join(chr(point) for point in points if point < 0x110000)


def _from_hex(match: str) -> str | None:
    digits = re.sub(r"0[xX]|[ :,-]", "", match)
    return _as_text(bytes.fromhex(digits)) if len(digits) % 2 == 0 else None


def _from_base64(match: str) -> str | None:
    if match[1:].islower():  # A word.
        return None
    plain = match.translate(_LINE_ENDS).translate(_URL_SAFE).rstrip("=")
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    try:
        return _as_text(base64.b64decode(plain + "=" * (-len(plain) % 4)))
    except binascii.Error:
        return None


def _may_hold_escape(text: str) -> bool:
    return "\\" in text or "U+" in text or "u+" in text


def _may_hold_hex(text: str) -> bool:
    return b"hhhhhhhh" in text.encode().translate(_HEX_KINDS, _HEX_BETWEEN)


def _may_hold_base64(text: str) -> bool:
    kinds = text.encode().translate(_KINDS)
    return any(mixture in kinds for mixture in _MIXTURES)


_CODINGS: Final = (
    ("url", lambda text: "%" in text, _URL, _from_url),
    ("entity", lambda text: "&" in text, _ENTITY, _from_entity),
    ("escape", _may_hold_escape, _ESCAPE, _from_escape),
    ("hex", _may_hold_hex, _HEX, _from_hex),
    ("base64", _may_hold_base64, _BASE64_LINES, _from_base64),
    ("base64", _may_hold_base64, _BASE64, _from_base64),
)
