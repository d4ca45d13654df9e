"""Calls that come before the first keys: they wait, and every waiting ends.

headers, body, trailers ─▶ held ─▶ keys adopted         ─▶ judged, and on with the key
                                ├▶ no key for the host  ─▶ 503 key.unavailable
                                └▶ no answer in time    ─▶ 503 key.unavailable
"""

import itertools
import json

import pytest

from tests.contract.proxy_wasm import DROP, GO, HOLD, Callout, Headers, SharedData, Stream
from tests.contract.scenarios import Form
from tests.contract.test_wasm import configuration, headers_for, reason_of
from tests.contract.test_wasm_faults import ALLOW, MASK
from tests.contract.wasm_host import Compiled
from tests.contract.wasm_worker import BROKER, Worker, keyed

BODY = b"a prompt"
TIMEOUT_MS = int(str(BROKER["timeout_ms"]))


@pytest.fixture(params=["hold", "portable"])
def form(request: pytest.FixtureRequest) -> Form:
    chosen: Form = request.param
    return chosen


def started(shim: Compiled, form: Form, **changed: object) -> tuple[Worker, Callout]:
    """A worker whose call for keys is under way."""
    worker = Worker(shim, text=keyed(body=form, **changed))
    (callout,) = worker.tick()
    return worker, callout


def opened(worker: Worker, *more: tuple[str, str], end: bool = False, path: str = "/") -> Stream:
    """A call whose headers are held."""
    headers = [*headers_for("api.test", path), *more]
    stream, flow = worker.host.open(worker.plugin, headers, end)
    assert (flow, stream.continued, stream.response) == (HOLD, False, None)
    return stream


def gone(worker: Worker, stream: Stream) -> Headers:
    """The headers that went on, outside of their own callback."""
    assert stream.continued
    stream.continued = False
    return worker.host.headers_gone(stream)


def checked(worker: Worker, stream: Stream, answer: Headers = ALLOW, body: bytes = b"") -> bytes:
    """The check is asked and answers; what it was shown."""
    callout = worker.host.callouts[-1]
    assert callout.cluster == "check"
    assert not stream.continued
    worker.host.answer(worker.plugin, callout, answer, body)
    return callout.body


@pytest.mark.parametrize("before", ["nothing", "a part", "all", "all and trailers"])
def test_a_call_goes_on_with_the_key_once_it_is_there(
    shim: Compiled, form: Form, before: str
) -> None:
    """In the form `portable` the body comes only once the headers have gone."""
    worker, keys = started(shim, form)
    stream = opened(worker, ("content-length", "8"), ("authorization", "Bearer app"))
    comes = before if form == "hold" else "nothing"
    if comes == "a part":
        assert worker.host.body(stream, BODY[:3], end=False) == HOLD
    elif comes != "nothing":
        assert worker.host.body(stream, BODY, end=comes == "all") == HOLD
    if comes == "all and trailers":
        assert worker.host.end_with(stream, [("x-late", "1")]) == HOLD
    assert worker.host.callouts == [keys]

    worker.give(keys)
    headers = gone(worker, stream) if form == "portable" else []
    if comes in {"nothing", "a part"}:
        rest = BODY[3:] if comes == "a part" else BODY
        assert worker.host.body(stream, rest, end=True) == HOLD
    assert checked(worker, stream) == BODY

    headers = headers or gone(worker, stream)
    assert [value for name, value in headers if name == "authorization"] == ["Bearer sk-one"]
    assert ("content-length", "8") in headers or form == "portable"
    assert stream.body == BODY
    assert not stream.trailers


def test_a_call_without_a_body_goes_on_too(shim: Compiled, form: Form) -> None:
    worker, keys = started(shim, form)
    stream = opened(worker, end=True)
    worker.give(keys)
    assert checked(worker, stream) == b""
    assert ("authorization", "Bearer sk-one") in gone(worker, stream)


