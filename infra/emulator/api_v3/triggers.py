"""Triggers: created, read, changed, deleted."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator.account import Account
from infra.emulator.api_v3.fields import Fields, page
from infra.emulator.errors import invalid
from infra.emulator.model import LATEST, Trigger
from infra.emulator.state import Emulator


class Triggers:
    """The operations on a function's triggers."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def create_trigger(self, request: Request) -> Response:
        """CreateTrigger: one that is not of HTTP is kept, and the log says that it never fires."""
        body, name = Fields.parse(await request.body()), request.path_params["name"]
        trigger = trigger_of(body, None, self._emulator.clock.text())
        stored = keep(self._emulator, name, trigger)
        return JSONResponse(self._document(name, stored), 201)

    async def list_triggers(self, request: Request) -> Response:
        """ListTriggers."""
        name = request.path_params["name"]
        triggers = self._account.function(name).triggers
        names, more = page(request, sorted(triggers))
        told = [self._document(name, triggers[each]) for each in names]
        return JSONResponse({"triggers": told, **more})

    async def get_trigger(self, request: Request) -> Response:
        """GetTrigger."""
        return JSONResponse(self._document(request.path_params["name"], self._found(request)))

    async def update_trigger(self, request: Request) -> Response:
        """UpdateTrigger: what the request leaves out stays."""
        body, known = Fields.parse(await request.body()), self._found(request)
        trigger = trigger_of(body, known, self._emulator.clock.text())
        stored = self._account.update_trigger(request.path_params["name"], trigger)
        return JSONResponse(self._document(request.path_params["name"], stored))

    async def delete_trigger(self, request: Request) -> Response:
        """DeleteTrigger."""
        self._account.delete_trigger(request.path_params["name"], request.path_params["trigger"])
        return Response(status_code=204)

    def _found(self, request: Request) -> Trigger:
        return self._account.trigger(request.path_params["name"], request.path_params["trigger"])

    def _document(self, function: str, trigger: Trigger) -> dict[str, Any]:
        return document(trigger, self._account, function)


def keep(emulator: Emulator, function: str, trigger: Trigger) -> Trigger:
    """Add a trigger; of one that will never fire, the function's log says so."""
    stored = emulator.account.create_trigger(function, trigger)
    if not stored.is_http:
        what = f"trigger {stored.name} is kept; no {stored.kind} trigger fires here"
        emulator.log(function).append(what)
    return stored


def trigger_of(body: Fields, known: Trigger | None, moment: str) -> Trigger:
    """A trigger from a request; what it leaves out stays as `known` has it."""

    def text(name: str, before: str) -> str:
        value = body.text(name)
        return before if value is None else value

    kind = body.text("triggerType") or (known.kind if known else "http")
    if known and kind != known.kind:
        raise invalid("triggerType", f"a trigger of {known.kind} cannot become one of {kind}")
    return Trigger(
        name=known.name if known else body.required_text("triggerName"),
        kind=kind,
        qualifier=body.text("qualifier") or (known.qualifier if known else LATEST),
        config=body.text("triggerConfig") or (known.config if known else ""),
        created=known.created if known else moment,
        modified=moment,
        identity=known.identity if known else "",
        host=known.host if known else "",
        description=text("description", known.description if known else ""),
        source_arn=text("sourceArn", known.source_arn if known else ""),
        invocation_role=text("invocationRole", known.invocation_role if known else ""),
    )


def document(trigger: Trigger, account: Account, function: str) -> dict[str, Any]:
    """A trigger as the API tells it."""
    told: dict[str, Any] = {
        "triggerId": trigger.identity,
        "triggerName": trigger.name,
        "triggerType": trigger.kind,
        "triggerConfig": trigger.config,
        "qualifier": trigger.qualifier,
        "description": trigger.description,
        "sourceArn": trigger.source_arn or None,
        "invocationRole": trigger.invocation_role or None,
        "targetArn": account.arn(function, trigger.qualifier),
        "createdTime": trigger.created,
        "lastModifiedTime": trigger.modified,
    }
    if trigger.is_http:
        told["httpTrigger"] = {
            "urlInternet": f"https://{trigger.host}",
            "urlIntranet": f"https://{trigger.host.replace('.fcapp.run', '-vpc.fcapp.run')}",
        }
    return told
