"""The FC 3.0 dialect (2023-03-30): wire shapes over the model.

Routes and field names: alibabacloud-fc20230330 4.8.3, client.py and models/. Every operation of
that API that has no route here answers 501 with its method and path.
"""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.emulator import access, data_plane
from infra.emulator.errors import FcError, invalid, not_emulated
from infra.emulator.model import METHODS, Configuration, Function, HealthCheck, Trigger
from infra.emulator.state import Emulator

PREFIX: Final = "/2023-03-30"


def routes(emulator: Emulator) -> list[Route]:
    """The control plane's routes."""
    api = _Api(emulator)
    function = f"{PREFIX}/functions/{{name}}"
    trigger = f"{function}/triggers/{{trigger}}"
    table = [
        (f"{PREFIX}/functions", "POST", api.create_function),
        (f"{PREFIX}/functions", "GET", api.list_functions),
        (function, "GET", api.get_function),
        (function, "PUT", api.update_function),
        (function, "DELETE", api.delete_function),
        (f"{function}/invocations", "POST", api.invoke_function),
        (f"{function}/triggers", "POST", api.create_trigger),
        (f"{function}/triggers", "GET", api.list_triggers),
        (trigger, "GET", api.get_trigger),
        (trigger, "PUT", api.update_trigger),
        (trigger, "DELETE", api.delete_trigger),
        (f"{function}/scaling-config", "PUT", api.put_scaling),
        (f"{function}/scaling-config", "GET", api.get_scaling),
        (f"{function}/instances", "GET", api.list_instances),
    ]
    found = [Route(path, endpoint, methods=[method]) for path, method, endpoint in table]
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    return [*found, Route(f"{PREFIX}/{{rest:path}}", _unknown, methods=methods)]


async def _unknown(request: Request) -> Response:
    raise not_emulated(f"{request.method} {request.url.path}")


class _Api:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def create_function(self, request: Request) -> Response:
        body = await _json(request)
        archive = _archive(body.get("code"))
        if archive is None:
            raise invalid("code.zipFile", "is required")
        function = self._account.create(_configuration(body, None), archive, _now())
        return JSONResponse(self._function(function), 201)

    async def list_functions(self, _request: Request) -> Response:
        functions = [self._function(each) for each in self._account.functions.values()]
        return JSONResponse({"functions": functions})

    async def get_function(self, request: Request) -> Response:
        return JSONResponse(self._function(self._account.function(_path(request, "name"))))

    async def update_function(self, request: Request) -> Response:
        body, name = await _json(request), _path(request, "name")
        configuration = _configuration(body, self._account.function(name).configuration)
        function = self._account.update(name, configuration, _archive(body.get("code")), _now())
        await self._emulator.pool(name).renew()
        return JSONResponse(self._function(function))

    async def delete_function(self, request: Request) -> Response:
        name = _path(request, "name")
        self._account.delete(name)
        await self._emulator.drop_pool(name)
        return Response(status_code=204)

    async def invoke_function(self, request: Request) -> Response:
        name = _path(request, "name")
        if request.headers.get("x-fc-invocation-type", "Sync") != "Sync":
            raise not_emulated("asynchronous InvokeFunction")
        function = self._account.function(name)
        return await data_plane.by_api(
            request,
            request.state.request_id,
            function,
            self._emulator.pool(name),
            self._emulator.session,
        )

    async def create_trigger(self, request: Request) -> Response:
        trigger = _trigger(await _json(request), None)
        stored = self._account.create_trigger(_path(request, "name"), trigger)
        return JSONResponse(_trigger_document(stored), 201)

    async def list_triggers(self, request: Request) -> Response:
        triggers = self._account.function(_path(request, "name")).triggers.values()
        return JSONResponse({"triggers": [_trigger_document(each) for each in triggers]})

    async def get_trigger(self, request: Request) -> Response:
        found = self._account.trigger(_path(request, "name"), _path(request, "trigger"))
        return JSONResponse(_trigger_document(found))

    async def update_trigger(self, request: Request) -> Response:
        name = _path(request, "name")
        known = self._account.trigger(name, _path(request, "trigger"))
        stored = self._account.update_trigger(name, _trigger(await _json(request), known))
        return JSONResponse(_trigger_document(stored))

    async def delete_trigger(self, request: Request) -> Response:
        self._account.delete_trigger(_path(request, "name"), _path(request, "trigger"))
        return Response(status_code=204)

    async def put_scaling(self, request: Request) -> Response:
        body, name = await _json(request), _path(request, "name")
        function = self._account.function(name)
        wanted = body.get("minInstances", 0)
        if not isinstance(wanted, int) or not 0 <= wanted <= 10:
            raise invalid("minInstances", f"{wanted!r} is not between 0 and 10")
        function.instances_min = wanted
        await self._emulator.pool(name).fill()
        return JSONResponse(self._scaling(function))

    async def get_scaling(self, request: Request) -> Response:
        return JSONResponse(self._scaling(self._account.function(_path(request, "name"))))

    async def list_instances(self, request: Request) -> Response:
        name = _path(request, "name")
        self._account.function(name)
        instances = [
            {
                "instanceId": each.id,
                "versionId": "LATEST",
                "qualifier": "LATEST",
                "status": "Running",
            }
            for each in self._emulator.pool(name).instances
            if each.ready
        ]
        return JSONResponse({"instances": instances})

    def _arn(self, name: str) -> str:
        account = self._account
        return f"acs:fc:{account.region}:{account.account_id}:functions/{name}"

    def _scaling(self, function: Function) -> dict[str, Any]:
        name = function.configuration.name
        ready = sum(each.ready for each in self._emulator.pool(name).instances)
        return {
            "functionArn": self._arn(name),
            "minInstances": function.instances_min,
            "targetInstances": function.instances_min,
            "currentInstances": ready,
        }

    def _function(self, function: Function) -> dict[str, Any]:
        configuration = function.configuration
        return {
            "functionId": function.identity,
            "functionArn": self._arn(configuration.name),
            "functionName": configuration.name,
            "description": configuration.description,
            "runtime": configuration.runtime,
            "handler": configuration.handler,
            "cpu": configuration.cpu,
            "memorySize": configuration.memory_mb,
            "diskSize": configuration.disk_mb,
            "timeout": configuration.timeout_seconds,
            "instanceConcurrency": configuration.instance_concurrency,
            "environmentVariables": dict(configuration.environment),
            "customRuntimeConfig": {
                "command": list(configuration.command),
                "port": configuration.port,
                "healthCheckConfig": {"httpGetUrl": configuration.health_check.path},
            },
            "codeChecksum": function.code.checksum,
            "codeSize": function.code.size_bytes,
            "createdTime": function.created,
            "lastModifiedTime": function.modified,
            "state": "Active",
            "lastUpdateStatus": "Successful",
        }


