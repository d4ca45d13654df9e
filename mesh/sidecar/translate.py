"""Resources → what one sidecar has to know, and a refusal of everything else.

    documents ──by kind──▶ networking, plugins ──▶ Mesh, checked as a whole

It does what Istio's control plane does with the same resources, for the few kinds and fields that
the manifests use. Nothing is dropped in silence: a field is taken, left out by name with a reason,
or an error.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from mesh.sidecar import networking, plugins, telemetry
from mesh.sidecar.documents import Document
from mesh.sidecar.fields import Fields, ManifestError
from mesh.sidecar.model import Mesh, Route, Service, Tls, WasmFilter, Workload

_NETWORKING: Final = tuple(f"networking.istio.io/{each}" for each in ("v1", "v1beta1", "v1alpha3"))
_API_VERSIONS: Final = {
    "ServiceAccount": ("v1",),
    "Deployment": ("apps/v1",),
    "ServiceEntry": _NETWORKING,
    "DestinationRule": _NETWORKING,
    "VirtualService": _NETWORKING,
    "Sidecar": _NETWORKING,
    "WasmPlugin": ("extensions.istio.io/v1alpha1",),
    "EnvoyFilter": ("networking.istio.io/v1alpha3",),
}


def translate(documents: Sequence[Document]) -> Mesh:
    """What the sidecar of the one Deployment among `documents` has to know.

    Raises `ManifestError` for a kind, field or value that has no translation, for resources that
    do not fit together, and where there is not exactly one Deployment.
    """
    found = _Found(_the_workload(documents))
    for document in documents:
        if document.kind != "Deployment":
            found.add(document)
    return found.mesh()


def _the_workload(documents: Sequence[Document]) -> Workload:
    deployments = [document for document in documents if document.kind == "Deployment"]
    if len(deployments) != 1:
        raise ManifestError(f"the manifests hold {len(deployments)} Deployments; one is needed")
    fields = deployments[0].fields()
    namespace, name = _head(fields, "Deployment")
    workload = networking.deployment(namespace, name, fields.mapping("spec"))
    fields.done()
    return workload


class _Found:
    """What has been read so far, for one workload."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._services: list[Service] = []
        self._tls: list[Tls] = []
        self._routes: list[Route] = []
        self._filters: list[WasmFilter] = []
        self._access_logs: list[dict[str, Any]] = []

    def add(self, document: Document) -> None:
        """Read one resource."""
        fields = document.fields()
        kind = fields.one_of("kind", tuple(_API_VERSIONS))
        namespace, name = _head(fields, kind)
        if namespace != self._workload.namespace:
            what = f"is {namespace!r}; the workload is in {self._workload.namespace!r}"
            raise fields.error("metadata.namespace", what)
        if kind != "ServiceAccount":  # An identity in the cluster; nothing here asks for one.
            self._add_spec(kind, name, fields)
        fields.done()

    def _add_spec(self, kind: str, name: str, fields: Fields) -> None:
        spec = fields.mapping("spec")
        match kind:
            case "ServiceEntry":
                self._services += networking.service_entry(spec)
            case "DestinationRule":
                self._tls.append(networking.destination_rule(spec))
            case "VirtualService":
                self._routes.append(networking.virtual_service(spec))
            case "Sidecar":
                self._check_selects(networking.sidecar(spec), spec, "workloadSelector.labels")
            case "WasmPlugin":
                labels, found = plugins.wasm_plugin(self._workload.namespace, name, spec)
                self._check_selects(labels, spec, "selector.matchLabels")
                self._filters.append(found)
            case "EnvoyFilter" if telemetry.is_access_log(spec):
                labels, logs = telemetry.access_log(spec)
                self._check_selects(labels, spec, "workloadSelector.labels")
                self._access_logs += logs
            case "EnvoyFilter":
                labels, found = plugins.envoy_filter(spec)
                self._check_selects(labels, spec, "workloadSelector.labels")
                self._filters.append(found)

    def _check_selects(self, labels: Iterable[tuple[str, str]], spec: Fields, at: str) -> None:
        missing = sorted(set(labels) - set(self._workload.labels))
        if missing:
            name, value = missing[0]
            what = f"selects {name}: {value}, a label that {self._workload.name!r} does not bear"
            raise spec.error(at, what)

    def mesh(self) -> Mesh:
        """Everything that was read. Raises `ManifestError` where parts do not fit together."""
        if len(self._filters) > 1:
            raise ManifestError("both forms of the shim are there; apply portable/ or hold/")
        services = [(each.host, each.port) for each in self._services]
        hosts = [host for host, _ in services]
        _refuse_twice("ServiceEntry", hosts)
        _refuse_twice("DestinationRule", [each.host for each in self._tls])
        _refuse_twice("VirtualService", [host for each in self._routes for host in each.hosts])
        for tls in self._tls:
            if tls.host not in hosts:
                raise ManifestError(f"DestinationRule for {tls.host}: no ServiceEntry names it")
        for route in self._routes:
            if (route.host, route.port) not in services:
                where = f"{route.host} port {route.port}"
                raise ManifestError(f"VirtualService to {where}: no ServiceEntry names it")
        return Mesh(
            self._workload,
            tuple(self._services),
            tuple(self._tls),
            tuple(self._routes),
            tuple(self._filters),
            tuple(self._access_logs),
        )


def _head(fields: Fields, kind: str) -> tuple[str, str]:
    """Namespace and name of a resource, once its version has been checked."""
    fields.ignore("kind")  # Looked at by the caller.
    fields.one_of("apiVersion", _API_VERSIONS[kind])
    metadata = fields.mapping("metadata")
    metadata.ignore("labels", "annotations")  # They say to people what it is for.
    return metadata.text("namespace", "default"), metadata.text("name")


def _refuse_twice(kind: str, hosts: Iterable[str]) -> None:
    twice = [host for host, count in Counter(hosts).items() if count > 1]
    if twice:
        raise ManifestError(f"{kind} for {twice[0]}: there are several; keep one")
