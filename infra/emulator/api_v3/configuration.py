"""A function's configuration, from a request and as it is told."""

from dataclasses import replace
from typing import Any, Final

from infra.emulator.api_v3.fields import Fields
from infra.emulator.errors import not_emulated
from infra.emulator.model import Configuration, HealthCheck

_READ: Final = frozenset(
    {
        *("functionName", "description", "runtime", "handler", "cpu", "memorySize", "diskSize"),
        *("timeout", "instanceConcurrency", "environmentVariables", "customRuntimeConfig"),
        *("instanceLifecycleConfig", "code", "layers", "idleTimeout"),
    }
)
_UNREADABLE: Final[dict[str, tuple[object, ...]]] = {
    **dict.fromkeys(("customContainerConfig", "gpuConfig", "microSandboxConfig"), ({},)),
    **dict.fromkeys(("juiceFsConfig", "polarFsConfig"), ({},)),
    **dict.fromkeys(("disableOndemand", "enableLongLiving"), (False,)),
    "instanceIsolationMode": ("", "SHARE"),
    "sessionAffinity": ("", "NONE"),
    "disableInjectCredentials": ("", "None"),
}
"""Fields that would change what runs, and do not here, but for these values."""
_ECHOED: Final = frozenset(
    {
        *("logConfig", "vpcConfig", "nasConfig", "ossMountConfig", "tracingConfig", "role"),
        *("internetAccess", "customDNS", "instanceIsolationMode", "sessionAffinity"),
        *("resourceGroupId", "disableOndemand", "invocationRestriction"),
    }
)
_HOOK_SECONDS: Final = 3


def configuration_of(body: Fields, known: Configuration | None) -> Configuration:
    """A configuration from a request; what it leaves out stays as `known` has it."""
    for name, harmless in _UNREADABLE.items():
        value = body.rest().get(name)
        if value is not None and value not in harmless:
            told = value if isinstance(value, str | bool) else "…"
            raise not_emulated(f"CreateFunction and UpdateFunction with {name}: {told}"[:200])
    runtime, lifecycle = body.object("customRuntimeConfig"), body.object("instanceLifecycleConfig")
    command = (*(runtime.texts("command") or ()), *(runtime.texts("args") or ()))
    given = {
        "runtime": body.text("runtime"),
        "handler": body.text("handler"),
        "description": body.text("description"),
        "cpu": body.number("cpu"),
        "memory_mb": body.integer("memorySize"),
        "disk_mb": body.integer("diskSize"),
        "timeout_seconds": body.integer("timeout"),
        "instance_concurrency": body.integer("instanceConcurrency"),
        "idle_seconds": body.integer("idleTimeout"),
        "command": command or None,
        "port": runtime.integer("port"),
        "health_check": _health_check(runtime),
        "initialize_seconds": _hook_seconds(lifecycle, "initializer"),
        "pre_stop_seconds": _hook_seconds(lifecycle, "preStop"),
        "initialize_handler": lifecycle.object("initializer").text("handler") or None,
        "pre_stop_handler": lifecycle.object("preStop").text("handler") or None,
        "environment": body.text_by_name("environmentVariables"),
        "layers": body.texts("layers"),
    }
    stated: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if known is not None:
        return replace(known, **stated)
    stated["name"] = body.required_text("functionName")
    stated["runtime"] = body.required_text("runtime")
    return Configuration(**stated)


def _health_check(runtime: Fields) -> HealthCheck | None:
    if "healthCheckConfig" not in runtime:
        return None
    check = runtime.object("healthCheckConfig")
    given = {
        "path": check.text("httpGetUrl"),
        "initial_delay_seconds": check.integer("initialDelaySeconds"),
        "period_seconds": check.integer("periodSeconds"),
        "timeout_seconds": check.integer("timeoutSeconds"),
        "failure_threshold": check.integer("failureThreshold"),
        "success_threshold": check.integer("successThreshold"),
    }
    stated: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return HealthCheck(**stated)


def _hook_seconds(lifecycle: Fields, name: str) -> int | None:
    """A hook's time limit; None where there is no hook."""
    hook = lifecycle.object(name)
    if "command" in hook:
        raise not_emulated(f"instanceLifecycleConfig.{name}.command (emulated: handler)")
    if not hook.text("handler"):
        return None
    return hook.integer("timeout") or _HOOK_SECONDS


def echoed(body: Fields) -> dict[str, Any]:
    """Fields that are read back as they were given."""
    return {name: value for name, value in body.rest(*_READ).items() if name in _ECHOED}


def document(configuration: Configuration) -> dict[str, Any]:
    """The configuration as the API tells it."""
    check, hooks = configuration.health_check, {}
    if configuration.initialize_seconds is not None:
        seconds = configuration.initialize_seconds
        hooks["initializer"] = {"handler": configuration.initialize_handler, "timeout": seconds}
    if configuration.pre_stop_seconds is not None:
        seconds = configuration.pre_stop_seconds
        hooks["preStop"] = {"handler": configuration.pre_stop_handler, "timeout": seconds}
    runtime: dict[str, Any] = {
        "command": list(configuration.command),
        "port": configuration.port,
    }
    if check.path:
        runtime["healthCheckConfig"] = {
            "httpGetUrl": check.path,
            "initialDelaySeconds": check.initial_delay_seconds,
            "periodSeconds": check.period_seconds,
            "timeoutSeconds": check.timeout_seconds,
            "failureThreshold": check.failure_threshold,
            "successThreshold": check.success_threshold,
        }
    return {
        "functionName": configuration.name,
        "description": configuration.description,
        "runtime": configuration.runtime,
        "handler": configuration.handler,
        "cpu": configuration.cpu,
        "memorySize": configuration.memory_mb,
        "diskSize": configuration.disk_mb,
        "timeout": configuration.timeout_seconds,
        "instanceConcurrency": configuration.instance_concurrency,
        "idleTimeout": configuration.idle_seconds,
        "instanceLifecycleConfig": hooks,
        "environmentVariables": dict(configuration.environment),
        "customRuntimeConfig": runtime,
    }
