"""What operators see of a real sidecar's calls: Prometheus's page, the access log, traces. And that
there is not a word of a message or a key in any of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.certificates import LocalAuthority
from tests.support.mesh import (
    PROVIDER,
    PROVIDER_KEY,
    SIGNING_SECRET,
    TRIGGER_TOKEN,
    UNGUARDED,
    admin_page,
)
from tests.support.seen_mesh import CALLER_KEY, MARKED, Labels, Seen, seen

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def mixed(shim: Path, authority: LocalAuthority, tmp_path: Path) -> Iterator[Seen]:
    """After a mix of calls: allowed, denied, masked, failed, and one that a monitor flags."""
    with seen(shim, authority, tmp_path) as found:
        texts = ("hello", "deny me", "mask me", "break", "watch me")
        statuses = [found.send(text).status for text in texts]
        assert statuses == [200, 403, 200, 403, 200]
        assert found.send("hello", UNGUARDED).status == 200
        yield found


def test_prometheus_gets_counters_and_histograms_with_labels(mixed: Seen) -> None:
    scraped = mixed.scraped()
    first: Labels = {"check": "deny-pattern", "mode": "enforce", "phase": "request"}
    answers: Labels = {**first, "phase": "response"}
    second: Labels = {"check": "llm-guard", "mode": "monitor", "phase": "request"}
    assert unordered(scraped["meshward_verdicts_total"]) == unordered(
        [
            ({**first, "verdict": "allow", "reason": "rule.none"}, 2),
            ({**first, "verdict": "deny", "reason": "rule.matched"}, 1),
            ({**first, "verdict": "mask", "reason": "rule.matched"}, 1),
            ({**first, "verdict": "failed", "reason": "check.status"}, 1),
            ({**answers, "verdict": "allow", "reason": "rule.none"}, 3),
            ({**second, "verdict": "allow", "reason": "judge.cleared"}, 2),
            ({**second, "verdict": "deny", "reason": "judge.flagged"}, 1),
        ]
    )
    request_phase: Labels = {"phase": "request"}
    assert unordered(scraped["meshward_decisions_total"]) == unordered(
        [
            ({**request_phase, "decision": "allow", "reason": "judge.cleared"}, 1),
            ({**request_phase, "decision": "allow", "reason": "judge.flagged"}, 1),
            ({**request_phase, "decision": "mask", "reason": "rule.matched"}, 1),
            ({**request_phase, "decision": "deny", "reason": "rule.matched"}, 1),
            ({**request_phase, "decision": "deny", "reason": "check.status"}, 1),
            ({"phase": "response", "decision": "allow", "reason": "rule.none"}, 3),
        ]
    )
    assert unordered(scraped["meshward_callout_milliseconds_count"]) == unordered(
        [
            ({"check": "deny-pattern", "phase": "request"}, 5),
            ({"check": "deny-pattern", "phase": "response"}, 3),
            ({"check": "llm-guard", "phase": "request"}, 3),
        ]
    )
    assert unordered(scraped["meshward_held_bytes_count"]) == unordered(
        [({"phase": "request"}, 5), ({"phase": "response"}, 3)]
    )
    everything = {**request_phase, "le": "+Inf"}
    assert (everything, 5) in scraped["meshward_held_bytes_bucket"]


def test_istio_scrapes_them_without_being_asked_to(mixed: Seen) -> None:
    # Of Envoy's statistics Istio keeps those whose names begin with one of a few prefixes, and
    # `wasm` is among them (istio/istio, pkg/bootstrap/config.go).
    _, page = admin_page(mixed.sidecar, "/stats?filter=meshward_")
    names = [line.split(":")[0] for line in page.splitlines()]
    assert len(names) > 10
    assert all(name.startswith("wasmcustom.") for name in names)


def test_the_access_log_has_a_line_for_each_guarded_call(mixed: Seen) -> None:
    lines = mixed.logged(5)
    assert len(lines) == 5
    told = [json.loads(line.pop("meshward")) for line in lines]
    assert [(each["decision"], each["verdict"], each["rule"]) for each in told] == [
        ("allow", "allow", ""),
        ("deny", "deny", "account-word"),
        ("mask", "mask", "phone"),
        ("deny", "failed", ""),
        ("allow", "deny", "personal-data"),
    ]
    assert [each["revision"] for each in told] == ["r1", "r1", "r1", "", "r1"]
    assert [line["status"] for line in lines] == [200, 403, 200, 403, 200]
    assert {line["authority"] for line in lines} == {PROVIDER}
    assert lines[1]["details"] == "rule.matched"


def test_nothing_that_is_seen_holds_a_word_of_a_message_or_a_key(mixed: Seen) -> None:
    pages = [admin_page(mixed.sidecar, path) for path in ("/stats", "/stats/prometheus")]
    pages += [admin_page(mixed.sidecar, path) for path in ("/server_info", "/config_dump")]
    mixed.logged(5)
    outputs = {
        "log": "\n".join(mixed.sidecar.log()),
        "access log": mixed.access_log.read_text(),
        "admin pages": "\n".join(page for _, page in pages),
    }
    assert "reason=rule.matched" in outputs["log"]
    secrets = (
        MARKED,
        "deny me",
        "mask me",
        CALLER_KEY,
        PROVIDER_KEY,
        SIGNING_SECRET,
        TRIGGER_TOKEN,
    )
    for place, text in outputs.items():
        assert [secret for secret in secrets if secret in text] == [], place


def test_a_caller_s_traceparent_reaches_the_checks_and_the_access_log(
    shim: Path, authority: LocalAuthority, tmp_path: Path
) -> None:
    with seen(shim, authority, tmp_path) as found:
        found.send("hello", PROVIDER, ("traceparent", TRACEPARENT))
        (line,) = found.logged(1)
    servers = (found.provider, *found.checks)
    assert [each.requests[0].value("traceparent") for each in servers] == [TRACEPARENT] * 3
    assert line["traceparent"] == TRACEPARENT


def test_a_trace_that_begins_in_envoy_is_tied_to_its_callouts_by_the_request_id(
    shim: Path, authority: LocalAuthority, tmp_path: Path
) -> None:
    # Envoy 1.40 writes its own span into the provider's headers only after all filters, so that the
    # shim never sees it. The request id is in its span, too, and in the checks' logs.
    with seen(shim, authority, tmp_path, traced=True) as found:
        found.send("hello")
        (line,) = found.logged(1)
    provider, *checks = (each.requests[0] for each in (found.provider, *found.checks))
    assert provider.value("traceparent") == line["traceparent"] is not None
    assert [each.value("traceparent") for each in checks] == [None, None]
    request_id = provider.value("x-request-id")
    assert [each.value("x-request-id") for each in checks] == [request_id] * 2
    assert line["request_id"] == request_id


def unordered(series: list[tuple[Labels, float]]) -> list[tuple[list[tuple[str, str]], float]]:
    return sorted((sorted(labels.items()), value) for labels, value in series)
