"""The function `deny-pattern`: settings and policies once, then one pure call for each callout."""

from functools import partial

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.deny_pattern.check import ENGINE, compile_policy, judge
from functions.policy import Policies, watch
from functions.prompt import encode_body, model_of
from functions.runtime import logs
from functions.runtime.edge import edge
from functions.runtime.sealing import Sealer
from functions.runtime.settings import current
from functions.verdict import Callout, Verdict

_settings = current()
_sealer = Sealer(_settings.signing_secrets)
_policies = Policies(_settings.policy_dir, compile_policy, ENGINE)
_policies.reload()
logs.policies(_policies.names(), None)
watch(_policies, lambda error: logs.policies(_policies.names(), error))


async def _check(callout: Callout, body: bytes, _seconds: float) -> Verdict:
    model = partial(model_of, body, callout.content_type, callout.content_encoding)
    return judge(callout, body, _policies.choose(callout, model), _sealer)


_edge = edge(_check, _settings, encode_body)


@functions_framework.aio.http
async def handle(request: Request) -> Response:
    """Every request of the function."""
    return await _edge(request)
