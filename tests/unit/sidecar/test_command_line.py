"""`python -m mesh.sidecar`: values come from the environment, secrets are shown only when asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.mesh import MANIFESTS, SIGNING_SECRET, TRIGGER_TOKEN, values

FOLDERS = (str(MANIFESTS / "base"), str(MANIFESTS / "hold"))


@pytest.fixture
def environment(shim: Path) -> dict[str, str]:
    return {**os.environ, **values(shim)}


def sidecar(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mesh.sidecar", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=MANIFESTS.parents[1],
    )


def test_render_prints_the_bootstrap_without_its_secrets(environment: dict[str, str]) -> None:
    done = sidecar(environment, "render", *FOLDERS, "--port", "8081")

    assert done.returncode == 0, done.stderr
    bootstrap = yaml.safe_load(done.stdout)
    (listener,) = bootstrap["static_resources"]["listeners"]
    assert listener["address"]["socket_address"]["port_value"] == 8081
    for secret in (SIGNING_SECRET, TRIGGER_TOKEN):
        assert secret not in done.stdout


def test_manifests_prints_what_is_applied(environment: dict[str, str]) -> None:
    done = sidecar(environment, "manifests", *FOLDERS)

    assert done.returncode == 0, done.stderr
    assert "${" not in done.stdout
    kinds = [each["kind"] for each in yaml.safe_load_all(done.stdout)]
    assert kinds.count("ServiceEntry") == 5
    assert kinds[-1] == "EnvoyFilter"


def test_a_value_that_the_environment_lacks_is_named(environment: dict[str, str]) -> None:
    del environment["MESHWARD_SIGNING_SECRET"]

    done = sidecar(environment, "validate", *FOLDERS)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("envoyfilter.yaml: EnvoyFilter/meshward: spec.configPatches[1]")
    assert done.stderr.endswith(
        "${MESHWARD_SIGNING_SECRET} has no value; set MESHWARD_SIGNING_SECRET\n"
    )
