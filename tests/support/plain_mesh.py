"""A real Envoy with the shim and a configuration of one's own; every host in plain HTTP.

with plain_mesh(form, configuration(…), {"api.test": port, "first.test": port}) as sidecar:
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from infra.ports import free_port
from mesh.shim.build import build
from mesh.sidecar import Mesh, Ports, Redirect, Sidecar, bootstrap
from mesh.sidecar.model import ISTIO_RETRIES, Route, Service, WasmFilter, Workload
from tests.support.mesh import running
from tests.support.translator import HTTP2
from tests.support.upstream import respond

Form = Literal["hold", "portable"]
_TYPES = "type.googleapis.com"
_DISCOVERED = "meshward.json"


@contextmanager
def plain_mesh(
    form: Form,
    settings: str,
    hosts: Mapping[str, int | None],
    *,
    shim: Path | None = None,
    http2: bool = False,
    of_listener: Mapping[str, Any] | None = None,
    discovered_in: Path | None = None,
) -> Iterator[Sidecar]:
    """The sidecar; `hosts` are the loopback ports behind them, the first one is the provider's.

    A host without a port is looked up as a real one would be. With a folder `discovered_in`, Envoy
    finds the plugin's configuration there (`hand_out`), as it gets it from Istio while it runs.
    """
    provider = next(iter(hosts))
    mesh = Mesh(
        workload=Workload("default", "sleep", (("app", "sleep"),)),
        services=tuple(Service(host, 80, 80) for host in hosts),
        tls=(),
        # Istio routes a final dot nowhere by itself; the shim must not depend on that.
        routes=(Route((f"{provider}.",), provider, 80, ISTIO_RETRIES),),
        filters=(WasmFilter("meshward", typed_config(form, settings, shim or build())),),
    )
    ports = Ports(listener=free_port().number, admin=free_port().number)
    places = {host: port for host, port in hosts.items() if port is not None}
    redirects = {f"{host}:80": Redirect("127.0.0.1", port) for host, port in places.items()}
    config = bootstrap(mesh, ports, redirects)
    if http2:
        for each in config["static_resources"]["clusters"]:
            each["typed_extension_protocol_options"] = dict(HTTP2)
    (chain,) = config["static_resources"]["listeners"][0]["filter_chains"]
    chain["filters"][-1]["typed_config"].update(of_listener or {})
    if discovered_in is not None:
        hand_out(discovered_in, form, settings, shim)
        manager = chain["filters"][-1]["typed_config"]
        manager["http_filters"][0] = {
            "name": "meshward",
            "config_discovery": {
                "type_urls": [f"{_TYPES}/envoy.extensions.filters.http.wasm.v3.Wasm"],
                "config_source": {
                    "resource_api_version": "V3",
                    "path_config_source": {
                        "path": str(discovered_in / _DISCOVERED),
                        "watched_directory": {"path": str(discovered_in)},
                    },
                },
            },
        }
    with running(config) as sidecar:
        yield sidecar


def hand_out(folder: Path, form: Form, settings: str, shim: Path | None = None) -> None:
    """Give the plugin another configuration, all at once."""
    resource = {
        "@type": f"{_TYPES}/envoy.config.core.v3.TypedExtensionConfig",
        "name": "meshward",
        "typed_config": typed_config(form, settings, shim or build()),
    }
    fresh = folder / f".{_DISCOVERED}"
    fresh.write_text(json.dumps({"resources": [resource]}))
    fresh.replace(folder / _DISCOVERED)


def cluster(host: str) -> str:
    """What the sidecar calls the place behind a host."""
    return f"outbound|80||{host}"


def typed_config(form: Form, settings: str, shim: Path) -> dict[str, Any]:
    """The filter as mesh/manifests/ configures it in this form."""
    hold = {"allow_on_headers_stop_iteration": True, "failure_policy": "FAIL_RELOAD"}
    value = {"@type": f"{_TYPES}/google.protobuf.StringValue", "value": settings}
    config = {
        "name": "meshward",
        "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": str(shim)}},
        },
        "configuration": value,
        **(hold if form == "hold" else {"failure_policy": "FAIL_CLOSED"}),
    }
    return {"@type": f"{_TYPES}/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config}


def configuration(
    form: Form,
    host: str,
    checks: Mapping[str, Mapping[str, Any]],
    *,
    of_host: Mapping[str, Any] | None = None,
    **changed: Any,
) -> str:
    """The shim's configuration with one guarded host, and `checks` by their own hosts."""
    credential = {"header": "authorization", "prefix": "Bearer ", "key": "sk-own"}
    template = {"path_prefix": "/", "content_type": "text/plain", "body": "{reason} by {check}"}
    guarded = {"name": host, "credential": credential, "denials": [template], **(of_host or {})}
    entries = [
        {
            "name": place.partition(".")[0],
            "stage": 1,
            "cluster": cluster(place),
            "authority": place,
            "timeout_ms": 5000,
            **settings,
        }
        for place, settings in checks.items()
    ]
    whole = {
        "contract": 1,
        "policy": "default",
        "body": form,
        "signing_secrets": ["0123456789abcdef0123456789abcdef"],
        "hosts": [guarded],
        "checks": entries,
        **changed,
    }
    return json.dumps(whole)


def verdict(decision: str, reason: str = "rule.none", body: bytes = b"", **headers: str) -> bytes:
    """A check's answer as it is on the wire."""
    pairs = {
        "date": "Fri, 27 Nov 2026 22:00:00 GMT",
        "x-meshward-contract": "1",
        "x-meshward-verdict": decision,
        "x-meshward-reason": reason,
        "x-meshward-revision": "r1",
        "x-meshward-cache-seconds": "0",
    }
    if decision == "deny":
        pairs |= {"x-meshward-status": "403"}
    pairs |= {f"x-meshward-{name.replace('_', '-')}": value for name, value in headers.items()}
    return respond(body, headers=tuple(pairs.items()))