def test_what_a_check_makes_of_it_goes_on(shim: Compiled, form: Form) -> None:
    worker, keys = started(shim, form)
    stream = opened(worker)
    if form == "hold":
        worker.host.body(stream, BODY, end=True)
    worker.give(keys)
    if form == "portable":
        gone(worker, stream)
        worker.host.body(stream, BODY, end=True)
    checked(worker, stream, MASK, b"masked")
    assert (stream.body, stream.continued) == (b"masked", True)


def test_another_machines_answer_ends_the_waiting(shim: Compiled, form: Form) -> None:
    shared = SharedData()
    asker = Worker(shim, shared, text=keyed(body=form))
    other = Worker(shim, shared, text=keyed(body=form))
    (keys,) = asker.tick()
    stream = opened(other, end=True)
    asker.give(keys)
    assert other.tick() == []
    assert checked(other, stream) == b""
    assert ("authorization", "Bearer sk-one") in gone(other, stream)


@pytest.mark.parametrize("end", [False, True])
def test_without_an_answer_it_is_denied_in_time(shim: Compiled, form: Form, end: bool) -> None:
    worker, keys = started(shim, form)
    stream = opened(worker, end=end)
    waited = 0
    while stream.response is None:
        assert waited <= TIMEOUT_MS
        worker.tick(100)
        waited += 100
    assert reason_of(stream.response) == "key.unavailable"
    assert stream.response.status == 503
    if form == "hold" and not end:
        assert worker.host.body(stream, BODY, end=True) == DROP
    # Whoever comes later is told at once, until there is a key.
    assert worker.send() == "key.unavailable"
    worker.host.answer(worker.plugin, keys, [], b"")
    (again, *_) = [each for _ in range(10) for each in worker.tick(1000)]
    worker.give(again)
    assert worker.send() == "sk-one"


def test_keys_of_other_hosts_end_it_too(shim: Compiled, form: Form) -> None:
    worker, keys = started(shim, form)
    stream = opened(worker, end=True)
    worker.keys = []
    worker.give(keys)
    assert reason_of(stream.response) == "key.unavailable"
    assert worker.send() == "key.unavailable"


def test_a_failed_call_for_keys_is_made_again_while_the_call_waits(
    shim: Compiled, form: Form
) -> None:
    worker, keys = started(shim, form)
    stream = opened(worker, end=True)
    worker.host.answer(worker.plugin, keys, [(":status", "503")], b"")
    assert stream.response is None
    (again,) = [each for _ in range(4) for each in worker.tick()]
    worker.give(again)
    assert checked(worker, stream) == b""
    assert ("authorization", "Bearer sk-one") in gone(worker, stream)


def test_who_goes_away_while_waiting_leaves_nothing_behind(shim: Compiled, form: Form) -> None:
    worker, keys = started(shim, form)
    first, second = opened(worker, end=True), opened(worker, end=True)
    worker.host.close(first.context)
    worker.give(keys)
    assert len(worker.host.callouts) == 2
    checked(worker, second)
    assert (first.continued, first.response) == (False, None)
    assert ("authorization", "Bearer sk-one") in gone(worker, second)


def test_a_call_that_needs_no_check_waits_for_its_key_alone(shim: Compiled, form: Form) -> None:
    document = json.loads(keyed(body=form))
    document["hosts"][0]["unchecked"] = ["/v1/models"]
    worker = Worker(shim, text=json.dumps(document))
    (keys,) = worker.tick()
    stream = opened(worker, end=True, path="/v1/models")
    worker.give(keys)
    assert worker.host.callouts == [keys]
    assert ("authorization", "Bearer sk-one") in gone(worker, stream)


