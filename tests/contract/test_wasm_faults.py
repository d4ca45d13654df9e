"""What holds whatever happens around the built plugin: nothing goes unchecked, nothing grows.

Reasons met here, which no vector can bring about: shim.fault, shim.overloaded.
"""

import pytest

from tests.contract.proxy_wasm import DROP, GO, HOLD, Headers, Stream
from tests.contract.scenarios import Form
from tests.contract.test_wasm import CHECK, configuration, headers_for, loaded, reason_of
from tests.contract.wasm_host import Compiled, Host

ALLOW: Headers = [
    (":status", "200"),
    ("x-meshward-contract", "1"),
    ("x-meshward-verdict", "allow"),
    ("x-meshward-reason", "rule.none"),
    ("x-meshward-revision", "r1"),
    ("x-meshward-cache-seconds", "0"),
]
MASK = [
    ("x-meshward-verdict", "mask"),
    ("x-meshward-reason", "rule.matched"),
    *ALLOW[:2],
    *ALLOW[4:],
]
STREAMS_MAX = 1024
HOST_CALLS = (
    "proxy_add_header_map_value",
    "proxy_continue_stream",
    "proxy_get_buffer_bytes",
    "proxy_get_header_map_pairs",
    "proxy_http_call",
    "proxy_remove_header_map_value",
    "proxy_send_local_response",
    "proxy_set_buffer_bytes",
    "proxy_set_effective_context",
)


def held(host: Host, plugin: int) -> Stream:
    """A request whose callout is under way."""
    stream, flow = host.open(plugin, headers_for("api.test"), end=False)
    assert flow == HOLD
    assert host.body(stream, b"a prompt", end=True) == HOLD
    return stream


@pytest.mark.parametrize("form", ["hold", "portable"])
@pytest.mark.parametrize("call", HOST_CALLS)
@pytest.mark.parametrize("moment", ["headers", "body", "answer"])
def test_a_host_call_that_fails_lets_nothing_go_unchecked(
    shim: Compiled, call: str, moment: str, form: Form
) -> None:
    host, plugin = loaded(shim, configuration(["api.test"], body=form))
    if moment == "headers":
        host.refused = {call}
    headers = [*headers_for("api.test"), ("content-length", "8")]
    stream, flow = host.open(plugin, headers, end=False)
    if moment == "body":
        host.refused = {call}
    if stream.response is None and (form == "hold" or flow == GO):
        flow = host.body(stream, b"a prompt", end=True)
        assert flow in (HOLD, DROP)
    if moment == "answer":
        host.refused = {call}
    for callout in host.callouts:
        host.answer(plugin, callout, MASK, b"masked")
    assert not stream.continued or stream.body == b"masked"
    if stream.response is not None:
        assert reason_of(stream.response) in {"shim.fault", "check.reset"}


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("proxy_set_buffer_bytes", "shim.fault"),
        ("proxy_get_header_map_pairs", "shim.fault"),
        ("proxy_get_buffer_bytes", "shim.fault"),
        ("proxy_continue_stream", "shim.fault"),
    ],
)
def test_the_caller_is_told_when_the_host_refuses(shim: Compiled, call: str, reason: str) -> None:
    host, plugin = loaded(shim, configuration(["api.test"]))
    stream = held(host, plugin)
    host.refused = {call}
    host.answer(plugin, host.callouts[0], MASK, b"masked")
    assert reason_of(stream.response) == reason
    assert stream.response is not None
    assert stream.response.status == 403
    assert not stream.continued


