"""HTTP triggers: created, read, changed, deleted."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator import access
from infra.emulator.api_v3.fields import Fields
from infra.emulator.api_v3.functions import now
from infra.emulator.errors import invalid, not_emulated
from infra.emulator.model import METHODS, Trigger
from infra.emulator.state import Emulator


class Triggers:
    """The operations on a function's triggers."""

    def __init__(self, emulator: Emulator) -> None:
        self._account = emulator.account

    async def create(self, request: Request) -> Response:
        """CreateTrigger."""
        trigger = _trigger(Fields.parse(await request.body()), None)
        stored = self._account.create_trigger(request.path_params["name"], trigger)
        return JSONResponse(_document(stored), 201)

    async def list(self, request: Request) -> Response:
        """ListTriggers."""
        triggers = self._account.function(request.path_params["name"]).triggers.values()
        return JSONResponse({"triggers": [_document(each) for each in triggers]})

    async def get(self, request: Request) -> Response:
        """GetTrigger."""
        return JSONResponse(_document(self._found(request)))

    async def update(self, request: Request) -> Response:
        """UpdateTrigger: what the request leaves out stays."""
        trigger = _trigger(Fields.parse(await request.body()), self._found(request))
        stored = self._account.update_trigger(request.path_params["name"], trigger)
        return JSONResponse(_document(stored))

    async def delete(self, request: Request) -> Response:
        """DeleteTrigger."""
        self._account.delete_trigger(request.path_params["name"], request.path_params["trigger"])
        return Response(status_code=204)

    def _found(self, request: Request) -> Trigger:
        return self._account.trigger(request.path_params["name"], request.path_params["trigger"])


def _trigger(body: Fields, known: Trigger | None) -> Trigger:
    """A trigger from a request; what it leaves out stays as `known` has it."""
    kind = body.text("triggerType") or "http"
    if kind != "http":
        raise not_emulated(f"trigger type {kind!r} (emulated: http)")
    qualifier = body.text("qualifier") or "LATEST"
    if qualifier != "LATEST":
        raise not_emulated(f"the qualifier {qualifier!r} (emulated: LATEST)")
    text = body.text("triggerConfig") or (known.config if known else "")
    config = _config(text)
    description = body.text("description")
    if description is None:
        description = known.description if known else ""
    moment = now()
    return Trigger(
        name=known.name if known else body.required_text("triggerName"),
        host=known.host if known else "",
        access=access.parse(config.text("authType") or "function", config.rest().get("authConfig")),
        methods=config.texts("methods") or METHODS,
        config=text,
        created=known.created if known else moment,
        modified=moment,
        description=description,
        internet=not config.flag("disableURLInternet"),
    )


def _config(text: str) -> Fields:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise invalid("triggerConfig", "must be a JSON object in a string")
    return Fields(content, "triggerConfig.")


def _document(trigger: Trigger) -> dict[str, Any]:
    return {
        "triggerName": trigger.name,
        "triggerType": "http",
        "triggerConfig": trigger.config,
        "qualifier": "LATEST",
        "description": trigger.description,
        "createdTime": trigger.created,
        "lastModifiedTime": trigger.modified,
        "httpTrigger": {
            "urlInternet": f"https://{trigger.host}",
            "urlIntranet": f"https://{trigger.host.replace('.fcapp.run', '-vpc.fcapp.run')}",
        },
    }
