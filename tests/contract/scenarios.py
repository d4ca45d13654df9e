"""Whole calls to be played: scenarios.json and responses.json of the vectors, read into records.

    Scenario ──plugin_configuration──▶ what the shim is loaded with
        ├── request     what the application sends
        ├── checks      and what each of them answers, in turn
        ├── provider    what the provider answers
        └── outcome     what comes of it

Runners play each in each of its forms: in wasmtime (test_wasm_scenarios.py), in a real Envoy
(test_envoy_scenarios.py). Of those about requests, native_scenarios.zig plays what the state
machine makes of them; windows and headers of responses are moved by code that needs a host.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tests.contract.vectors import document, pairs

Form = Literal["hold", "portable"]
Headers = list[tuple[str, str]]

HOST = "api.test"
SECRET = "0123456789abcdef0123456789abcdef"
TIMEOUT_MS = 400


@dataclass(frozen=True)
class Answer:
    """One answer of a check: a response, or how there comes to be none."""

    kind: Literal["response", "hang", "reset", "unknown-cluster"]
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    after_ms: int = 0


@dataclass(frozen=True)
class Check:
    name: str
    settings: dict[str, Any]
    """What its entry in the configuration says besides cluster and authority."""
    answers: tuple[Answer, ...]

    @property
    def is_known(self) -> bool:
        """Whether the sidecar knows the check's cluster."""
        return all(answer.kind != "unknown-cluster" for answer in self.answers)


@dataclass(frozen=True)
class Request:
    """`chunks` are sent chunked if `length` is None, else as one body of that length."""

    method: str
    authority: str
    path: str
    headers: Headers
    chunks: tuple[bytes, ...]
    length: int | None
    trailers: Headers


@dataclass(frozen=True)
class Provider:
    """What the provider answers: in chunks if `length` is None, else as one body of that length."""

    status: int
    headers: Headers
    chunks: tuple[bytes, ...]
    length: int | None
    trailers: Headers


@dataclass(frozen=True)
class Outcome:
    status: int
    reason: str | None
    content_type: str | None
    body: str | None
    upstream_body: str | None
    upstream_headers: dict[str, str | None]
    upstream_trailers: Headers | None
    caller_headers: dict[str, str | None]
    callouts: dict[str, int]
    callout_headers: dict[str, dict[str, str]]
    saw: dict[str, list[str]]


@dataclass(frozen=True)
class Scenario:
    name: str
    forms: tuple[Form, ...]
    config: dict[str, Any]
    checks: tuple[Check, ...]
    request: Request
    provider: Provider
    outcome: Outcome


def scenarios() -> list[Scenario]:
    """All of them, in the order of the files."""
    files = [document(name) for name in ("scenarios", "responses")]
    return [_scenario(each, file) for file in files for each in file["scenarios"]]


def plugin_configuration(
    scenario: Scenario, form: Form, place: Callable[[Check], tuple[str, str]]
) -> str:
    """The plugin's configuration; `place` gives cluster and authority of a check."""
    changed = dict(scenario.config)
    credential = {"header": "authorization", "prefix": "Bearer ", "key": "sk-own"}
    host = {
        "name": HOST,
        "credential": changed.pop("credential", credential),
        "denials": [
            {
                "path_prefix": "/api/",
                "content_type": "application/json",
                "body": '{"code":"{reason}"}',
            },
            {"path_prefix": "/", "content_type": "text/plain", "body": "{reason} by {check}"},
        ],
    }
    checks = []
    for check in scenario.checks:
        cluster, authority = place(check)
        checks.append(
            {"name": check.name, "cluster": cluster, "authority": authority, **check.settings}
        )
    return json.dumps(
        {
            "contract": 1,
            "policy": "default",
            "body": form,
            "signing_secrets": [SECRET],
            "hosts": [host],
            "checks": checks,
            **changed,
        }
    )


def _scenario(raw: dict[str, Any], file: dict[str, Any]) -> Scenario:
    named = file["answers"]
    return Scenario(
        name=raw["name"],
        forms=tuple(raw.get("forms", ("hold", "portable"))),
        config=raw.get("config", {}),
        checks=tuple(_check(each, named) for each in raw["checks"]),
        request=_request(raw.get("request") or file["request"]),
        provider=_provider(raw.get("provider", {})),
        outcome=_outcome(raw["outcome"]),
    )


def _check(raw: dict[str, Any], named: dict[str, Any]) -> Check:
    settings = {"stage": 1, "timeout_ms": TIMEOUT_MS, **raw}
    answers = tuple(_answer(each, named) for each in settings.pop("answers"))
    return Check(name=settings.pop("name"), settings=settings, answers=answers)


def _answer(raw: str | dict[str, Any], named: dict[str, Any]) -> Answer:
    name, after_ms = (raw, 0) if isinstance(raw, str) else (raw["answer"], raw["after_ms"])
    match name:
        case "hang" | "reset" | "unknown-cluster":
            return Answer(kind=name, after_ms=after_ms)
        case _:
            response = named[name]
            return Answer(
                kind="response",
                status=response["status"],
                headers=tuple(pairs(response["headers"])),
                body=response["body"].encode(),
                after_ms=after_ms,
            )


def _request(raw: dict[str, Any]) -> Request:
    whole: str = raw["body"]
    pieces: list[str] | None = raw.get("chunks")
    bodiless = pieces is None and not whole and raw["method"] == "GET"
    return Request(
        method=raw["method"],
        authority=raw.get("authority", HOST),
        path=raw["path"],
        headers=pairs(raw["headers"]),
        chunks=tuple(piece.encode() for piece in pieces or ([] if bodiless else [whole])),
        length=None if bodiless or pieces is not None else len(whole.encode()),
        trailers=pairs(raw.get("trailers", [])),
    )


def _provider(raw: dict[str, Any]) -> Provider:
    chunks = raw.get("chunks")
    body: str = raw.get("body", "an answer")
    whole = body.encode() * raw.get("repeated", 1)
    pieces = [each.encode() for each in chunks] if chunks else ([whole] if whole else [])
    return Provider(
        status=raw.get("status", 200),
        headers=pairs(raw.get("headers", [["content-type", "application/json"]])),
        chunks=tuple(pieces),
        length=None if chunks else len(whole),
        trailers=pairs(raw.get("trailers", [])),
    )


def _outcome(raw: dict[str, Any]) -> Outcome:
    trailers = raw.get("upstream_trailers")
    return Outcome(
        status=raw["status"],
        reason=raw.get("reason"),
        content_type=raw.get("content_type"),
        body=raw.get("body"),
        upstream_body=raw.get("upstream_body"),
        upstream_headers=raw.get("upstream_headers", {}),
        upstream_trailers=None if trailers is None else pairs(trailers),
        caller_headers=raw.get("caller_headers", {}),
        callouts=raw["callouts"],
        callout_headers=raw.get("callout_headers", {}),
        saw=raw.get("saw", {}),
    )
