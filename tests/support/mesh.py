"""The real Envoy, configured by the real manifests, with upstreams in the place of hosts.

with guarded(shim, "hold", redirects, values) as sidecar:   base/ and one form of the shim
with unguarded(redirects) as sidecar:                       base/ alone
"""

import http.client
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from infra.ports import free_port
from mesh.sidecar import Document, Ports, Redirect, Sidecar, bootstrap, load, translate
from tests.support.changed import changed

Form = Literal["portable", "hold"]

MANIFESTS = Path(__file__).parents[2] / "mesh" / "manifests"
PROVIDER = "dashscope.aliyuncs.com"
UNGUARDED = "example.com"
DENY_PATTERN = "deny-pattern-0123456789.cn-hangzhou.fcapp.run"
LLM_GUARD = "llm-guard-0123456789.cn-hangzhou.fcapp.run"
KEY_BROKER = "key-broker-0123456789.cn-hangzhou.fcapp.run"
PROVIDER_KEY = "sk-the-provider's-key"
SIGNING_SECRET = "a signing secret of 32 bytes or so"
TRIGGER_TOKEN = "the-trigger's-token"

HOSTS: Mapping[str, str] = {
    "MESHWARD_DENY_PATTERN_HOST": DENY_PATTERN,
    "MESHWARD_LLM_GUARD_HOST": LLM_GUARD,
    "MESHWARD_KEY_BROKER_HOST": KEY_BROKER,
}


def values(shim: Path) -> dict[str, str]:
    """A value for every placeholder of base/ and one form of the shim."""
    return {
        **HOSTS,
        "MESHWARD_SIGNING_SECRET": SIGNING_SECRET,
        "MESHWARD_TRIGGER_TOKEN": TRIGGER_TOKEN,
        "MESHWARD_SHIM_URL": f"file://{shim}",
    }


def manifests(form: Form, filled: Mapping[str, str]) -> list[Document]:
    """base/ and one form of the shim, filled."""
    return load([MANIFESTS / "base", MANIFESTS / form], filled)


def with_inline_key(documents: Sequence[Document], key: str = PROVIDER_KEY) -> list[Document]:
    """The same, the provider's key standing in the shim's configuration instead of the broker."""

    def inline(member: dict[str, Any]) -> dict[str, Any]:
        if "credential" in member:
            return {**member, "credential": {**member["credential"], "key": key}}
        return {name: value for name, value in member.items() if name != "broker"}

    return changed(documents, inline)


def rendered(
    documents: Sequence[Document], redirects: Mapping[str, Redirect] | None = None
) -> dict[str, Any]:
    """The bootstrap of `documents`, on free ports."""
    ports = Ports(listener=free_port().number, admin=free_port().number)
    return bootstrap(translate(documents), ports, redirects or {})


@contextmanager
def running(config: Mapping[str, Any], access_log: Path | None = None) -> Iterator[Sidecar]:
    """A running sidecar. Its log is printed when the block fails, and only then."""
    with Sidecar.start(config, access_log=access_log) as sidecar:
        try:
            yield sidecar
        except BaseException:
            sys.stderr.write("\n".join(["Envoy's log:", *sidecar.log(), ""]))
            raise


@contextmanager
def guarded(
    shim: Path,
    form: Form,
    redirects: Mapping[str, Redirect],
    changed: Mapping[str, str] | None = None,
) -> Iterator[Sidecar]:
    """A sidecar with the shim and a key of its own; `changed` replaces some of `values`."""
    filled = {**values(shim), **(changed or {})}
    documents = with_inline_key(manifests(form, filled))
    with running(rendered(documents, redirects)) as sidecar:
        yield sidecar


@contextmanager
def unguarded(redirects: Mapping[str, Redirect]) -> Iterator[Sidecar]:
    """A sidecar without the shim."""
    with running(rendered(load([MANIFESTS / "base"], HOSTS), redirects)) as sidecar:
        yield sidecar


def admin_page(sidecar: Sidecar, path: str) -> tuple[int, str]:
    """Status and text of one of Envoy's own pages."""
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.admin_port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
