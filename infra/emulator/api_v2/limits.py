"""On-demand and provision configurations, and those of asynchronous invocation."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator.api_v2.subject import function_and_qualifier, plain_name, service_name
from infra.emulator.api_v3.asynchronous import known_settings, settings_document, settings_of
from infra.emulator.api_v3.fields import Fields, page
from infra.emulator.api_v3.scaling import PROVISION, put_minimum
from infra.emulator.capacity import INSTANCES_MAX
from infra.emulator.errors import FcError, invalid, not_emulated
from infra.emulator.model import OF_SERVICE, Function, Minimum, within
from infra.emulator.state import Emulator


class Limits:
    """The operations on what is set for a function at a qualifier."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def put_on_demand_config(self, request: Request) -> Response:
        """PutOnDemandConfig: the most instances that a qualifier may have."""
        body, (function, qualifier) = Fields.parse(await request.body()), self._of(request)
        most = body.integer("maximumInstanceCount")
        if most is None:
            raise invalid("maximumInstanceCount", "is required")
        within("maximumInstanceCount", most, 0, INSTANCES_MAX)
        function.at(qualifier)
        self._limit(function, {**function.limits, qualifier: most})
        return JSONResponse(_on_demand(function, qualifier))

    async def get_on_demand_config(self, request: Request) -> Response:
        """GetOnDemandConfig."""
        function, qualifier = self._of(request)
        if qualifier not in function.limits:
            what = f"'{_resource(function, qualifier)}' has no on-demand configuration"
            raise FcError(404, "OnDemandConfigNotFound", what)
        return JSONResponse(_on_demand(function, qualifier))

    async def delete_on_demand_config(self, request: Request) -> Response:
        """DeleteOnDemandConfig."""
        function, qualifier = self._of(request)
        others = {name: most for name, most in function.limits.items() if name != qualifier}
        self._limit(function, others)
        return Response(status_code=204)

    async def list_on_demand_config(self, request: Request) -> Response:
        """ListOnDemandConfigs."""
        found = {
            _resource(function, qualifier): (function, qualifier)
            for function in self._of_services()
            for qualifier in function.limits
        }
        keys, more = page(request, sorted(found))
        return JSONResponse({"configs": [_on_demand(*found[key]) for key in keys], **more})

    async def put_provision_config(self, request: Request) -> Response:
        """PutProvisionConfig."""
        body, (function, qualifier) = Fields.parse(await request.body()), self._of(request)
        for name in ("scheduledActions", "targetTrackingPolicies"):
            if body.rest().get(name):
                raise not_emulated(f"{name} of a provision configuration")
        function.at(qualifier)
        minimum = Minimum(PROVISION, body.integer("target") or 0)
        put_minimum(self._emulator, function, qualifier, minimum)
        return JSONResponse(self._provision(function, qualifier))

    async def get_provision_config(self, request: Request) -> Response:
        """GetProvisionConfig: zero where nothing is set."""
        function, qualifier = self._of(request)
        function.at(qualifier)
        return JSONResponse(self._provision(function, qualifier))

    async def list_provision_configs(self, request: Request) -> Response:
        """ListProvisionConfigs: of all, of a service, or of a service at a qualifier."""
        service = request.query_params.get("serviceName", "")
        wanted = request.query_params.get("qualifier", "")
        found = {
            _resource(function, qualifier): (function, qualifier)
            for function in self._of_services()
            for qualifier in function.minimums
            if service in ("", service_name(function)) and wanted in ("", qualifier)
        }
        keys, more = page(request, sorted(found))
        told = [self._provision(*found[key]) for key in keys]
        return JSONResponse({"provisionConfigs": told, **more})

    async def put_function_async_invoke_config(self, request: Request) -> Response:
        """PutFunctionAsyncInvokeConfig."""
        body, (function, qualifier) = Fields.parse(await request.body()), self._of(request)
        function.at(qualifier)
        known, moment = function.asynchronous.get(qualifier), self._emulator.clock.text()
        stateful = body.flag("statefulInvocation")
        settings = settings_of(body)
        function.asynchronous[qualifier] = replace(
            settings,
            stateful=settings.stateful if stateful is None else stateful,
            created=known.created if known else moment,
            modified=moment,
        )
        self._account.put(function)
        return JSONResponse(self._asynchronous(function, qualifier))

    async def get_function_async_invoke_config(self, request: Request) -> Response:
        """GetFunctionAsyncInvokeConfig."""
        return JSONResponse(self._asynchronous(*self._of(request)))

    async def delete_function_async_invoke_config(self, request: Request) -> Response:
        """DeleteFunctionAsyncInvokeConfig."""
        function, qualifier = self._of(request)
        known_settings(function, qualifier)
        del function.asynchronous[qualifier]
        self._account.put(function)
        return Response(status_code=204)

    async def list_function_async_invoke_configs(self, request: Request) -> Response:
        """ListFunctionAsyncInvokeConfigs: of one function, at every qualifier."""
        function, _ = self._of(request)
        names, more = page(request, sorted(function.asynchronous))
        told = [self._asynchronous(function, qualifier) for qualifier in names]
        return JSONResponse({"configs": told, **more})

    def _of(self, request: Request) -> tuple[Function, str]:
        return function_and_qualifier(self._account, request)

    def _of_services(self) -> list[Function]:
        return [each for name, each in self._account.functions.items() if OF_SERVICE in name]

    def _limit(self, function: Function, limits: dict[str, int]) -> None:
        function.limits = limits
        self._account.put(function)
        self._emulator.changed(function)

    def _provision(self, function: Function, qualifier: str) -> dict[str, Any]:
        known = function.minimums.get(qualifier)
        target = known.count if known else 0
        ready = self._emulator.pool(function, function.at(qualifier)).ready()
        account = self._account.account_id
        names = (account, service_name(function), qualifier, plain_name(function))
        return {"resource": "#".join(names), "target": target, "current": min(ready, target)}

    def _asynchronous(self, function: Function, qualifier: str) -> dict[str, Any]:
        settings = known_settings(function, qualifier)
        told = settings_document(settings, self._account, function.name, qualifier)
        told.pop("functionArn")
        return {
            **told,
            "service": service_name(function),
            "function": plain_name(function),
            "qualifier": qualifier,
            "statefulInvocation": told.pop("asyncTask"),
        }


def _resource(function: Function, qualifier: str) -> str:
    return f"services/{service_name(function)}.{qualifier}/functions/{plain_name(function)}"


def _on_demand(function: Function, qualifier: str) -> dict[str, Any]:
    most = function.limits[qualifier]
    return {"resource": _resource(function, qualifier), "maximumInstanceCount": most}
