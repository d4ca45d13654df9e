"""A body over the shim's limit is denied before anything of it reaches the provider.

Envoy holds a body in a buffer of 1 MiB, as Istio leaves it, and refuses by itself what overflows.
The shim's limit lies below, so that its own answer, in the provider's shape, comes first.
"""

import json
from pathlib import Path

import pytest

from infra.local.certificates import LocalAuthority
from mesh.sidecar import Redirect
from tests.support.mesh import PROVIDER, Form, guarded
from tests.support.upstream import Upstream
from tests.support.wire import call, chunked, request

LIMIT = 1_000_000
PATH = "/v1/chat/completions"
JSON = (("content-type", "application/json"),)


def in_pieces(size: int) -> list[bytes]:
    whole, rest = divmod(LIMIT + 1, size)
    return chunked(PROVIDER, PATH, [b"x" * size] * whole + [b"x" * rest], JSON)


@pytest.mark.parametrize("form", ["portable", "hold"])
@pytest.mark.parametrize(
    "parts",
    [
        [request(PROVIDER, PATH, headers=JSON, body=b"x" * (LIMIT + 1))],
        in_pieces(1_000),
        in_pieces(16_000),
    ],
    ids=["length declared", "chunks of 1 kB", "chunks of 16 kB"],
)
def test_a_body_over_the_limit_is_denied_by_the_shim_and_not_by_envoy(
    shim: Path, authority: LocalAuthority, form: Form, parts: list[bytes]
) -> None:
    certificate = authority.issue("provider", PROVIDER)
    with Upstream(certificate) as provider:
        redirects = {
            f"{PROVIDER}:443": Redirect("127.0.0.1", provider.port, authority.ca_file),
        }
        with guarded(shim, form, redirects) as sidecar:
            answer = call(sidecar.port, parts)

    assert answer.status == 413
    assert answer.value("x-meshward-reason") == "request.too-large"
    assert json.loads(answer.body)["error"]["code"] == "request.too-large"
    assert b"xxx" not in provider.received


@pytest.mark.parametrize("form", ["portable", "hold"])
def test_a_body_that_overflows_envoy_s_buffer_in_one_burst_is_denied_in_the_same_words(
    shim: Path, authority: LocalAuthority, form: Form
) -> None:
    # What arrives at once can pass both limits at once; then Envoy may be the first to refuse it.
    certificate = authority.issue("provider", PROVIDER)
    with Upstream(certificate) as provider:
        redirects = {
            f"{PROVIDER}:443": Redirect("127.0.0.1", provider.port, authority.ca_file),
        }
        with guarded(shim, form, redirects) as sidecar:
            burst = b"".join(chunked(PROVIDER, PATH, [b"x" * 300_000] * 10, JSON))
            answers = [call(sidecar.port, burst) for _ in range(20)]

    assert {answer.status for answer in answers} == {413}
    assert {answer.value("x-meshward-reason") for answer in answers} == {"request.too-large"}
    assert {answer.value("content-type") for answer in answers} == {"application/json"}
    codes = {json.loads(answer.body)["error"]["code"] for answer in answers}
    assert codes == {"request.too-large"}
    assert b"xxx" not in provider.received
