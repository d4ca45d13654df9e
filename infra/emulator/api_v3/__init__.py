"""The FC 3.0 dialect (2023-03-30): wire shapes over the model.

    operations     every operation's name and path     fields         typed reading of requests
    functions      deploy, read, invoke                configuration  what instances start with
    versions       and aliases                         triggers       of HTTP, and others
    scaling        minimum, limit, instances           layers         shared code
    asynchronous   retries, destinations, tasks        domains, tags

An operation that has no handler answers 501 with its name. Field names: alibabacloud-fc20230330
4.8.3, models/.
"""

from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.emulator.api_v3.asynchronous import Asynchronous
from infra.emulator.api_v3.domains import Domains
from infra.emulator.api_v3.functions import Functions
from infra.emulator.api_v3.layers import Layers
from infra.emulator.api_v3.operations import OPERATIONS, Operation
from infra.emulator.api_v3.scaling import ScalingConfigs
from infra.emulator.api_v3.tags import Tags
from infra.emulator.api_v3.triggers import Triggers
from infra.emulator.api_v3.versions import Versions
from infra.emulator.endpoints import Endpoint
from infra.emulator.errors import not_emulated
from infra.emulator.signature import Credentials, Signed, verify
from infra.emulator.state import Emulator

PREFIX: Final = "/2023-03-30"
_PARTS: Final = (
    *(Functions, Versions, Triggers, ScalingConfigs, Asynchronous, Layers, Domains, Tags),
)


def is_emulated(operation: Operation) -> bool:
    """Whether the operation is carried out, rather than refused with 501."""
    return any(hasattr(part, operation.method_name) for part in _PARTS)


def routes(emulator: Emulator, credentials: Credentials | None) -> list[Route]:
    """The routes of every operation; signatures are verified where there are credentials.

    An operation is carried out by the method of its name, of whichever part has it.
    """
    parts, found = [part(emulator) for part in _PARTS], []
    for operation in OPERATIONS:
        by_name = (getattr(part, operation.method_name, None) for part in parts)
        endpoint = next(filter(None, by_name), _refused(operation.name))
        if credentials is not None:
            endpoint = _verified(endpoint, credentials)
        # An ARN holds slashes, which the SDK encodes.
        path = PREFIX + operation.path.replace("{arn}", "{arn:path}")
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
