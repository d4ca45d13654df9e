r"""Text that stands encoded in a text: URL escapes, HTML entities, \u escapes, hexadecimal, Base64.

    "say 6LSm5Y+3 aloud"  ──base64──▶  "say 账号 aloud"
    "%25E8%25B4%25A6"     ──url──▶  "%E8%B4%A6"  ──url──▶  "账"

Each step decodes all that it can in place, so that what stands half encoded is read whole, and the
next one looks at what came of it. What does not decode to printable text stays as it is: a hash
or an id is no text. Rounds and lengths are bounded: nothing decodes to more than it was.
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import re2

from functions.prompt.normalise import Normalised
from functions.prompt.traits import BASE64_MIXTURE, Trait, traits_of

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
# Of all words only those that may be Base64, and RE2 to find them: it passes the others by fast.
_BASE64: Final = re2.compile(f"[A-Za-z0-9+/_-]*(?:{BASE64_MIXTURE})[A-Za-z0-9+/_-]*={{0,2}}")
_BASE64_CHARS_MIN: Final = 6
# From where a run begins, and never back into it, or a long run would be read from every place.
_BASE64_LINES: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{40,}+\r?\n[ \t]*+)+[A-Za-z0-9+/_-]+={0,2}"
)
_URL_SAFE: Final = str.maketrans("-_", "+/")
_LINE_ENDS: Final = str.maketrans("", "", "\r\n\t ")
_ALLOWED: Final = str.maketrans("", "", "\t\n\r")


_Coding = tuple[Trait, str, Any, Callable[[str], str | None]]
"""The trait that asks for it, its name, its pattern (of `re` or RE2), and what a match says."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text with what stood encoded in it, decoded by the encodings that `how` names."""

    text: Normalised
    how: str


def decode(text: str, traits: frozenset[Trait] | None = None) -> Iterator[Decoded]:
    """What `text` says when what is encoded in it is read, step by step; often nothing.

    Each text comes once. Read without the guesses first: what an escape hides may look like Base64,
    and would be lost to it before it has come to light. `traits` are those of `text`, where they
    are known.
    """
    if traits is None:
        traits = traits_of(text)
    seen = {text}
    for codings in (_ESCAPES, _CODINGS):
        for decoded in _undone(text, traits, codings):
            if decoded.text.text not in seen:
                seen.add(decoded.text.text)
                yield decoded


def _undone(text: str, traits: frozenset[Trait], codings: Sequence[_Coding]) -> Iterator[Decoded]:
    """`text` after each of `codings` that finds something, in rounds until none does."""
    here = Normalised(text, None)
    how: list[str] = []
    for _ in range(ROUNDS_MAX):
        before = len(how)
        for trait, name, pattern, reader in codings:
            there = _replaced(here, pattern, reader) if trait in traits else None
            if there is not None:
                here = there
                traits = traits_of(here.text)
                how.append(name)
                yield Decoded(here, ".".join(how))
        if len(how) == before:
            return


def _replaced(
    here: Normalised, pattern: "re.Pattern[str] | re2._Regexp", reader: Callable[[str], str | None]
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
    said = "".join(chr(point) for point in points if point < 0x110000)
    return said.encode("utf-8", "replace").decode("utf-8")


def _from_hex(match: str) -> str | None:
    digits = re.sub(r"0[xX]|[ :,-]", "", match)
    return _as_text(bytes.fromhex(digits)) if len(digits) % 2 == 0 else None


def _from_base64(match: str) -> str | None:
    if len(match) < _BASE64_CHARS_MIN:
        return None
    plain = match.translate(_LINE_ENDS).translate(_URL_SAFE).rstrip("=")
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    try:
        return _as_text(base64.b64decode(plain + "=" * (-len(plain) % 4)))
    except binascii.Error:
        return None


_ESCAPES: Final[tuple[_Coding, ...]] = (
    (Trait.URL, "url", _URL, _from_url),
    (Trait.ENTITY, "entity", _ENTITY, _from_entity),
    (Trait.ESCAPE, "escape", _ESCAPE, _from_escape),
)
"""What says of itself that it is encoded."""
_CODINGS: Final[tuple[_Coding, ...]] = (
    *_ESCAPES,
    (Trait.HEX, "hex", _HEX, _from_hex),
    (Trait.BASE64_LINES, "base64", _BASE64_LINES, _from_base64),
    (Trait.BASE64, "base64", _BASE64, _from_base64),
)
