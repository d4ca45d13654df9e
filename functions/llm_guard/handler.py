"""The function `llm-guard`: settings, policies and the judge's client once, then the check."""

import secrets
from functools import partial

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.llm_guard import prompt
from functions.llm_guard.check import compile_policy, judge
from functions.llm_guard.judge import JudgeClient
from functions.policy import Policies, watch
from functions.prompt import model_of
from functions.runtime import logs
from functions.runtime.edge import edge
from functions.runtime.settings import SettingsError, current
from functions.verdict import Callout, Verdict

_settings = current()
if not _settings.judge_url or not _settings.judge_model:
    raise SettingsError("MESHWARD_JUDGE_URL and MESHWARD_JUDGE_MODEL must be set for llm-guard")
_policies = Policies(
    _settings.policy_dir,
    compile_policy,
    f"prompt {prompt.VERSION}, judge {_settings.judge_model}",
)
_policies.reload()
logs.policies(_policies.names(), None)
watch(_policies, lambda error: logs.policies(_policies.names(), error))
_client = JudgeClient(
    _settings.judge_url,
    _settings.judge_model,
    _settings.judge_api_key,
    lambda error: logs.event("warning", "judge failed", f"{error.reason}: {error}"),
)


async def _check(callout: Callout, body: bytes, seconds: float) -> Verdict:
    model = partial(model_of, body, callout.content_type, callout.content_encoding)
    compiled = _policies.choose(callout, model)
    return await judge(callout, body, compiled, _client, _marker, seconds)


def _marker() -> str:
    return f"=====DATA {secrets.token_hex(16)}====="


_edge = edge(_check, _settings)


@functions_framework.aio.http
async def handle(request: Request) -> Response:
    """Every request of the function."""
    return await _edge(request)


async def close() -> None:
    """Close the connections to the judge."""
    await _client.close()
