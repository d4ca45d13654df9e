"""The function `llm-guard`: settings, policies and the judge's client once, then the check."""

import os
import secrets

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.llm_guard.check import compile_policy, judge
from functions.llm_guard.judge import JudgeClient
from functions.policy import Policies
from functions.runtime import logs
from functions.runtime.edge import edge
from functions.runtime.settings import SettingsError, read
from functions.verdict import Callout, Verdict

_settings = read(os.environ)
if not _settings.judge_url or not _settings.judge_model:
    raise SettingsError("MESHWARD_JUDGE_URL and MESHWARD_JUDGE_MODEL must be set for llm-guard")
_policies = Policies(_settings.policy_dir, compile_policy)
_policies.reload()
_client = JudgeClient(_settings.judge_url, _settings.judge_model, _settings.judge_api_key)
logs.event("info", "policies loaded", ", ".join(_policies.names()))


def _marker() -> str:
    return f"=====DATA {secrets.token_hex(16)}====="


async def _check(callout: Callout, body: bytes) -> Verdict:
    return await judge(callout, body, _policies.get(callout.policy), _client, _marker)


_edge = edge(_check, _settings)


@functions_framework.aio.http
async def handle(request: Request) -> Response:
    """Every request of the function."""
    return await _edge(request)
