"""The function `deny-pattern`: settings and policies once, then one pure call for each callout."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Final

from functions.deny_pattern.check import ENGINE, judge
from functions.deny_pattern.compiled import take_up
from functions.policy import Policies, Watcher, read_in_child
from functions.prompt import encode_body, model_of
from functions.runtime import logs
from functions.runtime.asgi import Application, application
from functions.runtime.edge import edge
from functions.runtime.sealing import Sealer
from functions.runtime.settings import POLICIES, current
from functions.verdict import Callout, Verdict

_LARGE_BYTES: Final = 64 * 1024
"""A larger message is judged in a thread, so that others need not wait for it."""

_settings = current()
_sealer = Sealer(_settings.signing_secrets)
# Of prepared policies an engine believes what it reads: only those of this package are taken.
_packed = POLICIES / "deny-pattern.prepared" if _settings.policy_dir == POLICIES else None
_policies = Policies(_settings.policy_dir, take_up, ENGINE, _packed)
logs.event("info", "policies taken up", _policies.reload())
logs.policies(_policies.names(), None)
Watcher(
    _policies,
    lambda error: logs.policies(_policies.names(), error),
    read_in_child("functions.deny_pattern.preparing"),
).start()


def _check(callout: Callout, body: bytes, _seconds: float) -> Verdict | Awaitable[Verdict]:
    model = partial(model_of, body, callout.content_type, callout.content_encoding)
    policy = _policies.choose(callout, model)
    if len(body) > _LARGE_BYTES or callout.content_encoding:  # A coded one may grow.
        return asyncio.to_thread(judge, callout, body, policy, _sealer)
    return judge(callout, body, policy, _sealer)


service = edge(_check, _settings, encode_body)
_application = application(service)


async def handle(_request: object) -> Application:
    """The function as functions-framework calls one: what it returns answers the request."""
    return _application
