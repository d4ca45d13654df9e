"""Starting: what cannot be is one line that says why, and what can be kept of old state is."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.emulator.doors import Emulator, archive, function

HOST = "127.0.0.1"
FUNCTIONS = "/2023-03-30/functions"
LIMIT_BYTES = 600_000


def refused(*options: str, **environment: str) -> str:
    """What an emulator says that does not start."""
    process = subprocess.run(
        [sys.executable, "-m", "infra.emulator", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={"PATH": os.environ["PATH"], **environment},
    )
    assert process.returncode
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    return process.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--port", "70000"), "port 70000 is not between 0 and 65535"),
        (("--port", "many"), "invalid int value: 'many'"),
        (("--tls-port", "-1", "--tls-cert", "a", "--tls-key", "b"), "tls_port -1"),
        (("--tls-port", "0"), "--tls-port needs --tls-cert and --tls-key"),
        (("--tls-port", "0", "--tls-cert", "a", "--tls-key", "b"), "a and b are no certificate"),
        (("--region", "Hang Zhou"), "region 'Hang Zhou' is not of the form cn-hangzhou"),
        (("--account-id", "../x"), "account id '../x' is not a number"),
        (("--instances-max", "0"), "an account runs 1 or more"),
        (("--host", "0.0.0.0"), "give it an access key"),
        (("--host", "192.0.2.1", "--access-key-id", "id"), "192.0.2.1:0 cannot be listened on"),
        (("--access-key-id", "id"), "needs the secret in the environment"),
        (("--nonsense",), "unrecognized arguments: --nonsense"),
        (("--data", "/dev/null"), "/dev/null"),
        (("--code-folder", "/dev/null/x"), "/dev/null/x cannot be a folder"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_an_option_that_cannot_be_is_explained(
    tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    secret = {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s"} if "192.0.2.1" in options else {}

    assert told in refused(*options, TMPDIR=str(tmp_path), **secret)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        told = refused("--port", str(port), TMPDIR=str(tmp_path))

    assert told == f"error: 127.0.0.1:{port} cannot be listened on: Address already in use\n"


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Emulator]:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    emulator = Emulator({"TMPDIR": str(scratch)}, "--data", str(folder / "data"), *options)
    try:
        yield emulator
    finally:
        emulator.child.stop()


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"no database at all, but some text" * 100, "file is not a database"), (b"", "")],
    ids=["another file", "an empty one"],
)
def test_state_that_is_none_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "state.sqlite").write_bytes(content)
    if told:
        assert told in refused("--data", str(data), TMPDIR=str(tmp_path))
        assert (data / "state.sqlite").read_bytes() == content
        return
    with running(tmp_path) as emulator:
        assert emulator.deploy("first").function_name == "first"


def test_damaged_state_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    with running(tmp_path) as emulator:
        for index in range(60):
            emulator.deploy(f"f{index}")
    state = tmp_path / "data" / "state.sqlite"
    content = bytearray(state.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    state.write_bytes(content)

    told = refused("--data", str(tmp_path / "data"), TMPDIR=str(tmp_path))

    assert "malformed" in told
    assert state.read_bytes() == content


def test_a_folder_that_has_been_moved_is_taken_up_where_it_is(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    with running(before) as emulator:
        host = emulator.create("moved", environmentVariables={"VERSION": "1"})
    shutil.move(before, after)

    with running(after) as emulator:
        assert json.loads(emulator.call(host).body)["version"] == "1"


def test_code_that_somebody_has_removed_is_told_where_it_is_called(tmp_path: Path) -> None:
    with running(tmp_path) as emulator:
        host = emulator.create("gone")
        shutil.rmtree(tmp_path / "data" / "code")
        answer = emulator.call(host)

    assert answer.status == 412
    assert json.loads(answer.body)["Code"] == "CAFileNotFound"


def test_a_full_disk_refuses_changes_and_loses_nothing(tmp_path: Path) -> None:
    """Files may not grow beyond some size, which SQLite and packages take for a full disk."""
    package = archive({"bootstrap": b"#!/bin/sh\n"})
    acknowledged, statuses = [], []
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    with running(tmp_path) as emulator:
        resource.prlimit(emulator.child.pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, hard))
        for index in range(200):
            name = f"f{index}"
            body = json.dumps(function(name, code={"zipFile": package})).encode()
            answer = emulator.call(HOST, FUNCTIONS, body=body)
            statuses.append(answer.status)
            if answer.status == 201:
                acknowledged.append(name)
            else:
                assert json.loads(answer.body)["Code"] == "ServiceUnavailable"
                assert "nothing can be kept" in json.loads(answer.body)["Message"]
        large = json.dumps(function("large", code={"zipFile": "A" * 2_000_000})).encode()
        refused_package = emulator.call(HOST, FUNCTIONS, body=large)
        assert emulator.call(HOST, FUNCTIONS, method="GET").status == 200
        assert not any("Traceback" in line for line in emulator.child.log())
        os.kill(emulator.child.pid, signal.SIGKILL)

    assert set(statuses) == {201, 503}
    assert refused_package.status in (400, 503)
    with running(tmp_path) as emulator:
        found = [
            emulator.call(HOST, f"{FUNCTIONS}/{name}", method="GET").status for name in acknowledged
        ]
    assert set(found) == {200}


def test_what_a_full_disk_refuses_has_not_happened(tmp_path: Path) -> None:
    of_f, package = f"{FUNCTIONS}/f", {"code": {"zipFile": archive({"a.py": b""})}}
    changes: list[tuple[str, str, object]] = [
        ("PUT", of_f, {"description": "changed", "timeout": 5}),
        ("POST", f"{of_f}/versions", {}),
        ("POST", f"{of_f}/aliases", {"aliasName": "prod", "versionId": "LATEST"}),
        ("PUT", f"{of_f}/concurrency", {"reservedConcurrency": 3}),
        ("POST", f"{of_f}/invoke/disable", {}),
        ("DELETE", f"{of_f}/triggers/http", None),
        ("POST", "/2023-03-30/layers/l/versions", {"compatibleRuntime": ["custom"], **package}),
        ("POST", "/2023-03-30/custom-domains", {"domainName": "full.example.com"}),
        ("DELETE", "/2023-03-30/custom-domains/kept.example.com", None),
        ("PUT", "/2016-08-15/services/s", {"description": "changed"}),
        ("DELETE", "/2016-08-15/services/s", None),
        ("POST", "/_meshward/reset", None),
    ]
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    with running(tmp_path) as emulator:

        def do(method: str, path: str, document: object) -> int:
            body = b"" if document is None else json.dumps(document).encode()
            kind = [("Content-Type", "application/json")]
            return emulator.call(HOST, path, method=method, headers=kind, body=body).status

        host = emulator.create("f")
        do("POST", "/2023-03-30/custom-domains", {"domainName": "kept.example.com"})
        do("POST", "/2016-08-15/services", {"serviceName": "s"})
        before = everything(emulator)
        pid = emulator.instances("f")[0]["pid"] if emulator.call(host).status == 200 else 0
        resource.prlimit(emulator.child.pid, resource.RLIMIT_FSIZE, (1, hard))
        refused = {(method, path): do(method, path, document) for method, path, document in changes}

        assert set(refused.values()) == {503}, refused
        assert everything(emulator) == before
        assert emulator.call(host).status == 200
        assert emulator.instances("f")[0]["pid"] == pid
        resource.prlimit(emulator.child.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert do(*changes[0]) == 200
        after = everything(emulator)
        os.kill(emulator.child.pid, signal.SIGKILL)

    assert after != before
    with running(tmp_path) as emulator:
        assert everything(emulator) == after


def everything(emulator: Emulator) -> dict[str, bytes]:
    """What the API tells of all that there is, but for instances."""
    of_f = ("", "/triggers", "/versions", "/aliases")
    paths = [f"{FUNCTIONS}/f{part}" for part in of_f]
    paths += ["/2023-03-30/custom-domains", "/2023-03-30/layers", "/2016-08-15/services"]
    paths.append("/2023-03-30/concurrency-configs")
    return {path: emulator.call(HOST, path, method="GET").body for path in paths}
