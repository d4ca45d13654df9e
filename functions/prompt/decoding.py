r"""Text that stands encoded in a text: URL escapes, HTML entities, \u escapes, numbers, Base64.

    "say 6LSm5Y+3 aloud"  ──base64──▶  "say 账号 aloud"
    "%25E8%25B4%25A6"     ──url──▶  "%E8%B4%A6"  ──url──▶  "账"

Each step decodes all that it can in place, so that what stands half encoded is read whole, and the
next one looks at what came of it. What does not decode to printable text stays as it is: a hash
or an id is no text. Rounds and lengths are bounded: nothing decodes to more than it was.
"""

import html
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from functions.prompt.base64_runs import (
    BASE32,
    BASE64,
    BASE64_LINES,
    base64_groups,
    from_base32,
    from_base64,
)
from functions.prompt.changes import Change, changed
from functions.prompt.charsets import ASCII_OR_CHINESE, as_text
from functions.prompt.normalise import Normalised
from functions.prompt.traits import Trait, traits_of

ROUNDS_MAX: Final = 3
"""Encodings one inside another. A model asked to undo more makes mistakes."""

# Each of these asks for its first character first, since Python then looks for nothing else.
# With a percent sign, and as quoted-printable text has it.
_URL: Final = re.compile(
    r"[%=](?:(?<=%)[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*"
    r"|(?<==)[0-9A-F]{2}(?:=\r?\n)?(?:=[0-9A-F]{2}(?:=\r?\n)?)+)"
)
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,20}|#[xX][0-9A-Fa-f]{1,20}|[A-Za-z][A-Za-z0-9]{1,31});?")
_UNIT: Final = r"u[0-9A-Fa-f]{4}(?:(?:\\{1,4}|%)u[0-9A-Fa-f]{4})*"
_OCTAL: Final = r"[0-3][0-7]{2}(?:\\{1,4}[0-3][0-7]{2})*"
_ESCAPE: Final = re.compile(
    rf"[\\%Uu](?:(?<=\\)(?:\\{{0,3}}(?:x[0-9A-Fa-f]{{2}}(?:\\{{1,4}}x[0-9A-Fa-f]{{2}})*|{_UNIT}"
    r"|u\{[0-9A-Fa-f]{1,6}\})|[0-9A-Fa-f]{2,6}\s(?:\\[0-9A-Fa-f]{2,6}\s){2,}"
    r"|[0-9A-Fa-f]{4,6}\s?(?:\\[0-9A-Fa-f]{4,6}\s?)*"
    rf"|\\{{0,3}}(?:U[0-9A-Fa-f]{{8}}|{_OCTAL}))|(?<=%){_UNIT}"
    r"|(?<=[Uu])\+[0-9A-Fa-f]{4,6}[\s,;]{0,2}(?:[Uu]\+[0-9A-Fa-f]{4,6}[\s,;]{0,2})*)"
)
# The first byte of UTF-8 text has a decimal digit in it, but for a few letters of Greek.
_HEX: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:0[xX])?(?:[0-9][0-9A-Fa-f]|[A-Fa-f][0-9])"
    r"(?:[\s:,.|_-]{0,2}(?:0[xX])?[0-9A-Fa-f]{2}){3,}(?![0-9A-Za-z])"
)
# Character codes or bytes one behind the other, and bytes in binary.
_DECIMAL: Final = re.compile(r"(?<![0-9])[0-9]{2,6}(?:[\s,;|]{1,2}[0-9]{2,6}){3,}(?![0-9])")
_BINARY: Final = re.compile(r"(?<![0-9])[01]{8}(?:[\s,]{0,2}[01]{8}){3,}(?![0-9])")


_Said = dict[str, str | None]
"""What pieces of a text say, None for nothing: most stand in several readings."""
_Coding = tuple[Trait, str, Callable[[str, _Said], Iterator[Change]]]
"""The trait that asks for it, its name, and what a text says by it."""


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
    if traits.isdisjoint(_DECODED):
        return
    seen = {text}
    for decoded in _all(Normalised(text), traits):
        if decoded.text.text not in seen:
            seen.add(decoded.text.text)
            yield decoded


class _Known:
    """What has been found out about one text and its readings, for each coding by its id."""

    def __init__(self) -> None:
        self.said: defaultdict[int, _Said] = defaultdict(dict)
        self.idle: set[tuple[str, int]] = set()
        """Texts in which a coding finds nothing."""


