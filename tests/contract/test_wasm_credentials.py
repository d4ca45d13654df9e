"""Credentials in the built plugin: the caller's go, ours comes in, and a key nobody wants rests."""

import pytest

from tests.contract.proxy_wasm import HOLD
from tests.contract.test_wasm import configuration, headers_for
from tests.contract.test_wasm_faults import ALLOW
from tests.contract.wasm_host import Compiled
from tests.contract.wasm_worker import BY_BROKER, Worker


@pytest.fixture
def worker(shim: Compiled) -> Worker:
    return Worker(shim)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_rests_and_the_next_one_is_used(worker: Worker, status: int) -> None:
    worker.keyed()
    assert [worker.send(status), worker.send(), worker.send()] == ["sk-one", "sk-two", "sk-two"]
    assert worker.host.log[-1] == ("warn", "meshward: key rests why=refused host=api.test")
    (rests,) = [name for name in worker.host.counters if "key_rests" in name]
    assert "api.test" in rests
    assert "refused" in rests
    assert worker.host.counters[rests] == 1
    worker.host.now_ns += 60 * 10**9
    assert worker.send() == "sk-one"


def test_a_throttled_key_rests_as_long_as_the_provider_says(worker: Worker) -> None:
    worker.keyed()
    assert worker.send(429, [("retry-after", "7")]) == "sk-one"
    assert worker.host.log[-1] == ("warn", "meshward: key rests why=throttled host=api.test")
    worker.host.now_ns += 6 * 10**9
    assert worker.send() == "sk-two"
    worker.host.now_ns += 1 * 10**9
    assert worker.send() == "sk-one"


@pytest.mark.parametrize("status", [401, 403, 429])
def test_the_caller_is_told_to_try_again_where_another_key_is_left(
    worker: Worker, status: int
) -> None:
    again = ("x-should-retry", "true")
    worker.keyed()
    assert worker.send(200) == "sk-one"
    assert again not in worker.told
    waits = [("retry-after", "20"), ("retry-after-ms", "20000"), ("x-should-retry", "false")]
    assert worker.send(status, waits) == "sk-one"
    assert worker.told == [(":status", str(status)), again]
    assert worker.send(404) == "sk-two"
    assert again not in worker.told


def test_with_a_single_key_the_providers_answer_goes_on_as_it_is(shim: Compiled) -> None:
    worker = Worker(shim, keys=["sk-one"]).keyed()
    assert [worker.send(401), worker.send(401)] == ["sk-one", "sk-one"]
    assert worker.told == [(":status", "401")]
    assert [line for _, line in worker.host.log if "rests" in line] == []


def test_when_all_keys_rest_a_call_goes_out_all_the_same(worker: Worker) -> None:
    worker.keyed()
    assert [worker.send(401), worker.send(401)] == ["sk-one", "sk-two"]
    assert worker.send(200) == "sk-one"
    assert worker.send(200) == "sk-one"


def test_rests_outlast_a_refresh(worker: Worker) -> None:
    worker.keyed()
    worker.send(401)
    worker.send(401)
    worker.send(401)
    worker.refresh(["sk-new", "sk-one", "sk-two"])
    assert worker.send() == "sk-new"
    worker.refresh(["sk-one", "sk-two"])
    assert worker.send(None) in {"sk-one", "sk-two"}


@pytest.mark.parametrize("origin", ["upstream_reset_before_response_started", "direct_response"])
def test_envoys_own_answers_say_nothing_about_a_key(worker: Worker, origin: str) -> None:
    worker.keyed()
    stream, _ = worker.host.open(worker.plugin, headers_for("api.test"), end=True)
    worker.host.answer(worker.plugin, worker.host.callouts[-1], ALLOW, b"")
    worker.host.reply(stream, [(":status", "429")], end=True, origin=origin)
    assert worker.send() == "sk-one"


def test_several_inline_keys_need_no_broker(shim: Compiled) -> None:
    credential: dict[str, object] = {**BY_BROKER, "keys": ["sk-own-1", "sk-own-2"]}
    worker = Worker(shim, text=configuration(["api.test"], credential=credential))
    assert worker.tick() == []
    assert [worker.send(403), worker.send()] == ["sk-own-1", "sk-own-2"]
    assert worker.host.tick_ms(worker.plugin) == 0


@pytest.mark.parametrize(
    ("path", "goes_out", "logged"),
    [
        ("/v1beta/m:generate", "/v1beta/m:generate?key=a/%26b", "/v1beta/m:generate"),
        ("/m?alt=sse&key=app", "/m?key=a/%26b&alt=sse", "/m?alt=sse"),
        ("/m?k%65y=app;api_key=x", "/m?key=a/%26b", "/m"),
    ],
)
def test_a_key_may_go_into_the_query_and_no_log_shows_it(
    shim: Compiled, path: str, goes_out: str, logged: str
) -> None:
    credential: dict[str, object] = {"query": "key", "key": "a/&b"}
    worker = Worker(shim, text=configuration(["api.test"], credential=credential))
    headers = [*headers_for("api.test", path), ("x-goog-api-key", "app")]
    stream, flow = worker.host.open(worker.plugin, headers, end=True)
    assert flow == HOLD
    sent = worker.host.headers_gone(stream)
    assert [value for name, value in sent if name == ":path"] == [goes_out]
    assert [value for name, value in sent if name == "x-envoy-original-path"] == [logged]
    assert "x-goog-api-key" not in dict(sent)
    assert dict(worker.host.callouts[-1].headers)["x-meshward-path"] == logged


def test_the_callers_credentials_go_no_further_wherever_they_are(shim: Compiled) -> None:
    worker = Worker(shim, text=configuration(["api.test"]))
    known = ["authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token"]
    headers = [*headers_for("api.test", "/m?a=1&access_token=app&b=2"), ("cookie", "c=1")]
    headers += [(name, "the-caller's") for name in known]
    stream, _ = worker.host.open(worker.plugin, headers, end=True)
    sent = worker.host.headers_gone(stream)
    assert "the-caller's" not in dict(sent).values()
    assert dict(sent)[":path"] == "/m?a=1&b=2"
    assert dict(sent)["cookie"] == "c=1"
    assert dict(sent)["authorization"] == "Bearer sk-own"


def test_the_configuration_says_what_else_is_dropped(shim: Compiled) -> None:
    credential: dict[str, object] = {
        "header": "authorization",
        "key": "sk-own",
        "drop": ["Cookie", "?sig"],
    }
    worker = Worker(shim, text=configuration(["api.test"], credential=credential))
    headers = [*headers_for("api.test", "/m?sig=1&key=2"), ("cookie", "c=1"), ("x-api-key", "k")]
    stream, _ = worker.host.open(worker.plugin, headers, end=True)
    sent = dict(worker.host.headers_gone(stream))
    assert (sent[":path"], sent["x-api-key"], "cookie" in sent) == ("/m?key=2", "k", False)
