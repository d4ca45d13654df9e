"""The policies of the checks' tests, for the judge's, and the loops that its client runs on."""

import asyncio

import pytest
import uvloop

from tests.support.http_asking import Loop, Run, running_on
from tests.unit.checks.conftest import edited

__all__ = ["edited"]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on the one loop or on the other, by which functions are served."""
    loop: Loop = request.param
    return running_on(loop)
