"""Envoy starts with what it is told, or says why not; secrets and processes are not left behind."""

import copy
import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from mesh.sidecar import Sidecar, SidecarError
from mesh.sidecar.run import validate
from tests.support.mesh import (
    PROVIDER_KEY,
    SIGNING_SECRET,
    TRIGGER_TOKEN,
    UNGUARDED,
    Form,
    admin_page,
    guarded,
    manifests,
    rendered,
    running,
    values,
    with_inline_key,
)
from tests.support.waiting import wait_until
from tests.support.wire import call, request

FORMS = ("portable", "hold")
SECRETS = (PROVIDER_KEY, SIGNING_SECRET, TRIGGER_TOKEN)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder where temporary files go in this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def config_of(shim: Path, form: Form = "hold", **changed: str) -> dict[str, Any]:
    return rendered(with_inline_key(manifests(form, {**values(shim), **changed})))


@pytest.mark.parametrize("form", FORMS)
def test_the_shim_learns_its_form_and_the_workload_from_the_manifests(
    shim: Path, form: Form
) -> None:
    with guarded(shim, form, {}) as sidecar:
        log = "\n".join(sidecar.log())

    assert f"body={form}" in log
    assert "workload=default/sleep" in log


@pytest.mark.parametrize("form", FORMS)
def test_a_bad_plugin_configuration_stops_the_start_with_the_shims_own_words(
    shim: Path, form: Form
) -> None:
    with pytest.raises(SidecarError) as refused:
        Sidecar.start(config_of(shim, form, MESHWARD_SIGNING_SECRET="a short secret"))

    first, *said = str(refused.value).splitlines()
    assert first == "Envoy stopped at its start:"
    assert said
    assert all(line.startswith("meshward: ") and "signing_secrets[0]" in line for line in said)


def test_envoys_own_complaint_comes_through_without_the_secrets(shim: Path) -> None:
    config = copy.deepcopy(config_of(shim))
    filters = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"]
    wasm = filters[0]["typed_config"]["http_filters"][0]["typed_config"]["config"]
    wasm["failure_policyy"] = "FAIL_RELOAD"

    with pytest.raises(SidecarError) as started:
        Sidecar.start(config)
    with pytest.raises(SidecarError) as validated:
        validate(config)

    for refused in (started, validated):
        assert "failure_policyy" in str(refused.value)
        assert all(secret not in str(refused.value) for secret in SECRETS)


@pytest.mark.parametrize("form", FORMS)
def test_envoy_itself_accepts_the_manifests(shim: Path, form: Form) -> None:
    validate(config_of(shim, form))


def test_the_bootstrap_is_gone_from_the_disk_once_envoy_runs(shim: Path, temporary: Path) -> None:
    with running(config_of(shim)):
        assert list(temporary.iterdir()) == []


def test_the_bootstrap_is_gone_from_the_disk_when_envoy_refuses_it(
    shim: Path, temporary: Path
) -> None:
    with pytest.raises(SidecarError):
        Sidecar.start(config_of(shim, MESHWARD_SIGNING_SECRET="a short secret"))

    assert list(temporary.iterdir()) == []


def test_the_bootstrap_can_be_read_by_its_owner_alone(
    shim: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def look(*_arguments: object, **_options: object) -> None:
        seen.extend(path.stat().st_mode & 0o777 for path in temporary.rglob("*"))
        raise InterruptedError

    monkeypatch.setattr(subprocess, "Popen", look)
    with pytest.raises(InterruptedError):
        Sidecar.start(config_of(shim))

    assert sorted(seen) == [0o600, 0o700]
    assert list(temporary.iterdir()) == []


def test_no_secret_stands_in_the_log_or_on_the_admin_pages(shim: Path) -> None:
    log = io.StringIO()
    with Sidecar.start(config_of(shim), log_file=log) as sidecar:
        call(sidecar.port, request(UNGUARDED))
        pages = [admin_page(sidecar, path) for path in ("/config_dump", "/stats", "/server_info")]

    assert [status for status, _ in pages] == [403, 200, 200]
    shown = "\n".join([log.getvalue(), *sidecar.log(), *(page for _, page in pages)])
    assert "meshward: " in shown
    assert all(secret not in shown for secret in SECRETS)


def test_a_stopped_sidecar_has_left_no_process(shim: Path) -> None:
    with running(config_of(shim)) as sidecar:
        assert alive(sidecar.pid)

    assert not sidecar.running
    assert not Path(f"/proc/{sidecar.pid}").exists()
    sidecar.stop()  # Harmless.


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's own")
def test_envoy_dies_with_its_parent_even_when_that_is_killed(shim: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from tests.support.mesh import manifests, rendered, values\n"
        "from mesh.sidecar import Sidecar\n"
        "sidecar = Sidecar.start(rendered(manifests('hold', values(Path(sys.argv[1])))))\n"
        "print(sidecar.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(shim)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()

    wait_until(lambda: not alive(pid), f"Envoy {pid} to die with its parent")


def alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