def test_no_more_requests_are_held_than_there_is_room_for(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"]))
    streams = [held(host, plugin) for _ in range(STREAMS_MAX)]
    over, flow = host.open(plugin, headers_for("api.test"), end=False)
    assert flow == HOLD
    assert reason_of(over.response) == "shim.overloaded"
    assert over.response is not None
    assert over.response.status == 503
    host.close(streams[500].context)
    assert held(host, plugin).response is None


def test_an_answer_for_a_request_that_is_gone_changes_nothing(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"]))
    stream = held(host, plugin)
    other = held(host, plugin)
    host.close(stream.context)
    host.answer(plugin, host.callouts[0], ALLOW, b"")
    assert (stream.continued, other.continued) == (False, False)
    host.answer(plugin, host.callouts[1], ALLOW, b"")
    assert other.continued


def test_an_answer_that_comes_twice_counts_once(shim: Compiled) -> None:
    second = {**CHECK, "name": "second", "stage": 2}
    host, plugin = loaded(shim, configuration(["api.test"], checks=[CHECK, second]))
    stream = held(host, plugin)
    for _ in range(3):
        host.answer(plugin, host.callouts[0], ALLOW, b"")
    assert not stream.continued
    assert len(host.callouts) == 2


def test_answers_find_their_own_requests(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"]))
    streams = [held(host, plugin) for _ in range(50)]
    for callout in reversed(host.callouts[::2]):
        host.answer(plugin, callout, ALLOW, b"")
    assert [stream.continued for stream in streams] == [True, False] * 25


def test_a_request_that_was_denied_stays_denied(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"], body_bytes_max=4))
    stream, _ = host.open(plugin, headers_for("api.test"), end=False)
    assert host.body(stream, b"a prompt", end=False) == DROP
    assert host.body(stream, b"and more", end=True) == DROP
    assert host.callouts == []


def test_a_changed_configuration_leaves_requests_of_the_old_one_theirs(shim: Compiled) -> None:
    host, old = loaded(shim, configuration(["api.test"], policy="old"))
    stream = held(host, old)
    new = host.load(configuration(["api.test"], policy="new"))
    assert new is not None
    held(host, new)
    policies = [dict(callout.headers)["x-meshward-policy"] for callout in host.callouts]
    assert policies == ["old", "new"]
    host.answer(old, host.callouts[0], ALLOW, b"")
    assert stream.continued


def test_a_request_that_outlives_its_configuration_goes_nowhere(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"]))
    stream, _ = host.open(plugin, headers_for("api.test"), end=False)
    host.close(plugin)
    assert host.body(stream, b"a prompt", end=True) == DROP
    assert not stream.continued


def test_a_configuration_that_is_gone_leaves_its_place_and_memory(shim: Compiled) -> None:
    host = Host(shim)
    settled = 0
    for _ in range(100):
        plugin = host.load(configuration(["api.test"]) + " " * 100_000)
        assert plugin is not None, host.log
        host.close(plugin)
        settled = settled or host.memory_bytes
    assert host.memory_bytes == settled


def test_memory_settles(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"]))
    settled = 0
    for count in range(60):
        stream, _ = host.open(plugin, headers_for("api.test"), end=False)
        host.body(stream, bytes(1_000_000 - 1000 * count), end=True)
        host.answer(plugin, host.callouts[-1], MASK, bytes(900_000))
        host.close(stream.context)
        host.callouts.clear()
        settled = settled or host.memory_bytes
    assert host.memory_bytes == settled


def test_the_second_try_has_the_time_that_is_left(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"]))
    held(host, plugin)
    host.now_ns += 200 * 10**6
    host.answer(plugin, host.callouts[0], [(":status", "429")], b"")
    first, second = host.callouts
    assert (first.timeout_ms, second.timeout_ms) == (500, 300)
    assert dict(second.headers)["x-meshward-deadline-ms"] == "300"


def test_a_denial_is_one_line_about_the_request(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"]))
    host.log.clear()
    held(host, plugin)
    host.now_ns += 500 * 10**6
    host.answer(plugin, host.callouts[0], [], b"")
    assert host.log == [
        (
            "warn",
            "meshward: denied reason=check.timeout check=first policy=default host=api.test ms=500",
        )
    ]
