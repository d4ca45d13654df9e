"""InstanceExec by the SDK: a command in a running instance, and somebody who types to it."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.emulator.doors import Door
from tests.emulator.test_end import gone
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("_consoles_end")


class Session:
    """One command, by the SDK's own client in a thread, and what came of it."""

    def __init__(self, door: Door, service: str, instance_id: str, **params: Any) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self.errors: list[str] = []
        self.opened, self.closed = threading.Event(), threading.Event()
        hooks = {
            "on_open": lambda _ws: self.opened.set(),
            "on_stdout": lambda _ws, text: self.out.append(text),
            "on_stderr": lambda _ws, text: self.err.append(text),
            "on_error": lambda _ws, error: self.errors.append(str(error)),
            "on_close": lambda _ws: self.closed.set(),
        }
        self.client = door.api2().instance_exec(
            service, "LATEST", "f", instance_id, params=params, hooks=hooks
        )
        self._thread = threading.Thread(target=self.client.ws.run_forever)
        self._thread.start()

    def leave(self) -> None:
        """Be gone, as a caller whose network is."""
        client = self.client.ws.sock
        if client is not None and client.sock is not None:
            with contextlib.suppress(OSError):
                client.sock.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Wait for the end of it."""
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def service(door: Door, name: str, package: str) -> str:
    """A service with the odd function `f`."""
    sdk = door.api2()
    sdk.create_service(name)
    sdk.create_function(
        name,
        "f",
        "custom",
        "index.handler",
        codeDir=package,
        timeout=10,
        environmentVariables={"VERSION": "7"},
    )
    return name


@pytest.fixture
def start(door: Door, service: str) -> Iterator[Callable[..., Session]]:
    """Run a command in the function's instance."""
    pid = json.loads(door.api2().invoke_function(service, "f", payload=b"").data)["pid"]
    (instance,) = [row for row in door.instances(f"{service}$f") if row["pid"] == pid]
    sessions: list[Session] = []

    def run(*command: str, **params: Any) -> Session:
        params = {"command": list(command), "stdin": True, "stdout": True, "stderr": True, **params}
        sessions.append(Session(door, service, instance["id"], **params))
        return sessions[-1]

    yield run
    for each in sessions:
        each.leave()
        each.end()


def test_a_command_runs_where_the_function_does_and_says_what_it_has_to_say(
    start: Callable[..., Session],
) -> None:
    session = start("sh", "-c", "ls; echo $VERSION $FC_FUNCTION_NAME; echo wrong >&2")

    session.end()

    assert "".join(session.out) == "bootstrap\n7 f\n"
    assert "".join(session.err) == "wrong\n"


def test_what_is_typed_is_read(start: Callable[..., Session]) -> None:
    session = start("cat")
    assert session.opened.wait(10)

    session.client.send("first ü\n")
    wait_until(lambda: "".join(session.out) == "first ü\n", "the echo")
    session.client.send("second\n")

    wait_until(lambda: "".join(session.out) == "first ü\nsecond\n", "another")


def test_a_terminal_is_one(start: Callable[..., Session]) -> None:
    session = start(
        "sh", "-c", "test -t 0 && test -t 1 && echo yes; read it; echo got $it", tty=True
    )
    wait_until(lambda: "yes" in "".join(session.out), "its question")

    session.client.send("this\n")

    session.end()
    assert "got this" in "".join(session.out)


def test_much_is_shown_whole(start: Callable[..., Session]) -> None:
    session = start("sh", "-c", "seq 200000")

    session.end()

    assert "".join(session.out).split() == [str(number) for number in range(1, 200_001)]


def test_a_caller_who_says_nothing_is_left(start: Callable[..., Session]) -> None:
    session = start("sh", "-c", "echo $$; exec sleep 1000", idleTimeout=1)

    session.end()

    wait_until(lambda: gone(int(session.out[0])), "the command's end")


def test_a_command_ends_with_its_caller_and_with_its_instance(
    door: Door, service: str, start: Callable[..., Session]
) -> None:
    sessions = [start("sh", "-c", "echo $$; exec sleep 1000") for _ in range(2)]
    for each in sessions:
        wait_until(lambda each=each: each.out, "its number")  # type: ignore[misc]

    sessions[0].leave()
    wait_until(lambda: gone(int(sessions[0].out[0])), "the end of the first")
    door.api2().delete_function(service, "f")

    wait_until(lambda: gone(int(sessions[1].out[0])), "the end of the second")
    sessions[1].end()


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"command": ["./nothing-here"]}, "cannot be run"),
        ({"command": []}, "must name a program"),
        ({"tty": "perhaps"}, "neither true nor false"),
        ({"idleTimeout": "long"}, "idleTimeout"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(
    start: Callable[..., Session], params: dict[str, Any], told: str
) -> None:
    session = start("true", **params)

    session.end()

    assert told in session.errors[0]


def test_an_instance_that_is_not_there_is_told(door: Door, service: str) -> None:
    session = Session(door, service, "c-nobody", command=["true"])

    session.end()

    assert "InstanceNotFound" in session.errors[0]


def test_without_a_handshake_there_is_no_console(
    door: Door, service: str, start: Callable[..., Session]
) -> None:
    start("true").end()
    instance = door.instances(f"{service}$f")[0]["id"]
    path = f"/2016-08-15/services/{service}/functions/f/instances/{instance}/exec?command=true"

    answer = door.call("127.0.0.1", path, method="GET")

    assert (answer.status, json.loads(answer.body)["Code"]) == (400, "InvalidArgument")
