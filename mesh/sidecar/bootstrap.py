"""A mesh → the bootstrap of an Envoy that behaves like its sidecar.

    listener 0.0.0.0_80 (here on loopback) ──▶ Wasm filter ──▶ router
         routes "80": a virtual host for each host ──▶ cluster outbound|80||host ──▶ its endpoint
                      anything else ──▶ 502

Names and options are Istio's (istio/istio, pilot/pkg/networking/core, read in November 2026), so
that a shim configuration fits both. What differs, because nothing here redirects a pod's traffic:
the listener has a port of its own; a host that no ServiceEntry names is refused, as a Sidecar with
REGISTRY_ONLY does, and never passed on to where the connection was going; and Istio's own filters
(metadata exchange, metrics, ALPN, CORS, fault) are left out, as nothing here asks for them.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mesh.sidecar.fields import ManifestError
from mesh.sidecar.model import ISTIO_RETRIES, Mesh, Retries, Service, Tls
from mesh.sidecar.telemetry import stats_config

_LOOPBACK: Final = "127.0.0.1"
_EXTENSIONS: Final = "type.googleapis.com/envoy.extensions"
_UNLIMITED: Final = 2**32 - 1
"""Istio lifts Envoy's circuit breakers, which would refuse the 1,025th connection."""


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

    `redirects` is keyed by `host:port`, the port being the one outside the mesh (443 where TLS is
    spoken). Raises `ManifestError` for a redirect of something that no ServiceEntry names.
    """
    outside = {f"{each.host}:{each.target_port}" for each in mesh.services}
    for place in redirects:
        if place not in outside:
            raise ManifestError(f"{place} is redirected, and no ServiceEntry leads there")
    tls = {each.host: each for each in mesh.tls}
    clusters = [_cluster(each, tls.get(each.host), redirects) for each in mesh.services]
    return {
        "node": _node(mesh),
        "admin": _admin(ports.admin),
        "stats_config": stats_config(mesh.workload.stat_tags),
        # Histograms show what was true then; Envoy has five seconds, which feels long to people.
        "stats_flush_interval": "1s",
        "static_resources": {
            "listeners": [_listener(mesh, ports.listener)],
            "clusters": clusters,
        },
    }


def _admin(port: int) -> dict[str, Any]:
    # /config_dump would show the provider's key to every user of this machine.
    allowed = ({"exact": "/ready"}, {"exact": "/server_info"}, {"prefix": "/stats"})
    return {"address": _address(_LOOPBACK, port), "allow_paths": list(allowed)}


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


def _listener(mesh: Mesh, port: int) -> dict[str, Any]:
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": _connection_manager(mesh),
    }
    return {
        "name": "0.0.0.0_80",
        "address": _address(_LOOPBACK, port),
        "traffic_direction": "OUTBOUND",
        "filter_chains": [{"filters": [manager]}],
    }


def _connection_manager(mesh: Mesh) -> dict[str, Any]:
    filters = [{"name": each.name, "typed_config": each.typed_config} for each in mesh.filters]
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_EXTENSIONS}.filters.http.router.v3.Router"},
    }
    return {
        "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "outbound_0.0.0.0_80",
        "codec_type": "AUTO",
        "use_remote_address": False,
        "normalize_path": True,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "stream_idle_timeout": "0s",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {
            "name": "80",
            "ignore_port_in_host_matching": True,
            "validate_clusters": True,
            "virtual_hosts": [*_virtual_hosts(mesh), _BLOCK_ALL],
        },
        "http_filters": [*filters, router],
        "access_log": list(mesh.access_logs),
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


def _virtual_hosts(mesh: Mesh) -> list[dict[str, Any]]:
    """One for each host of a VirtualService, and for each service that none of them names."""
    found: list[dict[str, Any]] = []
    routed: set[str] = set()
    for route in mesh.routes:
        service = Service(route.host, route.port, route.port)
        found += [_virtual_host(host, service, route.retries) for host in route.hosts]
        routed.update(route.hosts)
    services = (each for each in mesh.services if each.host not in routed)
    return found + [_virtual_host(each.host, each, ISTIO_RETRIES) for each in services]


def _virtual_host(host: str, service: Service, retries: Retries) -> dict[str, Any]:
    # Istio sets no limit on the time of outbound calls; answers of models take theirs.
    action: dict[str, Any] = {"cluster": service.cluster, "timeout": "0s"}
    if retries.attempts:
        action["retry_policy"] = _retry_policy(retries)
    return {
        "name": f"{host}:{service.port}",
        "domains": [host],
        "include_request_attempt_count": True,
        "routes": [{"name": "default", "match": {"prefix": "/"}, "route": action}],
    }


def _retry_policy(retries: Retries) -> dict[str, Any]:
    previous_hosts = {
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.retry.host.previous_hosts.v3.PreviousHostsPredicate"
        },
    }
    return {
        "retry_on": retries.retry_on,
        "num_retries": retries.attempts,
        "retry_host_predicate": [previous_hosts],
        "host_selection_retry_max_attempts": "5",
    }


def _cluster(
    service: Service, tls: Tls | None, redirects: Mapping[str, Redirect]
) -> dict[str, Any]:
    redirect = redirects.get(f"{service.host}:{service.target_port}")
    place = redirect or Redirect(service.host, service.target_port)
    endpoint = {"endpoint": {"address": _address(place.address, place.port)}}
    thresholds = {
        f"max_{each}": _UNLIMITED
        for each in ("connections", "pending_requests", "requests", "retries")
    }
    cluster: dict[str, Any] = {
        "name": service.cluster,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_ONLY",
        # A name that cannot be looked up fails its own calls only, not the start of Envoy.
        "wait_for_warm_on_init": False,
        "connect_timeout": "10s",
        "circuit_breakers": {"thresholds": [thresholds]},
        "load_assignment": {
            "cluster_name": service.cluster,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    if tls is not None:
        cluster["transport_socket"] = _transport_socket(tls, place.ca_file or system_ca_file())
    return cluster


def _transport_socket(tls: Tls, ca_file: Path) -> dict[str, Any]:
    names = [{"san_type": "DNS", "matcher": {"exact": name}} for name in tls.subject_alt_names]
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": tls.sni,
            "common_tls_context": {
                "tls_params": {
                    "tls_minimum_protocol_version": "TLSv1_2",
                    "tls_maximum_protocol_version": "TLSv1_3",
                },
                "validation_context": {
                    "trusted_ca": {"filename": str(ca_file)},
                    "match_typed_subject_alt_names": names,
                },
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
