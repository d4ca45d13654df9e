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
_NAME: Final = re.compile(r'(?:^|;)\s*(name|filename)="((?:[^"\\\r\n]|\\.)*)"', re.IGNORECASE)
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
    return found, unreadable


def urlencoded(body: bytes) -> list[Segment]:
    """The names and values of a form, decoded."""
    found = []
    for at, pair in enumerate(body.split(b"&")):
        name, _, value = pair.partition(b"=")
        for view, raw in ((View.KEY, name), (View.PLAIN, value)):
            if raw:
                text = _text(unquote_to_bytes(raw.replace(b"+", b" ")))
                found.append(Segment(text, f"/{at}", view=view))
    return found


def _part(part: bytes, found: list[Segment]) -> bool:
    """Add what a part says; whether it can be read."""
    head, separator, content = part.partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"\r\n"):
        raise MalformedMessage("a part of the body has no head")
    headers = _headers(head[2:])
    names = {key.lower(): value for key, value in _NAME.findall(headers["content-disposition"])}
    pointer = "/" + names.get("name", "").replace("~", "~0").replace("/", "~1")[:200]
    found.extend(Segment(value, pointer, view=View.KEY) for value in names.values() if value)
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
