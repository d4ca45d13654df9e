"""Encodings one beside and inside another: each one that is undone is a reading of its own."""

import base64

import pytest

from functions.prompt.decoding import ROUNDS_MAX, decode
from functions.prompt.readings import readings

TOKEN = "eyJhbGciOiAiSFMyNTYifQ.eyJzdWIiOiAiMTIzNDU2Nzg5In0.c2lnbmF0dXJl"
"""Made of pieces that are Base64 of text themselves."""


def texts(text: str) -> list[str]:
    return [reading.text.text for reading in readings(text)]


@pytest.mark.parametrize(
    "hidden",
    [
        "%65" + TOKEN[1:],
        "&#101;" + TOKEN[1:],
        "\\x65" + TOKEN[1:],
        "\\u0065" + TOKEN[1:],
        TOKEN.encode().hex(),
        "%2565" + TOKEN[1:],
    ],
    ids=["url", "entity", "escape", "unicode escape", "hex", "url twice"],
)
def test_what_one_encoding_hides_is_not_lost_to_the_next(hidden: str) -> None:
    assert TOKEN in texts(hidden)


def test_what_is_encoded_twice_is_read_at_each_step() -> None:
    inner = base64.b64encode("我的账号".encode()).decode()
    found = {each.how: each.text.text for each in decode(f"%20{inner}")}
    assert found == {"url": f" {inner}", "url.base64": " 我的账号"}


def test_the_number_of_readings_is_bounded() -> None:
    mixed = "%41 &#65; \\x41 " + "账号".encode().hex() + " " + base64.b64encode(b"a b c d").decode()
    for _ in range(5):
        mixed = mixed.replace("%", "%25").replace("&", "&amp;")
    assert len(list(decode(mixed))) <= 9 * ROUNDS_MAX
