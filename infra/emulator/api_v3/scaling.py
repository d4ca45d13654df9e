"""How many instances a function must and may have, and which it has.

    scaling and provision configuration   the minimum, by either of two names
    concurrency configuration             the limit, which is reserved for the function too

A minimum is started in the background; reading the configuration tells how far it has come, and
`currentError` why it does not.
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.emulator.api_v3.fields import Fields
from infra.emulator.api_v3.functions import arn
from infra.emulator.capacity import INSTANCES_MAX
from infra.emulator.errors import FcError, invalid, not_emulated
from infra.emulator.instances import State
from infra.emulator.model import Function, within
from infra.emulator.state import Emulator

_UNREADABLE: Final = (
    *("horizontalScalingPolicies", "scheduledPolicies", "residentPoolId"),
    *("scheduledActions", "targetTrackingPolicies"),
)
_STATUS: Final = {State.STARTING: "Starting", State.READY: "Running"}


class ScalingConfigs:
    """The operations on a function's scaling, provision and concurrency, and its instances."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def put_scaling(self, request: Request) -> Response:
        """PutScalingConfig."""
        function = self._put_minimum(request, await request.body(), "minInstances")
        return JSONResponse(self._scaling(function))

    async def get_scaling(self, request: Request) -> Response:
        """GetScalingConfig."""
        return JSONResponse(self._scaling(self._function(request)))

    async def delete_scaling(self, request: Request) -> Response:
        """DeleteScalingConfig."""
        return self._delete_minimum(request)

    async def put_provision(self, request: Request) -> Response:
        """PutProvisionConfig."""
        body = await request.body()
        field = "target" if "target" in Fields.parse(body) else "defaultTarget"
        return JSONResponse(self._provision(self._put_minimum(request, body, field)))

    async def get_provision(self, request: Request) -> Response:
        """GetProvisionConfig."""
        return JSONResponse(self._provision(self._function(request)))

    async def delete_provision(self, request: Request) -> Response:
        """DeleteProvisionConfig."""
        return self._delete_minimum(request)

    async def put_concurrency(self, request: Request) -> Response:
        """PutConcurrencyConfig: 0 lets nobody in."""
        function = self._function(request)
        wanted = Fields.parse(await request.body()).integer("reservedConcurrency")
        if wanted is None:
            raise invalid("reservedConcurrency", "is required")
        within("reservedConcurrency", wanted, 0, INSTANCES_MAX)
        function.scaling.instances_max = wanted
        self._emulator.pool(function).changed()
        return JSONResponse(self._concurrency(function))

    async def get_concurrency(self, request: Request) -> Response:
        """GetConcurrencyConfig."""
        function = self._function(request)
        if function.scaling.instances_max is None:
            what = f"function '{function.name}' has no concurrency configuration"
            raise FcError(404, "ConcurrencyConfigNotFound", what)
        return JSONResponse(self._concurrency(function))

    async def delete_concurrency(self, request: Request) -> Response:
        """DeleteConcurrencyConfig."""
        function = self._function(request)
        function.scaling.instances_max = None
        self._emulator.pool(function).changed()
        return Response(status_code=204)

    async def list_instances(self, request: Request) -> Response:
        """ListInstances: those that are starting or running."""
        pool = self._emulator.pool(self._function(request))
        instances = [
            {
                "instanceId": each.id,
                "versionId": "LATEST",
                "qualifier": "LATEST",
                "status": _STATUS[each.state],
                "createdTimeMs": int(each.created.timestamp() * 1000),
            }
            for each in pool.instances
            if each.state in _STATUS
        ]
        return JSONResponse({"instances": instances, "requestId": request.state.request_id})

    def _function(self, request: Request) -> Function:
        return self._account.function(request.path_params["name"])

    def _put_minimum(self, request: Request, body: bytes, field: str) -> Function:
        function, fields = self._function(request), Fields.parse(body)
        for name in _UNREADABLE:
            if fields.rest().get(name):
                raise not_emulated(f"{name} of a scaling or provision configuration")
        wanted = fields.integer(field) or 0
        within(field, wanted, 0, INSTANCES_MAX)
        function.scaling.instances_min = wanted
        self._emulator.pool(function).changed()
        return function

    def _delete_minimum(self, request: Request) -> Response:
        function = self._function(request)
        function.scaling.instances_min = 0
        self._emulator.pool(function).changed()
        return Response(status_code=204)

    def _scaling(self, function: Function) -> dict[str, Any]:
        minimum = function.scaling.instances_min
        counts = {"minInstances": minimum, "targetInstances": minimum}
        return {**counts, "currentInstances": self._ready(function), **self._shared(function)}

    def _provision(self, function: Function) -> dict[str, Any]:
        minimum = function.scaling.instances_min
        counts = {"target": minimum, "defaultTarget": minimum}
        return {**counts, "current": self._ready(function), **self._shared(function)}

    def _concurrency(self, function: Function) -> dict[str, Any]:
        most = function.scaling.instances_max
        return {"reservedConcurrency": most, "functionArn": self._arn(function)}

    def _shared(self, function: Function) -> dict[str, Any]:
        error = self._emulator.pool(function).error
        what = f"{error.code}: {error.message}" if error else ""
        return {"functionArn": self._arn(function), "currentError": what}

    def _ready(self, function: Function) -> int:
        return min(self._emulator.pool(function).ready(), function.scaling.instances_min)

    def _arn(self, function: Function) -> str:
        return arn(self._account.region, self._account.account_id, function.name)
