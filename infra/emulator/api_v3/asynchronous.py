"""Asynchronous invocations: their configurations, and those that are stateful tasks."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator.account import Account
from infra.emulator.api_v3.fields import Fields, page, whole
from infra.emulator.errors import FcError, invalid
from infra.emulator.model import LATEST, AsyncSettings, Event, Function, Status
from infra.emulator.state import Emulator


class Asynchronous:
    """The operations on asynchronous invocations."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def put_async_invoke_config(self, request: Request) -> Response:
        """PutAsyncInvokeConfig: what the request leaves out becomes the default."""
        body, (function, qualifier) = Fields.parse(await request.body()), self._qualified(request)
        known = function.asynchronous.get(qualifier)
        moment = self._emulator.clock.text()
        settings = replace(
            settings_of(body), created=known.created if known else moment, modified=moment
        )
        function.asynchronous[qualifier] = settings
        self._account.put(function)
        return JSONResponse(settings_document(settings, self._account, function.name, qualifier))

    async def get_async_invoke_config(self, request: Request) -> Response:
        """GetAsyncInvokeConfig."""
        function, qualifier = self._qualified(request)
        settings = known_settings(function, qualifier)
        return JSONResponse(settings_document(settings, self._account, function.name, qualifier))

    async def delete_async_invoke_config(self, request: Request) -> Response:
        """DeleteAsyncInvokeConfig."""
        function, qualifier = self._qualified(request)
        known_settings(function, qualifier)
        del function.asynchronous[qualifier]
        self._account.put(function)
        return Response(status_code=204)

    async def list_async_invoke_configs(self, request: Request) -> Response:
        """ListAsyncInvokeConfigs: of all functions, or of one."""
        wanted = request.query_params.get("functionName")
        found = {
            f"{name}/{qualifier}": (settings, name, qualifier)
            for name, function in self._account.functions.items()
            for qualifier, settings in function.asynchronous.items()
            if wanted in (None, "", name)
        }
        keys, more = page(request, sorted(found))
        told = [
            settings_document(settings, self._account, name, qualifier)
            for settings, name, qualifier in map(found.__getitem__, keys)
        ]
        return JSONResponse({"configs": told, **more})

    async def get_async_task(self, request: Request) -> Response:
        """GetAsyncTask."""
        return JSONResponse(self._document(self._task(request)))

    async def list_async_tasks(self, request: Request) -> Response:
        """ListAsyncTasks: by status, prefix and time; the newest first, or the oldest."""
        query = request.query_params
        function = self._account.function(request.path_params["name"])
        status, order = query.get("status"), query.get("sortOrderByTime", "desc")
        if status and status not in list(Status):
            raise invalid("status", f"{status[:40]!r} is not one of {', '.join(Status)}")
        begin = whole(request, "startedTimeBegin", 0, 10**15, 0)
        end = whole(request, "startedTimeEnd", 0, 10**15, 10**15)
        found = [
            event
            for event in self._emulator.events.of(function.name)
            if status in (None, "", event.status)
            and event.task_id.startswith(query.get("prefix", ""))
            and begin <= event.started_ms <= end
            and query.get("qualifier", "") in ("", event.qualifier)
        ]
        if order != "asc":
            found.reverse()
        after = query.get("nextToken")
        ids = [event.task_id for event in found]
        first = ids.index(after) + 1 if after in ids else 0
        limit = whole(request, "limit", 1, 100, 20)
        shown = found[first : first + limit]
        more = {"nextToken": shown[-1].task_id} if len(found) > first + limit else {}
        with_payload = query.get("includePayload", "").lower() == "true"
        told = [self._document(event, with_payload=with_payload) for event in shown]
        return JSONResponse({"tasks": told, **more})

    async def stop_async_task(self, request: Request) -> Response:
        """StopAsyncTask: the call under way is cut."""
        self._emulator.events.stop(self._task(request))
        return Response(status_code=204)

    def _qualified(self, request: Request) -> tuple[Function, str]:
        function = self._account.function(request.path_params["name"])
        qualifier = request.query_params.get("qualifier") or LATEST
        function.at(qualifier)
        return function, qualifier

    def _task(self, request: Request) -> Event:
        function = self._account.function(request.path_params["name"])
        return self._emulator.events.task(function.name, request.path_params["task_id"])

    def _document(self, event: Event, *, with_payload: bool = True) -> dict[str, Any]:
        payloads = {
            "taskPayload": event.payload.decode("utf-8", "replace"),
            "returnPayload": event.answer.decode("utf-8", "replace"),
        }
        return {
            **(payloads if with_payload else {}),
            "taskId": event.task_id,
            "requestId": event.id,
            "status": event.status,
            "functionArn": self._account.arn(event.function),
            "qualifier": event.qualifier,
            "startedTime": event.started_ms,
            "endTime": event.ended_ms,
            "durationMs": max(event.ended_ms - event.started_ms, 0) if event.ended_ms else 0,
            "alreadyRetriedTimes": max(event.attempts - 1, 0),
            "instanceId": event.instance_id,
            "taskErrorMessage": event.error,
            "destinationStatus": event.destination,
            "events": [
                {
                    "eventId": index,
                    "status": step.status,
                    "timestamp": step.at_ms,
                    "eventDetail": step.detail,
                }
                for index, step in enumerate(event.steps, 1)
            ],
        }


def known_settings(function: Function, qualifier: str) -> AsyncSettings:
    """A qualifier's own settings, or AsyncConfigNotExists."""
    try:
        return function.asynchronous[qualifier]
    except KeyError:
        what = f"function '{function.name}' has no async configuration for {qualifier}"
        raise FcError(404, "AsyncConfigNotExists", what) from None


def settings_of(body: Fields) -> AsyncSettings:
    """Settings from a request."""
    config, default = body.object("destinationConfig"), AsyncSettings()
    retries, age = body.integer("maxAsyncRetryAttempts"), body.integer("maxAsyncEventAgeInSeconds")
    return AsyncSettings(
        retries_max=default.retries_max if retries is None else retries,
        age_seconds_max=default.age_seconds_max if age is None else age,
        on_success=config.object("onSuccess").text("destination") or "",
        on_failure=config.object("onFailure").text("destination") or "",
        stateful=bool(body.flag("asyncTask")),
    )


def settings_document(
    settings: AsyncSettings, account: Account, function: str, qualifier: str
) -> dict[str, Any]:
    """Settings as the API tells them."""
    destinations = {"onSuccess": settings.on_success, "onFailure": settings.on_failure}
    return {
        "functionArn": account.arn(function, qualifier),
        "maxAsyncRetryAttempts": settings.retries_max,
        "maxAsyncEventAgeInSeconds": settings.age_seconds_max,
        "asyncTask": settings.stateful,
        "destinationConfig": {
            name: {"destination": arn} for name, arn in destinations.items() if arn
        },
        "createdTime": settings.created,
        "lastModifiedTime": settings.modified,
    }
