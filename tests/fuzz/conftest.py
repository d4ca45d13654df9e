"""The built plugin, compiled once for the tests' Wasm host."""

import pytest

from mesh.shim.build import build
from tests.contract.wasm_host import Compiled


@pytest.fixture(scope="session")
def shim() -> Compiled:
    return Compiled.of(build())
