"""The emulator through either door: `emulator` is the server, `door` is both, one by one."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from infra.emulator.mock import mock_fc
from tests.emulator.doors import DOORS, SERVER, SOURCE, Door, Emulator, MockDoor


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator({"TMPDIR": str(tmp_path_factory.mktemp("emulator"))})
    try:
        yield running
    finally:
        running.child.stop()


@pytest.fixture(scope="module", params=DOORS)
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    """The emulator by each of its doors: what a test finds by one it finds by the other."""
    if request.param == SERVER:
        yield request.getfixturevalue("emulator")
        return
    with mock_fc() as mocked:
        yield MockDoor(mocked)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A function name of the test's own."""
    return "f" + "".join(each if each.isalnum() else "-" for each in request.node.name)[-100:]


@pytest.fixture
def created(door: Door, name: str) -> Callable[..., str]:
    """Make the test's function; its trigger's host."""
    return lambda **settings: door.create(name, **settings)


@pytest.fixture
def package(tmp_path: Path) -> str:
    """The odd function with a start file, which is all that the older API can name, in a folder:
    an archive that its SDK is given the path of stays open.
    """
    start = tmp_path / "package" / "bootstrap"
    start.parent.mkdir()
    start.write_bytes(b"#!/usr/bin/env python3\n" + SOURCE.read_bytes())
    start.chmod(0o755)
    return str(start.parent)


@pytest.fixture
def _consoles_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the sockets of the older SDK's consoles: its WebSocket client leaves each open that the
    other side has closed first, until the garbage collector comes, in whichever test that is.
    """
    join = websocket._core.connect  # type: ignore[attr-defined]
    joins: list[socket.socket] = []

    def joined(*arguments: Any, **options: Any) -> tuple[socket.socket, Any]:
        connection, where = join(*arguments, **options)
        joins.append(connection)
        return connection, where

    monkeypatch.setattr(websocket._core, "connect", joined)
    yield
    for each in joins:
        each.close()
