"""Versions and aliases of a function."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator.api_v3.fields import Fields, page, whole
from infra.emulator.errors import exists, invalid
from infra.emulator.model import Alias, Function, ServiceVersion, Version
from infra.emulator.state import Emulator


class Versions:
    """The operations on a function's versions and aliases."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def publish_function_version(self, request: Request) -> Response:
        """PublishFunctionVersion."""
        body, function = await request.body(), self._function(request)
        description = (Fields.parse(body).text("description") if body else None) or ""
        version = function.publish(description, self._emulator.clock.text())
        self._account.put(function)
        return JSONResponse(version_document(version), 201)

    async def list_function_versions(self, request: Request) -> Response:
        """ListFunctionVersions: the newest first, or with `direction` FORWARD the oldest."""
        return JSONResponse(versions_page(request, self._function(request).versions))

    async def delete_function_version(self, request: Request) -> Response:
        """DeleteFunctionVersion: one that an alias names stays."""
        function, version_id = self._function(request), request.path_params["version_id"]
        function.unpublish(version_id)
        self._account.put(function)
        await self._emulator.drop_pools(function.name, version_id)
        return Response(status_code=204)

    async def create_alias(self, request: Request) -> Response:
        """CreateAlias."""
        body, function = Fields.parse(await request.body()), self._function(request)
        alias = alias_of(body, None, self._emulator.clock.text())
        if alias.name in function.aliases:
            raise exists("Alias", alias.name)
        self._put(function, alias)
        return JSONResponse(alias_document(alias), 201)

    async def get_alias(self, request: Request) -> Response:
        """GetAlias."""
        return JSONResponse(alias_document(self._alias(request)))

    async def list_aliases(self, request: Request) -> Response:
        """ListAliases."""
        aliases = self._function(request).aliases
        names, more = page(request, sorted(aliases))
        return JSONResponse({"aliases": [alias_document(aliases[n]) for n in names], **more})

    async def update_alias(self, request: Request) -> Response:
        """UpdateAlias: what the request leaves out stays."""
        body, function = Fields.parse(await request.body()), self._function(request)
        alias = alias_of(body, self._alias(request), self._emulator.clock.text())
        self._put(function, alias)
        return JSONResponse(alias_document(alias))

    async def delete_alias(self, request: Request) -> Response:
        """DeleteAlias."""
        function, alias = self._function(request), self._alias(request)
        del function.aliases[alias.name]
        function.minimums.pop(alias.name, None)
        self._account.put(function)
        self._emulator.changed(function)
        return Response(status_code=204)

    def _function(self, request: Request) -> Function:
        return self._account.function(request.path_params["name"])

    def _alias(self, request: Request) -> Alias:
        return self._function(request).alias(request.path_params["alias_name"])

    def _put(self, function: Function, alias: Alias) -> None:
        function.put_alias(alias)
        self._account.put(function)
        self._emulator.changed(function)


def alias_of(body: Fields, known: Alias | None, moment: str) -> Alias:
    """An alias from a request; what it leaves out stays as `known` has it."""
    name = known.name if known else body.required_text("aliasName")
    version_id, description = body.text("versionId"), body.text("description")
    if known is None and not version_id:
        raise invalid("versionId", "is required")
    weights = tuple(body.number_by_name("additionalVersionWeight") or ())
    if known is not None and "additionalVersionWeight" not in body:
        weights = known.weights
    if description is None:
        description = known.description if known else ""
    return Alias(
        name=name,
        version_id=version_id or (known.version_id if known else ""),
        created=known.created if known else moment,
        modified=moment,
        weights=weights,
        description=description,
    )


def alias_document(alias: Alias) -> dict[str, Any]:
    """An alias as the API tells it."""
    return {
        "aliasName": alias.name,
        "versionId": alias.version_id,
        "description": alias.description,
        "additionalVersionWeight": dict(alias.weights),
        "createdTime": alias.created,
        "lastModifiedTime": alias.modified,
    }


def version_document(version: Version | ServiceVersion) -> dict[str, Any]:
    """A published version as the API tells it."""
    return {
        "versionId": version.id,
        "description": version.description,
        "createdTime": version.created,
        "lastModifiedTime": version.modified,
    }


def versions_page(
    request: Request, versions: Mapping[str, Version | ServiceVersion]
) -> dict[str, Any]:
    """A page of versions, by number."""
    forward = request.query_params.get("direction", "BACKWARD").upper() == "FORWARD"
    limit = whole(request, "limit", 1, 100, 20)
    token = whole(request, "nextToken", 0, 10**12, 0)
    numbers = sorted((int(each) for each in versions), reverse=not forward)
    if token:
        numbers = [number for number in numbers if (number > token) == forward and number != token]
    shown = [str(number) for number in numbers[:limit]]
    more = {"nextToken": shown[-1]} if len(numbers) > limit else {}
    direction = "FORWARD" if forward else "BACKWARD"
    told = [version_document(versions[each]) for each in shown]
    return {"versions": told, "direction": direction, **more}
