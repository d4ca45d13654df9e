"""The pytest fixture: `pytest_plugins = ["infra.emulator.mock.fixtures"]`, and ask for `fc`."""

from collections.abc import Iterator

import pytest

from infra.emulator.mock.door import FcMock, mock_fc


@pytest.fixture
def fc() -> Iterator[FcMock]:
    """Function Compute, empty, for one test."""
    with mock_fc() as mocked:
        yield mocked
