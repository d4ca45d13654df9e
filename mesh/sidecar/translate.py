"""Mesh resources → what a sidecar has to know, and a refusal of everything else.

    ServiceEntry ──▶ Service      DestinationRule ──▶ Tls      Deployment ──▶ Workload
    WasmPlugin, EnvoyFilter ──▶ WasmFilter                     ServiceAccount ──▶ (nothing)

A pattern of what Istio's control plane does with the same resources, for the few kinds and fields
that the manifests use. Field meanings: istio.io/latest/docs/reference/config (read 2026-11).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mesh.sidecar.documents import Document, Fields, ManifestError

_WASM_TYPE = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
_STRING_TYPE = "type.googleapis.com/google.protobuf.StringValue"
_FAILURE_POLICIES = {"FAIL_CLOSE": "FAIL_CLOSED", "FAIL_OPEN": "FAIL_OPEN"}


@dataclass(frozen=True, slots=True)
class Service:
    """One host and port that workloads call, and the port it is reached at outside."""

    host: str
    port: int
    target_port: int

    @property
    def cluster(self) -> str:
        """The cluster's name as Istio makes it."""
        return f"outbound|{self.port}||{self.host}"


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS that the sidecar opens towards `host`."""

    host: str
    sni: str
    subject_alt_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """The workload beside which the sidecar runs."""

    namespace: str
    name: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WasmFilter:
    """An HTTP filter: its name, whom it is for, and Envoy's configuration of it."""

    name: str
    namespace: str
    selector: tuple[tuple[str, str], ...]
    typed_config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mesh:
    """Everything that the manifests say about one sidecar."""

    workload: Workload
    services: tuple[Service, ...]
    tls: tuple[Tls, ...]
    filters: tuple[WasmFilter, ...]


def translate(documents: Sequence[Document]) -> Mesh:
    """What the sidecar of the one Deployment has to know.

    Raises `ManifestError` for a kind, field or value that has no translation, for a DestinationRule
    without a ServiceEntry, and where there is not exactly one Deployment.
    """
    workloads: list[Workload] = []
    services: list[Service] = []
    tls: list[Tls] = []
    filters: list[WasmFilter] = []
    for document in documents:
        fields = document.fields()
        fields.ignore("apiVersion", "kind")
        match document.kind:
            case "Deployment":
                workloads.append(_deployment(fields))
            case "ServiceEntry":
                services += _service_entry(fields)
            case "DestinationRule":
                tls.append(_destination_rule(fields))
            case "WasmPlugin":
                filters.append(_wasm_plugin(fields))
            case "EnvoyFilter":
                filters.append(_envoy_filter(fields))
            case "ServiceAccount":
                continue  # An identity in the cluster; nothing here asks for one.
            case kind:
                raise fields.error("kind", f"{kind!r} is not understood here")
    if len(workloads) != 1:
        raise ManifestError(f"the manifests hold {len(workloads)} Deployments; one is needed")
    hosts = {service.host for service in services}
    for each in tls:
        if each.host not in hosts:
            raise ManifestError(f"DestinationRule for {each.host}: no ServiceEntry names that host")
    workload = workloads[0]
    fitting = tuple(each for each in filters if _selects(each, workload))
    return Mesh(workload, tuple(services), tuple(tls), fitting)


def _selects(wasm: WasmFilter, workload: Workload) -> bool:
    labels = set(workload.labels)
    return wasm.namespace == workload.namespace and labels.issuperset(wasm.selector)


def _metadata(fields: Fields) -> tuple[str, str]:
    metadata = fields.mapping("metadata")
    name, namespace = metadata.text("name"), metadata.text("namespace", "default")
    metadata.ignore("labels", "annotations")  # They select nothing on the resources themselves.
    metadata.done()
    return name, namespace


def _labels(fields: Fields, name: str) -> tuple[tuple[str, str], ...]:
    found = fields.raw(name)
    if not isinstance(found, dict) or not found:
        raise fields.error(name, "must be a mapping of labels, and not empty")
    return tuple(sorted((str(key), str(value)) for key, value in found.items()))


def _deployment(fields: Fields) -> Workload:
    name, namespace = _metadata(fields)
    # Of a Deployment a sidecar knows its name and the pod's labels; the rest is Kubernetes' own.
    template = fields.mapping("spec").mapping("template")
    labels = _labels(template.mapping("metadata"), "labels")
    return Workload(namespace, name, labels)


def _service_entry(fields: Fields) -> list[Service]:
    _metadata(fields)
    spec = fields.mapping("spec")
    fields.done()
    hosts = spec.texts("hosts", required=True)
    spec.one_of("location", ("MESH_EXTERNAL",))
    spec.one_of("resolution", ("DNS",))
    ports = []
    for port in spec.mappings("ports"):
        port.ignore("name")  # Names a port for people.
        port.one_of("protocol", ("HTTP",))
        number = port.number("number")
        ports.append((number, port.number("targetPort", number)))
        port.done()
    spec.done()
    return [Service(host, number, target) for host in hosts for number, target in ports]


