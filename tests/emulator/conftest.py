"""The emulator as a process, and the real SDK against it."""

import base64
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from alibabacloud_fc20230330 import models as fc
from alibabacloud_fc20230330.client import Client

from infra.deploy.apply import client
from infra.local.children import Child
from tests.support.wire import Message, call, request

SOURCE = Path(__file__).parent / "functions" / "odd.py"


class Emulator:
    """A running emulator, with what tests ask of it."""

    def __init__(self, environment: Mapping[str, str], *options: str) -> None:
        command = [sys.executable, "-m", "infra.emulator", *options]
        self.child = Child.spawn("emulator", command, {"PATH": os.environ["PATH"], **environment})
        self.port = int(self.child.wait_ready()["port"])
        self.url = f"http://127.0.0.1:{self.port}"
        self.sdk: Client = self.api("id", "secret")

    def create(self, name: str, **settings: Any) -> str:
        """A function of tests/emulator/functions/odd.py with an open trigger; its host."""
        body = fc.CreateFunctionInput().from_map(function(name, **settings))
        self.sdk.create_function(fc.CreateFunctionRequest(body=body))
        return self.trigger(
            name, {"authType": "anonymous", "methods": ["GET", "HEAD", "POST", "PUT"]}
        )

    def trigger(self, name: str, config: dict[str, Any]) -> str:
        fields = {"triggerName": "http", "triggerType": "http", "triggerConfig": json.dumps(config)}
        body = fc.CreateTriggerInput().from_map(fields)
        created = self.sdk.create_trigger(name, fc.CreateTriggerRequest(body=body)).body
        return str(created.http_trigger.url_internet).removeprefix("https://")

    def api(self, access_key_id: str, secret: str) -> Client:
        """An SDK client with these credentials."""
        return client(self.url, "cn-hangzhou", access_key_id, secret)

    def call(self, host: str, path: str = "/", **parts: Any) -> Message:
        return call(self.port, request(host, path, **parts), seconds=30)

    def control(self, method: str, path: str, document: object = None, **headers: str) -> Any:
        """Ask the control API; the answer's document."""
        told = [*headers.items(), ("Content-Type", "application/json")]
        body = b"" if document is None else json.dumps(document).encode()
        parts = request("127.0.0.1", f"/_meshward{path}", method=method, headers=told, body=body)
        answer = call(self.port, parts, seconds=30)
        assert answer.status < 300, answer
        return json.loads(answer.body) if answer.body else None

    def instances(self, name: str) -> list[dict[str, Any]]:
        with urlopen(f"http://127.0.0.1:{self.port}/_meshward/instances", timeout=5) as answer:
            rows: list[dict[str, Any]] = json.load(answer)["instances"]
        return [row for row in rows if row["function"] == name and row["state"] == "ready"]

    def log(self, name: str) -> list[str]:
        url = f"http://127.0.0.1:{self.port}/_meshward/functions/{name}/logs"
        with urlopen(url, timeout=5) as answer:
            lines: list[str] = json.load(answer)["lines"]
        return lines


def function(name: str, **settings: Any) -> dict[str, Any]:
    """A CreateFunction document of the odd function."""
    return {
        "functionName": name,
        "runtime": "custom.debian12",
        "handler": "index.handler",
        "cpu": 0.5,
        "memorySize": 512,
        "timeout": 10,
        "instanceConcurrency": 10,
        "customRuntimeConfig": {
            "command": ["python3", "odd.py"],
            "healthCheckConfig": {"httpGetUrl": "/health"},
        },
        "code": {"zipFile": archive({"odd.py": SOURCE.read_bytes()})},
        **settings,
    }


def archive(files: dict[str, bytes]) -> str:
    """A zip archive in Base64."""
    return base64.b64encode(archive_bytes(files)).decode()


def archive_bytes(files: dict[str, bytes] | None = None) -> bytes:
    """A zip archive; of the odd function, where nothing else is said."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, content in (files or {"odd.py": SOURCE.read_bytes()}).items():
            package.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator({"TMPDIR": str(tmp_path_factory.mktemp("emulator"))})
    try:
        yield running
    finally:
        running.child.stop()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A function name of the test's own."""
    return "f" + "".join(each if each.isalnum() else "-" for each in request.node.name)[-100:]


@pytest.fixture
def created(emulator: Emulator, name: str) -> Callable[..., str]:
    """Make the test's function; its trigger's host."""
    return lambda **settings: emulator.create(name, **settings)
