"""What the sidecar's unit tests share."""

from pathlib import Path

import pytest

from tests.unit.sidecar.resources import Contents, good_resources


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    """A file in the place of the plugin; nothing here runs it."""
    path = tmp_path / "shim.wasm"
    path.touch()
    return path


@pytest.fixture
def contents(shim: Path) -> Contents:
    """One good resource of each kind, to be broken."""
    return good_resources(shim)
