"""What an instance is started with, each field held to the platform's limits.

Limits: help.aliyun.com/zh/functioncompute, "Limits", and the fc3 component's schema, read 2026-04.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from infra.emulator.errors import invalid, not_emulated

CUSTOM_RUNTIMES: Final = ("custom", "custom.debian10", "custom.debian11", "custom.debian12")
EVENT_RUNTIMES: Final = ("python3.9", "python3.10", "python3.12")
RUNTIMES: Final = CUSTOM_RUNTIMES + EVENT_RUNTIMES
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
OF_SERVICE: Final = "$"
"""Stands between service and function in the name of a function of the 2016-08-15 API."""
_LAYERS_MAX: Final = 5
_HANDLER: Final = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_PATH: Final = re.compile(r"/[!-~]{0,1023}")
_VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_DISKS_MB: Final = (512, 10240)
_ENVIRONMENT_BYTES_MAX: Final = 4 * 1024
_DESCRIPTION_CHARACTERS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How the platform sees that an instance can take requests; without a path: it listens."""

    path: str = ""
    initial_delay_seconds: int = 0
    period_seconds: int = 3
    timeout_seconds: int = 1
    failure_threshold: int = 3
    success_threshold: int = 1

    def __post_init__(self) -> None:
        """Hold every field to the platform's limits."""
        place = "customRuntimeConfig.healthCheckConfig."
        if self.path and not _PATH.fullmatch(self.path):
            what = f"{self.path[:100]!r} must be / and at most 1,023 printable ASCII characters"
            raise invalid(f"{place}httpGetUrl", what)
        within(f"{place}initialDelaySeconds", self.initial_delay_seconds, 0, 120)
        within(f"{place}periodSeconds", self.period_seconds, 1, 120)
        within(f"{place}timeoutSeconds", self.timeout_seconds, 1, 3)
        within(f"{place}failureThreshold", self.failure_threshold, 1, 120)
        within(f"{place}successThreshold", self.success_threshold, 1, 120)


@dataclass(frozen=True, slots=True)
class Configuration:
    """A function's configuration. Memory in MB, times in seconds.

    `initialize_seconds` and `pre_stop_seconds` are the time limits of the hooks, None without one;
    their handlers say what to call, where the runtime is the platform's.
    """

    name: str
    runtime: str
    command: tuple[str, ...] = ("./bootstrap",)
    port: int = 9000
    handler: str = "index.handler"
    description: str = ""
    cpu: float = 0.35
    memory_mb: int = 512
    disk_mb: int = 512
    timeout_seconds: int = 3
    instance_concurrency: int = 1
    idle_seconds: int = 300
    health_check: HealthCheck = field(default_factory=HealthCheck)
    initialize_seconds: int | None = None
    pre_stop_seconds: int | None = None
    initialize_handler: str = "initialize"
    pre_stop_handler: str = "preStop"
    environment: tuple[tuple[str, str], ...] = ()
    layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Hold every field to the platform's limits."""
        for part in self.name.split(OF_SERVICE, 1):
            check_name("functionName", part)
        if self.runtime not in RUNTIMES:
            known = ", ".join(RUNTIMES)
            raise not_emulated(f"runtime {self.runtime!r} (emulated: {known})")
        within("cpu", self.cpu, 0.05, 16)
        within("memorySize", self.memory_mb, 128, 32768)
        within("timeout", self.timeout_seconds, 1, 86400)
        within("instanceConcurrency", self.instance_concurrency, 1, 200)
        within("idleTimeout", self.idle_seconds, 1, 86400)
        within("customRuntimeConfig.port", self.port, 1, 65535)
        if not _HANDLER.fullmatch(self.handler):
            what = f"{self.handler[:140]!r} must be 1 to 128 printable characters"
            raise invalid("handler", what)
        if any("\0" in part for part in self.command) or not self.command[0]:
            raise invalid("customRuntimeConfig.command", "must name a program, without NUL")
        if self.is_event_function and not all(self.handler.rpartition(".")):
            raise invalid("handler", f"{self.handler!r} is not of the form module.function")
        if self.memory_mb % 64:
            raise invalid("memorySize", f"{self.memory_mb} is not a multiple of 64")
        if self.disk_mb not in _DISKS_MB:
            raise invalid("diskSize", f"{self.disk_mb} is not one of {_DISKS_MB}")
        if len(self.description) > _DESCRIPTION_CHARACTERS_MAX:
            raise invalid("description", f"has more than {_DESCRIPTION_CHARACTERS_MAX} characters")
        if self.initialize_seconds is not None:
            within("instanceLifecycleConfig.initializer.timeout", self.initialize_seconds, 1, 300)
        if self.pre_stop_seconds is not None:
            within("instanceLifecycleConfig.preStop.timeout", self.pre_stop_seconds, 1, 90)
        if len(self.layers) > _LAYERS_MAX:
            raise invalid("layers", f"are {len(self.layers)}, more than {_LAYERS_MAX}")
        self._check_environment()

    @property
    def service_name(self) -> str:
        """The name of the service that the function is of; empty for one of FC 3.0."""
        service, of_service, _ = self.name.partition(OF_SERVICE)
        return service if of_service else ""

    @property
    def plain_name(self) -> str:
        """The function's name, within its service where it is of one."""
        return self.name.rpartition(OF_SERVICE)[2]

    @property
    def is_event_function(self) -> bool:
        """Whether the platform's own runtime calls a handler, rather than the package's server."""
        return self.runtime in EVENT_RUNTIMES

    def _check_environment(self) -> None:
        size = 0
        for name, value in self.environment:
            if not _VARIABLE.fullmatch(name) or name.startswith("FC_"):
                what = f"{name!r} must be letters, digits and _, a letter first, and not FC_…"
                raise invalid("environmentVariables", what)
            if "\0" in value:
                raise invalid("environmentVariables", f"{name} holds a NUL character")
            size += len(name) + len(value.encode())
        if size > _ENVIRONMENT_BYTES_MAX:
            raise invalid("environmentVariables", f"exceed {_ENVIRONMENT_BYTES_MAX} bytes in all")


def within(name: str, value: float, low: float, high: float) -> None:
    """Raise InvalidArgument unless `value` lies between `low` and `high`, both included."""
    if not low <= value <= high:
        raise invalid(name, f"{value} is not between {low} and {high}")


def check_name(field_name: str, name: str) -> None:
    """Raise InvalidArgument unless `name` may name a function or a trigger."""
    if not _NAME.fullmatch(name):
        what = f"{name[:140]!r} must be 1 to 128 letters, digits, _ and -, no digit or - first"
        raise invalid(field_name, what)
