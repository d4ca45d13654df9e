"""What the mesh tests share: the built shim, and an authority for certificates."""

from pathlib import Path

import pytest

from infra.local.certificates import LocalAuthority
from mesh.shim.build import build


@pytest.fixture(scope="session")
def shim() -> Path:
    """The Wasm plugin, as the pinned compiler makes it of the sources."""
    return build()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> LocalAuthority:
    """An authority that only the sidecars of these tests are told to trust."""
    return LocalAuthority(tmp_path_factory.mktemp("authority"))
