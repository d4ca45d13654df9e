"""What a file of tests leaves open fails there."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_open() -> Iterator[None]:
    """Collect what a file's tests have left, while it is known whose it is: the warning of a socket
    or a file that was never closed would otherwise fail a later test, on some days.
    """
    yield
    gc.collect()
