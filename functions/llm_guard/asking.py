"""Verdicts for a tool: `python -m functions.llm_guard.asking`, a line of JSON each way.

    {"folder": …, "at_once": 4}                      once    ▶ {"policies": {…}, "judges": […]}
    {"id": 7, "callout": {…}, "body": base64}        each    ▶ {"id": 7, "verdict": {…},
                                                               "microseconds": …, "spent": {…}}

Asked as the function asks, by the settings of the environment, but without a memory: every message
is judged. `policies` are their revisions by name. Answers come as they are there, in any order;
`spent` is what all judges have cost so far.
"""

import asyncio
import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Any, Final

from functions.llm_guard.check import JudgedPolicy, judge
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.equipment import judges_of, nonce, policies_of
from functions.llm_guard.hits import Means
from functions.llm_guard.metrics import Meter
from functions.llm_guard.settings import read
from functions.policy import Policies, PolicyError
from functions.prompt import model_of
from functions.runtime.sealing import Sealer
from functions.runtime.settings import SettingsError
from functions.verdict import Callout, Secret

_AT_ONCE_MAX: Final = 100
_REFUSED: Final = 3


class Forgets:
    """A memory that keeps nothing."""

    def digest(self, *_parts: str | bytes) -> bytes:
        """Nothing to tell apart."""
        return b""

    async def recall(self, keys: Sequence[bytes], _deadline: Deadline) -> list[bytes | None]:
        """Nothing is known."""
        return [None] * len(keys)

    async def keep(self, _values: Mapping[bytes, bytes], _seconds: int, _at: Deadline) -> None:
        """Nothing is kept."""


class Asking:
    """Messages in, verdicts out."""

    def __init__(self, policies: Policies[JudgedPolicy], means: Means, meter: Meter) -> None:
        self._policies = policies
        self._means = means
        self._meter = meter

    async def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one line."""
        callout = Callout.model_validate(request["callout"])
        body = base64.b64decode(request["body"])
        model = partial(model_of, body, callout.content_type, callout.content_encoding)
        policy = self._policies.choose(callout, model)
        clock = asyncio.get_running_loop()
        began = clock.time()
        verdict = await judge(callout, body, policy, self._means, callout.deadline_ms / 1000)
        microseconds = round((clock.time() - began) * 1e6)
        return {
            "id": request["id"],
            "verdict": verdict.model_dump(mode="json"),
            "microseconds": microseconds,
            "spent": asdict(self._meter.spent()),
        }


async def ask(lines: asyncio.StreamReader) -> None:
    """Answer every line, so many at once as the first one says."""
    first = json.loads(await lines.readline())
    guard, meter = read(os.environ), Meter()
    policies = policies_of(Path(first["folder"]), guard)
    policies.reload()
    judges = judges_of(guard, meter, lambda *_: None)
    seals = Sealer([Secret(secrets.token_urlsafe(32))])
    asking = Asking(policies, Means(judges, Forgets(), nonce, SystemRandom().random, seals), meter)
    named = ((name, policies.get(name)) for name in policies.names())
    revisions = {name: policy.revision for name, policy in named if policy}
    _say({"policies": revisions, "judges": [each.name for each in guard.judges]})
    turns = asyncio.Semaphore(min(first["at_once"], _AT_ONCE_MAX))

    async def one(request: Mapping[str, Any]) -> None:
        try:
            _say(await asking.answer(request))
        finally:
            turns.release()

    async with asyncio.TaskGroup() as tasks:
        while line := await lines.readline():
            await turns.acquire()
            tasks.create_task(one(json.loads(line)))
    await judges.close()


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _main() -> None:
    await ask(await _standard_input())


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        asyncio.run(_main())
    except (PolicyError, SettingsError) as error:
        _say({"error": str(error)})
        sys.exit(_REFUSED)
