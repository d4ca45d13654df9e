"""HTTP/1.1 between callers and functions: every way to frame a message, byte by byte."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.emulator.doors import Door, Emulator
from tests.support.waiting import wait_until
from tests.support.wire import chunked, request

Raw = Callable[[str], str]


@pytest.fixture
def raw(emulator: Emulator, name: str) -> Raw:
    """Make a function that answers with these bytes; its host."""
    return lambda answer: emulator.create_raw(name, answer)


@pytest.fixture
def created(emulator: Emulator, name: str) -> Callable[..., str]:
    """Make the odd function; its host."""
    return lambda **settings: emulator.create(name, **settings)


def talk(emulator: Emulator, parts: bytes | list[bytes], end: bytes, seconds: float = 10) -> bytes:
    """What comes back until it ends with `end`, or until the connection is closed."""
    answer = b""
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=seconds) as connection:
        for part in [parts] if isinstance(parts, bytes) else parts:
            connection.sendall(part)
        while not (end and answer.endswith(end)):
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
    return answer


def seen(emulator: Emulator, host: str) -> bytes:
    return emulator.call(host, "/seen", method="GET").body


def test_trailers_pass_both_ways(door: Door, name: str) -> None:
    answer = r"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n"
    host = door.create_raw(name, answer + r"|2\r\nok\r\n|0\r\nx-sum: 7\r\n\r\n")
    head, *pieces = chunked(host, "/", [b"abc"], [("Trailer", "x-check"), ("Connection", "close")])
    sent = [head, *pieces[:-1], b"0\r\nx-check: 9\r\n\r\n"]

    got = door.broken(b"".join(sent))

    assert got.endswith(b"\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n")
    assert b"trailer: x-sum" in got
    assert door.call(host, "/seen", method="GET").body.endswith(
        b"3\r\nabc\r\n0\r\nx-check: 9\r\n\r\n"
    )


def test_the_platform_s_names_do_not_pass_in_trailers_either(door: Door, name: str) -> None:
    answer = r"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n|2\r\nok\r\n|0\r\n"
    host = door.create_raw(name, answer + r"x-fc-error-type: forged\r\nx-sum: 7\r\n\r\n")
    head, *pieces = chunked(host, "/", [b"abc"], [("Connection", "close")])
    sent = [head, *pieces[:-1], b"0\r\nx-fc-account-id: forged\r\nx-check: 9\r\n\r\n"]

    got = door.broken(b"".join(sent))

    assert got.endswith(b"0\r\nx-sum: 7\r\n\r\n")
    assert door.call(host, "/seen", method="GET").body.endswith(b"0\r\nx-check: 9\r\n\r\n")


def test_an_answer_that_ends_with_its_connection_is_whole(door: Door, name: str) -> None:
    host = door.create_raw(name, r"HTTP/1.1 200 OK\r\n\r\nuntil |the end!")

    assert door.call(host).body == b"until the end"


def test_a_caller_of_http_1_0_gets_no_chunks(emulator: Emulator, raw: Raw) -> None:
    host = raw(r"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")

    got = talk(emulator, f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode(), b"")

    assert got.endswith(b"\r\n\r\nok")
    assert b"transfer-encoding" not in got


def test_answers_to_head_have_a_length_and_no_body(emulator: Emulator, raw: Raw) -> None:
    host = raw(r"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    both = request(host, method="HEAD") + last(request(host, method="HEAD"))

    got = talk(emulator, both, b"")

    assert got.count(b"content-length: 5\r\n") == 2
    assert got.endswith(b"\r\n\r\n")


def test_a_word_in_between_is_not_the_answer(door: Door, name: str) -> None:
    answer = r"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n|HTTP/1.1 204 No Content\r\n\r\n"
    answered = door.call(door.create_raw(name, answer))

    assert (answered.status, answered.value("link"), answered.body) == (204, None, b"")


def test_requests_sent_ahead_are_answered_in_their_order(emulator: Emulator, raw: Raw) -> None:
    host = raw(r"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    ahead = [request(host, "/", body=b"1"), request(host, "/seen"), last(request(host, "/seen"))]

    got = talk(emulator, b"".join(ahead), b"")

    first, second, third = got.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert first.endswith(b"ok")
    assert second.endswith(b"\r\n\r\n1")
    assert third.endswith(b"\r\n\r\n1")


def test_a_caller_that_asks_first_is_told_to_go_on(emulator: Emulator, raw: Raw) -> None:
    host = raw(r"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    whole = request(host, "/", headers=[("Expect", "100-continue")], body=b"body")
    head, body = whole[:-4], whole[-4:]
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=10) as connection:
        connection.sendall(head)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(1000).endswith(b"ok")

    assert b"expect" not in seen(emulator, host)


@pytest.mark.parametrize(
    "broken",
    [
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"GET / HTTP/1.1\r\nx: " + b"x" * 70_000,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
    ],
    ids=[
        "no request",
        "two framings",
        "two lengths",
        "a head without an end",
        "no chunk",
        "no end",
    ],
)
def test_what_is_not_http_is_answered_once_and_closed(emulator: Emulator, broken: bytes) -> None:
    got = talk(emulator, broken, b"")

    assert got.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b'"Code":"InvalidArgument"' in got


def test_what_is_not_http_behind_a_request_is_answered_behind_it(
    emulator: Emulator, raw: Raw
) -> None:
    host = raw(r"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    got = talk(emulator, request(host, body=b"1") + b"nonsense\r\n\r\n", b"")

    first, second = got.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 OK\r\n")
    assert first.endswith(b"\r\n\r\nok")
    assert second.startswith(b"400 Bad Request\r\n")


def test_a_body_that_is_not_http_is_answered_by_the_platform(emulator: Emulator, raw: Raw) -> None:
    host = raw(r"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    head, *_ = chunked(host, "/", [])

    got = talk(emulator, head + b"1\r\nx\r\nzz\r\n", b"")

    assert got.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"not valid HTTP/1.1" in got


def test_a_web_socket_is_refused_by_its_name(door: Door, name: str) -> None:
    host = door.create_raw(name, r"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    upgrade = [("Connection", "upgrade"), ("Upgrade", "websocket")]

    answer = door.call(host, method="GET", headers=upgrade)

    assert answer.status == 501
    assert b"WebSocket" in answer.body


def test_a_slow_caller_slows_the_function_and_not_the_emulator(
    emulator: Emulator, name: str, created: Callable[..., str]
) -> None:
    host, size = created(), 24 * 1024 * 1024
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=30) as connection:
        connection.sendall(request(host, "/much", body=str(size).encode()))
        wait_until(lambda: any(row["inFlight"] for row in emulator.instances(name)), "the call")
        before = resident_bytes(emulator.child.pid)
        for _ in range(20):
            assert emulator.call(host).status == 200
        assert resident_bytes(emulator.child.pid) - before < size / 4
        got = 0
        while got < size:
            got += len(connection.recv(1 << 20))


def test_pieces_pass_both_ways_as_they_come(
    emulator: Emulator, created: Callable[..., str]
) -> None:
    head, *pieces = chunked(created(), "/stream", [b"one", b"two"])
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=10) as connection:
        connection.sendall(head + pieces[0])
        answer = b""
        while not answer.endswith(b"3\r\none\r\n"):  # while the second one has not been sent
            answer += connection.recv(65536)
        connection.sendall(b"".join(pieces[1:]))
        while not answer.endswith(b"0\r\n\r\n"):
            answer += connection.recv(65536)

    assert answer.endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/statm")
    if not status.exists():
        pytest.skip("only Linux tells the memory of a process in /proc")
    return int(status.read_text().split()[1]) * 4096


def last(message: bytes) -> bytes:
    return message.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
