"""Connections that end before their time, on either side: who is answered, and who sees a cut."""

import json
import socket

import pytest

from tests.emulator.doors import Door, Emulator
from tests.support.waiting import wait_until
from tests.support.wire import request

SMALL = r"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n|ok|"


def test_an_answer_cut_in_the_middle_is_cut_for_the_caller(door: Door, name: str) -> None:
    host = door.create_raw(
        name, r"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n|!"
    )

    got = door.broken(request(host))

    assert got.endswith(b"2\r\nok\r\n")


@pytest.mark.parametrize("end", ["!", "!!"], ids=["its connection", "its process"])
def test_an_instance_that_ends_within_a_small_answer_is_answered_for(
    door: Door, name: str, end: str
) -> None:
    answer = door.call(door.create_raw(name, SMALL + end))

    assert answer.status == 502
    assert json.loads(answer.body)["errorType"] == "FunctionCrashed"
    assert answer.value("x-fc-error-type") == "UnhandledInvocationError"


def test_a_small_answer_that_comes_by_and_by_is_passed_on_whole(door: Door, name: str) -> None:
    assert door.call(door.create_raw(name, SMALL + "|ok!|")).body == b"okok!"


def test_an_early_answer_does_not_wait_for_the_request_s_end(emulator: Emulator, name: str) -> None:
    host = emulator.create_raw(name, SMALL + "|ok!|")
    whole = request(host, "/early", body=b"body")
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=10) as connection:
        connection.sendall(whole[:-4])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        connection.sendall(whole[-4:])
        answer = b""
        while not answer.endswith(b"okok!"):
            answer += connection.recv(65536)


@pytest.mark.parametrize("end", ["!", "!!"], ids=["its connection", "its process"])
def test_an_instance_that_ends_within_a_large_answer_cuts_it(
    door: Door, name: str, end: str
) -> None:
    host = door.create_raw(name, r"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n|ok|" + end)

    got = door.broken(request(host))

    assert b"content-length: 70000\r\n" in got
    assert got.endswith(b"\r\n\r\nok")


def test_a_caller_of_http_1_0_sees_that_its_answer_was_cut(emulator: Emulator, name: str) -> None:
    host = emulator.create_raw(
        name, r"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n|2\r\nok\r\n|!"
    )

    with pytest.raises(ConnectionResetError):
        emulator.broken(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())


def test_a_caller_that_goes_away_ends_its_call(emulator: Emulator, name: str) -> None:
    host = emulator.create(name, timeout=60)
    with socket.create_connection(("127.0.0.1", emulator.port)) as connection:
        connection.sendall(request(host, "/slow", body=b"30"))
        wait_until(lambda: any(row["inFlight"] for row in emulator.instances(name)), "the call")

    wait_until(lambda: not emulator.instances(name)[0]["inFlight"], "the call's end")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_caller_that_sends_no_more_gets_its_answer(
    emulator: Emulator, name: str, version: str
) -> None:
    host = emulator.create(name, timeout=60)
    assert emulator.call(host).status == 200
    sent = request(host, "/slow", body=b"0.5").replace(b"HTTP/1.1", b"HTTP/" + version.encode())
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    told, answered = answer.split(b"HTTP/1.1 200 OK\r\n")
    assert told == (b"HTTP/1.1 100 Continue\r\n\r\n" if version == "1.1" else b"")
    assert json.loads(answered.partition(b"\r\n\r\n")[2])["path"] == "/slow"


def test_requests_sent_ahead_are_answered_when_no_more_is_sent(
    emulator: Emulator, name: str
) -> None:
    host = emulator.create_raw(name, r"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n|ok")
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=30) as connection:
        connection.sendall(request(host) * 3)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.count(b"\r\n\r\nok") == 3
    assert answer.count(b"connection: close") == 1
