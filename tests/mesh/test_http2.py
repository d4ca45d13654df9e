"""The listener speaks HTTP/2 in plain text as well, and its trailers are no way around a check."""

from pathlib import Path

import pytest

from infra.local.certificates import LocalAuthority
from mesh.sidecar import Redirect
from tests.support import http2
from tests.support.mesh import DENY_PATTERN, LLM_GUARD, PROVIDER, UNGUARDED, Form, guarded
from tests.support.upstream import Upstream, respond
from tests.support.wire import Message

BODY = b'{"messages":[]}'
DENIAL = b'{"error":{"code":"rule.matched"}}'


def headers(host: str) -> list[tuple[str, str]]:
    pseudo = [(":method", "POST"), (":scheme", "http"), (":path", "/v1"), (":authority", host)]
    return [*pseudo, ("content-type", "application/json")]


def deny(_callout: Message) -> bytes:
    verdict = (
        ("x-meshward-contract", "1"),
        ("x-meshward-verdict", "deny"),
        ("x-meshward-reason", "rule.matched"),
        ("x-meshward-revision", "some"),
        ("x-meshward-cache-seconds", "0"),
        ("x-meshward-status", "403"),
    )
    return respond(DENIAL, content_type="application/json", headers=verdict)


@pytest.mark.parametrize("trailers", [(), (("x-checksum", "1"),)], ids=["plain", "trailers"])
def test_an_unguarded_call_over_http2_is_answered(
    shim: Path, trailers: tuple[tuple[str, str], ...]
) -> None:
    with Upstream() as server:
        redirects = {f"{UNGUARDED}:80": Redirect("127.0.0.1", server.port)}
        with guarded(shim, "hold", redirects) as sidecar:
            answer = http2.call(sidecar.port, headers(UNGUARDED), BODY, trailers)

    assert answer == http2.Answer(is_ok=True, body=b"ok")
    (seen,) = server.requests
    assert seen.value("host") == UNGUARDED
    assert seen.body == BODY


@pytest.mark.parametrize("form", ["portable", "hold"])
@pytest.mark.parametrize("trailers", [(), (("x-checksum", "1"),)], ids=["plain", "trailers"])
def test_a_guarded_call_over_http2_is_checked_whether_or_not_trailers_end_it(
    shim: Path, authority: LocalAuthority, form: Form, trailers: tuple[tuple[str, str], ...]
) -> None:
    with (
        Upstream(authority.issue("provider", PROVIDER)) as provider,
        Upstream(authority.issue("checks", DENY_PATTERN, LLM_GUARD), deny) as checks,
    ):
        redirects = {
            f"{host}:443": Redirect("127.0.0.1", server.port, authority.ca_file)
            for host, server in (
                (PROVIDER, provider),
                (DENY_PATTERN, checks),
                (LLM_GUARD, checks),
            )
        }
        with guarded(shim, form, redirects) as sidecar:
            answer = http2.call(sidecar.port, headers(PROVIDER), BODY, trailers)

    assert answer == http2.Answer(is_ok=False, body=DENIAL)
    assert [callout.body for callout in checks.requests] == [BODY]
    assert BODY not in provider.received
