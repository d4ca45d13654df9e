"""The emulator through either door: `emulator` is the server, `door` is both, one by one."""

from collections.abc import Callable, Iterator

import pytest

from infra.emulator.mock import mock_fc
from tests.emulator.doors import DOORS, SERVER, Door, Emulator, MockDoor


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
