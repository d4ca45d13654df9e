"""How hosts are reached: Istio's networking resources, and the workload that calls.

    ServiceEntry ──▶ Service        DestinationRule ──▶ Tls       Deployment ──▶ Workload
    VirtualService ──▶ Route        Sidecar ──▶ (checked only)

Field meanings are those of istio.io/latest/docs/reference/config (read in November 2026). Each
function takes the `spec` of a resource of its kind.
"""

import re
from typing import Final

from mesh.sidecar import telemetry
from mesh.sidecar.fields import Fields
from mesh.sidecar.model import ISTIO_RETRIES, Retries, Route, Service, Tls, Workload

PROXY_CA_FILE: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Where Istio's proxy image holds the usual authorities; here the system's own bundle is used."""

_LABEL: Final = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_HOST: Final = re.compile(rf"(?![0-9.]+$){_LABEL}(\.{_LABEL})+")


def deployment(namespace: str, name: str, spec: Fields) -> Workload:
    """The workload that the sidecar stands beside."""
    template = spec.mapping("template")
    pod = template.mapping("metadata")
    labels, tags = pod.labels("labels"), telemetry.stat_tags(pod)
    # The rest says how Kubernetes runs the pod: containers, replicas, probes.
    template.ignore_rest()
    spec.ignore_rest()
    return Workload(namespace, name, labels, tags)


def service_entry(spec: Fields) -> list[Service]:
    """One service for each host and port of the entry."""
    hosts = spec.texts("hosts")
    for host in hosts:
        _check_host(spec, "hosts", host)
    spec.one_of("location", ("MESH_EXTERNAL",))
    spec.one_of("resolution", ("DNS",))
    ports = []
    for port in spec.mappings("ports"):
        port.ignore("name")  # Names a port for people.
        port.one_of("protocol", ("HTTP",))
        number = port.number("number")
        if number != 80:
            raise port.error("number", f"{number} cannot be tried here; use 80")
        ports.append((number, port.number("targetPort", number)))
    return [Service(host, number, target) for host in hosts for number, target in ports]


def destination_rule(spec: Fields) -> Tls:
    """How the sidecar speaks TLS to a host.

    Names and authorities are required, although Istio has defaults: those changed over its
    versions, and older ones verified nothing.
    """
    host = spec.text("host")
    tls = spec.mapping("trafficPolicy").mapping("tls")
    tls.one_of("mode", ("SIMPLE",))
    tls.one_of("caCertificates", (PROXY_CA_FILE,))
    return Tls(host, tls.text("sni"), tuple(tls.texts("subjectAltNames")))


def virtual_service(spec: Fields) -> Route:
    """Where calls to some hosts go, and when they are tried again. Only one route is understood."""
    hosts = spec.texts("hosts")
    for host in hosts:
        _check_host(spec, "hosts", host.removesuffix("."))
    http = spec.only_mapping("http")
    destination = http.only_mapping("route").mapping("destination")
    host = destination.text("host")
    port = destination.mapping("port").number("number")
    return Route(tuple(hosts), host, port, _retries(http))


def _retries(http: Fields) -> Retries:
    if not http.has("retries"):
        return ISTIO_RETRIES
    retries = http.mapping("retries")
    attempts = retries.number("attempts")
    if attempts == 0:
        return Retries(0, "")
    retry_on = retries.text("retryOn", ISTIO_RETRIES.retry_on)
    if re.search(r"\d", retry_on):
        raise retries.error("retryOn", "status codes cannot be tried here; name Envoy's conditions")
    return Retries(attempts, retry_on)


def sidecar(spec: Fields) -> tuple[tuple[str, str], ...]:
    """The labels that it selects. What no resource names is refused, as it always is here."""
    spec.mapping("outboundTrafficPolicy").one_of("mode", ("REGISTRY_ONLY",))
    return spec.mapping("workloadSelector").labels("labels")


def _check_host(spec: Fields, name: str, host: str) -> None:
    if not _HOST.fullmatch(host):
        raise spec.error(name, f"{host!r} is not a host; use a full name in small letters, no *")