def test_a_key_in_the_query_is_put_before_what_is_there(shim: Compiled, form: Form) -> None:
    document = json.loads(keyed(body=form))
    document["hosts"][0]["credential"] = {"query": "key"}
    worker = Worker(shim, text=json.dumps(document))
    (keys,) = worker.tick()
    stream = opened(worker, end=True, path="/v1/x?alt=sse&key=app")
    worker.give(keys)
    checked(worker, stream)
    headers = dict(gone(worker, stream))
    assert headers[":path"] == "/v1/x?key=sk-one&alt=sse"
    assert headers["x-envoy-original-path"] == "/v1/x?alt=sse"


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_its_limit_is_denied_once_there_is_a_key(
    shim: Compiled, form: Form, announced: bool
) -> None:
    worker, keys = started(shim, form, body_bytes_max=4)
    stream = opened(worker, *([("content-length", "8")] if announced else []))
    if form == "hold":
        assert worker.host.body(stream, BODY, end=True) == HOLD
    worker.give(keys)
    if form == "portable" and not announced:
        gone(worker, stream)
        assert worker.host.body(stream, BODY, end=True) == DROP
    assert reason_of(stream.response) == "request.too-large"


def test_a_host_that_makes_no_ticks_keeps_nobody_waiting(shim: Compiled, form: Form) -> None:
    worker = Worker(shim, text=keyed(body=form))
    worker.host.refused = {"proxy_set_tick_period_milliseconds"}
    worker.load()
    assert worker.send() == "key.unavailable"


def test_a_clock_that_stops_or_goes_back_ends_the_waiting(shim: Compiled, form: Form) -> None:
    for wrong in ("refused", "back"):
        worker, _ = started(shim, form)
        stream = opened(worker, end=True)
        if wrong == "refused":
            worker.host.refused = {"proxy_get_current_time_nanoseconds"}
        else:
            worker.host.now_ns -= 10**12
        worker.host.tick(worker.plugin)
        assert reason_of(stream.response) == "key.unavailable"


def test_the_keys_of_an_inline_host_are_not_waited_for(shim: Compiled, form: Form) -> None:
    document = json.loads(keyed(body=form))
    own = {"header": "x-api-key", "key": "sk-own"}
    document["hosts"].append({**document["hosts"][0], "name": "own.test", "credential": own})
    worker = Worker(shim, text=json.dumps(document))
    worker.tick()
    stream, flow = worker.host.open(worker.plugin, headers_for("own.test"), end=False)
    assert flow == (GO if form == "portable" else HOLD)
    assert stream.headers is not None
    assert ("x-api-key", "sk-own") in stream.headers


def test_many_wait_and_all_go_on(shim: Compiled, form: Form) -> None:
    worker, keys = started(shim, form)
    streams = [opened(worker, end=True) for _ in range(100)]
    worker.give(keys)
    for callout, stream in itertools.zip_longest(worker.host.callouts[1:], streams):
        worker.host.answer(worker.plugin, callout, ALLOW, b"")
        assert stream.continued


@pytest.mark.parametrize("comes", [True, False])
def test_a_crowd_is_let_go_like_one(shim: Compiled, form: Form, *, comes: bool) -> None:
    """What a call needs of the worker's memory is free again for the next one."""
    denial = {"path_prefix": "/", "content_type": "text/plain", "body": "{reason}"}
    query: dict[str, object] = {"query": "key"}
    text = configuration(["api.test"], [denial], credential=query, broker=BROKER, body=form)
    worker = Worker(shim, text=text)
    (keys,) = worker.tick()
    streams = [opened(worker, path="/" + "p" * 2_000, end=True) for _ in range(200)]
    if comes:
        worker.give(keys)
        for callout in worker.host.callouts[1:]:
            worker.host.answer(worker.plugin, callout, ALLOW, b"")
        paths = {dict(gone(worker, stream))[":path"][-11:] for stream in streams}
        assert paths == {"?key=sk-one"}
        return
    worker.tick(TIMEOUT_MS)
    answers = {stream.response.body for stream in streams if stream.response}
    assert answers == {b"key.unavailable"}
