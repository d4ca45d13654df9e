"""InstanceExec: a command in a running instance, by a WebSocket."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from infra.emulator import console
from infra.emulator.api_v2.subject import function_and_qualifier
from infra.emulator.api_v3.fields import whole
from infra.emulator.console import IDLE_SECONDS, Command
from infra.emulator.errors import FcError, invalid, not_found
from infra.emulator.http import websocket
from infra.emulator.http.exchange import Exchange
from infra.emulator.instances import Instance, State
from infra.emulator.model import Function
from infra.emulator.state import Emulator

_IDLE_SECONDS_MAX = 86_400


class Over(Response):
    """The answer of what has spoken another protocol: nothing is left to be said."""

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        """Say nothing."""


class Consoles:
    """The operation on running instances."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._account = emulator.account

    async def instance_exec(self, request: Request) -> Response:
        """InstanceExec: ends when the command, the caller or the instance does."""
        function, _ = function_and_qualifier(self._account, request)
        instance = self._instance(function, request.path_params["instance_id"])
        command = Command(
            tuple(request.query_params.getlist("command")),
            stdin=_flag(request, "stdin"),
            stdout=_flag(request, "stdout"),
            stderr=_flag(request, "stderr"),
            terminal=_flag(request, "tty", default="false"),
            idle_seconds=whole(request, "idleTimeout", 1, _IDLE_SECONDS_MAX, IDLE_SECONDS),
        )
        exchange: Exchange = request.state.exchange
        key = request.headers.get("sec-websocket-key", "").encode()
        upgrade = request.headers.get("upgrade", "").lower()
        if not exchange.upgrade or upgrade != "websocket" or not key:
            raise invalid("upgrade", "must be a WebSocket's handshake")
        headers = [
            (b"upgrade", b"websocket"),
            (b"connection", b"upgrade"),
            (b"sec-websocket-accept", websocket.accept_key(key)),
            (b"x-fc-request-id", request.state.request_id.encode()),
        ]
        await console.run(command, instance, exchange, headers)
        return Over()

    def _instance(self, function: Function, instance_id: str) -> Instance:
        for pool in self._emulator.pools(function.name):
            for instance in pool.instances:
                if instance.id == instance_id and instance.state is not State.STARTING:
                    return instance
        raise not_found("Instance", instance_id[:100])


def _flag(request: Request, name: str, default: str = "true") -> bool:
    value = request.query_params.get(name, default).lower()
    if value not in ("true", "false"):
        raise FcError(400, "InvalidArgument", f"{name}: {value[:40]!r} is neither true nor false")
    return value == "true"
