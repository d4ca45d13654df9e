"""All functions of one account in one region, and the folder with their code.

unpack(archive) ──▶ Code ──create, update──▶ Function ──▶ triggers, found by host
"""

import shutil
import tempfile
import zipfile
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import fastcrc

from infra.emulator.errors import FcError, exists, invalid, not_found
from infra.emulator.model import Code, Configuration, Function, Trigger

_ARCHIVE_BYTES_MAX: Final = 100 * 1024 * 1024
"""Of a package sent inline, in Base64 (Limits page)."""
_UNPACKED_BYTES_MAX: Final = 1024 * 1024 * 1024
_ENTRIES_MAX: Final = 100_000
_UNUSED_SECONDS_MAX: Final = 3600.0


class Account:
    """The state of the emulator. Methods raise FcError for what the platform refuses."""

    def __init__(self, account_id: str, region: str, code_folder: Path) -> None:
        self.account_id = account_id
        self.region = region
        self._code_folder = code_folder
        self.functions: dict[str, Function] = {}
        self._hosts: dict[str, tuple[str, str]] = {}

    def function(self, name: str) -> Function:
        """The function of that name, or FunctionNotFound."""
        try:
            return self.functions[name]
        except KeyError:
            raise not_found("Function", name) from None

    def unpack(self, archive: bytes) -> Code:
        """Unpack a zip package; equal ones share a folder, so that a second one costs nothing.

        Slow, and without side effects on anything else: to be called in a thread.
        """
        if len(archive) > _ARCHIVE_BYTES_MAX:
            raise invalid("code.zipFile", f"has {len(archive)} bytes; use an OSS object")
        digest = sha256(archive).hexdigest()[:32]
        code = Code(
            folder=self._code_folder / digest,
            archive=self._code_folder / f"{digest}.zip",
            checksum=str(fastcrc.crc64.xz(archive)),
            size_bytes=len(archive),
        )
        if code.folder.is_dir():
            _touch(code)
            return code
        fresh = Path(tempfile.mkdtemp(prefix="unpack-", dir=self._code_folder))
        try:
            _extract(archive, fresh)
            code.archive.write_bytes(archive)
            fresh.rename(code.folder)
        except OSError as error:
            if not code.folder.is_dir():  # Otherwise another thread was first with the same code.
                raise invalid("code.zipFile", f"cannot be unpacked: {error.strerror}") from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return code

    def tidy(self, now: float) -> None:
        """Remove code that nobody has used for an hour; a shared folder may have other users."""
        for function in self.functions.values():
            if function.code.folder.parent == self._code_folder:  # Else it is a tester's own.
                _touch(function.code)
        for path in self._code_folder.iterdir():
            if now - path.stat().st_mtime > _UNUSED_SECONDS_MAX:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def create(
        self, configuration: Configuration, code: Code, echoed: dict[str, Any], now: str
    ) -> Function:
        """A new function, made at `now` (as the platform writes times)."""
        self.refuse_taken(configuration.name)
        function = Function(configuration, code, str(uuid4()), now, now, echoed)
        self.functions[configuration.name] = function
        return function

    def refuse_taken(self, name: str) -> None:
        """Raise FunctionAlreadyExists where there is a function of that name."""
        if name in self.functions:
            raise exists("Function", name)

    def update(
        self,
        configuration: Configuration,
        code: Code | None,
        echoed: dict[str, Any],
        now: str,
    ) -> Function:
        """Replace a function's configuration and, if some is given, its code."""
        function = self.function(configuration.name)
        function.configuration = configuration
        function.code = code or function.code
        function.echoed |= echoed
        function.modified = now
        function.version += 1
        return function

    def delete(self, name: str) -> None:
        """Remove a function that has no triggers left."""
        function = self.function(name)
        if function.triggers:
            names = ", ".join(function.triggers)
            raise FcError(409, "FunctionHasTriggers", f"{name} still has triggers: {names}")
        del self.functions[name]

    def clear(self) -> None:
        """Forget all functions and triggers; code stays for whoever deploys it again."""
        self.functions.clear()
        self._hosts.clear()

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
        return self._put_trigger(function, trigger)

    def update_trigger(self, function_name: str, trigger: Trigger) -> Trigger:
        """Replace a trigger; its host stays."""
        self.trigger(function_name, trigger.name)
        return self._put_trigger(self.function(function_name), trigger)

    def delete_trigger(self, function_name: str, name: str) -> None:
        """Remove a trigger and its host."""
        trigger = self.trigger(function_name, name)
        del self.function(function_name).triggers[name]
        del self._hosts[trigger.host]

    def by_host(self, host: str) -> tuple[Function, Trigger] | None:
        """The function and trigger that a Host header (without port) names."""
        found = self._hosts.get(host)
        if found is None:
            return None
        function = self.functions[found[0]]
        return function, function.triggers[found[1]]

    def _put_trigger(self, function: Function, trigger: Trigger) -> Trigger:
        seed = f"{self.account_id}/{self.region}/{function.name}/{trigger.name}"
        # A label of a host name has at most 63 characters, and no underscore.
        readable = function.name.lower().replace("_", "-").strip("-")[:52] or "f"
        label = f"{readable}-{sha256(seed.encode()).hexdigest()[:10]}"
        stored = replace(trigger, host=f"{label}.{self.region}.fcapp.run")
        function.triggers[trigger.name] = stored
        self._hosts[stored.host] = (function.name, trigger.name)
        return stored


def _touch(code: Code) -> None:
    code.folder.touch()
    code.archive.touch()


def _extract(archive: bytes, folder: Path) -> None:
    try:
        with zipfile.ZipFile(BytesIO(archive)) as package:
            entries = package.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > _UNPACKED_BYTES_MAX or len(entries) > _ENTRIES_MAX:
                raise invalid("code.zipFile", f"unpacks to {size} bytes, {len(entries)} files")
            for entry in entries:
                target = Path(package.extract(entry, folder))  # never outside the folder
                mode = entry.external_attr >> 16 & 0o777
                if mode and target.is_file():
                    target.chmod(mode | 0o600)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
        raise invalid("code.zipFile", "is not a zip archive that can be unpacked") from None
