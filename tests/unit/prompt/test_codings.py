"""Content codings: what comes out is what went in, or an error, and never more than is read."""

import gzip
import zlib

import pytest

from functions.prompt import MalformedMessage, read
from functions.prompt.codings import DECODED_BYTES_MAX, decode_body, encode_body
from functions.prompt.strict_json import TooLarge

CODINGS = ["gzip", "deflate", "br", "zstd"]
BODY = '{"messages": [{"role": "user", "content": "账号"}]}'.encode()


@pytest.mark.parametrize("coding", [*CODINGS, "X-GZIP", "gzip, br", "identity, zstd"])
def test_a_coded_body_is_read(coding: str) -> None:
    message = read(encode_body(BODY, coding), "application/json", coding, "/")
    assert [segment.text for segment in message.segments] == ["账号"]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_stops_at_the_limit(coding: str) -> None:
    bomb = encode_body(bytes(DECODED_BYTES_MAX + 1), coding)
    assert len(bomb) < 100_000
    with pytest.raises(TooLarge):
        decode_body(bomb, coding)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("damage", ["cut", "followed", "twice", "not at all"])
def test_what_is_not_one_whole_coded_body_is_malformed(coding: str, damage: str) -> None:
    coded = encode_body(BODY, coding)
    damaged = {
        "cut": coded[:-3],
        "followed": coded + b"x",
        "twice": coded + coded,
        "not at all": BODY,
    }[damage]
    with pytest.raises(MalformedMessage):
        decode_body(damaged, coding)


def test_gzip_of_another_tool_is_read() -> None:
    assert decode_body(gzip.compress(BODY), "gzip") == BODY
    assert decode_body(zlib.compress(BODY, 1), "deflate") == BODY
