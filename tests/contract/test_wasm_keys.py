"""Keys of the broker in the built plugin: asked for by one machine, shared sealed, never shown."""

import itertools
import json
import random

import pytest

from functions.verdict import Secret
from functions.verdict.keys import verify_keys
from tests.contract.proxy_wasm import Headers, SharedData
from tests.contract.test_wasm import configuration
from tests.contract.wasm_host import Compiled
from tests.contract.wasm_worker import (
    BY_BROKER,
    OK_HEADERS,
    REFRESH_MS,
    SECRET,
    WAITS,
    Worker,
    keyed,
)


@pytest.fixture
def worker(shim: Compiled) -> Worker:
    return Worker(shim)


def test_the_call_for_keys_is_signed_and_names_its_hosts(shim: Compiled) -> None:
    own: dict[str, object] = {"header": "x-api-key", "key": "sk-own"}
    hosts = [("a.test", BY_BROKER), ("b.test", own), ("*.c.test", BY_BROKER)]
    denials = [{"path_prefix": "/", "content_type": "text/plain", "body": "no"}]
    entries = [
        {"name": name, "credential": credential, "denials": denials} for name, credential in hosts
    ]
    document = {**json.loads(keyed()), "hosts": entries}
    (callout,) = Worker(shim, text=json.dumps(document)).tick()
    headers = dict(callout.headers)
    assert callout.body == b"a.test\n*.c.test"
    assert callout.timeout_ms == 700
    assert {name: headers[name] for name in headers if "signature" not in name} == {
        ":method": "POST",
        ":path": "/v1/keys",
        ":authority": "broker.test",
        "x-meshward-contract": "1",
        "x-meshward-workload": "default/sleep",
        "authorization": "Bearer trigger-token",
    }
    signatures = [headers["x-meshward-signature"]]
    verify_keys([Secret(SECRET)], signatures, "default/sleep", callout.body, 1_800_000_000)


def test_a_rotated_key_is_used_once_it_was_asked_for_again(worker: Worker) -> None:
    worker.keyed()
    assert worker.tick(REFRESH_MS * 9 // 10 - 2000) == []
    worker.refresh(["sk-new", "sk-one"])
    assert worker.send() == "sk-new"
    worker.refresh([])
    assert worker.send() == "key.unavailable"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ([], b"", ""),
        ([(":status", "504")], b"late", "504"),
        ([(":status", "401")], b"{}", "401"),
        (OK_HEADERS, b"", "200"),
        (OK_HEADERS, b"not sealed, and long enough to be taken for it: " + bytes(64), "200"),
        (OK_HEADERS, bytes(64 * 1024 + 1), "200"),
    ],
)
def test_what_is_no_answer_changes_no_key_and_is_asked_for_again(
    worker: Worker, headers: Headers, body: bytes, status: str
) -> None:
    worker.keyed()
    waits = []
    for _ in range(4):
        wait = 0
        while not (callouts := worker.tick(1000)):
            wait += 1
        waits.append(wait)
        worker.host.answer(worker.plugin, callouts[0], headers, body)
        assert worker.host.log[-1] == ("warn", f"meshward: keys not renewed status={status}")
        assert worker.send() == "sk-one"
    assert waits[0] > 50
    assert waits[1:] == [0, 0, 0]


def test_an_answer_to_another_call_does_not_open(worker: Worker) -> None:
    (first,) = worker.tick()
    sealed = worker.sealed(first)
    worker.host.answer(worker.plugin, first, [], b"")
    (second,) = worker.tick(1000)
    worker.host.answer(worker.plugin, second, OK_HEADERS, sealed)
    assert worker.send() == "key.unavailable"
    (third,) = worker.tick(2000)
    worker.host.answer(worker.plugin, third, OK_HEADERS, worker.sealed(third, "f" * 32))
    assert worker.send() == "key.unavailable"


def test_a_broker_that_is_down_at_the_start_is_asked_ever_more_seldom(worker: Worker) -> None:
    asked = []
    for tick in range(600):
        for callout in worker.tick():
            asked.append(tick)
            worker.host.answer(worker.plugin, callout, [], b"")
    gaps = [later - sooner for sooner, later in itertools.pairwise(asked)]
    assert 8 <= len(asked) <= 10
    assert all(later > sooner for sooner, later in itertools.pairwise(gaps))


def test_one_machine_asks_for_all_and_each_opens_the_answer_itself(shim: Compiled) -> None:
    shared = SharedData()
    workers = [Worker(shim, shared) for _ in range(4)]
    callouts = [(worker, callout) for worker in workers for callout in worker.tick()]
    ((asker, callout),) = callouts
    asker.give(callout)
    assert [worker.tick() for worker in workers] == [[], [], [], []]
    assert [worker.send() for worker in workers] == ["sk-one"] * 4
    held = b"".join(value for value, _ in shared.values.values())
    assert b"sk-one" not in held
    assert len(shared.values) == 1


def test_who_asks_and_dies_keeps_nobody_waiting(shim: Compiled) -> None:
    shared = SharedData()
    workers = [Worker(shim, shared) for _ in range(2)]
    assert workers[0].tick()
    later = [callout for _ in range(5) for callout in workers[1].tick()]
    workers[1].give(later[0])
    assert workers[1].send() == "sk-one"


