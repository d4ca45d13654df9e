"""Services: created, read, changed, published, named, tagged, deleted."""

import secrets
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator.api_v2.subject import subject
from infra.emulator.api_v3.fields import Fields, page
from infra.emulator.api_v3.versions import alias_document, alias_of, version_document, versions_page
from infra.emulator.errors import FcError, exists, invalid
from infra.emulator.model import Alias, Service, ServiceVersion
from infra.emulator.objects import BUCKET
from infra.emulator.state import Emulator

_ECHOED: Final = (
    *("description", "logConfig", "role", "internetAccess", "vpcConfig", "nasConfig"),
    *("tracingConfig", "ossMountConfig", "vpcBinding"),
)


class Services:
    """The operations on services and on the account."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def get_account_settings(self, _request: Request) -> Response:
        """GetAccountSettings."""
        return JSONResponse({"availableAZs": [f"{self._account.region}-a"]})

    async def list_reserved_capacities(self, _request: Request) -> Response:
        """ListReservedCapacities: nothing is bought here."""
        return JSONResponse({"reservedCapacities": []})

    async def get_temp_bucket_token(self, _request: Request) -> Response:
        """GetTempBucketToken: where to put one package, and with what."""
        account, objects = self._account, self._emulator.objects
        name = f"{self._emulator.ids.request()}.zip"
        token = objects.grant(f"{account.account_id}/{name}")
        credentials = {
            "AccessKeyId": "STS.emulator",
            "AccessKeySecret": secrets.token_urlsafe(16),
            "SecurityToken": token,
        }
        place = {
            "ossRegion": f"oss-{account.region}",
            "ossBucket": BUCKET,
            "objectName": name,
        }
        return JSONResponse({"credentials": credentials, **place})

    async def create_service(self, request: Request) -> Response:
        """CreateService."""
        body, moment = Fields.parse(await request.body()), self._emulator.clock.text()
        name = body.required_text("serviceName")
        if name in self._account.services:
            raise exists("Service", name)
        service = Service(name, self._account.new_id(), moment, moment, _echoed(body))
        return JSONResponse(_document(self._account.put_service(service)), 201)

    async def get_service(self, request: Request) -> Response:
        """GetService."""
        return JSONResponse(_document(self._service(request)))

    async def list_services(self, request: Request) -> Response:
        """ListServices: by name, and by the tags that `tag_<key>` names."""
        wanted = {
            name.removeprefix("tag_"): value
            for name, value in request.query_params.items()
            if name.startswith("tag_")
        }
        services = {
            name: service
            for name, service in self._account.services.items()
            if wanted.items() <= service.tags.items()
        }
        names, more = page(request, sorted(services))
        return JSONResponse({"services": [_document(services[name]) for name in names], **more})

    async def update_service(self, request: Request) -> Response:
        """UpdateService: what the request leaves out stays."""
        body, service = Fields.parse(await request.body()), self._service(request)
        service.echoed |= _echoed(body)
        service.modified = self._emulator.clock.text()
        return JSONResponse(_document(self._account.put_service(service)))

    async def delete_service(self, request: Request) -> Response:
        """DeleteService: one that still has functions stays."""
        self._account.delete_service(self._service(request).name)
        return Response(status_code=204)

    async def publish_version(self, request: Request) -> Response:
        """PublishVersion: a version of the service, and of each function that it has now."""
        body, service = await request.body(), self._service(request)
        description = (Fields.parse(body).text("description") if body else None) or ""
        moment = self._emulator.clock.text()
        number = str(service.published + 1)
        version = ServiceVersion(number, description, moment, moment)
        for function in self._account.functions_of(service):
            function.publish(description, moment, number)
            self._account.put(function)
        service.published += 1
        service.versions[number] = version
        self._account.put_service(service)
        return JSONResponse(version_document(version), 201)

    async def list_versions(self, request: Request) -> Response:
        """ListVersions."""
        return JSONResponse(versions_page(request, self._service(request).versions))

    async def delete_version(self, request: Request) -> Response:
        """DeleteVersion: one that an alias names stays."""
        service, version_id = self._service(request), request.path_params["version_id"]
        service.unpublish(version_id)
        self._account.put_service(service)
        for function in self._account.functions_of(service):
            if function.versions.pop(version_id, None):
                self._account.put(function)
                await self._emulator.drop_pools(function.name, version_id)
        return Response(status_code=204)

    async def create_alias(self, request: Request) -> Response:
        """CreateAlias."""
        body, service = Fields.parse(await request.body()), self._service(request)
        alias = alias_of(body, None, self._emulator.clock.text())
        if alias.name in service.aliases:
            raise exists("Alias", alias.name)
        self._put_alias(service, alias)
        return JSONResponse(alias_document(alias), 201)

    async def get_alias(self, request: Request) -> Response:
        """GetAlias."""
        service = self._service(request)
        return JSONResponse(alias_document(service.alias(request.path_params["alias_name"])))

    async def list_aliases(self, request: Request) -> Response:
        """ListAliases."""
        aliases = self._service(request).aliases
        names, more = page(request, sorted(aliases))
        return JSONResponse({"aliases": [alias_document(aliases[n]) for n in names], **more})

    async def update_alias(self, request: Request) -> Response:
        """UpdateAlias: what the request leaves out stays."""
        body, service = Fields.parse(await request.body()), self._service(request)
        known = service.alias(request.path_params["alias_name"])
        alias = alias_of(body, known, self._emulator.clock.text())
        self._put_alias(service, alias)
        return JSONResponse(alias_document(alias))

    async def delete_alias(self, request: Request) -> Response:
        """DeleteAlias."""
        service = self._service(request)
        name = service.alias(request.path_params["alias_name"]).name
        del service.aliases[name]
        self._account.put_service(service)
        for function in self._account.functions_of(service):
            if function.aliases.pop(name, None):
                function.minimums.pop(name, None)
                self._account.put(function)
                self._emulator.changed(function)
        return Response(status_code=204)

    async def tag_resource(self, request: Request) -> Response:
        """TagResource: services only, as on the platform."""
        body = Fields.parse(await request.body())
        service = self._tagged(body.required_text("resourceArn"))
        service.tags |= dict(body.text_by_name("tags") or ())
        self._account.put_service(service)
        return JSONResponse({"requestId": request.state.request_id})

    async def untag_resource(self, request: Request) -> Response:
        """UntagResource: by key, or all of them."""
        body = Fields.parse(await request.body())
        service = self._tagged(body.required_text("resourceArn"))
        gone = list(service.tags) if body.flag("all") else body.texts("tagKeys") or ()
        for key in gone:
            service.tags.pop(key, None)
        self._account.put_service(service)
        return JSONResponse({"requestId": request.state.request_id})

    async def get_resource_tags(self, request: Request) -> Response:
        """GetResourceTags."""
        arn = request.query_params.get("resourceArn", "")
        tags = self._tagged(arn).tags
        return JSONResponse(
            {"requestId": request.state.request_id, "resourceArn": arn, "tags": tags}
        )

    def _service(self, request: Request) -> Service:
        return subject(self._account, request).service

    def _put_alias(self, service: Service, alias: Alias) -> None:
        """Give it to the service, and to those of its functions that have its versions."""
        for version_id in alias.versions:
            service.require(version_id)
        service.aliases[alias.name] = alias
        self._account.put_service(service)
        for function in self._account.functions_of(service):
            if all(version_id in function.versions for version_id in alias.versions):
                function.put_alias(alias)
                self._account.put(function)
                self._emulator.changed(function)

    def _tagged(self, arn: str) -> Service:
        kind, _, name = arn.rpartition(":")[2].partition("/")
        if kind != "services" or not name:
            raise invalid("resourceArn", f"{arn[:200]!r} is not that of a service")
        return self._account.service(name)


def _echoed(body: Fields) -> dict[str, Any]:
    given = {name: value for name, value in body.rest().items() if name in _ECHOED}
    if not isinstance(given.get("description") or "", str):
        raise FcError(400, "InvalidArgument", "description: must be a string")
    return {name: value for name, value in given.items() if value is not None}


def _document(service: Service) -> dict[str, Any]:
    return {
        "description": "",
        **service.echoed,
        "serviceName": service.name,
        "serviceId": service.identity,
        "createdTime": service.created,
        "lastModifiedTime": service.modified,
    }
