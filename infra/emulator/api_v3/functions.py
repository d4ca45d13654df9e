"""Functions: created, read, changed, deleted, invoked, switched off and on."""

import asyncio
import base64
import binascii
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from infra.emulator import invocations
from infra.emulator.api_v3 import configuration
from infra.emulator.api_v3.fields import Fields, has_tags, json_list, page, read_tags
from infra.emulator.errors import FcError, invalid
from infra.emulator.model import LATEST, OF_SERVICE, Code, Function, Version
from infra.emulator.state import Emulator

_ARCHIVE_BYTES_MAX: Final = 100 * 1024 * 1024
"""Of a package sent inline, in Base64 (Limits page)."""
_DOWNLOAD: Final = "download"
"""The query of a function's code URL, which answers with the package itself."""
_DISABLED: Final = "by DisableFunctionInvocation"


class Functions:
    """The operations on functions."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def create_function(self, request: Request) -> Response:
        """CreateFunction."""
        body = Fields.parse(await request.body())
        wanted = configuration.configuration_of(body, None)
        if OF_SERVICE in wanted.name:
            raise invalid("functionName", f"{OF_SERVICE} is for functions of services")
        self._account.refuse_taken(wanted.name)
        code = await unpacked(self._emulator, body.object("code"))
        if code is None:
            raise invalid("code.zipFile", "is required")
        moment = self._emulator.clock.text()
        echoed = configuration.echoed(body)
        tags = read_tags(body, "tags")
        function = self._account.create(wanted, code, echoed, moment, tags)
        return JSONResponse(self._document(function, function.latest), 201)

    async def list_functions(self, request: Request) -> Response:
        """ListFunctions: of both APIs where no version is asked for, and as the filters say."""
        wanted, functions = _filter(request), self._account.functions
        found = sorted(name for name, function in functions.items() if wanted(function))
        names, more = page(request, found)
        told = [self._document(functions[name], functions[name].latest) for name in names]
        return JSONResponse({"functions": told, **more})

    async def get_function(self, request: Request) -> Response:
        """GetFunction."""
        return JSONResponse(self._document(*self._version(request)))

    async def update_function(self, request: Request) -> Response:
        """UpdateFunction: what the request leaves out stays."""
        body, name = Fields.parse(await request.body()), self._function(request).name
        code = await unpacked(self._emulator, body.object("code"))
        known = self._account.function(name).latest.configuration
        wanted = configuration.configuration_of(body, known)
        moment = self._emulator.clock.text()
        function = self._account.update(wanted, code, configuration.echoed(body), moment)
        self._emulator.changed(function)
        return JSONResponse(self._document(function, function.latest))

    async def delete_function(self, request: Request) -> Response:
        """DeleteFunction: a function that still has triggers stays."""
        name = self._function(request).name
        self._account.delete(name)
        await self._emulator.drop_pools(name)
        return Response(status_code=204)

    async def get_function_code(self, request: Request) -> Response:
        """GetFunctionCode: where to download the package, and the download itself."""
        _, version = self._version(request)
        if _DOWNLOAD in request.query_params:
            return FileResponse(version.code.archive, media_type="application/zip")
        url = str(request.url.include_query_params(**{_DOWNLOAD: "1"}))
        return JSONResponse({"url": url, "checksum": version.code.checksum})

    async def invoke_function(self, request: Request) -> Response:
        """InvokeFunction: the body is the payload."""
        function = self._function(request)
        qualifier = request.query_params.get("qualifier") or LATEST
        return await invocations.answer(self._emulator, function, qualifier, request)

    async def disable_function_invocation(self, request: Request) -> Response:
        """DisableFunctionInvocation: 403 for every invocation from now on."""
        function = self._function(request)
        body = await request.body()
        reason = (Fields.parse(body).text("reason") if body else None) or _DISABLED
        function.disabled = reason
        self._account.put(function)
        return JSONResponse({"success": True})

    async def enable_function_invocation(self, request: Request) -> Response:
        """EnableFunctionInvocation."""
        function = self._function(request)
        function.disabled = None
        self._account.put(function)
        return JSONResponse({"success": True})

    async def list_vpc_bindings(self, request: Request) -> Response:
        """ListVpcBindings."""
        return JSONResponse({"vpcIds": self._function(request).vpc_ids})

    async def create_vpc_binding(self, request: Request) -> Response:
        """CreateVpcBinding: kept; whoever reaches the emulator is in all of them."""
        vpc_id = Fields.parse(await request.body()).required_text("vpcId")
        function = self._function(request)
        if vpc_id not in function.vpc_ids:
            function.vpc_ids.append(vpc_id)
        self._account.put(function)
        return Response(status_code=204)

    async def delete_vpc_binding(self, request: Request) -> Response:
        """DeleteVpcBinding."""
        function, vpc_id = self._function(request), request.path_params["vpc_id"]
        if vpc_id not in function.vpc_ids:
            raise FcError(404, "VpcBindingNotFound", f"vpc binding '{vpc_id}' does not exist")
        function.vpc_ids.remove(vpc_id)
        self._account.put(function)
        return Response(status_code=204)

    def _function(self, request: Request) -> Function:
        return self._account.function(request.path_params["name"])

    def _version(self, request: Request) -> tuple[Function, Version]:
        function = self._function(request)
        return function, function.at(request.query_params.get("qualifier") or LATEST)

    def _document(self, function: Function, version: Version) -> dict[str, Any]:
        arns = version.configuration.layers
        return {
            **version.echoed,
            **configuration.document(version.configuration),
            "layers": [
                {"arn": arn, "size": code.size_bytes}
                for arn, code in zip(arns, version.layers, strict=True)
            ],
            "tags": [{"Key": key, "Value": value} for key, value in function.tags.items()],
            "functionId": function.identity,
            "functionArn": self._account.arn(function.name),
            "codeChecksum": version.code.checksum,
            "codeSize": version.code.size_bytes,
            "state": "Active",
            "lastUpdateStatus": "Successful",
            "createdTime": function.latest.created,
            "lastModifiedTime": version.modified,
            "invocationRestriction": {
                "disable": function.disabled is not None,
                "reason": function.disabled or "",
            },
        }


def _filter(request: Request) -> Callable[[Function], bool]:
    """Which functions a request for a list is about."""
    query, tags = request.query_params, json_list(request, "tags")
    version, name = query.get("fcVersion", ""), query.get("functionName", "")
    if version not in ("", "v2", "v3"):
        raise invalid("fcVersion", f"{version[:40]!r} is neither v2 nor v3")
    described, runtime = query.get("description", ""), query.get("runtime", "")
    group = query.get("resourceGroupId", "")

    def wanted(function: Function) -> bool:
        settings = function.latest.configuration
        return (
            version in ("", "v2" if settings.service_name else "v3")
            and name in ("", function.name)
            and described in settings.description
            and runtime in ("", settings.runtime)
            and group in ("", function.latest.echoed.get("resourceGroupId", ""))
            and not query.get("gpuType")  # No function here has one.
            and has_tags(function.tags, tags)
        )

    return wanted


async def unpacked(emulator: Emulator, code: Fields) -> Code | None:
    """The unpacked package of a request's `code`, if it has one."""
    archive = _archive(emulator, code)
    if archive is None:
        return None
    known = code.text("checksum")
    found = await asyncio.to_thread(emulator.account.packages.unpack, archive)
    if known and known != found.checksum:
        raise invalid("code.checksum", f"is {known}, and that of the package {found.checksum}")
    return found


def _archive(emulator: Emulator, code: Fields) -> bytes | None:
    if "ossObjectName" in code or "ossBucketName" in code:
        bucket, name = code.required_text("ossBucketName"), code.required_text("ossObjectName")
        return emulator.objects.read(bucket, name)
    text = code.text("zipFile")
    if text is None:
        return None
    try:
        archive = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("code.zipFile", "is not Base64") from None
    if len(archive) > _ARCHIVE_BYTES_MAX:
        what = f"has {len(archive)} bytes, more than {_ARCHIVE_BYTES_MAX}; use an OSS object"
        raise invalid("code.zipFile", what)
    return archive
