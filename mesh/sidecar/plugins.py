"""The shim, in the two forms that Istio knows, turned into Envoy's filter.

    WasmPlugin ──▶ what istiod makes of it (istio/istio, pilot/pkg/model/extensions.go)
    EnvoyFilter ──▶ its own filter, with the extension configuration put in place

Each function takes the `spec` of a resource, and gives the labels that it selects and the filter.
"""

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from mesh.sidecar.fields import Fields
from mesh.sidecar.model import WasmFilter

Selected = tuple[tuple[tuple[str, str], ...], WasmFilter]

_WASM_TYPE: Final = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
_STRING_TYPE: Final = "type.googleapis.com/google.protobuf.StringValue"
_FAILURE_POLICIES: Final = {"FAIL_CLOSE": "FAIL_CLOSED", "FAIL_OPEN": "FAIL_OPEN"}


def wasm_plugin(namespace: str, name: str, spec: Fields) -> Selected:
    """The filter of a WasmPlugin for outgoing calls."""
    labels = spec.mapping("selector").labels("matchLabels")
    spec.only_mapping("match").one_of("mode", ("CLIENT",))
    # Phases order several plugins; there is but one here.
    spec.one_of("phase", ("AUTHN", "AUTHZ", "STATS"))
    strategy = spec.one_of("failStrategy", tuple(_FAILURE_POLICIES), "FAIL_CLOSE")
    spec.ignore("imagePullPolicy", "imagePullSecret")  # Nothing is pulled here.
    file = _local_file(spec, "url")
    config = spec.mapping("pluginConfig")
    config.ignore_rest()  # The plugin's own, which it checks itself.
    plugin = {
        "name": f"{namespace}.{name}",
        "root_id": spec.text("pluginName", ""),
        "failure_policy": _FAILURE_POLICIES[strategy],
        "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": _code(file)},
        "configuration": {
            "@type": _STRING_TYPE,
            "value": json.dumps(config.content, ensure_ascii=False),
        },
    }
    filter_name = f"extensions.istio.io/wasmplugin/{namespace}.{name}"
    return labels, WasmFilter(filter_name, {"@type": _WASM_TYPE, "config": plugin})


def envoy_filter(spec: Fields) -> Selected:
    """The filter of an EnvoyFilter that puts a Wasm filter before the router of outgoing calls."""
    labels = spec.mapping("workloadSelector").labels("labels")
    patches = spec.mappings("configPatches")
    kinds = [patch.one_of("applyTo", ("HTTP_FILTER", "EXTENSION_CONFIG")) for patch in patches]
    if sorted(kinds) != ["EXTENSION_CONFIG", "HTTP_FILTER"]:
        raise spec.error("configPatches", "must be one HTTP_FILTER and one EXTENSION_CONFIG")
    by_kind = dict(zip(kinds, patches, strict=True))
    _check_place(by_kind["HTTP_FILTER"].mapping("match"))
    inserted = _inserted_name(by_kind["HTTP_FILTER"].mapping("patch"))
    found = _extension(by_kind["EXTENSION_CONFIG"].mapping("patch"))
    if inserted != found.name:
        what = f"inserts {inserted!r} and configures {found.name!r}; use one name for both"
        raise spec.error("configPatches", what)
    return labels, found


def _check_place(match: Fields) -> None:
    match.one_of("context", ("SIDECAR_OUTBOUND",))
    manager = match.mapping("listener").mapping("filterChain").mapping("filter")
    manager.one_of("name", ("envoy.filters.network.http_connection_manager",))
    manager.mapping("subFilter").one_of("name", ("envoy.filters.http.router",))


def _inserted_name(patch: Fields) -> str:
    patch.one_of("operation", ("INSERT_BEFORE",))
    value = patch.mapping("value")
    discovery = value.mapping("config_discovery")
    source = discovery.mapping("config_source")
    source.ignore_rest()  # Where the control plane is to be asked; here it is resolved in place.
    if _WASM_TYPE not in discovery.texts("type_urls"):
        raise discovery.error("type_urls", f"must hold {_WASM_TYPE}")
    return value.text("name")


def _extension(patch: Fields) -> WasmFilter:
    patch.one_of("operation", ("ADD",))
    value = patch.mapping("value")
    name = value.text("name")
    typed = value.mapping("typed_config")
    typed.one_of("@type", (_WASM_TYPE,))
    plugin = typed.mapping("config")
    machine = plugin.mapping("vm_config")
    uri = machine.mapping("code").mapping("remote").mapping("http_uri")
    uri.ignore("cluster", "timeout")  # How Istio's agent fetches; here the file is there already.
    local = {**machine.content, "code": _code(_local_file(uri, "uri"))}
    # The rest is Envoy's own configuration, which Envoy itself checks, unknown fields included.
    machine.ignore_rest()
    plugin.ignore_rest()
    return WasmFilter(name, {"@type": _WASM_TYPE, "config": {**plugin.content, "vm_config": local}})


def _local_file(fields: Fields, name: str) -> str:
    url = fields.text(name)
    if not url.startswith("file:///"):
        raise fields.error(name, f"{url!r} cannot be fetched here; give the shim as file:///…")
    file = unquote(url.removeprefix("file://"))
    if not Path(file).is_file():
        raise fields.error(name, f"{file} is not there; build it with python -m mesh.shim.build")
    return file


def _code(file: str) -> dict[str, Any]:
    return {"local": {"filename": file}}
