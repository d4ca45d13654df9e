"""What cannot be tried here is an error that names file, resource, field, and what to do."""

import copy
from typing import Any

import pytest

from mesh.sidecar import ManifestError, translate
from mesh.sidecar.model import ISTIO_RETRIES, Retries
from tests.unit.sidecar.resources import (
    CA_FILE,
    HOST,
    WASM,
    Contents,
    documents,
    other_form,
    put,
    shown,
)


@pytest.mark.parametrize("form", ["WasmPlugin", "EnvoyFilter"])
def test_the_good_resources_are_translated(contents: Contents, form: str) -> None:
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
    contents: Contents, kind: str, path: str, value: object, message: str
) -> None:
    put(contents[kind], path, value)

    with pytest.raises(ManifestError) as refused:
        translate(documents(contents, other_form(kind)))

    assert str(refused.value) == f"some.yaml: {kind}/it: {shown(path)}: {message}"


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
def test_a_field_that_must_be_there_is_named(contents: Contents, kind: str, path: str) -> None:
    parent, _, name = path.rpartition(".")
    node: Any = contents[kind]
    for step in parent.split("."):
        node = node[int(step) if step.isdigit() else step]
    del node[name]

    with pytest.raises(ManifestError, match="is required; give ") as refused:
        translate(documents(contents, other_form(kind)))

    assert f"{shown(path)}: " in str(refused.value)


def test_retries_can_be_set_turned_off_or_left_to_istio(
    contents: Contents,
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
