"""The emulator's two doors, and what tests ask of both: a server's port, and `mock_fc`.

Door ─┬─ Emulator     a process of its own, reached by a socket
      └─ MockDoor     this process, reached without one
"""

import base64
import io
import json
import os
import socket
import sys
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fc2
from alibabacloud_fc20230330 import models as fc
from alibabacloud_fc20230330.client import Client

from infra.deploy.apply import client
from infra.emulator.mock import FcMock, mock_fc
from infra.local.children import Child
from tests.support.wire import Message, call, parse, request

SOURCE = Path(__file__).parent / "functions" / "odd.py"
RAW = SOURCE.with_name("raw.py")
REGION = "cn-hangzhou"
ACCOUNT_ID = "1234567890123456"
SERVER, IN_PROCESS = DOORS = ("server", "in process")


class Door(ABC):
    """A running emulator behind the URLs of its two APIs, with what tests ask of it."""

    def __init__(self, url: str, fc2_url: str) -> None:
        self.url, self.fc2_url = url, fc2_url
        self.sdk: Client = self.api("id", "secret")

    @abstractmethod
    def exchange(self, parts: bytes) -> Message:
        """The answer to a request in bytes."""

    @abstractmethod
    def broken(self, parts: bytes) -> bytes:
        """What comes back of an answer that is not whole, in bytes."""

    def api(self, access_key_id: str, secret: str) -> Client:
        """A client of the FC 3.0 SDK with these credentials."""
        return client(self.url, REGION, access_key_id, secret)

    def api2(self, access_key_id: str = "id", key: str = "secret") -> Any:
        """A client of the 2016-08-15 SDK with these credentials."""
        return fc2.Client(
            endpoint=self.fc2_url, accessKeyID=access_key_id, accessKeySecret=key, Timeout=30
        )

    def create(self, name: str, **settings: Any) -> str:
        """A function of tests/emulator/functions/odd.py with an open trigger; its host."""
        self.deploy(name, **settings)
        return self.trigger(
            name, {"authType": "anonymous", "methods": ["GET", "HEAD", "POST", "PUT"]}
        )

    def create_raw(self, name: str, answer: str) -> str:
        """A function of tests/emulator/functions/raw.py that answers with these bytes; its host."""
        return self.create(
            name,
            customRuntimeConfig={"command": ["python3", "raw.py"]},
            environmentVariables={"ANSWER": answer},
            code={"zipFile": archive({"raw.py": RAW.read_bytes()})},
        )

    def deploy(self, name: str, **settings: Any) -> Any:
        """A function of tests/emulator/functions/odd.py, without a trigger."""
        body = fc.CreateFunctionInput().from_map(function(name, **settings))
        return self.sdk.create_function(fc.CreateFunctionRequest(body=body)).body

    def trigger(self, function_name: str, config: dict[str, Any], **fields: str) -> str:
        """An HTTP trigger; its host."""
        given = {"triggerName": "http", "triggerType": "http", "triggerConfig": json.dumps(config)}
        body = fc.CreateTriggerInput().from_map({**given, **fields})
        request = fc.CreateTriggerRequest(body=body)
        created = self.sdk.create_trigger(function_name, request).body
        return str(created.http_trigger.url_internet).removeprefix("https://")

    def call(self, host: str, path: str = "/", **parts: Any) -> Message:
        """One HTTP request."""
        return self.exchange(request(host, path, **parts))

    def control(self, method: str, path: str, document: object = None, **headers: str) -> Any:
        """Ask the control API; the answer's document."""
        told = [*headers.items(), ("Content-Type", "application/json")]
        body = b"" if document is None else json.dumps(document).encode()
        answer = self.call("127.0.0.1", f"/_meshward{path}", method=method, headers=told, body=body)
        assert answer.status < 300, answer
        return json.loads(answer.body) if answer.body else None

    def instances(self, name: str) -> list[dict[str, Any]]:
        """The instances of a function that can take requests."""
        rows: list[dict[str, Any]] = self.control("GET", "/instances")["instances"]
        return [row for row in rows if row["function"] == name and row["state"] == "ready"]

    def log(self, name: str) -> list[str]:
        """The last lines of a function."""
        lines: list[str] = self.control("GET", f"/functions/{name}/logs")["lines"]
        return lines


class Emulator(Door):
    """The emulator as a process."""

    def __init__(self, environment: Mapping[str, str], *options: str) -> None:
        command = [sys.executable, "-m", "infra.emulator", *options]
        self.child = Child.spawn("emulator", command, {"PATH": os.environ["PATH"], **environment})
        self.port = int(self.child.wait_ready()["port"])
        super().__init__(f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.port}")

    def exchange(self, parts: bytes) -> Message:
        return call(self.port, parts, seconds=30)

    def broken(self, parts: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(parts)
            return b"".join(iter(lambda: connection.recv(65536), b""))


class MockDoor(Door):
    """The emulator in this process, within a block of `mock_fc`."""

    def __init__(self, mocked: FcMock) -> None:
        self.mocked = mocked
        domain = f"{REGION}.fc.aliyuncs.com"
        super().__init__(f"https://fcv3.{REGION}.aliyuncs.com", f"https://{ACCOUNT_ID}.{domain}")

    def exchange(self, parts: bytes) -> Message:
        return parse(self.broken(parts))

    def broken(self, parts: bytes) -> bytes:
        head, end, body = parts.partition(b"\r\n\r\n")
        return self.mocked.talk(head + b"\r\nConnection: close" + end + body)


@contextmanager
def opened(
    kind: str, folder: Path, *, key: tuple[str, str] = ("", ""), instances_max: int = 100
) -> Iterator[Door]:
    """A door of that kind with settings of its own; `key` is its access key, id and secret."""
    access_key_id, secret = key
    if kind == SERVER:
        environment = {"TMPDIR": str(folder), "ALIBABA_CLOUD_ACCESS_KEY_SECRET": secret}
        options = ("--access-key-id", access_key_id, "--instances-max", str(instances_max))
        emulator = Emulator(environment, *options)
        try:
            yield emulator
        finally:
            emulator.child.stop()
        return
    with mock_fc(
        access_key_id=access_key_id, access_key_secret=secret, instances_max=instances_max
    ) as mocked:
        yield MockDoor(mocked)


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
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            package.writestr(entry, content)
    return buffer.getvalue()
