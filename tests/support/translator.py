"""An Envoy that turns HTTP/1.1 into HTTP/2 and back: another one then speaks HTTP/2 on both sides.

    client ──1.1──▶ translator ──2──▶ the sidecar under test ──2──▶ translator ──1.1──▶ upstream

with translated(sidecar_port, {place: upstream_port}) as port:
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from infra.ports import free_port
from tests.support.mesh import running

_V3 = "type.googleapis.com/envoy.extensions"
HTTP2: Mapping[str, Any] = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": f"{_V3}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}
"""Options of a cluster that is spoken to in HTTP/2."""


@contextmanager
def translated(sidecar_port: int, places: Mapping[int, int]) -> Iterator[int]:
    """The port to send HTTP/1.1 to; `places` leads from HTTP/2 ports to the upstreams behind."""
    front = free_port().number
    pairs = [(front, sidecar_port), *places.items()]
    config = {
        "admin": {"address": _address(free_port().number)},
        "static_resources": {
            "listeners": [_listener(port) for port, _ in pairs],
            "clusters": [_cluster(port, to, http2=port == front) for port, to in pairs],
        },
    }
    with running(config):
        yield front


def _listener(port: int) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": f"to-{port}", "timeout": "0s"}}
    manager = {
        "@type": f"{_V3}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": f"at-{port}",
        "codec_type": "AUTO",
        "http_protocol_options": {"enable_trailers": True},
        # What the ends see is what was sent: nothing is added and nothing taken away.
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}],
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": f"{_V3}.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {
        "name": f"at-{port}",
        "address": _address(port),
        "filter_chains": [{"filters": filters}],
    }


def _cluster(port: int, to: int, *, http2: bool) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address(to)}}
    cluster = {
        "name": f"to-{port}",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": f"to-{port}",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    return cluster | ({"typed_extension_protocol_options": dict(HTTP2)} if http2 else {})


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