def _destination_rule(fields: Fields) -> Tls:
    _metadata(fields)
    spec = fields.mapping("spec")
    fields.done()
    host = spec.text("host")
    policy = spec.mapping("trafficPolicy")
    tls = policy.mapping("tls")
    tls.one_of("mode", ("SIMPLE",))
    names = tls.texts("subjectAltNames", required=True)
    found = Tls(host, tls.text("sni", host), tuple(names))
    for each in (tls, policy, spec):
        each.done()
    return found


def _wasm_plugin(fields: Fields) -> WasmFilter:
    name, namespace = _metadata(fields)
    spec = fields.mapping("spec")
    fields.done()
    selector = spec.mapping("selector")
    labels = _labels(selector, "matchLabels")
    selector.done()
    for match in spec.mappings("match"):
        match.one_of("mode", ("CLIENT",))
        match.done()
    spec.one_of("phase", ("AUTHN", "AUTHZ", "STATS"))
    strategy = spec.one_of("failStrategy", tuple(_FAILURE_POLICIES))
    spec.ignore("imagePullPolicy")  # Nothing is pulled here.
    config = spec.raw("pluginConfig")
    plugin = {
        "name": f"{namespace}.{name}",
        "root_id": "",
        "failure_policy": _FAILURE_POLICIES[strategy],
        "vm_config": _vm(f"{namespace}.{name}", _local_file(spec, "url")),
        # Istio gives the plugin its pluginConfig as a JSON string.
        "configuration": {"@type": _STRING_TYPE, "value": json.dumps(config, ensure_ascii=False)},
    }
    spec.done()
    return WasmFilter(name, namespace, labels, {"@type": _WASM_TYPE, "config": plugin})


def _envoy_filter(fields: Fields) -> WasmFilter:
    name, namespace = _metadata(fields)
    spec = fields.mapping("spec")
    fields.done()
    selector = spec.mapping("workloadSelector")
    labels = _labels(selector, "labels")
    selector.done()
    inserted: str | None = None
    found: WasmFilter | None = None
    for patch in spec.mappings("configPatches"):
        if patch.one_of("applyTo", ("HTTP_FILTER", "EXTENSION_CONFIG")) == "HTTP_FILTER":
            inserted = _inserted_filter(patch)
        else:
            found = _extension(patch, namespace)
        patch.done()
    spec.done()
    if found is None or inserted != found.name:
        raise ManifestError(
            f"EnvoyFilter/{name}: needs one HTTP_FILTER and one EXTENSION_CONFIG of the same name"
        )
    return replace(found, selector=labels)


def _inserted_filter(patch: Fields) -> str:
    match = patch.mapping("match")
    match.one_of("context", ("SIDECAR_OUTBOUND",))
    listener = match.mapping("listener")
    chain = listener.mapping("filterChain")
    manager = chain.mapping("filter")
    manager.one_of("name", ("envoy.filters.network.http_connection_manager",))
    router = manager.mapping("subFilter")
    router.one_of("name", ("envoy.filters.http.router",))
    change = patch.mapping("patch")
    change.one_of("operation", ("INSERT_BEFORE",))
    value = change.mapping("value")
    name = value.text("name")
    discovery = value.mapping("config_discovery")
    discovery.ignore("config_source")  # Where the control plane is; here it is resolved in place.
    if discovery.texts("type_urls", required=True) != [_WASM_TYPE]:
        raise discovery.error("type_urls", f"must be [{_WASM_TYPE}]")
    for each in (match, listener, chain, manager, router, change, value, discovery):
        each.done()
    return name


def _extension(patch: Fields, namespace: str) -> WasmFilter:
    change = patch.mapping("patch")
    change.one_of("operation", ("ADD",))
    value = change.mapping("value")
    name = value.text("name")
    typed = value.mapping("typed_config")
    typed.one_of("@type", (_WASM_TYPE,))
    plugin = typed.mapping("config")
    machine = plugin.mapping("vm_config")
    uri = machine.mapping("code").mapping("remote").mapping("http_uri")
    file = _local_file(uri, "uri")
    for each in (change, value, typed):
        each.done()
    # The rest is Envoy's own configuration, which Envoy itself checks.
    code = {"local": {"filename": file}}
    local = {**plugin.content, "vm_config": {**machine.content, "code": code}}
    return WasmFilter(name, namespace, (), {"@type": _WASM_TYPE, "config": local})


def _local_file(fields: Fields, name: str) -> str:
    url = fields.text(name)
    if not url.startswith("file:///"):
        raise fields.error(name, f"{url!r} cannot be fetched here; give the shim as file:///…")
    return url.removeprefix("file://")


def _vm(vm_id: str, file: str) -> dict[str, Any]:
    return {
        "vm_id": vm_id,
        "runtime": "envoy.wasm.runtime.v8",
        "code": {"local": {"filename": file}},
    }