def test_a_machine_that_starts_anew_has_its_keys_before_the_first_call(shim: Compiled) -> None:
    shared = SharedData()
    Worker(shim, shared).keyed()
    again = Worker(shim, shared)
    assert again.host.callouts == []
    assert again.send() == "sk-one"


def test_a_changed_configuration_has_its_keys_before_the_first_call(worker: Worker) -> None:
    worker.keyed()
    worker.text = keyed(policy="another")
    worker.load()
    assert worker.send() == "sk-one"


@pytest.mark.parametrize("are_own", [True, False])
def test_a_key_that_rests_goes_on_resting_under_a_changed_configuration(
    shim: Compiled, *, are_own: bool
) -> None:
    def text(policy: str) -> str:
        if not are_own:
            return keyed(policy=policy)
        own = {**BY_BROKER, "keys": ["sk-one", "sk-two"]}
        return configuration(["api.test"], credential=own, policy=policy)

    worker = Worker(shim, text=text("first"))
    if not are_own:
        worker.keyed()
    assert worker.send(401) == "sk-one"
    before, worker.text = worker.plugin, text("second")
    worker.load()
    assert worker.send() == "sk-two"
    worker.host.close(before)
    assert worker.send() == "sk-two"
    worker.host.now_ns += 60 * 10**9
    assert worker.send() == "sk-one"


def test_another_secret_asks_at_once_and_takes_nothing_that_it_cannot_open(
    worker: Worker,
) -> None:
    worker.keyed()
    worker.text = keyed(signing_secrets=["f" * 32, SECRET])
    worker.load()
    assert worker.send() == WAITS
    (callout,) = worker.tick()
    signatures = [dict(callout.headers)["x-meshward-signature"]]
    verify_keys([Secret("f" * 32)], signatures, "default/sleep", callout.body, 1_800_000_000)
    worker.host.answer(worker.plugin, callout, OK_HEADERS, worker.sealed(callout, "f" * 32))
    assert worker.send() == "sk-one"


@pytest.mark.parametrize("garbage", [b"", b"\0", b"x" * 18, b"\xff" * 300])
def test_shared_data_of_somebody_else_is_no_answer(shim: Compiled, garbage: bytes) -> None:
    shared = SharedData()
    shared.set("meshward.keys\napi.test", garbage, 0)
    worker = Worker(shim, shared)
    assert worker.send() == WAITS
    assert worker.keyed().send() == "sk-one"


def test_without_shared_data_each_machine_asks_for_itself(shim: Compiled) -> None:
    workers = [Worker(shim) for _ in range(2)]
    for worker in workers:
        worker.host.refused = {"proxy_get_shared_data", "proxy_set_shared_data"}
        worker.keyed()
        assert worker.send() == "sk-one"
        assert [callout for _ in range(50) for callout in worker.tick(1000)] == []
        worker.refresh(["sk-new"])
        assert worker.send() == "sk-new"


def test_a_call_for_keys_that_cannot_be_sent_is_tried_again(worker: Worker) -> None:
    worker.host.clusters = {"check"}
    assert worker.tick() == []
    assert worker.host.log[-1] == ("warn", "meshward: keys not renewed status=none")
    worker.host.clusters = {"check", "broker"}
    worker.host.now_ns += 10**9
    assert worker.keyed().send() == "sk-one"


@pytest.mark.parametrize("call", ["proxy_get_buffer_bytes", "proxy_http_call", "proxy_log"])
def test_a_host_call_that_fails_leaves_the_keys_as_they_are(worker: Worker, call: str) -> None:
    worker.keyed()
    (callout,) = worker.tick(REFRESH_MS)
    worker.host.refused = {call}
    worker.keys = ["sk-new"]
    worker.give(callout)
    worker.tick(REFRESH_MS)
    worker.host.refused = set()
    assert worker.send() in {"sk-one", "sk-new"}


def test_by_seed_no_key_is_shown_and_there_is_always_one(shim: Compiled) -> None:
    chance = random.Random(6)
    shared = SharedData()
    workers = [Worker(shim, shared).keyed(), Worker(shim, shared), Worker(shim, shared)]
    kept = list(workers[0].keys)
    for _ in range(600):
        worker = chance.choice(workers)
        match chance.randrange(6):
            case 0:
                for callout in worker.tick(chance.choice([100, 1000, 70_000])):
                    worker.keys = kept = [f"sk-{chance.randrange(5)}", *kept][:4]
                    worker.give(callout)
            case 1:
                for callout in worker.tick(chance.choice([100, 70_000])):
                    worker.host.answer(worker.plugin, callout, [(":status", "503")], b"")
            case 2:
                worker.load()
            case _:
                key = worker.send(chance.choice([200, 200, 401, 403, 429, 500]))
                assert key.startswith("sk-")
    for worker in workers:
        shown = " ".join(line for _, line in worker.host.log)
        assert "sk-" not in shown
    assert b"sk-" not in b"".join(value for value, _ in shared.values.values())
    settled = [worker.host.memory_bytes for worker in workers]
    assert max(settled) < 4 * 1024 * 1024
