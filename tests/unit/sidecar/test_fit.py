"""Resources that are good by themselves, and do not fit together."""

from pathlib import Path

import pytest

from mesh.sidecar import Document, ManifestError, translate
from tests.unit.sidecar.resources import (
    HOST,
    Contents,
    documents,
    filter_patch,
    other_form,
    put,
    resource,
)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Sidecar", "spec.workloadSelector.labels"),
        ("WasmPlugin", "spec.selector.matchLabels"),
        ("EnvoyFilter", "spec.workloadSelector.labels"),
    ],
)
def test_a_resource_that_selects_another_workload_is_refused(
    contents: Contents, kind: str, path: str
) -> None:
    put(contents[kind], path, {"app": "awake"})

    with pytest.raises(ManifestError) as refused:
        translate(documents(contents, other_form(kind)))

    what = "selects app: awake, a label that 'it' does not bear"
    assert str(refused.value) == f"some.yaml: {kind}/it: {path}: {what}"


def test_the_patches_of_an_envoy_filter_belong_together(
    contents: Contents,
) -> None:
    patches = contents["EnvoyFilter"]["spec"]["configPatches"]
    whole = documents(contents, "WasmPlugin")

    patches[0] = filter_patch("other")
    with pytest.raises(ManifestError, match="inserts 'other' and configures 'shim'; use one name"):
        translate(whole)
    del patches[0]
    with pytest.raises(ManifestError, match="must be one HTTP_FILTER and one EXTENSION_CONFIG"):
        translate(whole)


def test_what_does_not_fit_together_is_refused(contents: Contents) -> None:
    good = documents(contents, "WasmPlugin", "EnvoyFilter")
    by_kind = {document.kind: document for document in good}

    def refused(found: list[Document]) -> str:
        with pytest.raises(ManifestError) as error:
            translate(found)
        return str(error.value)

    def without(kind: str) -> list[Document]:
        return [document for document in good if document.kind != kind]

    assert refused(without("Deployment")) == "the manifests hold 0 Deployments; one is needed"
    assert refused([*good, by_kind["ServiceEntry"]]) == (
        f"ServiceEntry for {HOST}: there are several; keep one"
    )
    assert refused([*good, by_kind["DestinationRule"]]) == (
        f"DestinationRule for {HOST}: there are several; keep one"
    )
    assert refused(without("ServiceEntry")) == (
        f"DestinationRule for {HOST}: no ServiceEntry names it"
    )
    alone = [by_kind["Deployment"], by_kind["VirtualService"]]
    assert refused(alone) == f"VirtualService to {HOST} port 80: no ServiceEntry names it"


def test_a_kind_that_is_not_known_is_refused(contents: Contents) -> None:
    gateway = Document(Path("some.yaml"), resource("Gateway", "networking.istio.io/v1", {}))

    with pytest.raises(ManifestError, match="Gateway/it: kind: 'Gateway' cannot be tried here"):
        translate([*documents(contents, "EnvoyFilter"), gateway])
