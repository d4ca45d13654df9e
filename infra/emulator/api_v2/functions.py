"""Functions of services: created, read, changed, deleted, invoked."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator import invocations
from infra.emulator.api_v2.subject import function_and_qualifier, plain_name, subject
from infra.emulator.api_v3 import configuration
from infra.emulator.api_v3.fields import Fields, page
from infra.emulator.api_v3.functions import unpacked
from infra.emulator.errors import FcError, exists, invalid
from infra.emulator.model import Function, Version, of_service
from infra.emulator.state import Emulator

_ELSEWHERE: Final = ("functionName", "caPort", "initializer", "initializationTimeout")
_KEPT: Final = ("instanceType", "instanceSoftConcurrency")


class Functions:
    """The operations on functions of services."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def create_function(self, request: Request) -> Response:
        """CreateFunction."""
        body, service = Fields.parse(await request.body()), subject(self._account, request).service
        name = body.required_text("functionName")
        if "$" in name:
            raise invalid("functionName", f"{name[:140]!r} must not hold $")
        wanted = configuration.configuration_of(_as_v3(body, of_service(service.name, name)), None)
        if wanted.name in self._account.functions:
            raise exists("Function", name)
        code = await unpacked(self._emulator, body.object("code"))
        if code is None:
            raise invalid("code.zipFile", "is required")
        moment = self._emulator.clock.text()
        function = self._account.create(wanted, code, _kept(body), moment)
        return JSONResponse(_document(function, function.latest), 201)

    async def list_functions(self, request: Request) -> Response:
        """ListFunctions: of one service, at a qualifier."""
        found = subject(self._account, request)
        functions = {
            plain_name(function): version
            for function in self._account.functions_of(found.service)
            if (version := _version_or_none(function, found.qualifier)) is not None
        }
        names, more = page(request, sorted(functions))
        of = found.function
        told = [_document(of(self._account, name), functions[name]) for name in names]
        return JSONResponse({"functions": told, **more})

    async def get_function(self, request: Request) -> Response:
        """GetFunction."""
        function, qualifier = function_and_qualifier(self._account, request)
        return JSONResponse(_document(function, function.at(qualifier)))

    async def update_function(self, request: Request) -> Response:
        """UpdateFunction: what the request leaves out stays."""
        body = Fields.parse(await request.body())
        function, _ = function_and_qualifier(self._account, request)
        code = await unpacked(self._emulator, body.object("code"))
        known = function.latest.configuration
        wanted = configuration.configuration_of(_as_v3(body, function.name), known)
        moment = self._emulator.clock.text()
        self._account.update(wanted, code, _kept(body), moment)
        self._emulator.changed(function)
        return JSONResponse(_document(function, function.latest))

    async def delete_function(self, request: Request) -> Response:
        """DeleteFunction: a function that still has triggers stays."""
        function, _ = function_and_qualifier(self._account, request)
        self._account.delete(function.name)
        await self._emulator.drop_pools(function.name)
        return Response(status_code=204)

    async def invoke_function(self, request: Request) -> Response:
        """InvokeFunction: the body is the payload, whatever its content type says."""
        function, qualifier = function_and_qualifier(self._account, request)
        return await invocations.answer(self._emulator, function, qualifier, request)


def _as_v3(body: Fields, name: str) -> Fields:
    """A body with the fields of FC 3.0, which says some things at other places."""
    told = body.rest(*_ELSEWHERE)
    runtime = dict(body.object("customRuntimeConfig").rest())
    if (port := body.integer("caPort")) is not None:
        runtime["port"] = port
    if runtime:
        told["customRuntimeConfig"] = runtime
    if initializer := body.text("initializer"):
        hooks = dict(body.object("instanceLifecycleConfig").rest())
        seconds = body.integer("initializationTimeout")
        hooks["initializer"] = {"handler": initializer, "timeout": seconds}
        told["instanceLifecycleConfig"] = hooks
    return Fields({**told, "functionName": name})


def _kept(body: Fields) -> dict[str, Any]:
    given = body.rest().items()
    return configuration.echoed(body) | {name: value for name, value in given if name in _KEPT}


def _version_or_none(function: Function, qualifier: str) -> Version | None:
    try:
        return function.at(qualifier)
    except FcError:
        return None


def _document(function: Function, version: Version) -> dict[str, Any]:
    settings = version.configuration
    told = {
        **version.echoed,
        **configuration.document(settings),
        "functionName": plain_name(function),
        "functionId": function.identity,
        "caPort": settings.port,
        "initializer": "",
        "initializationTimeout": 0,
        "codeChecksum": version.code.checksum,
        "codeSize": version.code.size_bytes,
        "createdTime": function.latest.created,
        "lastModifiedTime": version.modified,
    }
    if settings.initialize_seconds is not None:
        told["initializer"] = settings.initialize_handler
        told["initializationTimeout"] = settings.initialize_seconds
    return told
