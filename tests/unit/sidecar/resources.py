"""Good resources to break, one of each kind that the sidecar understands."""

from pathlib import Path
from typing import Any

from mesh.sidecar import Document

Contents = dict[str, dict[str, Any]]

HOST = "api.example.com"
CA_FILE = "/etc/ssl/certs/ca-certificates.crt"
WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"


def resource(kind: str, version: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "it"}, "spec": spec}


def filter_patch(name: str = "shim") -> dict[str, Any]:
    router = {"name": "envoy.filters.http.router"}
    manager = {"name": "envoy.filters.network.http_connection_manager", "subFilter": router}
    value = {"name": name, "config_discovery": {"config_source": {}, "type_urls": [WASM]}}
    return {
        "applyTo": "HTTP_FILTER",
        "match": {
            "context": "SIDECAR_OUTBOUND",
            "listener": {"filterChain": {"filter": manager}},
        },
        "patch": {"operation": "INSERT_BEFORE", "value": value},
    }


def config_patch(shim: Path) -> dict[str, Any]:
    code = {"remote": {"http_uri": {"uri": f"file://{shim}"}}}
    value = {
        "name": "shim",
        "typed_config": {"@type": WASM, "config": {"vm_config": {"code": code}}},
    }
    return {"applyTo": "EXTENSION_CONFIG", "patch": {"operation": "ADD", "value": value}}


def good_resources(shim: Path) -> Contents:
    """One good resource of each kind, by kind; the two forms of the shim side by side."""
    port = {"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 443}
    entry = {
        "hosts": [HOST],
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "ports": [port],
    }
    tls = {
        "mode": "SIMPLE",
        "sni": HOST,
        "subjectAltNames": [HOST],
        "caCertificates": CA_FILE,
    }
    destination = {"host": HOST, "port": {"number": 80}}
    labels = {"app": "sleep"}
    networking = "networking.istio.io/v1beta1"
    made = [
        resource("Deployment", "apps/v1", {"template": {"metadata": {"labels": dict(labels)}}}),
        resource("ServiceEntry", networking, entry),
        resource("DestinationRule", networking, {"host": HOST, "trafficPolicy": {"tls": tls}}),
        resource(
            "VirtualService",
            networking,
            {"hosts": [HOST], "http": [{"route": [{"destination": destination}]}]},
        ),
        resource(
            "Sidecar",
            networking,
            {
                "workloadSelector": {"labels": dict(labels)},
                "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
            },
        ),
        resource(
            "WasmPlugin",
            "extensions.istio.io/v1alpha1",
            {
                "selector": {"matchLabels": dict(labels)},
                "match": [{"mode": "CLIENT"}],
                "phase": "AUTHN",
                "url": f"file://{shim}",
                "pluginConfig": {},
            },
        ),
        resource(
            "EnvoyFilter",
            "networking.istio.io/v1alpha3",
            {
                "workloadSelector": {"labels": dict(labels)},
                "configPatches": [filter_patch(), config_patch(shim)],
            },
        ),
    ]
    return {each["kind"]: each for each in made}


def documents(contents: Contents, *without: str) -> list[Document]:
    file = Path("some.yaml")
    return [Document(file, each) for kind, each in contents.items() if kind not in without]


def put(content: dict[str, Any], path: str, value: object) -> None:
    """Set the field at a dotted path; the path's numbers are places in lists."""
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    node: Any = content
    for step in steps:
        node = node[step]
    node[last] = value


def other_form(kind: str) -> str:
    return "WasmPlugin" if kind == "EnvoyFilter" else "EnvoyFilter"


def shown(path: str) -> str:
    """A path as messages write it: places in lists stand in brackets."""
    steps = path.split(".")
    return "".join(f"[{each}]" if each.isdigit() else f".{each}" for each in steps).lstrip(".")
