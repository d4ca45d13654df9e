"""Functions: created, read, changed, deleted, invoked."""

import asyncio
import base64
import binascii
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from infra.emulator import data_plane
from infra.emulator.api_v3.fields import Fields
from infra.emulator.errors import invalid, not_emulated
from infra.emulator.model import Code, Configuration, Function, HealthCheck
from infra.emulator.state import Emulator

_READ: Final = frozenset(
    {
        *("functionName", "description", "runtime", "handler", "cpu", "memorySize", "diskSize"),
        *("timeout", "instanceConcurrency", "environmentVariables", "customRuntimeConfig"),
        *("instanceLifecycleConfig", "code"),
    }
)
_UNREADABLE: Final = ("layers", "customContainerConfig", "gpuConfig")
"""Fields that would change what runs, and do not here."""
_ECHOED: Final = frozenset(
    {
        *("logConfig", "vpcConfig", "nasConfig", "ossMountConfig", "tracingConfig", "role", "tags"),
        *("internetAccess", "customDNS", "instanceIsolationMode", "sessionAffinity"),
        *("resourceGroupId", "idleTimeout", "disableOndemand", "invocationRestriction"),
    }
)
_LIST_MAX: Final = 100
_HOOK_SECONDS: Final = 3
_LOG_TAIL_BYTES: Final = 4 * 1024
_DOWNLOAD: Final = "download"
"""The query of a function's code URL, which answers with the package itself."""


class Functions:
    """The operations on functions."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def create(self, request: Request) -> Response:
        """CreateFunction."""
        body = Fields.parse(await request.body())
        configuration = _configuration(body, None)
        self._account.refuse_taken(configuration.name)
        code = await self._code(body)
        if code is None:
            raise invalid("code.zipFile", "is required")
        function = self._account.create(configuration, code, _echoed(body), now())
        return JSONResponse(self._document(function), 201)

    async def list(self, request: Request) -> Response:
        """ListFunctions: by name, a page at a time; `nextToken` is the last name seen."""
        prefix = request.query_params.get("prefix", "")
        after = request.query_params.get("nextToken", "")
        text = request.query_params.get("limit") or str(_LIST_MAX)
        if not text.isascii() or not text.isdigit() or not 1 <= int(text[:4]) <= _LIST_MAX:
            raise invalid("limit", f"{text!r} is not between 1 and {_LIST_MAX}")
        names = sorted(self._account.functions)
        names = [name for name in names if name.startswith(prefix) and name > after]
        page = names[: int(text)]
        documents = [self._document(self._account.functions[name]) for name in page]
        more = {"nextToken": page[-1]} if len(names) > len(page) else {}
        return JSONResponse({"functions": documents, **more})

    async def get(self, request: Request) -> Response:
        """GetFunction."""
        return JSONResponse(self._document(self._function(request)))

    async def update(self, request: Request) -> Response:
        """UpdateFunction: what the request leaves out stays."""
        body, name = Fields.parse(await request.body()), self._function(request).name
        code = await self._code(body)
        configuration = _configuration(body, self._account.function(name).configuration)
        function = self._account.update(configuration, code, _echoed(body), now())
        self._emulator.pool(function).changed()
        return JSONResponse(self._document(function))

    async def delete(self, request: Request) -> Response:
        """DeleteFunction: a function that still has triggers stays."""
        name = self._function(request).name
        self._account.delete(name)
        await self._emulator.drop_pool(name)
        return Response(status_code=204)

    async def code(self, request: Request) -> Response:
        """GetFunctionCode: where to download the package, and the download itself."""
        code = self._function(request).code
        if _DOWNLOAD in request.query_params:
            return FileResponse(code.archive, media_type="application/zip")
        url = str(request.url.include_query_params(**{_DOWNLOAD: "1"}))
        return JSONResponse({"url": url, "checksum": code.checksum})

    async def invoke(self, request: Request) -> Response:
        """InvokeFunction, synchronously: the body is the payload."""
        if request.headers.get("x-fc-invocation-type", "Sync").lower() != "sync":
            raise not_emulated("InvokeFunction with x-fc-invocation-type: Async")
        function, emulator = self._function(request), self._emulator
        pool = emulator.pool(function)
        payload = await request.body()
        fault = emulator.faults.draw(function.name)
        call = data_plane.invoke_call(request.state.request_id, function, pool, payload, fault)
        invoked = await data_plane.invoke(call)
        headers = {
            "x-fc-instance-id": invoked.instance_id,
            "x-fc-code-checksum": function.code.checksum,
            "x-fc-invocation-service-version": "LATEST",
        }
        if invoked.failed:
            headers["x-fc-error-type"] = "UnhandledInvocationError"
        if request.headers.get("x-fc-log-type", "").lower() == "tail":
            tail = "\n".join(pool.log).encode()[-_LOG_TAIL_BYTES:]
            headers["x-fc-log-result"] = base64.b64encode(tail).decode()
        return Response(invoked.body, headers=headers, media_type=invoked.content_type or None)

    def _function(self, request: Request) -> Function:
        qualifier = request.query_params.get("qualifier") or "LATEST"
        if qualifier != "LATEST":
            raise not_emulated(f"the qualifier {qualifier!r} (emulated: LATEST)")
        return self._account.function(request.path_params["name"])

    async def _code(self, body: Fields) -> Code | None:
        """The unpacked package of a request, if it has one."""
        code = body.object("code")
        if "ossObjectName" in code or "ossBucketName" in code:
            raise not_emulated("code from an OSS object (emulated: code.zipFile)")
        text = code.text("zipFile")
        if text is None:
            return None
        try:
            archive = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise invalid("code.zipFile", "is not Base64") from None
        return await asyncio.to_thread(self._account.unpack, archive)

    def _document(self, function: Function) -> dict[str, Any]:
        configuration, account = function.configuration, self._account
        return {
            **function.echoed,
            **_configuration_document(configuration),
            "functionId": function.identity,
            "functionArn": arn(account.region, account.account_id, function.name),
            "codeChecksum": function.code.checksum,
            "codeSize": function.code.size_bytes,
            "createdTime": function.created,
            "lastModifiedTime": function.modified,
            "state": "Active",
            "lastUpdateStatus": "Successful",
        }


def arn(region: str, account_id: str, name: str) -> str:
    """The platform's resource name of a function."""
    return f"acs:fc:{region}:{account_id}:functions/{name}"


def now() -> str:
    """This moment, as the platform writes times."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _configuration(body: Fields, known: Configuration | None) -> Configuration:
    """A configuration from a request; what it leaves out stays as `known` has it."""
    for name in _UNREADABLE:
        if body.rest(*_READ).get(name):
            raise not_emulated(f"CreateFunction and UpdateFunction with {name}")
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
        "command": command or None,
        "port": runtime.integer("port"),
        "health_check": _health_check(runtime),
        "initialize_seconds": _hook_seconds(lifecycle, "initializer"),
        "pre_stop_seconds": _hook_seconds(lifecycle, "preStop"),
        "initialize_handler": lifecycle.object("initializer").text("handler") or None,
        "pre_stop_handler": lifecycle.object("preStop").text("handler") or None,
        "environment": body.text_by_name("environmentVariables"),
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


def _echoed(body: Fields) -> dict[str, Any]:
    return {name: value for name, value in body.rest(*_READ).items() if name in _ECHOED}


def _configuration_document(configuration: Configuration) -> dict[str, Any]:
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
        "instanceLifecycleConfig": hooks,
        "environmentVariables": dict(configuration.environment),
        "customRuntimeConfig": runtime,
    }
