"""What a sidecar has to know: the records between the manifests and Envoy's configuration.

Mesh ─┬─ Workload          beside which the sidecar runs
      ├─ Service, Tls      where a host is found, and how it is reached
      ├─ Route             which hosts lead there, and what is tried again
      └─ WasmFilter        the shim, as Envoy takes it
"""

from dataclasses import dataclass
from typing import Any, Final


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
    """TLS that the sidecar opens towards `host`, and the names its certificate may bear."""

    host: str
    sni: str
    subject_alt_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is tried again, and on which of Envoy's conditions (comma-separated)."""

    attempts: int
    retry_on: str


ISTIO_RETRIES: Final = Retries(
    2, "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
)
"""What Istio does where no VirtualService says otherwise (istio/istio, route/retry/retry.go).

Istio before 1.24 counts 503 as a status to be tried again. Later ones do not, and neither does
this.
"""


@dataclass(frozen=True, slots=True)
class Route:
    """Calls to any of `hosts` go to the service `host`:`port`."""

    hosts: tuple[str, ...]
    host: str
    port: int
    retries: Retries


@dataclass(frozen=True, slots=True)
class Workload:
    """The workload beside which the sidecar runs."""

    namespace: str
    name: str
    labels: tuple[tuple[str, str], ...]
    stat_tags: tuple[str, ...] = ()
    """What the proxy makes labels of in the names of its statistics."""


@dataclass(frozen=True, slots=True)
class WasmFilter:
    """An HTTP filter: its name, and Envoy's configuration of it (a Wasm message as JSON)."""

    name: str
    typed_config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mesh:
    """Everything that the manifests say about one sidecar."""

    workload: Workload
    services: tuple[Service, ...]
    tls: tuple[Tls, ...]
    routes: tuple[Route, ...]
    filters: tuple[WasmFilter, ...]
    access_logs: tuple[dict[str, Any], ...] = ()
    """Envoy's configuration of each (an AccessLog message as JSON)."""
