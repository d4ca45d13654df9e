"""`python -m tests.fuzz.shim [SECONDS] [SEED]`: the built plugin under random events and bytes.

worlds          any events in any order (tests/contract/wasm_world.py)
configurations  documents that are damaged anywhere: loaded, or refused without a word of a secret
answers         callouts answered with damaged heads: denied, or as the answer says; never a trap
caches          calls that are alike, while the policy changes: no denial and no old allow is reused
streams         one machine and call after call: its memory stays what it was

Each round has a seed of its own, which is printed where it finds something.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Final

from wasmtime import Trap

from mesh.shim.build import build
from tests.contract.proxy_wasm import GO, Callout, Headers, Stream
from tests.contract.scenarios import SECRET
from tests.contract.wasm_host import Compiled, Host
from tests.contract.wasm_world import World, happen

Round = Callable[[Compiled, Random], None]

_EVENTS_MAX: Final = 150
_CALLS: Final = 2500
_WARM_UP: Final = 250
_PAGE_BYTES: Final = 64 * 1024
"""How Wasm memory grows. One page more is a larger burst; 30 bytes lost with each call are two."""
_KEY: Final = "sk-a-key-that-nobody-may-see"
_CHECK: Final = {
    "name": "first",
    "stage": 1,
    "cluster": "first",
    "authority": "first.test",
    "timeout_ms": 1000,
    "phases": ["request", "response"],
}
_ALLOW: Final[Headers] = [
    (":status", "200"),
    ("date", "Fri, 27 Nov 2026 22:00:00 GMT"),
    ("x-meshward-contract", "1"),
    ("x-meshward-verdict", "allow"),
    ("x-meshward-reason", "rule.none"),
    ("x-meshward-revision", "r1"),
    ("x-meshward-cache-seconds", "0"),
]
_REUSABLE: Final = ("x-meshward-cache-seconds", "60")
_DENY: Final[Headers] = [
    *_ALLOW[:3],
    ("x-meshward-verdict", "deny"),
    ("x-meshward-reason", "rule.matched"),
    ("x-meshward-status", "403"),
    ("content-type", "text/plain"),
]


def worlds(shim: Compiled, random: Random) -> None:
    """Any events, and what must hold all the while."""
    world = World(shim, random.randrange)
    for _ in range(random.randrange(1, _EVENTS_MAX)):
        happen(world)
    world.settle()


def configurations(shim: Compiled, random: Random) -> None:
    """Damaged configurations, one after another in one machine."""
    host = Host(shim)
    for _ in range(30):
        text = _damaged(_configuration().encode(), random).decode("utf-8", "replace")
        host.load(text)
    said = " ".join(line for _, line in host.log)
    assert _KEY not in said, "a key stands in the log"
    assert SECRET not in said, "a secret stands in the log"


def answers(shim: Compiled, random: Random) -> None:
    """Damaged answers: nothing but an allow, whole, lets a call go."""
    host, plugin = _loaded(shim)
    for _ in range(30):
        stream, _ = host.open(plugin, _head(), False)
        if host.body(stream, b"a prompt", True) == GO:
            continue  # The damage was to how long the allow before it may be reused.
        headers = [pair for pair in _ALLOW if random.random() > 0.05]
        headers += [random.choice(_ALLOW) for _ in range(random.randrange(2))]
        headers = [(name, _spoilt(value, random)) for name, value in headers]
        host.answer(plugin, host.callouts[-1], headers, random.choice([b"", b"", b"body"]))
        if len(host.callouts) and stream.response is None and not stream.continued:
            host.answer(plugin, host.callouts[-1], [], b"")
        assert (stream.response is None) == stream.continued, "a call is left hanging"
        host.close(stream.context)


def caches(shim: Compiled, random: Random) -> None:
    """Five bodies, and a policy that changes its mind: what goes by without a check was allowed.

    It was, that is, by the latest revision that the plugin has heard of.
    """
    host, plugin = _loaded(shim)
    waiting: list[tuple[Stream, Callout, int]] = []
    revision = heard = 0
    for _ in range(300):
        revision += random.random() < 0.05
        if waiting and random.random() < 0.5:
            stream, callout, number = waiting.pop(random.randrange(len(waiting)))
            heard = revision
            headers = [*_ALLOW[:-2], ("x-meshward-revision", f"r{revision}"), _REUSABLE]
            body = b""
            if _is_denied(number, revision):
                headers, body = [*_DENY, *headers[-2:]], b"no"
            host.answer(plugin, callout, headers, body)
            host.close(stream.context)
        elif random.random() < 0.3:
            head = [(":method", "GET"), (":authority", "api.test"), (":path", "/v1/models")]
            stream, flow = host.open(plugin, head, True)
            assert flow == GO
            host.close(stream.context)
        else:
            number = random.randrange(5)
            stream, _ = host.open(plugin, _head(), False)
            if host.body(stream, b"body %d" % number, True) != GO:
                waiting.append((stream, host.callouts[-1], number))
                continue
            assert not _is_denied(number, heard), "a denied call goes by without a check"
            host.close(stream.context)


def _is_denied(number: int, revision: int) -> bool:
    return (number + revision) % 3 == 0


def streams(shim: Compiled, random: Random) -> None:
    """Call after call in one machine: the last needs no more memory than the first."""
    host, plugin = _loaded(shim)
    settled = 0
    for number in range(_CALLS):
        _one_call(host, plugin, random)
        host.callouts.clear()
        if number == _WARM_UP:
            settled = host.memory_bytes
    grown = host.memory_bytes - settled
    assert grown <= _PAGE_BYTES, f"{grown} bytes are lost"


def _one_call(host: Host, plugin: int, random: Random) -> None:
    stream, _ = host.open(plugin, _head(), False)
    host.body(stream, b"x" * random.randrange(1, 5000), True)
    host.answer(plugin, host.callouts[-1], [*_ALLOW, ("x-meshward-state", "s" * 500)], b"")
    if random.random() < 0.1:
        host.close(stream.context)
        return
    host.reply(stream, [(":status", "200"), ("content-type", "text/event-stream")])
    seen = len(host.callouts)
    for _ in range(random.randrange(6)):
        host.reply_body(stream, b"y" * random.randrange(1, 900), False)
        if len(host.callouts) > seen and random.random() < 0.7:
            seen = len(host.callouts)
            host.answer(plugin, host.callouts[-1], [*_ALLOW, ("x-meshward-keep", "1")], b"")
    host.close(stream.context)


def _loaded(shim: Compiled) -> tuple[Host, int]:
    host = Host(shim, clusters={"first"})
    plugin = host.load(_configuration())
    assert plugin is not None, host.log
    return host, plugin


def _configuration() -> str:
    credential = {"header": "authorization", "prefix": "Bearer ", "key": _KEY}
    template = {"path_prefix": "/", "content_type": "text/plain", "body": "{reason} {check}"}
    guarded = {"name": "api.test", "credential": credential, "denials": [template]}
    guarded["unchecked"] = ["/v1/models"]
    return json.dumps(
        {
            "contract": 1,
            "policy": "default",
            "body": "hold",
            "signing_secrets": [SECRET],
            "window": {"bytes": 100, "ms": 50},
            "cache": {"entries": 10, "seconds": 60},
            "hosts": [guarded],
            "checks": [_CHECK],
        }
    )


def _head() -> Headers:
    return [(":method", "POST"), (":authority", "api.test"), (":path", "/v1/chat")]


def _damaged(whole: bytes, random: Random) -> bytes:
    raw = bytearray(whole)
    for _ in range(random.randrange(4)):
        at = random.randrange(len(raw) + 1)
        raw[at : at + random.choice([0, 0, 1, 1, 2, 40])] = random.randbytes(random.randrange(3))
    return bytes(raw)


def _spoilt(value: str, random: Random) -> str:
    if random.random() > 0.05:
        return value
    raw = _damaged(value.encode(), random).decode("latin-1")
    return raw.replace("\0", "0")


ROUNDS: Final[dict[str, Round]] = {
    "worlds": worlds,
    "configurations": configurations,
    "answers": answers,
    "caches": caches,
    "streams": streams,
}


def run(name: str, shim: Compiled, seed: int) -> None:
    """One round by its seed. Raises `AssertionError` or `Trap` where it finds something."""
    ROUNDS[name](shim, Random(f"{name} {seed}"))


def main(arguments: list[str]) -> int:
    """Rounds of each kind in turn until time is up; 1 where one has found something."""
    seconds = int(arguments[0]) if arguments else 60
    first = int(arguments[1]) if len(arguments) > 1 else 0
    shim = Compiled.of(build())
    end = time.monotonic() + seconds
    rounds = 0
    for seed in itertools.count(first):
        for name in ROUNDS:
            try:
                run(name, shim, seed)
            except (AssertionError, Trap) as found:
                sys.stderr.write(f"{name}, seed {seed}: {found}\n")
                return 1
            rounds += 1
        if time.monotonic() > end:
            break
    sys.stdout.write(f"shim: {rounds} rounds, seeds {first} to {seed}, nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