def _configuration(body: dict[str, Any], known: Configuration | None) -> Configuration:
    """A configuration from a request; what it leaves out stays as `known` has it."""
    runtime_config = body.get("customRuntimeConfig") or {}
    health = runtime_config.get("healthCheckConfig") or {}
    lifecycle = body.get("instanceLifecycleConfig") or {}
    environment = body.get("environmentVariables")
    if environment is not None and not all(isinstance(each, str) for each in environment.values()):
        raise invalid("environmentVariables", "must map names to strings")
    command = [*(runtime_config.get("command") or ()), *(runtime_config.get("args") or ())]
    given: dict[str, Any] = {
        "name": body.get("functionName"),
        "runtime": body.get("runtime"),
        "handler": body.get("handler"),
        "description": body.get("description"),
        "cpu": body.get("cpu"),
        "memory_mb": body.get("memorySize"),
        "disk_mb": body.get("diskSize"),
        "timeout_seconds": body.get("timeout"),
        "instance_concurrency": body.get("instanceConcurrency"),
        "command": tuple(command) or None,
        "port": runtime_config.get("port"),
        "health_check": HealthCheck(health["httpGetUrl"]) if health.get("httpGetUrl") else None,
        "initializer": bool(lifecycle.get("initializer")) or None,
        "environment": None if environment is None else tuple(sorted(environment.items())),
    }
    stated = {name: value for name, value in given.items() if value is not None}
    if known is not None:
        before = {name: getattr(known, name) for name in given}
        return Configuration(**{**before, **stated, "name": known.name})
    for name, field in (("functionName", "name"), ("runtime", "runtime")):
        if field not in stated:
            raise invalid(name, "is required")
    stated.setdefault("command", ())
    return Configuration(**stated)


def _archive(code: Any) -> bytes | None:  # noqa: ANN401 -- a field of a request
    if not code:
        return None
    if not isinstance(code, dict) or "zipFile" not in code:
        raise not_emulated("code from an OSS object (emulated: code.zipFile)")
    try:
        return base64.b64decode(code["zipFile"], validate=True)
    except (binascii.Error, TypeError):
        raise invalid("code.zipFile", "is not Base64") from None


def _trigger(body: dict[str, Any], known: Trigger | None) -> Trigger:
    kind = body.get("triggerType", "http")
    if kind != "http":
        raise not_emulated(f"trigger type {kind}")
    text = body.get("triggerConfig") or (known.config if known else "")
    try:
        config = json.loads(text)
    except (ValueError, TypeError):
        raise invalid("triggerConfig", "must be a JSON object in a string") from None
    rules = access.parse(config.get("authType", "function"), config.get("authConfig") or "{}")
    methods = tuple(config.get("methods") or METHODS)
    if not set(methods) <= set(METHODS):
        raise invalid("triggerConfig.methods", f"must be out of {', '.join(METHODS)}")
    name = known.name if known else body.get("triggerName")
    if not name:
        raise invalid("triggerName", "is required")
    description = body.get("description") or ""
    return Trigger(name, "", rules, methods, text, description)


def _trigger_document(trigger: Trigger) -> dict[str, Any]:
    return {
        "triggerName": trigger.name,
        "triggerType": "http",
        "triggerConfig": trigger.config,
        "qualifier": "LATEST",
        "description": trigger.description,
        "httpTrigger": {
            "urlInternet": f"https://{trigger.host}",
            "urlIntranet": f"https://{trigger.host.replace('.fcapp.run', '-vpc.fcapp.run')}",
        },
    }


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise FcError(400, "InvalidArgument", "the request body must be a JSON object")
    return body


def _path(request: Request, name: str) -> str:
    return str(request.path_params[name])


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
