"""What cannot be tried here is an error that names file, resource, field, and what to do."""

import copy
from pathlib import Path
from typing import Any

import pytest

from mesh.sidecar import ManifestError, translate
from mesh.sidecar.documents import Document
from mesh.sidecar.model import ISTIO_RETRIES, Retries

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


@pytest.fixture
def contents(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """One good resource of each kind, by kind; the two forms of the shim side by side."""
    shim = tmp_path / "shim.wasm"
    shim.touch()
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


def documents(contents: dict[str, dict[str, Any]], *without: str) -> list[Document]:
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


@pytest.mark.parametrize("form", ["WasmPlugin", "EnvoyFilter"])
def test_the_good_resources_are_translated(contents: dict[str, dict[str, Any]], form: str) -> None:
    mesh = translate(documents(contents, other_form(form)))

    assert [each.host for each in mesh.services] == [HOST]
    assert [each.host for each in mesh.tls] == [HOST]
    assert [each.hosts for each in mesh.routes] == [(HOST,)]
    assert len(mesh.filters) == 1


BROKEN = [
    ("WasmPlugin", "apiVersion", "v2",
     "'v2' cannot be tried here; use extensions.istio.io/v1alpha1"),
    ("ServiceEntry", "metadata.namespace", "other", "is 'other'; the workload is in 'default'"),
    ("ServiceEntry", "spec.hosts", "one", "must be a list of strings"),
    ("ServiceEntry", "spec.hosts", [], "must be a list of strings, and not empty"),
    ("ServiceEntry", "spec.hosts", ["*.example.com"],
     "'*.example.com' is not a host; use a full name in small letters, no *"),
    ("ServiceEntry", "spec.hosts", ["Api.example.com"],
     "'Api.example.com' is not a host; use a full name in small letters, no *"),
    ("ServiceEntry", "spec.hosts", ["10.0.0.1"],
     "'10.0.0.1' is not a host; use a full name in small letters, no *"),
    ("ServiceEntry", "spec.location", "MESH_INTERNAL",
     "'MESH_INTERNAL' cannot be tried here; use MESH_EXTERNAL"),
    ("ServiceEntry", "spec.resolution", "STATIC", "'STATIC' cannot be tried here; use DNS"),
    ("ServiceEntry", "spec.exportTo", ["."],
     "is not understood here; remove it, or teach mesh/sidecar what it means"),
    ("ServiceEntry", "spec.ports.0.number", 8080, "8080 cannot be tried here; use 80"),
    ("ServiceEntry", "spec.ports.0.number", "80", "must be a whole number"),
    ("ServiceEntry", "spec.ports.0.number", True, "must be a whole number"),
    ("ServiceEntry", "spec.ports.0.protocol", "HTTPS", "'HTTPS' cannot be tried here; use HTTP"),
    ("ServiceEntry", "spec.ports", [], "must be a list of mappings, and not empty"),
    ("DestinationRule", "spec.trafficPolicy.tls.mode", "MUTUAL",
     "'MUTUAL' cannot be tried here; use SIMPLE"),
    ("DestinationRule", "spec.trafficPolicy.tls.caCertificates", "/some/other.crt",
     f"'/some/other.crt' cannot be tried here; use {CA_FILE}"),
    ("DestinationRule", "spec.trafficPolicy.tls.insecureSkipVerify", True,
     "is not understood here; remove it, or teach mesh/sidecar what it means"),
    ("DestinationRule", "spec.trafficPolicy.connectionPool", {},
     "is not understood here; remove it, or teach mesh/sidecar what it means"),
    ("VirtualService", "spec.hosts", ["*"],
     "'*' is not a host; use a full name in small letters, no *"),
    ("VirtualService", "spec.http.0.timeout", "5s",
     "is not understood here; remove it, or teach mesh/sidecar what it means"),
    ("VirtualService", "spec.http.0.route", [{}, {}],
     "has 2 entries; only one can be tried here"),
    ("Sidecar", "spec.outboundTrafficPolicy.mode", "ALLOW_ANY",
     "'ALLOW_ANY' cannot be tried here; use REGISTRY_ONLY"),
    ("WasmPlugin", "spec.match.0.mode", "SERVER", "'SERVER' cannot be tried here; use CLIENT"),
    ("WasmPlugin", "spec.failStrategy", "FAIL_RELOAD",
     "'FAIL_RELOAD' cannot be tried here; use FAIL_CLOSE or FAIL_OPEN"),
    ("WasmPlugin", "spec.priority", 10,
     "is not understood here; remove it, or teach mesh/sidecar what it means"),
    ("WasmPlugin", "spec.url", "oci://example.com/shim:1",
     "'oci://example.com/shim:1' cannot be fetched here; give the shim as file:///…"),
    ("WasmPlugin", "spec.url", "file:///nowhere/shim.wasm",
     "/nowhere/shim.wasm is not there; build it with python -m mesh.shim.build"),
    ("WasmPlugin", "spec.pluginConfig", "{}", "must be a mapping"),
    ("WasmPlugin", "spec.selector.matchLabels", {"app": 1},
     "must map names to strings (quote true and 1), and not be empty"),
    ("EnvoyFilter", "spec.configPatches.0.applyTo", "CLUSTER",
     "'CLUSTER' cannot be tried here; use HTTP_FILTER or EXTENSION_CONFIG"),
    ("EnvoyFilter", "spec.configPatches.0.match.context", "GATEWAY",
     "'GATEWAY' cannot be tried here; use SIDECAR_OUTBOUND"),
    ("EnvoyFilter", "spec.configPatches.0.patch.operation", "INSERT_FIRST",
     "'INSERT_FIRST' cannot be tried here; use INSERT_BEFORE"),
    ("EnvoyFilter", "spec.configPatches.0.patch.value.config_discovery.type_urls", ["some"],
     f"must hold {WASM}"),
    ("EnvoyFilter",
     "spec.configPatches.1.patch.value.typed_config.config.vm_config.code.remote.sha256", "00",
     "is not understood here; remove it, or teach mesh/sidecar what it means"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path", "value", "message"), BROKEN)
def test_a_broken_field_is_named(
    contents: dict[str, dict[str, Any]], kind: str, path: str, value: object, message: str
) -> None:
    put(contents[kind], path, value)

    with pytest.raises(ManifestError) as refused:
        translate(documents(contents, other_form(kind)))

    assert str(refused.value) == f"some.yaml: {kind}/it: {shown(path)}: {message}"


def shown(path: str) -> str:
    """A path as messages write it: places in lists stand in brackets."""
    steps = path.split(".")
    return "".join(f"[{each}]" if each.isdigit() else f".{each}" for each in steps).lstrip(".")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("ServiceEntry", "spec.resolution"),
        ("ServiceEntry", "spec.ports.0.number"),
        ("DestinationRule", "spec.trafficPolicy.tls.sni"),
        ("DestinationRule", "spec.trafficPolicy.tls.subjectAltNames"),
        ("DestinationRule", "spec.trafficPolicy.tls.caCertificates"),
        ("WasmPlugin", "spec.match"),
        ("WasmPlugin", "spec.selector"),
        ("WasmPlugin", "spec.pluginConfig"),
        ("EnvoyFilter", "spec.workloadSelector"),
        ("EnvoyFilter", "metadata.name"),
    ],
)
def test_a_field_that_must_be_there_is_named(
    contents: dict[str, dict[str, Any]], kind: str, path: str
) -> None:
    parent, _, name = path.rpartition(".")
    node: Any = contents[kind]
    for step in parent.split("."):
        node = node[int(step) if step.isdigit() else step]
    del node[name]

    with pytest.raises(ManifestError, match="is required; give ") as refused:
        translate(documents(contents, other_form(kind)))

    assert f"{shown(path)}: " in str(refused.value)


def test_retries_can_be_set_turned_off_or_left_to_istio(
    contents: dict[str, dict[str, Any]],
) -> None:
    def retries(given: dict[str, Any] | None) -> Retries:
        changed = copy.deepcopy(contents)
        if given is not None:
            put(changed["VirtualService"], "spec.http.0.retries", given)
        (route,) = translate(documents(changed, "WasmPlugin", "EnvoyFilter")).routes
        return route.retries

    assert retries(None) == ISTIO_RETRIES
    assert retries({"attempts": 0}) == Retries(0, "")
    assert retries({"attempts": 3}) == Retries(3, ISTIO_RETRIES.retry_on)
    assert retries({"attempts": 1, "retryOn": "reset"}) == Retries(1, "reset")
    with pytest.raises(ManifestError, match="status codes cannot be tried here"):
        retries({"attempts": 1, "retryOn": "503"})


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Sidecar", "spec.workloadSelector.labels"),
        ("WasmPlugin", "spec.selector.matchLabels"),
        ("EnvoyFilter", "spec.workloadSelector.labels"),
    ],
)
def test_a_resource_that_selects_another_workload_is_refused(
    contents: dict[str, dict[str, Any]], kind: str, path: str
) -> None:
    put(contents[kind], path, {"app": "awake"})

    with pytest.raises(ManifestError) as refused:
        translate(documents(contents, other_form(kind)))

    what = "selects app: awake, a label that 'it' does not bear"
    assert str(refused.value) == f"some.yaml: {kind}/it: {path}: {what}"


