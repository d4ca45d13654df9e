"""Verdicts for a tool: `python -m functions.llm_guard.asking`, a line of JSON each way.

    {"folder": …, "at_once": 4}                      once    ▶ {"policies": {…}, "judges": […]}
    {"id": 7, "callout": {…}, "body": base64}        each    ▶ {"id": 7, "verdict": {…},
                                                               "microseconds": …, "spent": {…},
                                                               "failures": {…}}

Asked as the function asks, by the settings of the environment, but without a memory: every message
is judged, whatever share the policy says. `policies` are their revisions by name, null for one
without a judge section. Answers come as they are there, in any order; `spent` is what all judges
have cost so far, `failures` how often one had no opinion, by the failure's name.
"""

import asyncio
import base64
import json
import os
import secrets
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from functions.llm_guard.check import JudgedPolicy, judge
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.equipment import judges_of, nonce, policies_of
from functions.llm_guard.failures import JudgeError
from functions.llm_guard.hits import Means
from functions.llm_guard.metrics import Meter
from functions.llm_guard.settings import GuardSettings, read
from functions.policy import Policies, PolicyError
from functions.prompt import model_of
from functions.runtime.sealing import Sealer
from functions.runtime.settings import SettingsError
from functions.verdict import Callout, Secret

_AT_ONCE_MAX: Final = 100
_REFUSED: Final = 3
_INTERRUPTED: Final = 130


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

    def __init__(self, policies: Policies[JudgedPolicy], guard: GuardSettings) -> None:
        self._policies = policies
        self._meter = Meter()
        self._failures: Counter[str] = Counter()
        self._judges = judges_of(guard, self._meter, self._failed)
        seals = Sealer([Secret(secrets.token_urlsafe(32))])
        self._means = Means(self._judges, Forgets(), nonce, lambda: 0.0, seals)

    async def close(self) -> None:
        """Close the connections."""
        await self._judges.close()

    def _failed(self, _judge: str, error: JudgeError) -> None:
        self._failures[error.failure.value] += 1

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
            "failures": dict(self._failures),
        }


async def ask(lines: asyncio.StreamReader) -> None:
    """Answer every line, so many at once as the first one says."""
    first = json.loads(await lines.readline())
    guard = read(os.environ)
    policies = policies_of(Path(first["folder"]), guard)
    policies.reload()
    asking = Asking(policies, guard)
    named = {name: policies.get(name) for name in policies.names()}
    # One without a judge section is none to judge by.
    revisions = {
        name: policy.revision if policy and policy.judge else None for name, policy in named.items()
    }
    _say({"policies": revisions, "judges": [each.name for each in guard.judges]})
    turns = asyncio.Semaphore(min(first["at_once"], _AT_ONCE_MAX))

    async def one(request: Mapping[str, Any]) -> None:
        try:
            _say(await asking.answer(request))
        finally:
            turns.release()

    try:
        async with asyncio.TaskGroup() as tasks:
            while line := await lines.readline():
                await turns.acquire()
                tasks.create_task(one(json.loads(line)))
    except* BrokenPipeError:
        os._exit(_INTERRUPTED)  # Whoever asked is gone: there is nobody to tell, and no buffer.
    await asking.close()


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
    except KeyboardInterrupt:  # Whoever asked has had enough, and says so itself.
        sys.exit(_INTERRUPTED)
