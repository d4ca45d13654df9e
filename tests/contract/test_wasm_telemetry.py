"""What a call leaves behind in the host: counters, histograms, and the object for access logs."""

import json
import re
from typing import Any

import pytest

from tests.contract.proxy_wasm import Headers, Stream
from tests.contract.test_wasm import CHECK, configuration, headers_for, loaded
from tests.contract.wasm_host import Compiled, Host
from tests.contract.wasm_play import DATE

BODY = b"a prompt"
OK = (":status", "200")
SECOND = {**CHECK, "name": "second", "stage": 2}
SERIES_MAX = 384
WINDOW_BYTES_MAX = 262_144


def verdict(decision: str, reason: str, *more: tuple[str, str]) -> Headers:
    return [
        OK,
        ("x-meshward-contract", "1"),
        ("x-meshward-verdict", decision),
        ("x-meshward-reason", reason),
        ("x-meshward-revision", "r1"),
        ("x-meshward-cache-seconds", "0"),
        *more,
    ]


ALLOW = verdict("allow", "rule.none")
MASK = verdict("mask", "rule.matched", ("x-meshward-rule", "phone"), ("content-type", "a/b"))
DENY = verdict(
    "deny",
    "rule.matched",
    ("x-meshward-rule", "account-word"),
    ("x-meshward-status", "403"),
    ("content-type", "text/plain"),
)
THROTTLED: Headers = [(":status", "429"), DATE]
LATE: Headers = []
BODIES = {id(MASK): b"masked", id(DENY): b"denied"}


def played(host: Host, plugin: int, *answers: tuple[int, Headers]) -> Stream:
    """One call whose callouts are answered in turn, each after so many milliseconds."""
    first = len(host.callouts)
    stream, _ = host.open(plugin, headers_for("api.test"), end=False)
    host.body(stream, BODY, end=True)
    for index, (ms, headers) in enumerate(answers):
        host.now_ns += ms * 10**6
        callout = host.callouts[first + index]
        host.answer(plugin, callout, headers, BODIES.get(id(headers), b""))
    return stream


def left_by(stream: Stream) -> dict[str, Any]:
    """The object for access logs."""
    told = json.loads(stream.filter_state["wasm.meshward"])
    assert isinstance(told, dict)
    return told


def counted(host: Host, name: str) -> dict[tuple[str, ...], int]:
    """The counters of that name, by the values of their labels in the order of the name."""
    return {
        tuple(re.findall(r"=\.=(.*?);\.;", each)): count
        for each, count in host.counters.items()
        if each.endswith(f";.;{name}")
    }


