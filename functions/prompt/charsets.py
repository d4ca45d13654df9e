"""Bytes → the text that they are, if they are any: UTF-8, UTF-16, GB 2312 or Big5.

A hash, a key or a picture is no text, and must not be read as some.
"""

import re
from typing import Final

_ASCII: Final = rb"\t\n\r\x20-\x7e"
# How bytes look that may be ASCII or Chinese in a charset: nearly all others are told apart here.
_CHARSETS: Final = tuple(
    (charset, re.compile(rb"(?s:" + pattern + rb")++"))
    for charset, pattern in (
        ("utf-16-le", rb"[" + _ASCII + rb"]\0|[\0-\x3f]\x30|.[\x4e-\x9f]|[\x01-\x5e]\xff"),
        ("utf-16-be", rb"\0[" + _ASCII + rb"]|\x30[\0-\x3f]|[\x4e-\x9f].|\xff[\x01-\x5e]"),
        ("gb2312", rb"[" + _ASCII + rb"]|[\xa1-\xf7][\xa1-\xfe]"),
        ("big5", rb"[" + _ASCII + rb"]|[\xa1-\xf9][\x40-\x7e\xa1-\xfe]"),
    )
)
ASCII_OR_CHINESE: Final = re.compile("[\t\n\r\x20-\x7e\u3000-\u303f\u4e00-\u9fff\uff01-\uff5e]{2,}")
_ALLOWED: Final = str.maketrans("", "", "\t\n\r")
OTHER_BYTES_MIN: Final = 12
"""Fewer bytes are text in one of these charsets too often by chance."""


def as_text(raw: bytes) -> str | None:
    """The text that bytes are, None where they are none."""
    try:
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    except UnicodeDecodeError:
        return _of_another_charset(raw)
    # Nothing unassigned and no control character: a hash that happens to be UTF-8 has one soon.
    if text and text.translate(_ALLOWED).isprintable():
        return text
    return _of_another_charset(raw)


def _of_another_charset(raw: bytes) -> str | None:
    """The text that bytes are in UTF-16 or a Chinese charset, if it is all ASCII or Chinese.

    Some other bytes would be text in one of these as well; nearly none of them would be such text.
    """
    if len(raw) < OTHER_BYTES_MIN:
        return None
    for charset, pattern in _CHARSETS:
        if pattern.fullmatch(raw) is None:
            continue
        try:
            text = raw.decode(charset)
        except UnicodeDecodeError:
            continue
        if ASCII_OR_CHINESE.fullmatch(text):
            return text
    return None