def test_the_patches_of_an_envoy_filter_belong_together(
    contents: dict[str, dict[str, Any]],
) -> None:
    patches = contents["EnvoyFilter"]["spec"]["configPatches"]
    whole = documents(contents, "WasmPlugin")

    patches[0] = filter_patch("other")
    with pytest.raises(ManifestError, match="inserts 'other' and configures 'shim'; use one name"):
        translate(whole)
    del patches[0]
    with pytest.raises(ManifestError, match="must be one HTTP_FILTER and one EXTENSION_CONFIG"):
        translate(whole)


def test_what_does_not_fit_together_is_refused(contents: dict[str, dict[str, Any]]) -> None:
    good = documents(contents, "WasmPlugin", "EnvoyFilter")
    by_kind = {document.kind: document for document in good}

    def refused(found: list[Document]) -> str:
        with pytest.raises(ManifestError) as error:
            translate(found)
        return str(error.value)

    def without(kind: str) -> list[Document]:
        return [document for document in good if document.kind != kind]

    assert refused(without("Deployment")) == "the manifests hold 0 Deployments; one is needed"
    assert refused([*good, by_kind["ServiceEntry"]]) == (
        f"ServiceEntry for {HOST}: there are several; keep one"
    )
    assert refused([*good, by_kind["DestinationRule"]]) == (
        f"DestinationRule for {HOST}: there are several; keep one"
    )
    assert refused(without("ServiceEntry")) == (
        f"DestinationRule for {HOST}: no ServiceEntry names it"
    )
    alone = [by_kind["Deployment"], by_kind["VirtualService"]]
    assert refused(alone) == f"VirtualService to {HOST} port 80: no ServiceEntry names it"


def test_a_kind_that_is_not_known_is_refused(contents: dict[str, dict[str, Any]]) -> None:
    gateway = Document(Path("some.yaml"), resource("Gateway", "networking.istio.io/v1", {}))

    with pytest.raises(ManifestError, match="Gateway/it: kind: 'Gateway' cannot be tried here"):
        translate([*documents(contents, "EnvoyFilter"), gateway])
