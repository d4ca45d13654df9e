"""A real sidecar of the manifests, with checks that say what a text asks them to say, and what it
shows: Prometheus's page, the access log, its own log.

with seen(shim, authority, folder) as found:
    found.send("deny me"); found.scraped(); found.logged(1)
"""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from infra.local.certificates import LocalAuthority
from mesh.sidecar import Redirect, Sidecar
from tests.support.mesh import (
    DENY_PATTERN,
    LLM_GUARD,
    PROVIDER,
    UNGUARDED,
    admin_page,
    manifests,
    rendered,
    running,
    values,
    with_inline_key,
)
from tests.support.upstream import Upstream, respond
from tests.support.waiting import wait_until
from tests.support.wire import Message, call, request

CALLER_KEY = "sk-the-caller's-own"
MARKED = "a marked secret"
PATH = f"/v1/chat/completions?key={CALLER_KEY}"
DATE = ("date", "Thu, 01 Jan 2026 00:00:00 GMT")
MANAGER_PATH = ("listeners", 0, "filter_chains", 0, "filters", 0, "typed_config")

Labels = dict[str, str]


def verdict(
    decision: str, reason: str, body: bytes = b"", *more: tuple[str, str], kind: str = "text/plain"
) -> bytes:
    headers = (
        DATE,
        ("x-meshward-contract", "1"),
        ("x-meshward-verdict", decision),
        ("x-meshward-reason", reason),
        ("x-meshward-revision", "r1"),
        ("x-meshward-cache-seconds", "0"),
        *more,
    )
    return respond(body, 200, kind, headers)


DENIED = (("x-meshward-status", "403"),)


def deny_pattern(message: Message) -> bytes:
    """Says what the text asks it to say."""
    if b"deny me" in message.body:
        rule = ("x-meshward-rule", "account-word")
        return verdict("deny", "rule.matched", b"denied", rule, *DENIED)
    if b"mask me" in message.body:
        return verdict("mask", "rule.matched", b"masked", ("x-meshward-rule", "phone"))
    if b"break" in message.body:
        return respond(b"broken", 500, headers=(DATE,))
    return verdict("allow", "rule.none")


def llm_guard(message: Message) -> bytes:
    """Only watches here (`mode: monitor`), and flags some."""
    if b"watch me" in message.body:
        rule = ("x-meshward-rule", "personal-data")
        return verdict("deny", "judge.flagged", b"denied", rule, *DENIED)
    return verdict("allow", "judge.cleared")


@dataclass(frozen=True)
class Seen:
    """A sidecar, what stands behind it, and the file of its access log."""

    sidecar: Sidecar
    provider: Upstream
    checks: tuple[Upstream, Upstream]
    access_log: Path

    def send(self, text: str, host: str = PROVIDER, *headers: tuple[str, str]) -> Message:
        body = json.dumps({"text": f"{MARKED}: {text}"}).encode()
        own = (("content-type", "application/json"), ("authorization", f"Bearer {CALLER_KEY}"))
        return call(self.sidecar.port, request(host, PATH, headers=(*own, *headers), body=body))

    def scraped(self) -> dict[str, list[tuple[Labels, float]]]:
        """The shim's series on Prometheus's page, by name."""
        # Envoy puts histograms together at an interval, and shows what came of that last.
        held = re.compile(r'^meshward_held_bytes_count\{phase="request"\} [1-9]', re.MULTILINE)
        page_of = partial(admin_page, self.sidecar, "/stats/prometheus")
        wait_until(lambda: held.search(page_of()[1]), "histograms to be put together")
        _, page = admin_page(self.sidecar, "/stats/prometheus")
        found: dict[str, list[tuple[Labels, float]]] = {}
        for name, labels, value in re.findall(r"^(meshward\w+)\{(.*)\} (\S+)$", page, re.MULTILINE):
            pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            found.setdefault(name, []).append((pairs, float(value)))
        return found

    def logged(self, count: int) -> list[dict[str, Any]]:
        """The lines of the access log, once there are so many."""
        lines = partial(self._lines)
        wait_until(lambda: len(lines()) >= count, f"{count} lines in the access log")
        return [json.loads(line) for line in lines()]

    def _lines(self) -> list[str]:
        return self.access_log.read_text().splitlines() if self.access_log.exists() else []


@contextmanager
def seen(
    shim: Path, authority: LocalAuthority, folder: Path, traced: bool = False
) -> Iterator[Seen]:
    documents = with_inline_key(manifests("portable", values(shim)))
    (plugin,) = (each for each in documents if each.kind == "WasmPlugin")
    plugin.content["spec"]["pluginConfig"]["checks"][1]["mode"] = "monitor"
    with ExitStack() as exits:
        server = partial(_server, exits, authority)
        provider = server(PROVIDER)
        checks = (server(DENY_PATTERN, deny_pattern), server(LLM_GUARD, llm_guard))
        places = {PROVIDER: provider, DENY_PATTERN: checks[0], LLM_GUARD: checks[1]}
        redirects = {
            f"{host}:443": Redirect("127.0.0.1", each.port, authority.ca_file)
            for host, each in places.items()
        }
        plain = exits.enter_context(Upstream())
        redirects[f"{UNGUARDED}:80"] = Redirect("127.0.0.1", plain.port)
        config = rendered(documents, redirects)
        if traced:
            _trace(config, exits.enter_context(Upstream()))
        access_log = folder / "access.log"
        sidecar = exits.enter_context(running(config, access_log))
        yield Seen(sidecar, provider, checks, access_log)


def _server(
    exits: ExitStack, authority: LocalAuthority, host: str, answer: Any = lambda _: respond()
) -> Upstream:
    return exits.enter_context(
        Upstream(authority.issue(host.split(".", maxsplit=1)[0], host), answer)
    )


def _trace(config: dict[str, Any], collector: Upstream) -> None:
    """Have Envoy trace every call, and send its spans to `collector`."""
    clusters = config["static_resources"]["clusters"]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": collector.port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    assignment = {"cluster_name": "collector", "endpoints": endpoints}
    clusters.append({"name": "collector", "type": "STATIC", "load_assignment": assignment})
    node: Any = config["static_resources"]
    for step in MANAGER_PATH:
        node = node[step]
    uri = {"uri": "http://collector/v1/traces", "cluster": "collector", "timeout": "1s"}
    tracer = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "http_service": {"http_uri": uri},
        "service_name": "sleep",
    }
    provider = {"name": "envoy.tracers.opentelemetry", "typed_config": tracer}
    node["tracing"] = {"random_sampling": {"value": 100}, "provider": provider}
