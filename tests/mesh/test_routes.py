"""Which host leads where, and that TLS goes to nobody but the provider."""

import pytest

from infra.local.certificates import LocalAuthority
from mesh.sidecar import Redirect
from tests.support.mesh import PROVIDER, UNGUARDED, unguarded
from tests.support.upstream import Upstream
from tests.support.wire import call, request


def provider(server: Upstream, authority: LocalAuthority) -> dict[str, Redirect]:
    return {f"{PROVIDER}:443": Redirect("127.0.0.1", server.port, authority.ca_file)}


@pytest.mark.parametrize(
    "host",
    [
        PROVIDER,
        "DashScope.AliYunCS.com",
        f"{PROVIDER}:80",
        f"{PROVIDER}:8080",
        f"{PROVIDER}.",
        f"{PROVIDER}.:80",
    ],
)
def test_every_spelling_of_the_provider_leads_to_it_over_tls(
    authority: LocalAuthority, host: str
) -> None:
    certificate = authority.issue("provider", PROVIDER)
    with (
        Upstream(certificate) as server,
        unguarded(provider(server, authority)) as sidecar,
    ):
        answer = call(sidecar.port, request(host, "/v1", body=b"{}"))

    assert answer.status == 200
    (connection,) = server.connections
    assert connection.sni == PROVIDER
    (seen,) = server.requests
    assert seen.value("host") == host
    assert seen.target == "/v1"
    assert seen.body == b"{}"


@pytest.mark.parametrize(
    "host", ["nowhere.example.org", f"{PROVIDER}.example.org", f"{UNGUARDED}.", "127.0.0.1"]
)
def test_a_host_that_no_manifest_names_is_refused(host: str) -> None:
    with unguarded({}) as sidecar:
        answer = call(sidecar.port, request(host))

    assert answer.status == 502
    assert answer.body == b"meshward: no ServiceEntry names this host\n"


def test_a_certificate_for_another_name_is_refused(authority: LocalAuthority) -> None:
    certificate = authority.issue("impostor", "dashscope.aliyuncs.com.example.org")
    with (
        Upstream(certificate) as server,
        unguarded(provider(server, authority)) as sidecar,
    ):
        answer = call(sidecar.port, request(PROVIDER, body=b"secret"))

    assert answer.status == 503
    assert server.received == b""


def test_a_certificate_of_an_unknown_authority_is_refused(authority: LocalAuthority) -> None:
    certificate = authority.issue("provider", PROVIDER)
    with Upstream(certificate) as server:
        redirects = {f"{PROVIDER}:443": Redirect("127.0.0.1", server.port)}
        with unguarded(redirects) as sidecar:  # trusts the system's authorities only
            answer = call(sidecar.port, request(PROVIDER, body=b"secret"))

    assert answer.status == 503
    assert server.received == b""


def test_a_call_that_the_provider_may_have_seen_is_not_made_again(
    authority: LocalAuthority,
) -> None:
    certificate = authority.issue("provider", PROVIDER)
    with (
        Upstream(
            certificate, lambda _: b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"
        ) as server,
        unguarded(provider(server, authority)) as sidecar,
    ):
        answer = call(sidecar.port, request(PROVIDER, body=b"{}"))

    assert answer.status == 503
    assert len(server.requests) == 1
