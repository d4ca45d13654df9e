"""Labels of statistics and access logs, as the manifests ask for them."""

import re

import pytest

from mesh.sidecar import ManifestError, Ports, bootstrap, translate
from mesh.sidecar.telemetry import STAT_TAGS, stats_config
from tests.unit.sidecar.resources import Contents, documents, put, resource

MANAGER = "envoy.filters.network.http_connection_manager"
MANAGER_TYPE = (
    "type.googleapis.com/"
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
POD = "spec.template.metadata"


def labels_of(name: str, tags: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """What Envoy makes of a statistic's name: what is left of it, and its labels."""
    labels, left = {}, name
    for tag in stats_config(tags)["stats_tags"]:
        found = re.search(tag["regex"], name)
        if found:
            labels[tag["tag_name"]] = found[2]
            left = left.replace(found[1], "")
    return left, labels


def merging(log: object, **changed: object) -> dict[str, object]:
    patch = {
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": "SIDECAR_OUTBOUND",
            "listener": {"filterChain": {"filter": {"name": MANAGER}}},
        },
        "patch": {
            "operation": "MERGE",
            "value": {"typed_config": {"@type": MANAGER_TYPE, "access_log": log}},
        },
        **changed,
    }
    spec = {"workloadSelector": {"labels": {"app": "sleep"}}, "configPatches": [patch]}
    return resource("EnvoyFilter", "networking.istio.io/v1alpha3", spec)


def test_a_name_as_the_shim_makes_it_comes_apart_into_labels_and_name() -> None:
    name = "wasmcustom.check=.=deny-pattern;.;reason=.=rule.matched;.;meshward_verdicts_total"
    assert labels_of(name, ("check", "reason", "host")) == (
        "wasmcustom.meshward_verdicts_total",
        {"check": "deny-pattern", "reason": "rule.matched"},
    )


def test_without_the_annotation_the_labels_stay_in_the_name() -> None:
    name = "wasmcustom.check=.=deny-pattern;.;meshward_verdicts_total"
    assert labels_of(name, ()) == (name, {})


def test_the_pods_annotation_says_which_labels_there_are(contents: Contents) -> None:
    annotations = {STAT_TAGS: "check,phase", "sidecar.istio.io/other": "any"}
    put(contents["Deployment"], f"{POD}.annotations", annotations)
    mesh = translate(documents(contents, "WasmPlugin"))
    assert mesh.workload.stat_tags == ("check", "phase")


def test_what_cannot_be_a_label_is_refused(contents: Contents) -> None:
    put(contents["Deployment"], f"{POD}.annotations", {STAT_TAGS: "check,a b"})
    with pytest.raises(ManifestError, match="'a b' is no label; use small letters"):
        translate(documents(contents, "WasmPlugin"))


def test_an_access_log_is_merged_into_the_connection_manager(contents: Contents) -> None:
    log = {"name": "envoy.access_loggers.file", "typed_config": {"path": "/dev/stdout"}}
    good = documents({**contents, "EnvoyFilter": merging([log])})
    config = bootstrap(translate(good), Ports(1, 2), {})
    (listener,) = config["static_resources"]["listeners"]
    (manager,) = listener["filter_chains"][0]["filters"]
    assert manager["typed_config"]["access_log"] == [log]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"match": {"context": "SIDECAR_INBOUND"}}, "use SIDECAR_OUTBOUND"),
        ({"patch": {"operation": "REPLACE"}}, "use MERGE"),
    ],
)
def test_another_change_of_the_connection_manager_is_refused(
    contents: Contents, changed: dict[str, object], told: str
) -> None:
    with pytest.raises(ManifestError, match=told):
        translate(documents({**contents, "EnvoyFilter": merging([{}], **changed)}))


def test_an_access_log_for_another_workload_is_refused(contents: Contents) -> None:
    strange = merging([{"name": "log"}])
    put(strange, "spec.workloadSelector.labels", {"app": "awake"})
    with pytest.raises(ManifestError, match="selects app: awake"):
        translate(documents({**contents, "EnvoyFilter": strange}))
