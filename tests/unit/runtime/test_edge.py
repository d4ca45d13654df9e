"""The edge: what gets through to a check, and what becomes of everything else."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from functions.runtime.asgi import application
from functions.runtime.edge import Check, edge
from functions.runtime.settings import read
from functions.verdict import Callout, Decision, Phase, Reason, Secret, Verdict, sign
from functions.verdict.contract import CALLOUT_MEDIA_TYPE

KEY = "k" * 32
SETTINGS = read({"MESHWARD_SIGNING_SECRETS": f"{'o' * 32},{KEY}", "MESHWARD_BODY_BYTES_MAX": "64"})
CALLOUT = Callout(
    phase=Phase.REQUEST,
    policy="default",
    authority="api.example",
    path="/v1/chat",
    method="POST",
    deadline_ms=200,
)
BODY = b'{"prompt": "hi"}'
Pairs = list[tuple[str, str]]


class Recorder:
    """A check that allows everything, and remembers what got through to it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callout, bytes, float]] = []
        self.fault: Exception | None = None
        self.hangs = False

    async def __call__(self, callout: Callout, body: bytes, seconds: float) -> Verdict:
        self.calls.append((callout, body, seconds))
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault:
            raise self.fault
        return verdict_on(callout)


def verdict_on(callout: Callout) -> Verdict:
    return Verdict(
        check="recorder",
        phase=callout.phase,
        policy=callout.policy,
        revision="r1",
        decision=Decision.DENY,
        reason=Reason.RULE_MATCHED,
        status=403,
        content_type="application/json",
        body='{"error":"账号"}',
    )


@pytest.fixture
def check() -> Recorder:
    return Recorder()


@pytest.fixture
async def client(check: Recorder) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(check) as found:
        yield found


def calling(check: Check) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application(edge(check, SETTINGS)))
    return httpx.AsyncClient(transport=transport, base_url="http://function")


def signed(body: bytes = BODY, key: str = KEY, age_seconds: int = 0) -> Pairs:
    at = int(time.time()) - age_seconds
    return [
        *CALLOUT.to_headers(),
        ("x-meshward-signature", sign(Secret(key), CALLOUT, body, at)),
        ("accept", CALLOUT_MEDIA_TYPE),
    ]


def replaced(name: str, value: str | None) -> Pairs:
    """The headers of a signed callout, one of them replaced or left out."""
    others = [pair for pair in signed() if pair[0] != name]
    return others if value is None else [*others, (name, value)]


async def post(client: httpx.AsyncClient, headers: Pairs, body: bytes = BODY) -> httpx.Response:
    return await client.post("/v1/verdict", content=body, headers=headers)


def code(response: httpx.Response) -> str:
    document: dict[str, dict[str, str]] = response.json()
    return document["error"]["code"]


async def test_a_signed_callout_gets_the_verdict_as_headers_and_body(
    client: httpx.AsyncClient, check: Recorder
) -> None:
    response = await post(client, signed())
    assert response.status_code == 200
    told = {name: value for name, value in response.headers.items() if name.startswith("x-")}
    assert told == {
        "x-meshward-contract": "1",
        "x-meshward-verdict": "deny",
        "x-meshward-reason": "rule.matched",
        "x-meshward-revision": "r1",
        "x-meshward-cache-seconds": "0",
        "x-meshward-status": "403",
    }
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"error": "账号"}
    ((callout, body, seconds),) = check.calls
    assert (callout, body) == (CALLOUT, BODY)
    assert 0.1 < seconds <= 0.18


async def test_a_check_may_give_its_verdict_at_once() -> None:
    async with calling(lambda callout, _body, _seconds: verdict_on(callout)) as client:
        response = await post(client, signed())
    assert response.headers["x-meshward-verdict"] == "deny"


async def test_what_a_check_raises_at_once_is_told_by_nothing_but_its_kind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(_callout: Callout, body: bytes, _seconds: float) -> Verdict:
        raise RuntimeError(body.decode())

    async with calling(broken) as client:
        response = await post(client, signed())
    assert (response.status_code, code(response)) == (500, "check.failed")
    assert BODY.decode() not in response.text + capsys.readouterr().out


