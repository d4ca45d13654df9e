"""What the judge is shown of a message: everything that says something, once, in windows.

    segments ──pieces_of──▶ Piece… ──new_in_context──▶ Piece… ──windows──▶ one question each

    cleared before   [ a ][ b ][ c ]
    new                             [ d ][ e ]
    shown                      [ …c ][ d ][ e ]      the end of what stands before, as context
    in windows                 [ …c ][ d ][
                                       …d ][ e ]     overlapping, so that no border cuts a find

A piece's context is the same number of characters in both pictures, so what a judge has cleared
was cleared behind the very text that stands before it now.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from functions.prompt import Segment, View, normalise
from functions.verdict.models import POINTER_CHARS_MAX

_PIECE_CHARS: Final = 32
"""What the judge reads around each piece: its line's braces, names and role."""
_CONTEXT_PIECES_MAX: Final = 64
"""Of a context: a conversation of single characters is none, and must not cost more than one."""
_ROLES: Final = frozenset({"assistant", "developer", "function", "system", "tool", "user"})
# A key that is a plain name and holds no long number says what a field is, not what is in it.
_PLAIN_NAME: Final = re.compile(r"(?!.*[0-9]{5})[A-Za-z0-9_.-]{1,40}")
# What an event calls itself and counts itself as, in every stream.
_PLAIN_EVENT: Final = re.compile(
    r"(?:(?:event|id|retry): ?(?![^\n]*[0-9]{5})[A-Za-z0-9_.-]{0,40}\n?|:[^\n]{0,1}\n?)+"
)


class Piece(NamedTuple):
    """A piece of text, normalised, and who says it. `seen`: shown as context only."""

    role: str
    text: str
    seen: bool = False


def pieces_of(segments: Sequence[Segment]) -> list[Piece]:
    """All that the judge is to see of a message.

    Joined parts stand for the parts; JSON inside a string is taken apart where it has escapes.
    """
    joined: set[str] = set()
    escaped: set[str] = set()
    for each in segments:
        if each.view is View.JOINED:
            joined.add(each.pointer)
        elif each.view is View.PLAIN and "\\u" in each.text:
            escaped.add(each.pointer)
    pieces: list[Piece] = []
    for each in segments:
        if _adds(each, joined, escaped):
            text = normalise(each.text).text
            if text.strip():
                pieces.append(Piece(_role(each), text))
    return pieces


def keys(
    pieces: Sequence[Piece], chars: int, digest: Callable[..., bytes], *whose: str
) -> list[bytes]:
    """For each piece the digest of itself, `whose` it is, and the `chars` characters before it.

    A piece's text is digested once, however many stand behind it, or a message of very many small
    ones would keep the process busy for a minute.
    """
    single = [digest(piece.role, piece.text) for piece in pieces]
    if len(single) == 1:  # As below, without looking at what stands before it.
        return [digest(*whose, b"", single[0])]
    size = len(single[0]) if single else 0
    joined = b"".join(single)
    found = []
    for index in range(len(pieces)):
        first, skipped = _start(pieces, index, chars) if index else (0, 0)
        before = digest(pieces[first].role, pieces[first].text[skipped:]) if skipped else b""
        whole = first + bool(skipped)
        found.append(digest(*whose, before, joined[whole * size : (index + 1) * size]))
    return found


def new_in_context(pieces: Sequence[Piece], cleared: Sequence[bool], chars: int) -> list[Piece]:
    """The pieces that are not cleared, each run of them behind its context, marked as seen."""
    shown: list[Piece] = []
    for index, piece in enumerate(pieces):
        if cleared[index]:
            continue
        if index and cleared[index - 1]:
            before = _end(pieces, index, chars)
            shown += [each._replace(seen=True) for each in before]
        shown.append(piece)
    return shown


def windows(pieces: Sequence[Piece], chars_max: int, overlap: int) -> list[list[Piece]]:
    """`pieces` in windows of at most `chars_max` characters.

    Each window but the first begins with the last `overlap` characters of the one before it. What
    stands around each piece costs the judge tokens as well, so pieces are bounded, too.
    """
    if len(pieces) == 1 and len(pieces[0].text) <= chars_max:
        return [[*pieces]]
    pieces_max = max(chars_max // _PIECE_CHARS, 2 * _CONTEXT_PIECES_MAX)
    found: list[list[Piece]] = []
    window: list[Piece] = []
    room = chars_max
    for piece in pieces:
        rest = piece
        while len(rest.text) > room:
            window.append(rest._replace(text=rest.text[:room]))
            found.append([each for each in window if each.text])
            rest = rest._replace(text=rest.text[room:])
            window = _end(window, len(window), overlap)
            room = chars_max - sum(len(each.text) for each in window)
        if len(window) >= pieces_max:
            found.append(window)
            window = _end(window, len(window), overlap)
            room = chars_max - sum(len(each.text) for each in window)
        window.append(rest)
        room -= len(rest.text)
    if window:
        found.append([each for each in window if each.text])
    return found


def _end(pieces: Sequence[Piece], stop: int, chars: int) -> list[Piece]:
    """The last `chars` characters of `pieces[:stop]`, in `_CONTEXT_PIECES_MAX` pieces at most."""
    first, skipped = _start(pieces, stop, chars)
    end = list(pieces[first:stop])
    if skipped:
        end[0] = end[0]._replace(text=end[0].text[skipped:])
    return end


def _start(pieces: Sequence[Piece], stop: int, chars: int) -> tuple[int, int]:
    """Where the last `chars` characters of `pieces[:stop]` begin: a piece, a character of it."""
    first = stop
    while chars > 0 and first > max(stop - _CONTEXT_PIECES_MAX, 0):
        first -= 1
        chars -= len(pieces[first].text)
    return first, max(-chars, 0)


def _adds(segment: Segment, joined: set[str], escaped: set[str]) -> bool:
    """Whether the segment says anything that another one does not.

    `joined` and `escaped` are the pointers of lists that are shown joined, and of strings in which
    escapes may hide something.
    """
    if segment.text.isspace() or not segment.text:
        return False
    match segment.view:
        case View.PLAIN:
            return not joined or _not_joined(segment.pointer, joined)
        case View.KEY:
            return _PLAIN_NAME.fullmatch(segment.text) is None
        case View.EVENT:
            return _PLAIN_EVENT.fullmatch(segment.text) is None
        case View.INNER:
            return segment.pointer in escaped
        case other:
            return other not in (View.LABEL, View.SEAMS)


def _not_joined(pointer: str, joined: set[str]) -> bool:
    """Whether the text there is no part of a list that is shown joined."""
    part = pointer.removesuffix("/text")
    # A cut pointer may look like that of a part, and be another text's.
    cut = len(pointer) >= POINTER_CHARS_MAX
    return cut or part.rpartition("/")[0] not in joined


def _role(segment: Segment) -> str:
    """The role, of a closed set: it stands outside the text, where any other word could lie."""
    return segment.role if segment.role in _ROLES else "text"
