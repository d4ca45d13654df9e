"""Layers: published, read, deleted."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator.api_v3.fields import Fields, page, whole
from infra.emulator.api_v3.functions import unpacked
from infra.emulator.errors import invalid, not_found
from infra.emulator.model import Layer
from infra.emulator.state import Emulator


class Layers:
    """The operations on layers."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def create_layer_version(self, request: Request) -> Response:
        """CreateLayerVersion: numbers go on, even where versions have been deleted."""
        body, name = Fields.parse(await request.body()), request.path_params["layer_name"]
        code = await unpacked(self._emulator, body.object("code"))
        if code is None:
            raise invalid("code.zipFile", "is required")
        account = self._account
        number = max(account.layers.get(name, ()), default=0) + 1
        start = f"acs:fc:{account.region}:{account.account_id}:layers"
        layer = Layer(
            name=name,
            version=number,
            arn=f"{start}/{name}/versions/{number}",
            code=code,
            runtimes=body.texts("compatibleRuntime") or (),
            created=self._emulator.clock.text(),
            description=body.text("description") or "",
            license=body.text("license") or "",
        )
        return JSONResponse(_document(account.put_layer(layer)), 201)

    async def list_layers(self, request: Request) -> Response:
        """ListLayers: the newest version of each."""
        layers = {name: self._versions(name) for name in self._account.layers}
        names, more = page(request, sorted(name for name, found in layers.items() if found))
        newest = [layers[name][-1] for name in names]
        return JSONResponse({"layers": [_document(each) for each in newest], **more})

    async def list_layer_versions(self, request: Request) -> Response:
        """ListLayerVersions: from `startVersion` on."""
        versions = self._versions(request.path_params["layer_name"])
        if not versions:
            raise not_found("Layer", request.path_params["layer_name"])
        first = whole(request, "startVersion", 0, 10**12, 0)
        limit = whole(request, "limit", 1, 100, 20)
        found = [layer for layer in versions if layer.version >= first]
        more = {"nextVersion": found[limit].version} if len(found) > limit else {}
        told = [_document(layer) for layer in found[:limit]]
        return JSONResponse({"layers": told, **more})

    async def get_layer_version(self, request: Request) -> Response:
        """GetLayerVersion."""
        return JSONResponse(_document(self._layer(request)))

    async def get_layer_version_by_arn(self, request: Request) -> Response:
        """GetLayerVersionByArn."""
        return JSONResponse(_document(self._account.layer_by_arn(request.path_params["arn"])))

    async def delete_layer_version(self, request: Request) -> Response:
        """DeleteLayerVersion: functions that have it keep it until they are changed."""
        layer = self._layer(request)
        self._account.delete_layer(layer.name, layer.version)
        return Response(status_code=204)

    async def put_layer_acl(self, request: Request) -> Response:
        """PutLayerACL: all versions of a layer are public, or none; nobody else is here to see."""
        name = request.path_params["layer_name"]
        versions = self._versions(name)
        if not versions:
            raise not_found("Layer", name)
        told = (request.query_params.get(each, "").lower() for each in ("public", "acl"))
        public = any(each in ("true", "1") for each in told)
        for layer in versions:
            self._account.put_layer(replace(layer, public=public))
        return Response(status_code=204)

    def _versions(self, name: str) -> Sequence[Layer]:
        """The versions of a layer that have not been deleted, the oldest first."""
        found = self._account.layers.get(name, {})
        return [layer for _, layer in sorted(found.items()) if layer]

    def _layer(self, request: Request) -> Layer:
        number = request.path_params["version"]
        if not number.isascii() or not number.isdigit():
            raise invalid("version", f"{number[:40]!r} is not a whole number")
        return self._account.layer(request.path_params["layer_name"], int(number[:12]))


def _document(layer: Layer) -> dict[str, Any]:
    return {
        "layerName": layer.name,
        "version": layer.version,
        "layerVersionArn": layer.arn,
        "description": layer.description,
        "license": layer.license,
        "compatibleRuntime": list(layer.runtimes),
        "acl": "1" if layer.public else "0",
        "codeSize": layer.code.size_bytes,
        "codeChecksum": layer.code.checksum,
        "createTime": layer.created,
        "code": {"repositoryType": "OSS", "location": ""},
    }
