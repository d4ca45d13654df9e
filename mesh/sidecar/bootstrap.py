"""A mesh → the bootstrap of an Envoy that behaves like its sidecar.

    listener 0.0.0.0_80 (here on loopback) ──▶ Wasm filters ──▶ router
         routes "80": one virtual host for each service ──▶ cluster outbound|80||host
                      anything else ──▶ 502, as under outboundTrafficPolicy REGISTRY_ONLY

Names are Istio's, so that a shim configuration fits both. Two things differ, because nothing here
redirects a pod's traffic: the listener has a port of its own, and a host that no ServiceEntry names
is refused instead of being passed to where the connection was going. Istio's default retries are
left out: they retry only what never reached the provider, and would hide faults that tests cause.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mesh.sidecar.documents import ManifestError
from mesh.sidecar.translate import Mesh, Service, Tls

_LOOPBACK: Final = "127.0.0.1"
_EXTENSIONS: Final = "type.googleapis.com/envoy.extensions"
_HTTP_PORT: Final = 80


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a host's port is to be found instead; its certificate is checked against `ca_file`.

    Like a line in /etc/hosts and one more authority: name, SNI and expected certificate stay.
    """

    address: str
    port: int
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports: of the listener that applications call, and of Envoy's admin pages."""

    listener: int
    admin: int


def bootstrap(mesh: Mesh, ports: Ports, redirects: Mapping[str, Redirect]) -> dict[str, Any]:
    """Envoy's configuration (envoy.config.bootstrap.v3.Bootstrap) as a JSON-like mapping.

    `redirects` is keyed by `host:port`, the port being the one outside the mesh.
    """
    services = [each for each in mesh.services if each.port == _HTTP_PORT]
    if len(services) != len(mesh.services):
        raise ManifestError("only services on port 80 can be tried here")
    tls = {each.host: each for each in mesh.tls}
    return {
        "node": _node(mesh),
        "admin": {"address": _address(_LOOPBACK, ports.admin)},
        "static_resources": {
            "listeners": [_listener(mesh, services, ports.listener)],
            "clusters": [_cluster(each, tls.get(each.host), redirects) for each in services],
        },
    }


def _node(mesh: Mesh) -> dict[str, Any]:
    workload = mesh.workload
    return {
        "id": f"sidecar~{_LOOPBACK}~{workload.name}.{workload.namespace}~local",
        "cluster": f"{workload.name}.{workload.namespace}",
        "metadata": {
            "NAMESPACE": workload.namespace,
            "WORKLOAD_NAME": workload.name,
            "NAME": workload.name,
            "LABELS": dict(workload.labels),
        },
    }


def _listener(mesh: Mesh, services: list[Service], port: int) -> dict[str, Any]:
    filters = [{"name": each.name, "typed_config": each.typed_config} for each in mesh.filters]
    router = {"@type": f"{_EXTENSIONS}.filters.http.router.v3.Router"}
    manager = {
        "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "outbound_0.0.0.0_80",
        "codec_type": "AUTO",
        "use_remote_address": False,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {
            "name": "80",
            "ignore_port_in_host_matching": True,
            "validate_clusters": True,
            "virtual_hosts": [*map(_virtual_host, services), _BLOCK_ALL],
        },
        "http_filters": [*filters, {"name": "envoy.filters.http.router", "typed_config": router}],
    }
    return {
        "name": "0.0.0.0_80",
        "address": _address(_LOOPBACK, port),
        "traffic_direction": "OUTBOUND",
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }


_BLOCK_ALL: Final[dict[str, Any]] = {
    "name": "block_all",
    "domains": ["*"],
    "routes": [
        {
            "name": "block_all",
            "match": {"prefix": "/"},
            "direct_response": {
                "status": 502,
                "body": {"inline_string": "meshward: no ServiceEntry names this host\n"},
            },
        }
    ],
}


def _virtual_host(service: Service) -> dict[str, Any]:
    return {
        "name": f"{service.host}:{service.port}",
        "domains": [service.host, f"{service.host}."],
        "routes": [
            {
                "name": "default",
                "match": {"prefix": "/"},
                # Istio sets no limit on outbound calls; answers of models take their time.
                "route": {"cluster": service.cluster, "timeout": "0s"},
            }
        ],
    }


def _cluster(
    service: Service, tls: Tls | None, redirects: Mapping[str, Redirect]
) -> dict[str, Any]:
    redirect = redirects.get(f"{service.host}:{service.target_port}")
    place = (
        _address(redirect.address, redirect.port)
        if redirect
        else _address(service.host, service.target_port)
    )
    cluster: dict[str, Any] = {
        "name": service.cluster,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_ONLY",
        "connect_timeout": "10s",
        "load_assignment": {
            "cluster_name": service.cluster,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": place}}]}],
        },
    }
    if tls is not None:
        ca_file = redirect.ca_file if redirect and redirect.ca_file else system_ca_file()
        cluster["transport_socket"] = _transport_socket(tls, ca_file)
    return cluster


def _transport_socket(tls: Tls, ca_file: Path) -> dict[str, Any]:
    names = [{"san_type": "DNS", "matcher": {"exact": name}} for name in tls.subject_alt_names]
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": tls.sni,
            "common_tls_context": {
                "validation_context": {
                    "trusted_ca": {"filename": str(ca_file)},
                    "match_typed_subject_alt_names": names,
                }
            },
        },
    }


def system_ca_file() -> Path:
    """The system's bundle of certificate authorities.

    Raises `ManifestError` where OpenSSL's usual places hold none.
    """
    paths = ssl.get_default_verify_paths()
    usual = (
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    )
    for place in (paths.cafile, *usual):
        if place and Path(place).is_file():
            return Path(place)
    raise ManifestError("no bundle of certificate authorities found; set SSL_CERT_FILE to one")


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