def _all(here: Normalised, traits: frozenset[Trait]) -> Iterator[Decoded]:
    known = _Known()
    if not traits.isdisjoint(_ESCAPED):
        yield from _undone(here, traits, _ESCAPES, known)
    yield from _undone(here, traits, _CODINGS, known)
    # Numbers of two digits may be hexadecimal or decimal: both are read.
    there = changed(here.text, _decimals(here.text, {})) if Trait.DECIMAL in traits else None
    if there is not None:
        yield Decoded(there, "decimal")
        yield from _undone(there, traits_of(there.text), _CODINGS, known, ["decimal"])


def _undone(
    here: Normalised,
    traits: frozenset[Trait],
    codings: Sequence[_Coding],
    known: _Known,
    done: Sequence[str] = (),
) -> Iterator[Decoded]:
    """`here` after each of `codings` that finds something, in rounds until none does."""
    how = list(done)
    for _ in range(len(done), ROUNDS_MAX):
        before = len(how)
        for trait, name, decoded in codings:
            coding = id(decoded)
            if trait not in traits or (here.text, coding) in known.idle:
                continue
            there = changed(here.text, decoded(here.text, known.said[coding]))
            if there is None:
                known.idle.add((here.text, coding))
                continue
            here = here.then(there)
            traits = traits_of(here.text)
            how.append(name)
            yield Decoded(here, ".".join(how))
        if len(how) == before:
            return


def _each(
    pattern: re.Pattern[str], reader: Callable[[str], str | None]
) -> Callable[[str, _Said], Iterator[Change]]:
    """Reads every match of `pattern`; `reader` gives None for one that says nothing."""

    def decoded(text: str, known: _Said) -> Iterator[Change]:
        for match in pattern.finditer(text):
            piece = match[0]
            said = known.get(piece, "")
            if said == "":
                said = reader(piece)
                known[piece] = said = None if said == piece else said
            if said is not None:
                begin, end = match.span()
                yield begin, end, said

    return decoded


def _from_url(match: str) -> str | None:
    return as_text(bytes.fromhex(re.sub("[%=\\s]", "", match)))


def _from_entity(match: str) -> str | None:
    decoded = html.unescape(match)
    return decoded if decoded != match and "\x00" not in decoded else None


def _from_escape(match: str) -> str | None:
    kind = match.lstrip("\\%")[0]
    if kind == "x":
        return as_text(bytes.fromhex(re.sub(r"\\+x", "", match)))
    if re.fullmatch(r"(?:\\+[0-3][0-7]{2})+", match):
        return as_text(bytes(int(each, 8) for each in match.split("\\") if each))
    points = [int(each, 16) for each in re.findall(r"[0-9A-Fa-f]{2,8}", match)]
    units = b"".join(point.to_bytes(2, "big") for point in points if point < 0x10000)
    if len(units) == 2 * len(points):
        return units.decode("utf-16-be", "replace")
    said = "".join(chr(point) for point in points if point < 0x110000)
    return said.encode("utf-8", "replace").decode("utf-8")


def _from_hex(match: str) -> str | None:
    digits = re.sub(r"0[xX]|[\s:,.|_-]", "", match)
    return as_text(bytes.fromhex(digits)) if len(digits) % 2 == 0 else None


def _from_decimal(match: str) -> str | None:
    codes = [int(each) for each in re.findall("[0-9]+", match)]
    if max(codes) < 256:
        return as_text(bytes(codes))
    text = "".join(map(chr, codes)) if max(codes) < 0x110000 else ""
    return text if ASCII_OR_CHINESE.fullmatch(text) else None


def _from_binary(match: str) -> str | None:
    return as_text(bytes(int(each, 2) for each in re.findall("[01]{8}", match)))


_decimals: Final = _each(_DECIMAL, _from_decimal)
_ESCAPES: Final[tuple[_Coding, ...]] = (
    (Trait.URL, "url", _each(_URL, _from_url)),
    (Trait.ENTITY, "entity", _each(_ENTITY, _from_entity)),
    (Trait.ESCAPE, "escape", _each(_ESCAPE, _from_escape)),
)
"""What says of itself that it is encoded."""
_CODINGS: Final[tuple[_Coding, ...]] = (
    *_ESCAPES,
    (Trait.BINARY, "binary", _each(_BINARY, _from_binary)),
    (Trait.HEX, "hex", _each(_HEX, _from_hex)),
    (Trait.BASE32, "base32", _each(BASE32, from_base32)),
    (Trait.BASE64, "base64", base64_groups),
    (Trait.BASE64_LINES, "base64", _each(BASE64_LINES, from_base64)),
    (Trait.BASE64, "base64", _each(BASE64, from_base64)),
)
_ESCAPED: Final = frozenset(trait for trait, _, _ in _ESCAPES)
_DECODED: Final = frozenset(trait for trait, _, _ in _CODINGS) | {Trait.DECIMAL}
