"""WebSocket frames: messages come out whole however they are cut, and nonsense does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.emulator.http.websocket import (
    BROKEN,
    MESSAGE_BYTES_MAX,
    TOO_LARGE,
    Frames,
    Kind,
    Message,
    ProtocolError,
    accept_key,
    frame,
)

MASK = b"\x01\x02\x03\x04"


def masked(first: int, data: bytes, mask: bytes = MASK) -> bytes:
    """A frame as a client sends it."""
    size = len(data)
    if size < 126:
        short = bytes([0x80 | size])
    else:
        short = b"\xfe" + size.to_bytes(2) if size < 65536 else b"\xff" + size.to_bytes(8)
    return bytes([first]) + short + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))


def test_the_key_is_answered_as_the_standard_s_example_has_it() -> None:
    assert accept_key(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@given(
    st.lists(st.binary(max_size=300), max_size=4),
    st.integers(1, 50),
    st.binary(min_size=4, max_size=4),
)
def test_messages_are_the_same_however_they_are_cut(
    sent: list[bytes], step: int, mask: bytes
) -> None:
    raw = b"".join(masked(0x82, each, mask) for each in sent)
    frames = Frames()

    pieces = [raw[start : start + step] for start in range(0, len(raw), step)]
    got = [message for piece in pieces for message in frames.feed(piece)]

    assert got == [Message(Kind.BINARY, each) for each in sent]


def test_a_message_in_parts_is_one_and_a_ping_may_come_between() -> None:
    parts = [masked(0x01, b"a"), masked(0x89, b"?"), masked(0x00, b"b"), masked(0x80, b"c")]

    got = list(Frames().feed(b"".join(parts)))

    assert got == [Message(Kind.PING, b"?"), Message(Kind.TEXT, b"abc")]


def test_long_messages_have_long_lengths() -> None:
    for size in (125, 126, 65535, 65536, MESSAGE_BYTES_MAX):
        data = b"x" * size
        assert list(Frames().feed(masked(0x82, data))) == [Message(Kind.BINARY, data)]
        assert frame(Kind.BINARY, data).endswith(data)
        assert len(frame(Kind.BINARY, data)) - size == (2 if size < 126 else 4 + 6 * (size > 65535))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x82\x01x", BROKEN),
        (masked(0xC2, b""), BROKEN),
        (masked(0x83, b""), BROKEN),
        (masked(0x80, b"more of nothing"), BROKEN),
        (masked(0x01, b"a") + masked(0x81, b"b"), BROKEN),
        (masked(0x09, b"a ping in parts"), BROKEN),
        (masked(0x89, b"x" * 126), BROKEN),
        (b"\x82\xff" + (2**63).to_bytes(8), TOO_LARGE),
        (masked(0x02, b"x" * MESSAGE_BYTES_MAX) + masked(0x80, b"x"), TOO_LARGE),
    ],
    ids=[
        *("not masked", "reserved bit", "reserved kind", "no beginning", "two beginnings"),
        *("control in parts", "long control", "too long", "too long in parts"),
    ],
)
def test_nonsense_ends_it_with_a_code(raw: bytes, code: int) -> None:
    with pytest.raises(ProtocolError) as broken:
        list(Frames().feed(raw))

    assert broken.value.code == code
