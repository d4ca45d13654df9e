"""How many instances a function must and may have, and which it has.

    scaling and provision configuration   the minimum, by either of two names
    concurrency configuration             the limit, which is reserved for the function too

A minimum belongs to a qualifier (LATEST, a version, an alias), the limit to the whole function.

A minimum is started in the background; reading the configuration tells how far it has come, and
`currentError` why it does not.
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator.api_v3.fields import Fields, json_texts, page, whole
from infra.emulator.capacity import INSTANCES_MAX
from infra.emulator.errors import FcError, invalid, not_emulated
from infra.emulator.instances import State
from infra.emulator.model import LATEST, Function, Minimum, within
from infra.emulator.pools import Pool
from infra.emulator.state import Emulator

_UNREADABLE: Final = (
    *("horizontalScalingPolicies", "scheduledPolicies", "residentPoolId"),
    *("scheduledActions", "targetTrackingPolicies"),
)
_ECHOED: Final = (
    *("alwaysAllocateCPU", "alwaysAllocateGPU", "enableOnDemandScaling", "enableMixMode"),
    "requestDispatchPolicy",
)
_INSTANCES_MAX: Final = 1000
_STATUS: Final = {State.STARTING: "Starting", State.READY: "Running"}
SCALING: Final = "scaling"
PROVISION: Final = "provision"
_TAKEN: Final = {SCALING: "ProvisionConfigExist", PROVISION: "ResidentScalingConfigExists"}
"""By what is asked for: the code that says that the other one is there already."""


class ScalingConfigs:
    """The operations on a function's scaling, provision and concurrency, and its instances."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def put_scaling_config(self, request: Request) -> Response:
        """PutScalingConfig."""
        body = Fields.parse(await request.body())
        function, qualifier = self._put_minimum(request, SCALING, body, "minInstances")
        return JSONResponse(self._scaling(function, qualifier))

    async def get_scaling_config(self, request: Request) -> Response:
        """GetScalingConfig."""
        return JSONResponse(self._scaling(*self._qualified(request)))

    async def delete_scaling_config(self, request: Request) -> Response:
        """DeleteScalingConfig."""
        return self._delete_minimum(request)

    async def list_scaling_configs(self, request: Request) -> Response:
        """ListScalingConfigs."""
        return self._listed(request, SCALING, "scalingConfigs")

    async def put_provision_config(self, request: Request) -> Response:
        """PutProvisionConfig."""
        body = Fields.parse(await request.body())
        field = "target" if "target" in body else "defaultTarget"
        function, qualifier = self._put_minimum(request, PROVISION, body, field)
        return JSONResponse(self._provision(function, qualifier))

    async def get_provision_config(self, request: Request) -> Response:
        """GetProvisionConfig."""
        return JSONResponse(self._provision(*self._qualified(request)))

    async def delete_provision_config(self, request: Request) -> Response:
        """DeleteProvisionConfig."""
        return self._delete_minimum(request)

    async def list_provision_configs(self, request: Request) -> Response:
        """ListProvisionConfigs."""
        return self._listed(request, PROVISION, "provisionConfigs")

    async def put_concurrency_config(self, request: Request) -> Response:
        """PutConcurrencyConfig: 0 lets nobody in."""
        function = self._function(request)
        wanted = Fields.parse(await request.body()).integer("reservedConcurrency")
        if wanted is None:
            raise invalid("reservedConcurrency", "is required")
        within("reservedConcurrency", wanted, 0, INSTANCES_MAX)
        self._reserve(function, wanted)
        return JSONResponse(self._concurrency(function))

    async def get_concurrency_config(self, request: Request) -> Response:
        """GetConcurrencyConfig."""
        function = self._function(request)
        if function.reserved is None:
            what = f"function '{function.name}' has no concurrency configuration"
            raise FcError(404, "ConcurrencyConfigNotFound", what)
        return JSONResponse(self._concurrency(function))

    async def delete_concurrency_config(self, request: Request) -> Response:
        """DeleteConcurrencyConfig."""
        self._reserve(self._function(request), None)
        return Response(status_code=204)

    async def list_concurrency_configs(self, request: Request) -> Response:
        """ListConcurrencyConfigs: of all functions that have one."""
        functions, wanted = self._account.functions, request.query_params.get("functionName")
        names = [
            name
            for name in sorted(functions)
            if functions[name].reserved is not None and wanted in (None, "", name)
        ]
        names, more = page(request, names)
        return JSONResponse(
            {"configs": [self._concurrency(functions[name]) for name in names], **more}
        )

    async def list_instances(self, request: Request) -> Response:
        """ListInstances: those that are starting or running, by id and by status."""
        function = self._function(request)
        qualifier = request.query_params.get("qualifier") or ""
        pools = self._emulator.pools(function.name)
        if qualifier:
            pools = [self._emulator.pool(function, function.at(qualifier))]
        ids, statuses = json_texts(request, "instanceIds"), json_texts(request, "instanceStatus")
        limit = whole(request, "limit", 1, _INSTANCES_MAX, _INSTANCES_MAX)
        told = [
            each
            for each in instances_document(pools, qualifier)
            if (not ids or each["instanceId"] in ids)
            and (not statuses or each["status"] in statuses)
        ][:limit]
        return JSONResponse({"instances": told, "requestId": request.state.request_id})

    def _function(self, request: Request) -> Function:
        return self._account.function(request.path_params["name"])

    def _qualified(self, request: Request) -> tuple[Function, str]:
        function = self._function(request)
        qualifier = request.query_params.get("qualifier") or LATEST
        function.at(qualifier)
        return function, qualifier

    def _put_minimum(
        self, request: Request, kind: str, body: Fields, field: str
    ) -> tuple[Function, str]:
        function, qualifier = self._qualified(request)
        known = function.minimums.get(qualifier)
        if known and known.count and known.kind != kind:
            what = f"function '{function.name}' has a {known.kind} configuration for {qualifier}"
            raise FcError(409, _TAKEN[kind], what)
        for name in _UNREADABLE:
            if body.rest().get(name):
                raise not_emulated(f"{name} of a scaling or provision configuration")
        echoed = {name: value for name, value in body.rest().items() if name in _ECHOED}
        put_minimum(
            self._emulator, function, qualifier, Minimum(kind, body.integer(field) or 0, echoed)
        )
        return function, qualifier

    def _delete_minimum(self, request: Request) -> Response:
        function, qualifier = self._qualified(request)
        if function.minimums.pop(qualifier, None):
            self._account.put(function)
            self._emulator.changed(function)
        return Response(status_code=204)

    def _reserve(self, function: Function, wanted: int | None) -> None:
        function.reserved = wanted
        self._account.put(function)
        self._emulator.changed(function)

    def _listed(self, request: Request, kind: str, field: str) -> Response:
        wanted = request.query_params.get("functionName")
        found = {
            f"{name}/{qualifier}": (function, qualifier)
            for name, function in self._account.functions.items()
            for qualifier, minimum in function.minimums.items()
            if minimum.kind == kind and wanted in (None, "", name)
        }
        keys, more = page(request, sorted(found))
        told = self._scaling if kind == SCALING else self._provision
        return JSONResponse({field: [told(*found[key]) for key in keys], **more})

    def _scaling(self, function: Function, qualifier: str) -> dict[str, Any]:
        minimum, shared = self._shared(function, qualifier)
        counts = {"minInstances": minimum, "targetInstances": minimum}
        return {**counts, "currentInstances": shared.pop("ready"), **shared}

    def _provision(self, function: Function, qualifier: str) -> dict[str, Any]:
        minimum, shared = self._shared(function, qualifier)
        counts = {"target": minimum, "defaultTarget": minimum}
        return {**counts, "current": shared.pop("ready"), **shared}

    def _concurrency(self, function: Function) -> dict[str, Any]:
        arn = self._account.arn(function.name)
        return {"reservedConcurrency": function.reserved, "functionArn": arn}

    def _shared(self, function: Function, qualifier: str) -> tuple[int, dict[str, Any]]:
        known = function.minimums.get(qualifier)
        minimum = known.count if known else 0
        pool = self._emulator.pool(function, function.at(qualifier))
        error = pool.error
        return minimum, {
            **(known.echoed if known else {}),
            "ready": min(pool.ready(), minimum),
            "functionArn": self._account.arn(function.name, qualifier),
            "currentError": f"{error.code}: {error.message}" if error else "",
        }


def put_minimum(emulator: Emulator, function: Function, qualifier: str, minimum: Minimum) -> None:
    """Set how many instances a qualifier must have; they start in the background."""
    within("the number of instances", minimum.count, 0, INSTANCES_MAX)
    function.minimums[qualifier] = minimum
    emulator.account.put(function)
    emulator.changed(function)


def instances_document(pools: list[Pool], qualifier: str) -> list[dict[str, Any]]:
    """The instances of some pools that are starting or running, as the API tells them."""
    return [
        {
            "instanceId": each.id,
            "versionId": pool.version.id,
            "qualifier": qualifier or pool.version.id,
            "status": _STATUS[each.state],
            "createdTimeMs": int(each.created.timestamp() * 1000),
        }
        for pool in pools
        for each in pool.instances
        if each.state in _STATUS
    ]
