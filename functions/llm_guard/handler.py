"""The function `llm-guard`: settings, policies, judges and memory once, then the check."""

import os
from collections.abc import Awaitable
from functools import partial
from random import SystemRandom

from functions.llm_guard import metrics
from functions.llm_guard.check import judge, refused_early
from functions.llm_guard.equipment import judges_of, nonce, policies_of
from functions.llm_guard.failures import JudgeError
from functions.llm_guard.hits import Means
from functions.llm_guard.memory import Memory, Shared
from functions.llm_guard.otlp import Pusher, collector_of
from functions.llm_guard.settings import GuardSettings
from functions.llm_guard.settings import read as read_guard
from functions.policy import Watcher, read_in_child
from functions.prompt import model_of
from functions.runtime import logs
from functions.runtime.asgi import Application, application
from functions.runtime.edge import Page, edge
from functions.runtime.sealing import Sealer
from functions.runtime.settings import current
from functions.verdict import Callout, Verdict


def _tell(name: str, error: JudgeError) -> None:
    logs.event("warning", "judge failed", f"{name}: {error.failure}: {error}")


def _shared(guard: GuardSettings) -> Shared | None:
    if not guard.cache_url:
        return None
    from functions.llm_guard.redis_cache import (  # noqa: PLC0415 -- 100 ms of a cold start
        RedisCache,
    )

    return RedisCache(guard.cache_url)


_settings = current()
_guard = read_guard(os.environ)
_policies = policies_of(_settings.policy_dir, _guard)
_policies.reload()
logs.policies(_policies.names(), None)
Watcher(
    _policies,
    lambda error: logs.policies(_policies.names(), error),
    read_in_child("functions.policy.preparing"),
).start()
_meter = metrics.Meter()
_collector = collector_of(os.environ)
_pusher = Pusher(_collector, _meter) if _collector else None
_key = _settings.signing_secrets[0].derived("meshward-llm-guard-memory-v1")
_means = Means(
    judges=(_all_judges := judges_of(_guard, _meter, _tell)),
    memory=(_memory := Memory(_key, _guard.cache_entries_max, _meter, _shared(_guard))),
    nonce=nonce,
    chance=SystemRandom().random,
    seals=Sealer(_settings.signing_secrets),
)


def _check(callout: Callout, body: bytes, seconds: float) -> Verdict | Awaitable[Verdict]:
    model = partial(model_of, body, callout.content_type, callout.content_encoding)
    policy = _policies.choose(callout, model)
    refused = refused_early(callout, policy, _all_judges, seconds)
    return judge(callout, body, policy, _means, seconds) if refused is None else refused


def _count(verdict: Verdict, seconds: float) -> None:
    _meter.verdict(verdict, seconds)
    if _pusher is not None:
        _pusher.beat()


_pages = {"/metrics": Page(metrics.CONTENT_TYPE, _meter.text)}
service = edge(_check, _settings, pages=_pages, waits=True, tell=_count)
_application = application(service)


async def handle(_request: object) -> Application:
    """The function as functions-framework calls one: what it returns answers the request."""
    return _application


async def close() -> None:
    """Close the connections to judges and cache, and push the last metrics."""
    if _pusher is not None:
        await _pusher.close()
    await _all_judges.close()
    await _memory.close()
