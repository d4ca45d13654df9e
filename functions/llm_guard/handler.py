"""The function `llm-guard`: settings, policies, judges and memory once, then the check."""

import asyncio
import os
import secrets
from functools import partial
from random import SystemRandom

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.llm_guard import metrics, prompt
from functions.llm_guard.check import JudgedPolicy, compile_policy, judge
from functions.llm_guard.endpoint import Endpoint, transport_of
from functions.llm_guard.failures import JudgeError
from functions.llm_guard.gate import Gate
from functions.llm_guard.hits import Means
from functions.llm_guard.judges import Judges
from functions.llm_guard.memory import Memory, Shared
from functions.llm_guard.otlp import Pusher, collector_of
from functions.llm_guard.settings import GuardSettings
from functions.llm_guard.settings import read as read_guard
from functions.policy import Policies, PolicyError, Prepared, Watcher, read_in_child
from functions.prompt import model_of
from functions.runtime import logs
from functions.runtime.edge import Page, edge
from functions.runtime.sealing import Sealer
from functions.runtime.settings import current
from functions.verdict import Callout, Verdict

_NONCE_BYTES = 32


def _judges(guard: GuardSettings, meter: metrics.Meter) -> Judges:
    # A hedge is a second connection for a call that has its place at the gate already.
    connections_max = 2 * guard.calls_max
    endpoints = [Endpoint(each, transport_of(each, connections_max)) for each in guard.judges]
    gate = Gate(guard.calls_max, guard.queue_max)
    return Judges(endpoints, gate, meter, _tell, SystemRandom(), hedge=guard.hedge)


def _tell(name: str, error: JudgeError) -> None:
    logs.event("warning", "judge failed", f"{name}: {error.failure}: {error}")


def _shared(guard: GuardSettings) -> Shared | None:
    if not guard.cache_url:
        return None
    from functions.llm_guard.redis_cache import (  # noqa: PLC0415 -- 100 ms of a cold start
        RedisCache,
    )

    return RedisCache(guard.cache_url)


def _compiled(prepared: Prepared) -> JudgedPolicy:
    """The policy, if there are as many judges as it wants to ask."""
    source = prepared.source
    compiled = compile_policy(source, prepared.revision)
    quorum = compiled.judge.quorum if compiled.judge else None
    if quorum and quorum.ask > len(_guard.judges):
        what = f"judge: quorum.ask is {quorum.ask}, and {len(_guard.judges)} are configured"
        raise PolicyError(f"{source.file}: {what}; set MESHWARD_JUDGE_2_URL and so on")
    return compiled


_settings = current()
_guard = read_guard(os.environ)
_models = ", ".join(each.model for each in _guard.judges)
_policies = Policies(_settings.policy_dir, _compiled, f"prompt {prompt.VERSION}, judges {_models}")
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
    judges=(_all_judges := _judges(_guard, _meter)),
    memory=(_memory := Memory(_key, _guard.cache_entries_max, _meter, _shared(_guard))),
    nonce=lambda: secrets.token_hex(_NONCE_BYTES),
    chance=SystemRandom().random,
    seals=Sealer(_settings.signing_secrets),
)


async def _check(callout: Callout, body: bytes, seconds: float) -> Verdict:
    clock = asyncio.get_running_loop()
    began = clock.time()
    model = partial(model_of, body, callout.content_type, callout.content_encoding)
    verdict = await judge(callout, body, _policies.choose(callout, model), _means, seconds)
    _meter.verdict(verdict, clock.time() - began)
    if _pusher is not None:
        _pusher.beat()
    return verdict


_pages = {"/metrics": Page(metrics.CONTENT_TYPE, _meter.text)}
_edge = edge(_check, _settings, pages=_pages, waits=True)


@functions_framework.aio.http
async def handle(request: Request) -> Response:
    """Every request of the function."""
    return await _edge(request)


async def close() -> None:
    """Close the connections to judges and cache, and push the last metrics."""
    if _pusher is not None:
        await _pusher.close()
    await _all_judges.close()
    await _memory.close()
