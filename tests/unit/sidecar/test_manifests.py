"""The manifests: everything in them is understood, and both forms say the same."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh.sidecar import Document, ManifestError, load, translate
from mesh.sidecar.model import Retries, Route, Service, Tls, Workload
from tests.support.mesh import (
    DENY_PATTERN,
    HOSTS,
    KEY_BROKER,
    LLM_GUARD,
    MANIFESTS,
    PROVIDER,
    SIGNING_SECRET,
    TRIGGER_TOKEN,
    UNGUARDED,
    Form,
    manifests,
    values,
)


def plugin_of(shim: Path, form: Form) -> dict[str, Any]:
    (wasm,) = translate(manifests(form, values(shim))).filters
    plugin = wasm.typed_config["config"]
    assert isinstance(plugin, dict)
    return plugin


def plugin_config(shim: Path, form: Form) -> dict[str, Any]:
    configuration = plugin_of(shim, form)["configuration"]
    assert configuration["@type"] == "type.googleapis.com/google.protobuf.StringValue"
    config = json.loads(configuration["value"])
    assert isinstance(config, dict)
    return config


def test_base_says_who_calls_and_how_each_host_is_reached() -> None:
    mesh = translate(load([MANIFESTS / "base"], HOSTS))

    labels = (("app", "sleep"), ("sidecar.istio.io/inject", "true"))
    tags = ("check", "mode", "phase", "verdict", "decision", "reason", "result", "host", "cause")
    assert mesh.workload == Workload("default", "sleep", labels, tags)
    assert set(mesh.services) == {
        Service(PROVIDER, 80, 443),
        Service(DENY_PATTERN, 80, 443),
        Service(LLM_GUARD, 80, 443),
        Service(KEY_BROKER, 80, 443),
        Service(UNGUARDED, 80, 80),
    }
    assert set(mesh.tls) == {
        Tls(host, host, (host,)) for host in (PROVIDER, DENY_PATTERN, LLM_GUARD, KEY_BROKER)
    }
    retries = Retries(2, "connect-failure,refused-stream")
    assert mesh.routes == (Route((PROVIDER, f"{PROVIDER}."), PROVIDER, 80, retries),)
    assert mesh.filters == ()


def test_clusters_are_named_as_istio_names_them() -> None:
    assert Service(PROVIDER, 80, 443).cluster == f"outbound|80||{PROVIDER}"


def test_both_forms_configure_the_shim_alike_but_for_the_body(shim: Path) -> None:
    portable, hold = plugin_config(shim, "portable"), plugin_config(shim, "hold")

    assert portable.pop("body") == "portable"
    assert hold.pop("body") == "hold"
    assert portable == hold


@pytest.mark.parametrize("form", ["portable", "hold"])
def test_the_shim_asks_the_checks_at_the_clusters_that_base_makes(shim: Path, form: Form) -> None:
    mesh = translate(manifests(form, values(shim)))
    config = plugin_config(shim, form)

    clusters = {each.cluster for each in mesh.services}
    assert {check["cluster"] for check in config["checks"]} <= clusters
    assert [check["authority"] for check in config["checks"]] == [DENY_PATTERN, LLM_GUARD]
    assert config["broker"]["cluster"] in clusters
    assert config["broker"]["authority"] == KEY_BROKER
    assert {f"outbound|80||{host['name']}" for host in config["hosts"]} <= clusters


@pytest.mark.parametrize("form", ["portable", "hold"])
def test_every_secret_stands_where_the_shim_looks_for_it(shim: Path, form: Form) -> None:
    config = plugin_config(shim, form)

    assert config["signing_secrets"] == [SIGNING_SECRET]
    assert config["broker"]["token"] == TRIGGER_TOKEN
    assert {check["token"] for check in config["checks"]} == {TRIGGER_TOKEN}


@pytest.mark.parametrize("form", ["portable", "hold"])
def test_no_key_of_a_provider_stands_in_a_manifest(shim: Path, form: Form) -> None:
    credentials = [host["credential"] for host in plugin_config(shim, form)["hosts"]]

    assert credentials == [{"header": "authorization", "prefix": "Bearer "}]


def test_the_shims_own_denials_are_json_in_the_providers_shape(shim: Path) -> None:
    (host,) = plugin_config(shim, "hold")["hosts"]
    native, compatible = (json.loads(denial["body"]) for denial in host["denials"])

    assert native["code"] == "{reason}"
    assert compatible["error"]["code"] == "{reason}"


def test_only_hold_needs_options_that_a_wasm_plugin_cannot_say(shim: Path) -> None:
    portable, hold = plugin_of(shim, "portable"), plugin_of(shim, "hold")

    assert portable["failure_policy"] == "FAIL_CLOSED"
    assert "allow_on_headers_stop_iteration" not in portable
    assert hold["failure_policy"] == "FAIL_RELOAD"
    assert hold["allow_on_headers_stop_iteration"] is True
    local = {"local": {"filename": str(shim)}}
    assert portable["vm_config"]["code"] == hold["vm_config"]["code"] == local


@pytest.mark.parametrize("form", ["portable", "hold"])
def test_the_shim_may_lie_in_a_folder_of_any_name(tmp_path: Path, form: Form) -> None:
    shim = tmp_path / "a folder %20" / "shim.wasm"
    shim.parent.mkdir()
    shim.touch()
    filled = {**values(shim), "MESHWARD_SHIM_URL": shim.as_uri()}

    (wasm,) = translate(manifests(form, filled)).filters
    code = wasm.typed_config["config"]["vm_config"]["code"]
    assert code == {"local": {"filename": str(shim)}}


def test_both_forms_at_once_are_refused(shim: Path) -> None:
    folders = [MANIFESTS / name for name in ("base", "portable", "hold")]

    with pytest.raises(ManifestError, match="both forms of the shim are there"):
        translate(load(folders, values(shim)))


@pytest.mark.parametrize("form", ["portable", "hold"])
def test_no_field_of_any_manifest_is_dropped_in_silence(shim: Path, form: Form) -> None:
    """Put a stranger next to every field in turn: each is refused, or below what is left out."""
    documents = manifests(form, values(shim))
    accepted = set()
    for document in documents:
        for path, mapping in mappings(document.content, ""):
            mapping["stranger"] = "here"
            if not refused_for(document, documents):
                accepted.add(f"{document.kind}:{path}")
            del mapping["stranger"]

    assert accepted == LEFT_OUT["every form"] | LEFT_OUT[form]


# Where unknown fields are passed over: what only Kubernetes reads, labels, and what Envoy or the
# shim checks by itself.
ACCESS_LOG = "spec.configPatches[0].patch.value.typed_config.access_log[0]"
LEFT_OUT = {
    "every form": {
        *(f"{kind}:metadata.labels" for kind in ("ServiceAccount", "Deployment", "Sidecar")),
        *(f"{kind}:metadata.labels" for kind in ("ServiceEntry", "DestinationRule")),
        "VirtualService:metadata.labels",
        "Deployment:spec",
        "Deployment:spec.selector",
        "Deployment:spec.selector.matchLabels",
        "Deployment:spec.template",
        "Deployment:spec.template.metadata.annotations",
        "Deployment:spec.template.metadata.labels",
        "Deployment:spec.template.spec",
        "Deployment:spec.template.spec.containers[0]",
        "EnvoyFilter:metadata.labels",
        *(f"EnvoyFilter:{ACCESS_LOG}{part}" for part in ("", ".filter", ".typed_config")),
        f"EnvoyFilter:{ACCESS_LOG}.filter.extension_filter",
        f"EnvoyFilter:{ACCESS_LOG}.filter.extension_filter.typed_config",
        f"EnvoyFilter:{ACCESS_LOG}.typed_config.log_format",
        f"EnvoyFilter:{ACCESS_LOG}.typed_config.log_format.json_format",
    },
    "portable": {
        "WasmPlugin:metadata.labels",
        "WasmPlugin:spec.pluginConfig",
        "WasmPlugin:spec.pluginConfig.broker",
        "WasmPlugin:spec.pluginConfig.hosts[0]",
        "WasmPlugin:spec.pluginConfig.hosts[0].credential",
        "WasmPlugin:spec.pluginConfig.hosts[0].denials[0]",
        "WasmPlugin:spec.pluginConfig.hosts[0].denials[1]",
        "WasmPlugin:spec.pluginConfig.checks[0]",
        "WasmPlugin:spec.pluginConfig.checks[1]",
    },
    "hold": {
        "EnvoyFilter:spec.configPatches[0].patch.value.config_discovery.config_source",
        "EnvoyFilter:spec.configPatches[0].patch.value.config_discovery.config_source.ads",
        "EnvoyFilter:spec.configPatches[1].patch.value.typed_config.config",
        "EnvoyFilter:spec.configPatches[1].patch.value.typed_config.config.vm_config",
        "EnvoyFilter:spec.configPatches[1].patch.value.typed_config.config.configuration",
    },
}


def refused_for(document: Document, documents: list[Document]) -> bool:
    try:
        translate(documents)
    except ManifestError as error:
        return str(error).startswith(f"{document.place}: ")
    return False


def mappings(node: object, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield path, node
        for name, value in list(node.items()):
            yield from mappings(value, f"{path}.{name}" if path else name)
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield from mappings(value, f"{path}[{at}]")
