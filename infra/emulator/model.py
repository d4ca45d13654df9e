"""What exists: functions, their code and triggers. Knows no HTTP and starts no process.

    Account ── functions: name → Function ── triggers: name → Trigger
                                          └─ code: a folder with the unpacked package

Limits are the platform's (docs/function-compute limits, read 2026-04); each breach names the field.
"""

import re
import shutil
import tempfile
import zipfile
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Final
from uuid import uuid4

import fastcrc

from infra.emulator.access import Access
from infra.emulator.errors import exists, invalid, not_emulated, not_found

RUNTIMES: Final = ("custom", "custom.debian10", "custom.debian11", "custom.debian12")
METHODS: Final = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
_UNPACKED_BYTES_MAX: Final = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How the platform sees that an instance can take requests; without a path: it listens."""

    path: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A function's configuration. Memory in MB, time limit in seconds."""

    name: str
    runtime: str
    command: tuple[str, ...]
    port: int = 9000
    handler: str = "index.handler"
    description: str = ""
    cpu: float = 0.35
    memory_mb: int = 512
    disk_mb: int = 512
    timeout_seconds: int = 3
    instance_concurrency: int = 1
    health_check: HealthCheck = field(default_factory=HealthCheck)
    initializer: bool = False
    environment: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Hold every field to the platform's limits."""
        if not _NAME.fullmatch(self.name):
            raise invalid("functionName", "letters, digits, _ and -, at most 128, no digit first")
        if self.runtime not in RUNTIMES:
            known = ", ".join(RUNTIMES)
            raise not_emulated(f"runtime {self.runtime} (emulated are {known})")
        if not self.command:
            raise invalid("customRuntimeConfig.command", "is needed to start the function")
        _within("cpu", self.cpu, 0.05, 16)
        _within("memorySize", self.memory_mb, 128, 32768)
        _within("timeout", self.timeout_seconds, 1, 86400)
        _within("instanceConcurrency", self.instance_concurrency, 1, 200)
        _within("customRuntimeConfig.port", self.port, 1, 65535)
        if self.memory_mb % 64:
            raise invalid("memorySize", f"{self.memory_mb} is not a multiple of 64")


@dataclass(frozen=True, slots=True)
class Trigger:
    """An HTTP trigger. `host` is made by the platform; `config` is JSON as it was given."""

    name: str
    host: str
    access: Access
    methods: tuple[str, ...]
    config: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """An unpacked package; `checksum` is the CRC-64/XZ of the archive, in decimal."""

    folder: Path
    checksum: str
    size_bytes: int


@dataclass(slots=True)
class Function:
    """A function as it is deployed. `version` changes with configuration or code."""

    configuration: Configuration
    code: Code
    identity: str
    created: str
    modified: str
    triggers: dict[str, Trigger] = field(default_factory=dict)
    instances_min: int = 0
    version: int = 1


class Account:
    """All functions of one account in one region."""

    def __init__(self, account_id: str, region: str, folder: Path) -> None:
        self.account_id = account_id
        self.region = region
        self.folder = folder
        self.functions: dict[str, Function] = {}
        self._hosts: dict[str, tuple[str, str]] = {}

    def function(self, name: str) -> Function:
        """The function of that name, or FunctionNotFound."""
        try:
            return self.functions[name]
        except KeyError:
            raise not_found("Function", name) from None

    def create(self, configuration: Configuration, archive: bytes, now: str) -> Function:
        """A new function from its zip package, made at `now` (as the platform writes times)."""
        if configuration.name in self.functions:
            raise exists("Function", configuration.name)
        code = self._unpack(archive)
        function = Function(configuration, code, str(uuid4()), now, now)
        self.functions[configuration.name] = function
        return function

    def update(
        self, name: str, configuration: Configuration, archive: bytes | None, now: str
    ) -> Function:
        """Replace configuration and, if an archive is given, code."""
        function = self.function(name)
        if archive is not None:
            # The old folder stays until its last instance has gone; the account's folder ends both.
            function.code = self._unpack(archive)
        function.configuration = configuration
        function.modified = now
        function.version += 1
        return function

    def delete(self, name: str) -> None:
        """Remove a function that has no triggers left."""
        function = self.function(name)
        if function.triggers:
            names = ", ".join(function.triggers)
            raise invalid("functionName", f"{name} still has triggers: {names}")
        del self.functions[name]

    def trigger(self, function_name: str, name: str) -> Trigger:
        """The trigger of that name, or TriggerNotFound."""
        try:
            return self.function(function_name).triggers[name]
        except KeyError:
            raise not_found("Trigger", name) from None

    def create_trigger(self, function_name: str, trigger: Trigger) -> Trigger:
        """Add an HTTP trigger; a function has at most one for each qualifier."""
        function = self.function(function_name)
        if trigger.name in function.triggers:
            raise exists("Trigger", trigger.name)
        if function.triggers:
            raise invalid("triggerType", "a function has one HTTP trigger for each qualifier")
        return self._put_trigger(function_name, trigger)

    def update_trigger(self, function_name: str, trigger: Trigger) -> Trigger:
        """Replace a trigger; its host stays."""
        self.trigger(function_name, trigger.name)
        return self._put_trigger(function_name, trigger)

    def delete_trigger(self, function_name: str, name: str) -> None:
        """Remove a trigger and its host."""
        trigger = self.trigger(function_name, name)
        del self.function(function_name).triggers[name]
        del self._hosts[trigger.host]

    def by_host(self, host: str) -> tuple[Function, Trigger] | None:
        """The function and trigger that a Host header (without port) names."""
        found = self._hosts.get(host.lower())
        if found is None:
            return None
        function = self.functions[found[0]]
        return function, function.triggers[found[1]]

    def _put_trigger(self, function_name: str, trigger: Trigger) -> Trigger:
        seed = f"{self.account_id}/{self.region}/{function_name}/{trigger.name}"
        label = f"{function_name.lower()}-{sha256(seed.encode()).hexdigest()[:10]}"
        stored = replace(trigger, host=f"{label}.{self.region}.fcapp.run")
        self.function(function_name).triggers[trigger.name] = stored
        self._hosts[stored.host] = (function_name, trigger.name)
        return stored

    def _unpack(self, archive: bytes) -> Code:
        folder = Path(tempfile.mkdtemp(prefix="code-", dir=self.folder))
        try:
            with zipfile.ZipFile(BytesIO(archive)) as package:
                size = sum(entry.file_size for entry in package.infolist())
                if size > _UNPACKED_BYTES_MAX:
                    raise invalid("code.zipFile", f"unpacks to {size} bytes")
                _extract(package, folder)
        except zipfile.BadZipFile:
            shutil.rmtree(folder)
            raise invalid("code.zipFile", "is not a zip archive") from None
        return Code(folder, str(fastcrc.crc64.xz(archive)), len(archive))


def _extract(package: zipfile.ZipFile, folder: Path) -> None:
    for entry in package.infolist():
        target = Path(package.extract(entry, folder))  # never outside the folder
        mode = entry.external_attr >> 16 & 0o777
        if mode and target.is_file():
            target.chmod(mode | 0o600)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise invalid(name, f"{value} is not between {low} and {high}")
