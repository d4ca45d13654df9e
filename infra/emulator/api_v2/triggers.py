"""Triggers of services' functions: as in FC 3.0, but that their configuration is an object."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator.api_v2.subject import function_and_qualifier
from infra.emulator.api_v3.fields import Fields, page
from infra.emulator.api_v3.triggers import document, keep, trigger_of
from infra.emulator.model import Function, Trigger
from infra.emulator.model.triggers import parsed
from infra.emulator.state import Emulator


class Triggers:
    """The operations on triggers."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def create_trigger(self, request: Request) -> Response:
        """CreateTrigger: one that is not of HTTP is kept, and the log says that it never fires."""
        body, function = _as_v3(await request.body()), self._function(request)
        trigger = trigger_of(body, None, self._emulator.clock.text())
        stored = keep(self._emulator, function.name, trigger)
        return JSONResponse(self._document(function, stored), 201)

    async def get_trigger(self, request: Request) -> Response:
        """GetTrigger."""
        return JSONResponse(self._document(*self._found(request)))

    async def list_triggers(self, request: Request) -> Response:
        """ListTriggers."""
        function = self._function(request)
        names, more = page(request, sorted(function.triggers))
        told = [self._document(function, function.triggers[name]) for name in names]
        return JSONResponse({"triggers": told, **more})

    async def update_trigger(self, request: Request) -> Response:
        """UpdateTrigger: what the request leaves out stays."""
        body, (function, known) = _as_v3(await request.body()), self._found(request)
        trigger = trigger_of(body, known, self._emulator.clock.text())
        stored = self._account.update_trigger(function.name, trigger)
        return JSONResponse(self._document(function, stored))

    async def delete_trigger(self, request: Request) -> Response:
        """DeleteTrigger."""
        function, trigger = self._found(request)
        self._account.delete_trigger(function.name, trigger.name)
        return Response(status_code=204)

    def _function(self, request: Request) -> Function:
        return function_and_qualifier(self._account, request)[0]

    def _found(self, request: Request) -> tuple[Function, Trigger]:
        function = self._function(request)
        return function, self._account.trigger(function.name, request.path_params["trigger"])

    def _document(self, function: Function, trigger: Trigger) -> dict[str, Any]:
        told = document(trigger, self._account, function.name)
        told |= told.pop("httpTrigger", {})
        return told | {"triggerConfig": parsed(trigger.config)}


def _as_v3(body: bytes) -> Fields:
    fields = Fields.parse(body)
    told = fields.rest()
    if isinstance(told.get("triggerConfig"), dict):
        told["triggerConfig"] = json.dumps(told["triggerConfig"])
    return Fields(told)
