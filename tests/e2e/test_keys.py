"""The local stack under load while its keys change: a rotation, a throttled and a refused key.

clients (openai, 4 threads) ──▶ sidecar ──▶ stand-in provider, told what to do with which key
                                  └ keys ◀── key-broker ◀── a file that the test rewrites
"""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from infra.cli.settings import Settings
from infra.cli.stack import Stack, local_stack
from infra.local.banner import GUARDED_HOST
from infra.local.readiness import wait_for_keys
from mesh.sidecar import Document, Sidecar
from tests.e2e.conftest import Judge, get_json
from tests.support.changed import changed
from tests.support.mesh import Form, manifests, rendered, running
from tests.support.waiting import wait_until

CLIENTS = 4
CALLS_MAX = 20_000
"""Far more than are made before the test is over."""
OLD, NEW = "sk-old-key-with-the-end-0001", "sk-new-key-with-the-end-0002"


@dataclass
class Load:
    """Calls without a pause until it is stopped; what went wrong, and with which keys."""

    port: int
    done: int = 0
    failed: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with openai.OpenAI(
            api_key="unused",
            base_url=f"http://127.0.0.1:{self.port}/compatible-mode/v1",
            default_headers={"Host": GUARDED_HOST},
        ) as client:
            while not self.over.is_set() and self.done < CALLS_MAX:
                try:
                    message: Any = {"role": "user", "content": "你是谁？"}
                    client.chat.completions.create(model="qwen-plus", messages=[message])
                except openai.APIError as error:
                    self.failed.append(f"{type(error).__name__}: {error}")
                self.done += 1


@dataclass
class Keys:
    """The file that the key-broker reads."""

    path: Path

    def write(self, *keys: str) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({GUARDED_HOST: keys}))
        fresh.replace(self.path)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    keys = Keys(tmp_path_factory.mktemp("keys") / "keys.json")
    keys.write(OLD)
    return keys


@pytest.fixture(scope="module")
def keyed_stack(judge: Judge, keys: Keys) -> Iterator[Stack]:
    settings = Settings(
        port=0,
        emulator_port=0,
        keys_file=str(keys.path),
        judge_url=judge.url,
        judge_model="stand-in-judge",
    )
    with local_stack(settings) as stack:
        yield stack


def standin(stack: Stack) -> httpx.Client:
    """To the provider itself, whose certificate is for another name than this address."""
    return httpx.Client(base_url=stack.provider_url, verify=False, trust_env=False)  # noqa: S501 -- loopback


def treat(stack: Stack, **keys: str) -> None:
    """Tell the provider what calls with a key get from now on."""
    wanted = {(NEW if name == "new" else OLD): treatment for name, treatment in keys.items()}
    with standin(stack) as provider:
        provider.put("/_standin/keys", json=wanted).raise_for_status()


def last_used(stack: Stack) -> str:
    """How the key of the last call ends."""
    with standin(stack) as provider:
        calls = provider.get("/_standin/calls").json()["calls"]
    return str(calls[-1]["credentials"]["authorization"][0]) if calls else ""


@contextmanager
def load_on(sidecar: Sidecar) -> Iterator[Load]:
    load = Load(sidecar.port)
    with ThreadPoolExecutor(CLIENTS) as pool:
        runs = [pool.submit(load.run) for _ in range(CLIENTS)]
        try:
            yield load
        finally:
            load.over.set()
    for each in runs:
        each.result()


def hasty(documents: list[Document]) -> list[Document]:
    """The same manifests, the keys asked for every second."""

    def hurried(member: dict[str, Any]) -> dict[str, Any]:
        return {**member, "refresh_seconds": 1} if "refresh_seconds" in member else member

    return changed(documents, hurried)


@pytest.mark.parametrize("form", ["portable", "hold"])
def test_keys_are_rotated_throttled_and_refused_under_load_and_no_call_fails(
    keyed_stack: Stack, keys: Keys, form: Form
) -> None:
    stack = keyed_stack
    treat(stack, old="accept", new="accept")
    keys.write(OLD)
    config = rendered(hasty(manifests(form, stack.values)), stack.redirects)
    with running(config) as sidecar:
        wait_for_keys(sidecar.port, GUARDED_HOST)
        with load_on(sidecar) as load:

            def ten_more(condition: Callable[[], bool], what: str) -> None:
                wait_until(condition, what, seconds=20)
                enough = load.done + 10
                wait_until(lambda: load.done >= enough, f"calls after: {what}", seconds=20)

            ten_more(lambda: last_used(stack) == f"…{OLD[-4:]}", "the old key in use")
            keys.write(NEW, OLD)
            ten_more(lambda: last_used(stack) == f"…{NEW[-4:]}", "the rotated key in use")
            treat(stack, old="refuse")  # as one does after a rotation: nobody has it any more
            ten_more(lambda: last_used(stack) == f"…{NEW[-4:]}", "the old key revoked")
            treat(stack, old="accept", new="throttle")
            ten_more(lambda: last_used(stack) == f"…{OLD[-4:]}", "the throttled key at rest")
            treat(stack, old="refuse", new="accept")
            ten_more(lambda: last_used(stack) == f"…{NEW[-4:]}", "the refused key at rest")
        log = "\n".join(sidecar.log())
    assert load.failed == []
    assert load.done > 50
    assert f"key rests why=throttled host={GUARDED_HOST}" in log
    assert f"key rests why=refused host={GUARDED_HOST}" in log


def test_no_key_turns_up_in_any_log(keyed_stack: Stack) -> None:
    logs = [*keyed_stack.sidecar.log(), *keyed_stack.emulator.log()]
    for function in keyed_stack.functions:
        url = f"{keyed_stack.emulator_url}/_meshward/functions/{function}/logs"
        logs += get_json(url)["lines"]
    assert any("keys given" in line for line in logs)
    assert [line for line in logs if OLD in line or NEW in line] == []
