"""The vectors against `functions.verdict`."""

import hashlib
import hmac
from collections.abc import Mapping

import pytest

from functions.verdict import (
    Answer,
    Callout,
    Phase,
    Reason,
    Secret,
    StreamPosition,
    UnauthorisedCallout,
    callout,
    decode,
    sign,
    verify,
)
from functions.verdict.keys import open_sealed, seal, sign_keys, verify_keys
from tests.contract.vectors import Vector, body_of, each, pairs


@each("answers", "windows")
def test_an_answer_means_the_same_to_python(vector: Vector) -> None:
    body = body_of(vector)
    limits = (vector["body_bytes_max"], vector.get("keep_bytes_max"))
    answer = decode(vector["status"], pairs(vector["headers"]), body, *limits)
    expected = vector["means"]
    if "failed" in expected:
        assert answer == Reason(expected["failed"])
        return
    assert isinstance(answer, Answer)
    told = {name: getattr(answer, name) for name in expected}
    assert told == expected
    assert answer.body == body


@each("signatures")
def test_a_signature_is_the_same_in_python(vector: Vector) -> None:
    fields = dict(vector["callout"])
    stream = fields.pop("stream")
    position = StreamPosition(seq=3, final=True) if stream else None
    assert str(position or "") == stream
    callout = Callout(deadline_ms=500, stream=position, **fields)
    body = vector["body"].encode()
    assert sign(Secret(vector["secret"]), callout, body, vector["at"]) == vector["value"]


@each("callouts")
def test_a_callout_is_understood_and_trusted_by_python(vector: Vector) -> None:
    if "refused" in vector:
        assert vector["refused"] in set(Reason)
        return
    headers = pairs(vector["headers"])
    callout = Callout.from_headers(headers)
    # What Python would send is a part of what the shim sends, in the same order.
    assert callout.to_headers() == [pair for pair in headers if pair in callout.to_headers()]
    signatures = [value for name, value in headers if name == "x-meshward-signature"]
    body = vector["request"]["body"].encode()
    verify([Secret(vector["secret"])], signatures, callout, body, vector["at"])


def test_a_signature_covers_the_body_and_not_its_digest() -> None:
    fields = {"phase": "request", "policy": "p", "authority": "a", "path": "/", "method": "GET"}
    callout = Callout.model_validate({**fields, "deadline_ms": 1}, strict=False)
    secret = Secret("s" * 32)
    digest = hashlib.sha256(b"body").hexdigest().encode()
    assert sign(secret, callout, b"body", 1) != sign(secret, callout, digest, 1)


@pytest.mark.parametrize("length", [32, 63, 64, 65, 200])
@pytest.mark.parametrize("text", [b"", b"x", b"x" * 64, bytes(range(256)) * 9])
def test_a_mac_is_hmac_as_everybody_makes_it(length: int, text: bytes) -> None:
    key = "schlüssel"[:9].ljust(length - 1, "k")
    assert len(key.encode()) == length
    expected = hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
    secret = Secret(key)
    assert [secret.mac(text), secret.mac(text)] == [expected, expected]


FIELDS: Mapping[str, str] = {
    "x-meshward-phase": "response",
    "x-meshward-policy": "other",
    "x-meshward-authority": "b.example",
    "x-meshward-path": "/other",
    "x-meshward-method": "PUT",
    "x-meshward-workload": "default/other",
    "x-meshward-stream": "seq=1;final=0",
    "content-type": "text/plain",
    "content-encoding": "gzip",
}


@pytest.mark.parametrize("name", FIELDS)
def test_of_two_callouts_that_differ_in_one_header_neither_is_taken_for_the_other(
    name: str,
) -> None:
    call = Callout(
        phase=Phase.REQUEST,
        policy="p",
        authority="a.example",
        path="/v1",
        method="POST",
        workload="default/a",
        deadline_ms=10,
        content_type="application/json",
    )
    secret = Secret("s" * 32)
    signature = sign(secret, call, b"body", 1000)
    headers = dict(call.to_headers())
    for _ in range(2):  # The second time what was read before may be remembered.
        first = Callout.from_headers([*headers.items(), ("x-request-id", "1")])
        second = Callout.from_headers((headers | {name: FIELDS[name]}).items())
        assert (first, first.request_id) == (call.model_copy(update={"request_id": "1"}), "1")
        assert (second.request_id, second == call) == ("", False)
        verify([secret], [signature], first, b"body", 1000)
        with pytest.raises(UnauthorisedCallout):
            verify([secret], [signature], second, b"body", 1000)


def test_nothing_of_a_query_stays_in_memory() -> None:
    fields = {"phase": "request", "policy": "p", "authority": "a", "path": "/", "method": "GET"}
    call = Callout.model_validate({**fields, "deadline_ms": 1}, strict=False)
    kept = []
    callout._read_alike.cache_clear()
    for path in ("/v1/a-path-of-its-own", "/v1?key=sesame", "/v1?"):
        before = callout._read_alike.cache_info().currsize
        headers = call.model_copy(update={"path": path}).to_headers()
        assert Callout.from_headers(headers).path == path
        kept.append(callout._read_alike.cache_info().currsize - before)
    assert kept == [1, 0, 0]


def test_a_changed_copy_of_a_callout_needs_a_signature_of_its_own() -> None:
    fields = {"phase": "request", "policy": "p", "authority": "a", "path": "/", "method": "GET"}
    call = Callout.model_validate({**fields, "deadline_ms": 1}, strict=False)
    secret = Secret("s" * 32)
    signature = sign(secret, call, b"", 1000)
    with pytest.raises(UnauthorisedCallout):
        verify([secret], [signature], call.model_copy(update={"path": "/other"}), b"", 1000)


@each("keys")
def test_a_call_for_keys_is_signed_and_answered_the_same_in_python(vector: Vector) -> None:
    secret, signature = Secret(vector["secret"]), vector["signature"]
    body, document = vector["body"].encode(), vector["document"].encode()
    assert sign_keys(secret, vector["workload"], body, vector["at"]) == signature
    others = [Secret("another secret, longer than 32 bytes"), secret]
    now = vector["at"] + 60
    assert verify_keys(others, [signature], vector["workload"], body, now) is secret
    sealed = bytes.fromhex(vector["sealed"])
    assert seal(secret, signature, document, bytes.fromhex(vector["nonce"])) == sealed
    assert open_sealed(secret, signature, sealed) == document


@each("keys_refused")
def test_what_was_changed_does_not_open_in_python(vector: Vector) -> None:
    sealed = bytes.fromhex(vector["sealed"])
    assert open_sealed(Secret(vector["secret"]), vector["signature"], sealed) is None


def test_the_signatures_of_callouts_and_of_calls_for_keys_are_no_good_for_each_other() -> None:
    secret, fields = Secret("s" * 32), {"phase": "request", "policy": "p", "authority": "a"}
    callout = Callout.model_validate(
        {**fields, "path": "/", "method": "POST", "workload": "w/w", "deadline_ms": 1}, strict=False
    )
    with pytest.raises(UnauthorisedCallout, match="another secret"):
        verify_keys([secret], [sign(secret, callout, b"api.test", 1)], "w/w", b"api.test", 1)
    with pytest.raises(UnauthorisedCallout, match="another secret"):
        verify([secret], [sign_keys(secret, "w/w", b"api.test", 1)], callout, b"api.test", 1)
