"""The function `deny-pattern`: settings and policies once, then one pure call for each callout."""

import os

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.deny_pattern.check import compile_policy, judge
from functions.policy import Policies
from functions.runtime import logs
from functions.runtime.edge import edge
from functions.runtime.settings import read
from functions.verdict import Callout, Verdict

_settings = read(os.environ)
_policies = Policies(_settings.policy_dir, compile_policy)
_policies.reload()
logs.event("info", "policies loaded", ", ".join(_policies.names()))


async def _check(callout: Callout, body: bytes) -> Verdict:
    return judge(callout, body, _policies.get(callout.policy))


_edge = edge(_check, _settings)


@functions_framework.aio.http
async def handle(request: Request) -> Response:
    """Every request of the function."""
    return await _edge(request)
