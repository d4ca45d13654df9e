"""Bodies of HTML forms: multipart/form-data and application/x-www-form-urlencoded.

    --boundary                      text, and documents of text or JSON  ──▶ segments
    content-disposition: …name=…    images, sound, other files           ──▶ unreadable
    …
    --boundary--

Strict, as JSON is read: what two parsers could cut in two ways is refused.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from functions.prompt.segments import Segment, View, segments
from functions.prompt.strict_json import MalformedMessage, parse

_PARTS_MAX: Final = 1000
_BOUNDARY: Final = re.compile(
    r"""(?i:(?:^|;)\s*boundary)=(?:"([^"\\]{1,70})"|([\w'()+,./:=?-]{1,70}))\s*(?:;|$)""", re.ASCII
)
# What a part calls itself: quoted, as a token, or as RFC 8187 writes other letters than ASCII.
_NAME: Final = re.compile(
    r"[ \t]*;[ \t]*(name|filename)"
    r"""(?:="((?:[^"\\\r\n]|\\.)*)"|=([^\s;"]+)|\*=utf-8'[a-z-]*'([^\s;"]+))""",
    re.IGNORECASE,
)
_KNOWN_HEADERS: Final = frozenset(
    {"content-disposition", "content-length", "content-transfer-encoding", "content-type"}
)
_CHARSET: Final = re.compile(
    r";\s*charset=\"?(?!utf-?8\"?\s*(?:;|$)|us-ascii\"?\s*(?:;|$))", re.IGNORECASE
)
_HEADER: Final = re.compile(r"([A-Za-z-]{1,64}):[ \t]*([^\r\n]*)")
_PLAIN_TRANSFER: Final = ("", "7bit", "8bit", "binary")


def multipart(body: bytes, content_type: str) -> tuple[list[Segment], bool]:
    """The text of a multipart body, and whether there are parts that cannot be read.

    Raises `MalformedMessage` where it is not cut cleanly by its boundary.
    """
    given = _BOUNDARY.findall(content_type.partition(";")[2])
    if len(given) != 1:
        raise MalformedMessage("the body's content type must name one boundary")
    boundary = b"--" + "".join(given[0]).encode("latin-1")
    opening, *parts = (b"\r\n" + body).split(b"\r\n" + boundary)
    closing = parts.pop() if parts else b""
    if opening or closing not in (b"--", b"--\r\n") or not parts:
        raise MalformedMessage("the body is not cut cleanly by its boundary")
    if len(parts) > _PARTS_MAX:
        raise MalformedMessage(f"the body has more than {_PARTS_MAX} parts")
    found: list[Segment] = []
    unreadable = False
    for part in parts:
        unreadable |= not _part(part, found)
    return [*found, *_joined(found)], unreadable


def urlencoded(body: bytes) -> list[Segment]:
    """The names and values of a form, decoded."""
    found = []
    for at, pair in enumerate(body.split(b"&")):
        name, _, value = pair.partition(b"=")
        for view, raw in ((View.KEY, name), (View.PLAIN, value)):
            if raw:
                text = _text(unquote_to_bytes(raw.replace(b"+", b" ")))
                found.append(Segment(text, f"/{at}", view=view))
    return [*found, *_joined(found)]


def _joined(found: list[Segment]) -> list[Segment]:
    """The values of a form one behind the other: a word may begin in one of them."""
    values = [each.text for each in found if each.view is View.PLAIN and each.text]
    return [Segment("".join(values), "", view=View.JOINED)] if len(values) > 1 else []


def _part(part: bytes, found: list[Segment]) -> bool:
    """Add what a part says; whether it can be read."""
    head, separator, content = part.partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"\r\n"):
        raise MalformedMessage("a part of the body has no head")
    headers = _headers(head[2:])
    names = _names(headers["content-disposition"])
    pointer = "/" + names.get("name", "").replace("~", "~0").replace("/", "~1")[:200]
    said = [*names.values(), *(headers[each] for each in headers.keys() - _KNOWN_HEADERS)]
    found.extend(Segment(value, pointer, view=View.KEY) for value in said if value)
    if _CHARSET.search(headers.get("content-type", "")):
        raise MalformedMessage("a part of the body is declared in another charset than UTF-8")
    if headers.get("content-transfer-encoding", "").lower() not in _PLAIN_TRANSFER:
        raise MalformedMessage("a part of the body has a transfer encoding")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        found.extend(segments(parse(content)))
        return True
    if media_type.startswith("text/") or (not media_type and "filename" not in names):
        found.append(Segment(_text(content), pointer))
        return True
    return False


def _names(disposition: str) -> dict[str, str]:
    """What a part calls itself and its file; nothing else may stand there, and nothing twice."""
    names: dict[str, str] = {}
    at = len("form-data")
    while at < len(disposition):
        match = _NAME.match(disposition, at)
        if match is None or match[1].lower() in names:
            raise MalformedMessage("a part of the body has a name that cannot be read")
        encoded = unquote_to_bytes(match[4]) if match[4] else b""
        names[match[1].lower()] = _text(encoded) or match[2] or match[3] or ""
        at = match.end()
    return names


def _headers(head: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in _text(head).split("\r\n"):
        match = _HEADER.fullmatch(line)
        if match is None or match[1].lower() in headers:
            raise MalformedMessage("a part of the body has a header that cannot be read")
        headers[match[1].lower()] = match[2].strip()
    if not headers.get("content-disposition", "").lower().startswith("form-data"):
        raise MalformedMessage("a part of the body is no form-data")
    return headers


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedMessage("the body holds text that is not UTF-8") from None