def test_a_denial_names_check_rule_revision_and_times(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"], checks=[CHECK, SECOND]))
    assert left_by(played(host, plugin, (3, ALLOW), (40, DENY))) == {
        "decision": "deny",
        "check": "second",
        "mode": "enforce",
        "phase": "request",
        "verdict": "deny",
        "reason": "rule.matched",
        "rule": "account-word",
        "revision": "r1",
        "request_ms": 43,
        "response_ms": 0,
        "callouts_ms": {"first": 3, "second": 40},
    }


@pytest.mark.parametrize(
    ("answers", "changed", "told"),
    [
        ([(1, ALLOW)], {}, ("allow", "allow", "rule.none", "")),
        ([(1, MASK)], {}, ("mask", "mask", "rule.matched", "phone")),
        ([(500, LATE)], {}, ("deny", "failed", "check.timeout", "")),
        (
            [(1, LATE), (1, LATE)],
            {"on_error": "allow"},
            ("allow", "failed", "check.reset", ""),
        ),
        ([(1, DENY)], {"mode": "monitor"}, ("allow", "deny", "rule.matched", "account-word")),
        ([(1, THROTTLED), (1, ALLOW)], {}, ("allow", "allow", "rule.none", "")),
        ([(1, THROTTLED), (1, THROTTLED)], {}, ("deny", "failed", "check.throttled", "")),
    ],
)
def test_what_was_said_and_what_became_of_it_are_told_apart(
    shim: Compiled,
    answers: list[tuple[int, Headers]],
    changed: dict[str, str],
    told: tuple[str, str, str, str],
) -> None:
    host, plugin = loaded(shim, configuration(["api.test"], check={**CHECK, **changed}))
    left = left_by(played(host, plugin, *answers))
    assert (left["decision"], left["verdict"], left["reason"], left["rule"]) == told
    assert counted(host, "meshward_decisions_total") == {("request", told[0], told[2]): 1}


def test_a_denial_of_the_shims_own_names_no_check(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"], body_bytes_max=4))
    left = left_by(played(host, plugin))
    assert (left["decision"], left["reason"], left["check"]) == ("deny", "request.too-large", "")
    assert left["callouts_ms"] == {}


def test_every_callout_is_counted_and_timed(shim: Compiled) -> None:
    watching = {**SECOND, "mode": "monitor"}
    host, plugin = loaded(shim, configuration(["api.test"], checks=[CHECK, watching]))
    played(host, plugin, (3, ALLOW), (20, DENY))
    played(host, plugin, (4, ALLOW), (30, DENY))
    played(host, plugin, (5, THROTTLED), (6, DENY))
    played(host, plugin, (500, LATE))
    assert counted(host, "meshward_verdicts_total") == {
        ("first", "enforce", "request", "allow", "rule.none"): 2,
        ("first", "enforce", "request", "failed", "check.throttled"): 1,
        ("first", "enforce", "request", "deny", "rule.matched"): 1,
        ("first", "enforce", "request", "failed", "check.timeout"): 1,
        ("second", "monitor", "request", "deny", "rule.matched"): 2,
    }
    name = "phase=.=request;.;meshward_callout_milliseconds"
    assert host.histograms[f"check=.=first;.;{name}"] == [3, 4, 5, 6, 500]
    assert host.histograms[f"check=.=second;.;{name}"] == [20, 30]
    assert host.histograms["phase=.=request;.;meshward_held_bytes"] == [len(BODY)] * 4


BOTH = {**CHECK, "phases": ["request", "response"]}
ANSWERED: Headers = [(":status", "200"), ("content-type", "application/json"), DATE]
EVENTS: Headers = [(":status", "200"), ("content-type", "text/event-stream"), DATE]


def test_a_response_after_a_masked_request_is_allowed_all_the_same(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"], check=BOTH))
    stream = played(host, plugin, (3, MASK))
    host.reply(stream, ANSWERED)
    host.reply_body(stream, b"an answer", end=True)
    host.answer(plugin, host.callouts[-1], ALLOW, b"")
    assert left_by(stream)["decision"] == "mask"
    assert counted(host, "meshward_decisions_total") == {
        ("request", "mask", "rule.matched"): 1,
        ("response", "allow", "rule.none"): 1,
    }


def test_a_response_is_decided_apart_and_told_in_the_same_object(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"], check=BOTH))
    stream = played(host, plugin, (3, ALLOW))
    host.reply(stream, ANSWERED)
    host.reply_body(stream, b"an answer", end=True)
    host.now_ns += 7 * 10**6
    host.answer(plugin, host.callouts[-1], DENY, b"denied")
    left = left_by(stream)
    assert (left["decision"], left["phase"], left["rule"]) == ("deny", "response", "account-word")
    assert (left["request_ms"], left["response_ms"]) == (3, 7)
    assert left["callouts_ms"] == {"first": 10}
    assert counted(host, "meshward_decisions_total") == {
        ("request", "allow", "rule.none"): 1,
        ("response", "deny", "rule.matched"): 1,
    }
    assert host.histograms["phase=.=response;.;meshward_held_bytes"] == [len(b"an answer")]


def test_a_stream_is_decided_once_and_its_windows_are_asked_for_each(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"], check=BOTH))
    stream = played(host, plugin, (3, ALLOW))
    host.reply(stream, EVENTS)
    for end in (False, True):
        host.reply_body(stream, b"data: {}\n\n", end=end)
        host.now_ns += 5 * 10**6
        host.answer(plugin, host.callouts[-1], ALLOW, b"")
    assert counted(host, "meshward_decisions_total") == {
        ("request", "allow", "rule.none"): 1,
        ("response", "allow", "rule.none"): 1,
    }
    name = "check=.=first;.;phase=.=response;.;meshward_callout_milliseconds"
    assert host.histograms[name] == [5, 5]
    assert left_by(stream)["response_ms"] == 10


def test_a_stream_that_is_denied_between_two_windows_is_told_of(shim: Compiled) -> None:
    """Its check keeps so much that no window has room for more."""
    check = {**CHECK, "phases": ["response"]}
    host, plugin = loaded(shim, configuration(["api.test"], check=check))
    stream, _ = host.open(plugin, headers_for("api.test"), end=True)
    host.reply(stream, [(":status", "200"), ("content-type", "text/event-stream")])
    host.reply_body(stream, bytes(WINDOW_BYTES_MAX))
    keeping = [*ALLOW, ("x-meshward-keep", str(WINDOW_BYTES_MAX))]
    host.answer(plugin, host.callouts[0], keeping, b"")
    host.reply_body(stream, bytes(20_000))
    assert "denied reason=response.too-large" in host.log[-1][1]
    assert counted(host, "meshward_decisions_total")["response", "deny", "response.too-large"] == 1


def test_a_call_that_the_cache_has_is_decided_without_a_reason(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"], cache={"entries": 16, "seconds": 60}))
    reusable = [*ALLOW[:-1], ("x-meshward-cache-seconds", "60")]
    played(host, plugin, (3, reusable))
    left = left_by(played(host, plugin))
    assert (left["decision"], left["check"], left["reason"]) == ("allow", "", "")
    assert counted(host, "meshward_cache_lookups_total") == {("miss",): 1, ("hit",): 1}
    assert counted(host, "meshward_decisions_total") == {
        ("request", "allow", "rule.none"): 1,
        ("request", "allow", ""): 1,
    }


def test_a_series_is_defined_once(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"]))
    for _ in range(100):
        played(host, plugin, (1, ALLOW))
    assert len(host.defined) == len(set(host.defined)) == 4


def test_a_changed_configuration_counts_under_its_own_names(shim: Compiled) -> None:
    host, old = loaded(shim, configuration(["api.test"]))
    played(host, old, (1, ALLOW))
    new = host.load(configuration(["api.test"], check={**CHECK, "name": "renamed"}))
    assert new is not None
    played(host, new, (1, ALLOW))
    host.close(old)
    played(host, new, (1, ALLOW))
    checks = {labels[0]: count for labels, count in counted(host, VERDICTS).items()}
    assert checks == {"first": 1, "renamed": 2}


VERDICTS = "meshward_verdicts_total"


def test_more_series_than_there_is_room_for_are_counted_as_such(shim: Compiled) -> None:
    host = Host(shim, clusters={"check"})
    plugins: list[int] = []
    while len(host.defined) < SERIES_MAX + 1:
        checks = [{**CHECK, "name": f"check-{len(plugins)}-{at}"} for at in range(8)]
        plugin = host.load(configuration(["api.test"], checks=checks))
        assert plugin is not None
        plugins.append(plugin)
        played(host, plugin, *[(1, ALLOW)] * 7, (1, DENY))
        assert len(plugins) <= 64
    defined = len(host.defined)
    before = host.counters["meshward_uncounted_total"]
    played(host, plugins[-1], (500, LATE))
    assert host.counters["meshward_uncounted_total"] > before
    assert len(host.defined) == defined


@pytest.mark.parametrize(
    "call",
    [
        "proxy_define_metric",
        "proxy_increment_metric",
        "proxy_record_metric",
        "proxy_set_property",
    ],
)
def test_a_host_that_counts_nothing_changes_no_verdict(shim: Compiled, call: str) -> None:
    host, plugin = loaded(shim, configuration(["api.test"]))
    host.refused = {call}
    assert played(host, plugin, (1, ALLOW)).continued
    denied = played(host, plugin, (1, DENY)).response
    assert denied is not None
    assert denied.body == b"denied"
