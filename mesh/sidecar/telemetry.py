"""What the sidecar shows of a workload's calls: labels of statistics, and access logs.

    pod annotation sidecar.istio.io/extraStatTags ──▶ stats_config, as Istio's bootstrap has it
    EnvoyFilter that merges an access log ──▶ access_log of the connection manager

The shim names its statistics `label=.=value;.;…name`; only a tag of the label's name makes a label
of it. Source: istio/istio, pkg/bootstrap/config.go and tools/packaging/common/envoy_bootstrap.json
(read in November 2026).
"""

import re
from typing import Any, Final

from mesh.sidecar.fields import Fields

STAT_TAGS: Final = "sidecar.istio.io/extraStatTags"
_LABEL: Final = re.compile(r"[a-z_]+")
_ISTIO_TAGS: Final = {
    "cache": r"(cache\.(.+?)\.)",
    "component": r"(component\.(.+?)\.)",
    "tag": r"(tag\.(.+?);\.)",
}
"""Of Istio's own tags those that look anywhere in a name, and so could look into the shim's."""
_MANAGER: Final = "envoy.filters.network.http_connection_manager"
_MANAGER_TYPE: Final = (
    "type.googleapis.com/"
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)

AccessLogs = tuple[dict[str, Any], ...]


def stat_tags(pod: Fields) -> tuple[str, ...]:
    """The labels that the pod's metadata asks for; other annotations mean nothing outside a
    cluster."""
    if not pod.has("annotations"):
        return ()
    annotations = pod.mapping("annotations")
    tags = tuple(annotations.text(STAT_TAGS, "").split(","))
    annotations.ignore_rest()
    wrong = [tag for tag in tags if tag and not _LABEL.fullmatch(tag)]
    if wrong:
        what = f"{wrong[0]!r} is no label; use small letters and underscores, parted by commas"
        raise annotations.error(STAT_TAGS, what)
    return tuple(tag for tag in tags if tag)


def stats_config(tags: tuple[str, ...]) -> dict[str, Any]:
    """Envoy's `stats_config` that makes labels of `tags`, as Istio's bootstrap does."""
    patterns = {tag: rf"({tag}=\.=(.*?);\.;)" for tag in tags} | _ISTIO_TAGS
    return {"stats_tags": [{"tag_name": tag, "regex": regex} for tag, regex in patterns.items()]}


def is_access_log(spec: Fields) -> bool:
    """Whether an EnvoyFilter changes the connection manager, which here can only be its log."""
    patches = spec.content.get("configPatches")
    kinds = [each.get("applyTo") for each in patches or () if isinstance(each, dict)]
    return kinds == ["NETWORK_FILTER"]


def access_log(spec: Fields) -> tuple[tuple[tuple[str, str], ...], AccessLogs]:
    """The labels that an EnvoyFilter selects, and the access logs that it merges in."""
    labels = spec.mapping("workloadSelector").labels("labels")
    patch = spec.only_mapping("configPatches")
    patch.one_of("applyTo", ("NETWORK_FILTER",))
    match = patch.mapping("match")
    match.one_of("context", ("SIDECAR_OUTBOUND",))
    match.mapping("listener").mapping("filterChain").mapping("filter").one_of("name", (_MANAGER,))
    merged = patch.mapping("patch")
    merged.one_of("operation", ("MERGE",))
    manager = merged.mapping("value").mapping("typed_config")
    manager.one_of("@type", (_MANAGER_TYPE,))
    logs = manager.mappings("access_log")
    for log in logs:
        log.ignore_rest()  # Envoy's own configuration, which Envoy itself checks.
    return labels, tuple(dict(log.content) for log in logs)