async def test_everybody_else_gets_the_verdict_as_a_document(client: httpx.AsyncClient) -> None:
    for accept in ("application/json", "*/*", f"text/html, {CALLOUT_MEDIA_TYPE}"):
        response = await post(client, replaced("accept", accept))
        verdict = Verdict.model_validate_json(response.content)
        assert (verdict.decision, verdict.check) == (Decision.DENY, "recorder")


async def test_a_verdict_given_again_is_told_to_each_as_it_asks() -> None:
    allow = Verdict(
        check="recorder",
        phase=Phase.REQUEST,
        policy="default",
        revision="r1",
        decision=Decision.ALLOW,
        reason=Reason.RULE_NONE,
    )
    async with calling(lambda *_: allow) as client:
        for _ in range(2):
            told = await post(client, signed())
            assert (told.headers["x-meshward-verdict"], told.content) == ("allow", b"")
            document = await post(client, replaced("accept", "application/json"))
            assert Verdict.model_validate_json(document.content) == allow


async def test_either_secret_may_have_signed(client: httpx.AsyncClient) -> None:
    assert (await post(client, signed(key="o" * 32))).status_code == 200


@pytest.mark.parametrize(
    "headers_of",
    [
        list,
        CALLOUT.to_headers,
        lambda: signed(key="x" * 32),
        lambda: signed(body=b"another body"),
        lambda: signed(age_seconds=120),
        lambda: signed(age_seconds=-120),
        lambda: [*CALLOUT.to_headers(), ("x-meshward-signature", "v1,t=1,h=zz")],
        lambda: replaced("x-meshward-policy", "lenient"),
    ],
    ids=["bare", "unsigned", "stranger", "other body", "old", "early", "no form", "other policy"],
)
async def test_an_unauthorised_callout_reaches_no_check(
    client: httpx.AsyncClient, check: Recorder, headers_of: Callable[[], Pairs]
) -> None:
    response = await post(client, headers_of())
    assert (response.status_code, code(response)) == (401, "callout.unauthorised")
    assert check.calls == []


@pytest.mark.parametrize(
    "headers_of",
    [
        lambda: replaced("x-meshward-contract", None),
        lambda: [*signed(), ("x-meshward-policy", "default")],
        lambda: [*signed(), ("content-type", "text/plain"), ("content-type", "text/plain")],
        lambda: replaced("x-meshward-contract", "2"),
    ],
    ids=["no contract", "policy twice", "type twice", "contract 2"],
)
async def test_a_malformed_callout_reaches_no_check(
    client: httpx.AsyncClient, check: Recorder, headers_of: Callable[[], Pairs]
) -> None:
    response = await post(client, headers_of())
    assert (response.status_code, code(response)) == (400, "callout.malformed")
    assert check.calls == []


async def test_a_signature_that_stands_twice_is_none(client: httpx.AsyncClient) -> None:
    signature = signed()[-2]
    assert signature[0] == "x-meshward-signature"
    response = await post(client, [*signed(), signature])
    assert (response.status_code, code(response)) == (400, "callout.malformed")


async def test_a_body_beyond_the_limit_reaches_no_check(
    client: httpx.AsyncClient, check: Recorder
) -> None:
    body = b"x" * 65
    response = await post(client, signed(body), body)
    assert (response.status_code, code(response)) == (413, "request.too-large")
    assert check.calls == []


async def test_a_failing_check_says_nothing_but_that(
    client: httpx.AsyncClient, check: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    check.fault = RuntimeError("sesame")
    response = await post(client, signed())
    assert (response.status_code, code(response)) == (500, "check.failed")
    line: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (line["event"], line["detail"]) == ("check failed", "RuntimeError")
    assert "sesame" not in response.text


async def test_a_hanging_check_ends_with_the_deadline(
    client: httpx.AsyncClient, check: Recorder
) -> None:
    check.hangs = True
    response = await post(client, signed())
    assert (response.status_code, code(response)) == (504, "check.late")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/health"), ("POST", "/initialize"), ("GET", "/pre-stop")]
)
async def test_the_platform_is_answered(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, path)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/verdict"), ("POST", "/"), ("POST", "/v1/verdict/"), ("PUT", "/v1/verdict")],
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, method: str, path: str) -> None:
    response = await client.request(method, path, headers=signed())
    assert (response.status_code, code(response)) == (404, "not-found")
