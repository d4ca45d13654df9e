"""The FC 3.0 dialect (2023-03-30): wire shapes over the model.

    operations  every operation's name and path     functions  deploy, read, invoke
    fields      typed reading of JSON bodies        triggers   HTTP triggers
                                                    scaling    minimum, limit, instances

An operation that has no handler answers 501 with its name. Field names: alibabacloud-fc20230330
4.8.3, models/.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.emulator.api_v3.functions import Functions
from infra.emulator.api_v3.operations import OPERATIONS
from infra.emulator.api_v3.scaling import ScalingConfigs
from infra.emulator.api_v3.triggers import Triggers
from infra.emulator.errors import not_emulated
from infra.emulator.signature import Credentials, Signed, verify
from infra.emulator.state import Emulator

PREFIX: Final = "/2023-03-30"

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(emulator: Emulator, credentials: Credentials | None) -> list[Route]:
    """The routes of every operation; signatures are verified where there are credentials."""
    functions, triggers, scaling = Functions(emulator), Triggers(emulator), ScalingConfigs(emulator)
    handlers: dict[str, Endpoint] = {
        "CreateFunction": functions.create,
        "ListFunctions": functions.list,
        "GetFunction": functions.get,
        "UpdateFunction": functions.update,
        "DeleteFunction": functions.delete,
        "GetFunctionCode": functions.code,
        "InvokeFunction": functions.invoke,
        "CreateTrigger": triggers.create,
        "ListTriggers": triggers.list,
        "GetTrigger": triggers.get,
        "UpdateTrigger": triggers.update,
        "DeleteTrigger": triggers.delete,
        "PutScalingConfig": scaling.put_scaling,
        "GetScalingConfig": scaling.get_scaling,
        "DeleteScalingConfig": scaling.delete_scaling,
        "PutProvisionConfig": scaling.put_provision,
        "GetProvisionConfig": scaling.get_provision,
        "DeleteProvisionConfig": scaling.delete_provision,
        "PutConcurrencyConfig": scaling.put_concurrency,
        "GetConcurrencyConfig": scaling.get_concurrency,
        "DeleteConcurrencyConfig": scaling.delete_concurrency,
        "ListInstances": scaling.list_instances,
    }
    found = []
    for operation in OPERATIONS:
        endpoint = handlers.get(operation.name) or _refused(operation.name)
        if credentials is not None:
            endpoint = _verified(endpoint, credentials)
        path = PREFIX + operation.path
        found.append(Route(path, endpoint, methods=[operation.method]))
    return found


def _refused(name: str) -> Endpoint:
    async def refuse(_request: Request) -> Response:
        raise not_emulated(name)

    return refuse


def _verified(endpoint: Endpoint, credentials: Credentials) -> Endpoint:
    async def handle(request: Request) -> Response:
        signed = Signed(
            method=request.method,
            path=request.scope["raw_path"].decode("latin-1"),
            query=request.scope["query_string"].decode("latin-1"),
            headers=request.headers,
            body=await request.body(),
        )
        verify(credentials, signed, datetime.now(UTC))
        return await endpoint(request)

    return handle
