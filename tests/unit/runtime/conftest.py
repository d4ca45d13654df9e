"""The service that connections are tried with."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.runtime.stage import Stage, staged


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged() as found:
        yield found
