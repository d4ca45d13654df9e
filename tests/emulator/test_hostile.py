"""What somebody sends on purpose: refused in words, and the emulator goes on as before."""

import contextlib
import json
import socket
from typing import Any

import pytest

from tests.emulator.doors import Door, Emulator, function
from tests.support.wire import Message, call, request

FUNCTIONS = "/2023-03-30/functions"
HOST = "127.0.0.1"


def refused(answer: Message) -> str:
    """An error's status, code and message; the emulator must still answer others."""
    document = json.loads(answer.body)
    return f"{answer.status} {document['Code']}: {document['Message']}"


def create(door: Door, name: str, **settings: Any) -> Message:
    body = json.dumps(function(name, **settings)).encode()
    return door.call(HOST, FUNCTIONS, body=body)


@pytest.mark.parametrize(
    "value",
    [
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'{"\\udc00": 1}',
    ],
)
def test_what_json_cannot_tell_again_is_refused(door: Door, name: str, value: bytes) -> None:
    document = json.dumps(function(name, logConfig="here")).encode()

    answer = door.call(HOST, FUNCTIONS, body=document.replace(b'"here"', value))

    assert refused(answer) == "400 InvalidArgument: body: must be a JSON object"


def test_a_character_in_two_halves_is_a_character(door: Door, name: str) -> None:
    assert create(door, name, description="\N{PILE OF POO}").status == 201

    told = json.loads(door.call(HOST, f"{FUNCTIONS}/{name}", method="GET").body)
    assert told["description"] == "\N{PILE OF POO}"


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("PATCH", FUNCTIONS, "405 MethodNotAllowed"),
        ("DELETE", "/2016-08-15/services", "405 MethodNotAllowed"),
        ("GET", "/nowhere", "400 PathNotSupported: 'GET' against '/nowhere' is not supported"),
    ],
)
def test_even_what_leads_nowhere_is_refused_in_json(
    door: Door, method: str, path: str, told: str
) -> None:
    assert refused(door.call(HOST, path, method=method)).startswith(told)


def test_two_hosts_are_one_too_many(door: Door) -> None:
    answer = door.call(HOST, FUNCTIONS, method="GET", headers=[("Host", "localhost")])

    assert refused(answer).startswith("400 InvalidArgument: Host")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "fcv3.cn-hangzhou.aliyuncs.com", "x.cn-hangzhou.fcapp.run", "a.localhost"]
)
def test_a_domain_cannot_take_the_emulator_s_own_hosts(door: Door, host: str) -> None:
    body = json.dumps({"domainName": host, "protocol": "HTTP"}).encode()

    answer = door.call(HOST, "/2023-03-30/custom-domains", body=body)

    assert refused(answer).startswith("400 InvalidArgument: domainName")
    assert door.call(HOST, FUNCTIONS, method="GET").status == 200


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"customRuntimeConfig": {"command": ["a\0b"]}}, "customRuntimeConfig.command"),
        ({"customRuntimeConfig": {"command": [""]}}, "customRuntimeConfig.command"),
        ({"handler": "a.b\r\nx-fc-region: forged"}, "handler"),
        ({"handler": "h" * 129}, "handler"),
        (
            {"customRuntimeConfig": {"healthCheckConfig": {"httpGetUrl": "/ HTTP/1.1\r\nx: y"}}},
            "httpGetUrl",
        ),
        ({"environmentVariables": {"A": "\0"}}, "environmentVariables"),
    ],
)
def test_what_no_process_can_be_given_is_refused(
    door: Door, name: str, settings: dict[str, Any], field: str
) -> None:
    told = refused(create(door, name, **settings))

    assert told.startswith("400 InvalidArgument")
    assert field in told


@pytest.mark.parametrize("seconds", [b"-1", b"315360001", b"1e308", b'"1"', b"null"])
def test_the_clock_goes_forward_and_no_further_than_ten_years(door: Door, seconds: bytes) -> None:
    answer = door.call(HOST, "/_meshward/clock", body=b'{"advanceSeconds": %b}' % seconds)

    assert refused(answer).startswith("400 InvalidArgument: advanceSeconds")


def test_a_package_beyond_100_mb_is_refused_by_its_size(emulator: Emulator, name: str) -> None:
    answer = create(emulator, name, code={"zipFile": "AAAA" * (100 * 1024 * 1024 // 3 + 1)})

    told = "400 InvalidArgument: code.zipFile: has 104857602 bytes, more than 104857600"
    assert refused(answer).startswith(told)


@pytest.mark.parametrize("path", [FUNCTIONS, "/2016-08-15/services"])
def test_a_length_beyond_all_limits_is_refused_before_it_comes(
    emulator: Emulator, path: str
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {10**15}\r\n\r\n"

    assert refused(call(emulator.port, head.encode())).startswith("400 EntityTooLarge")


@pytest.mark.parametrize(
    "endless",
    [(b"1;", b"x" * 1000), (b"0\r\nx: ", b"y" * 1000), (b"0\r\n", b"x: y\r\n" * 200)],
    ids=["a chunk's head", "a trailer", "trailers"],
)
def test_what_has_no_end_is_refused(emulator: Emulator, endless: tuple[bytes, bytes]) -> None:
    begin, more = endless
    head = f"POST /nowhere HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((HOST, emulator.port), timeout=10) as connection:
        connection.sendall(head.encode() + begin)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(more * 2000)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 Bad Request\r\n")

    assert emulator.call(HOST, FUNCTIONS, method="GET").status == 200


@pytest.mark.parametrize("bytes_sent", [1, 20, 60])
def test_a_caller_that_sends_half_and_no_more_is_let_go(
    emulator: Emulator, bytes_sent: int
) -> None:
    whole = request(HOST, FUNCTIONS, body=b"{}" * 20)
    with socket.create_connection((HOST, emulator.port), timeout=10) as connection:
        connection.sendall(whole[:bytes_sent])
        connection.shutdown(socket.SHUT_WR)

        assert connection.recv(1000) == b""
