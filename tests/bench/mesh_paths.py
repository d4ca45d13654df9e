"""The ways that a call can take through one Envoy, each by a listener of its own.

    plain                                     ──▶ provider
    empty, injecting, holding: do the least   ──▶ provider
    asking: likewise                          ──▶ check  ──▶ provider
    check, hold, two, slow, two-slow: shim    ──▶ checks ──▶ provider
    cached: the shim, which has asked before  ──▶ provider
    reply: the shim, checking the answer      ──▶ provider, or the one that streams
    ext_authz, lua, ext_proc: what else there is, asking the same check with the same body

Whatever asks a check also sets the provider's key: the shim by itself, a Lua filter in its script,
the others by their route.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from infra.ports import free_port
from mesh.sidecar import Mesh, Ports, Redirect, bootstrap
from mesh.sidecar.model import Retries, Route, Service, WasmFilter, Workload
from tests.bench.mesh_backend import Backend

PROVIDER: Final = "dashscope.aliyuncs.com"
STREAMS: Final = "streams.test"
CHAT: Final = "/compatible-mode/v1/chat/completions"
MODELS: Final = "/compatible-mode/v1/models"
"""A path that needs no check: what the shim does there is to set the key."""
_KEY: Final = "sk-0123456789abcdef0123456789abcdef"
_CHECKS: Final = ("check.test", "second.test")
_SLOW: Final = ("slow.test", "second-slow.test")
_EXT_PROC: Final = "ext-proc"
_BODY_BYTES_MAX: Final = 1_048_576
_TIMEOUT_MS: Final = 5_000
_FILTERS: Final = "type.googleapis.com/envoy.extensions.filters.http"
_LUA: Final = f"""
function envoy_on_request(handle)
  handle:headers():replace("authorization", "Bearer {_KEY}")
  local body = handle:body()
  local headers, answer = handle:httpCall(
    "outbound|80||{_CHECKS[0]}",
    {{
      [":method"] = "POST", [":path"] = "/v1/verdict", [":authority"] = "{_CHECKS[0]}",
      ["content-type"] = handle:headers():get("content-type"),
    }},
    body:getBytes(0, body:length()),
    {_TIMEOUT_MS}
  )
  if headers["x-meshward-verdict"] ~= "allow" then
    handle:respond({{[":status"] = "403"}}, answer)
  end
