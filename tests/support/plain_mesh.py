"""A real Envoy with the shim and a configuration of one's own; every host in plain HTTP.

with plain_mesh(form, configuration, {"api.test": port, "first.test": port}) as sidecar:
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from infra.ports import free_port
from mesh.shim.build import build
from mesh.sidecar import Mesh, Ports, Redirect, Sidecar, bootstrap
from mesh.sidecar.model import ISTIO_RETRIES, Route, Service, WasmFilter, Workload
from tests.support.mesh import running
from tests.support.translator import HTTP2

Form = Literal["hold", "portable"]
_TYPES = "type.googleapis.com"


@contextmanager
def plain_mesh(
    form: Form, configuration: str, hosts: Mapping[str, int], *, http2: bool = False
) -> Iterator[Sidecar]:
    """The sidecar; `hosts` are the loopback ports behind them, the first one is the provider's."""
    provider = next(iter(hosts))
    mesh = Mesh(
        workload=Workload("default", "sleep", (("app", "sleep"),)),
        services=tuple(Service(host, 80, 80) for host in hosts),
        tls=(),
        # Istio routes a final dot nowhere by itself; the shim must not depend on that.
        routes=(Route((f"{provider}.",), provider, 80, ISTIO_RETRIES),),
        filters=(WasmFilter("meshward", typed_config(form, configuration)),),
    )
    ports = Ports(listener=free_port().number, admin=free_port().number)
    redirects = {f"{host}:80": Redirect("127.0.0.1", port) for host, port in hosts.items()}
    config = bootstrap(mesh, ports, redirects)
    if http2:
        for each in config["static_resources"]["clusters"]:
            each["typed_extension_protocol_options"] = dict(HTTP2)
    with running(config) as sidecar:
        yield sidecar


def cluster(host: str) -> str:
    """What the sidecar calls the place behind a host."""
    return f"outbound|80||{host}"


def typed_config(form: Form, configuration: str) -> dict[str, Any]:
    """The filter as mesh/manifests/ configures it in this form."""
    hold = {"allow_on_headers_stop_iteration": True, "failure_policy": "FAIL_RELOAD"}
    value = {"@type": f"{_TYPES}/google.protobuf.StringValue", "value": configuration}
    config = {
        "name": "meshward",
        "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": str(build())}},
        },
        "configuration": value,
        **(hold if form == "hold" else {"failure_policy": "FAIL_CLOSED"}),
    }
    return {"@type": f"{_TYPES}/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config}