end
"""


@dataclass(frozen=True, slots=True)
class Way:
    """The filters before the router, and whether the route sets the key."""

    filters: tuple[WasmFilter, ...] = ()
    keyed_route: bool = False


@dataclass(frozen=True, slots=True)
class Paths:
    """An Envoy's bootstrap, and the port of each way's listener."""

    bootstrap: dict[str, Any]
    ports: Mapping[str, int] = field(default_factory=dict)


def paths(
    shim: Path,
    least: Mapping[str, Path],
    backend: Backend,
    streams_port: int,
    ext_proc_port: int | None,
) -> Paths:
    """All ways; `ext_proc` only with the port of its server."""
    ways = {
        "plain": Way(),
        **{name: _shim(file, _CHECKS[:1]) for name, file in least.items()},
        "check": _shim(shim, _CHECKS[:1]),
        "hold": _shim(shim, _CHECKS[:1], form="hold"),
        "cached": _shim(shim, _CHECKS[:1], cache={"entries": 1000, "seconds": 60}),
        "reply": _shim(shim, _CHECKS[:1], phase="response"),
        "two": _shim(shim, _CHECKS),
        "slow": _shim(shim, _SLOW[:1]),
        "two-slow": _shim(shim, _SLOW),
        "ext_authz": _ext_authz(),
        "lua": _lua(),
    }
    if ext_proc_port is not None:
        ways["ext_proc"] = _ext_proc()
    admin = free_port().number
    redirects = _redirects(backend)
    redirects[f"{STREAMS}:80"] = Redirect("127.0.0.1", streams_port)
    ports, listeners, clusters = {}, [], []
    for name, way in ways.items():
        ports[name] = free_port().number
        config = bootstrap(_mesh(way), Ports(ports[name], admin), redirects)
        (listener,) = config["static_resources"]["listeners"]
        if way.keyed_route:
            _set_key(listener)
        listeners.append({**listener, "name": name})
        clusters = config["static_resources"]["clusters"]
    if ext_proc_port is not None:
        clusters.append(_grpc_cluster(ext_proc_port))
    config["static_resources"] = {"listeners": listeners, "clusters": clusters}
    return Paths(config, ports)


def many(shim: Path, backend: Backend, count: int) -> dict[str, Any]:
    """A bootstrap with so many listeners before the provider, each with the shim in a machine of
    its own; and one listener without."""
    ways = [Way(), *(_shim(shim, _CHECKS[:1]) for _ in range(count))]
    admin = free_port().number
    redirects = _redirects(backend)
    listeners = []
    for number, way in enumerate(ways):
        for each in way.filters:
            each.typed_config["config"]["vm_config"]["vm_id"] = str(number)
        config = bootstrap(_mesh(way), Ports(free_port().number, admin), redirects)
        listeners += [{**config["static_resources"]["listeners"][0], "name": str(number)}]
    config["static_resources"]["listeners"] = listeners
    return config


def _redirects(backend: Backend) -> dict[str, Redirect]:
    ports = {PROVIDER: backend.provider}
    ports |= dict.fromkeys(_CHECKS, backend.check) | dict.fromkeys(_SLOW, backend.slow)
    return {f"{host}:80": Redirect("127.0.0.1", port) for host, port in ports.items()}


def _mesh(way: Way) -> Mesh:
    hosts = (PROVIDER, STREAMS, *_CHECKS, *_SLOW)
    # As mesh/manifests/ routes the provider's calls.
    retries = Retries(2, "connect-failure,refused-stream")
    return Mesh(
        workload=Workload("default", "sleep", (("app", "sleep"),)),
        services=tuple(Service(host, 80, 80) for host in hosts),
        tls=(),
        routes=(Route((PROVIDER,), PROVIDER, 80, retries),),
        filters=way.filters,
    )


def _set_key(listener: dict[str, Any]) -> None:
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    header = {"key": "authorization", "value": f"Bearer {_KEY}"}
    manager["route_config"]["request_headers_to_add"] = [
        {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    ]


def _shim(
    shim: Path,
    asked: Sequence[str],
    form: str = "portable",
    phase: str = "request",
    **changed: object,
) -> Way:
    """The shim as mesh/manifests/ configures it, asking the checks at `asked` in one stage."""
    denial = {"path_prefix": "/", "content_type": "application/json", "body": '{"r":"{reason}"}'}
    checks = [
        {
            "name": host.partition(".")[0],
            "stage": 1,
            "cluster": f"outbound|80||{host}",
            "authority": host,
            "timeout_ms": _TIMEOUT_MS,
            "phases": [phase],
            "token": "t" * 200,
        }
        for host in asked
    ]
    guarded = {
        "credential": {"header": "authorization", "prefix": "Bearer ", "key": _KEY},
        "denials": [denial],
        "unchecked": [MODELS],
    }
    plugin = {
        "contract": 1,
        "policy": "default",
        "body": form,
        "signing_secrets": ["a signing secret of 32 bytes or so"],
        "hosts": [{"name": host, **guarded} for host in (PROVIDER, STREAMS)],
        "checks": checks,
        **changed,
    }
    config = {
        "name": "meshward",
        "failure_policy": "FAIL_RELOAD",
        "allow_on_headers_stop_iteration": form == "hold",
        "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": str(shim)}},
        },
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": json.dumps(plugin),
        },
    }
    return Way((_filter("wasm.v3.Wasm", {"config": config}),))


def _ext_authz() -> Way:
    uri = {
        "uri": f"http://{_CHECKS[0]}",
        "cluster": f"outbound|80||{_CHECKS[0]}",
        "timeout": f"{_TIMEOUT_MS / 1000}s",
    }
    config = {
        "http_service": {"server_uri": uri, "path_prefix": "/v1/verdict"},
        "with_request_body": {"max_request_bytes": _BODY_BYTES_MAX},
    }
    return Way((_filter("ext_authz.v3.ExtAuthz", config),), keyed_route=True)


def _lua() -> Way:
    config = {"default_source_code": {"inline_string": _LUA}}
    return Way((_filter("lua.v3.Lua", config),))


def _ext_proc() -> Way:
    config = {
        "grpc_service": {"envoy_grpc": {"cluster_name": _EXT_PROC}},
        "message_timeout": f"{_TIMEOUT_MS / 1000}s",
        "processing_mode": {
            "request_header_mode": "SKIP",
            "response_header_mode": "SKIP",
            "request_body_mode": "BUFFERED",
        },
    }
    return Way((_filter("ext_proc.v3.ExternalProcessor", config),), keyed_route=True)


def _grpc_cluster(port: int) -> dict[str, Any]:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "name": _EXT_PROC,
        "load_assignment": {
            "cluster_name": _EXT_PROC,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "typed_extension_protocol_options": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }


def _filter(kind: str, config: dict[str, Any]) -> WasmFilter:
    name = kind.partition(".")[0]
    return WasmFilter(f"envoy.filters.http.{name}", {"@type": f"{_FILTERS}.{kind}", **config})
