"""The bootstrap: Istio's names, redirects that change the place and nothing else, node metadata."""

from pathlib import Path
from typing import Any

import pytest

from mesh.sidecar import ManifestError, Ports, Redirect, bootstrap, load, translate
from mesh.sidecar.bootstrap import system_ca_file
from tests.support.mesh import HOSTS, MANIFESTS, PROVIDER, UNGUARDED

PORTS = Ports(listener=8080, admin=15000)


def made(redirects: dict[str, Redirect] | None = None) -> dict[str, Any]:
    return bootstrap(translate(load([MANIFESTS / "base"], HOSTS)), PORTS, redirects or {})


def cluster(config: dict[str, Any], host: str) -> dict[str, Any]:
    clusters = config["static_resources"]["clusters"]
    (found,) = (each for each in clusters if each["name"] == f"outbound|80||{host}")
    assert isinstance(found, dict)
    return found


def place(found: dict[str, Any]) -> tuple[str, int]:
    (locality,) = found["load_assignment"]["endpoints"]
    (endpoint,) = locality["lb_endpoints"]
    address = endpoint["endpoint"]["address"]["socket_address"]
    return address["address"], address["port_value"]


def test_everything_listens_on_loopback_alone() -> None:
    config = made()

    (listener,) = config["static_resources"]["listeners"]
    assert listener["address"] == {
        "socket_address": {"address": "127.0.0.1", "port_value": 8080},
    }
    assert config["admin"]["address"] == {
        "socket_address": {"address": "127.0.0.1", "port_value": 15000},
    }


def test_the_node_is_the_sample_workload() -> None:
    assert made()["node"]["metadata"] == {
        "NAMESPACE": "default",
        "WORKLOAD_NAME": "sleep",
        "NAME": "sleep",
        "LABELS": {"app": "sleep", "sidecar.istio.io/inject": "true"},
    }


def test_without_a_redirect_a_host_is_looked_up_and_checked_with_the_systems_authorities() -> None:
    found = cluster(made(), PROVIDER)

    tls = found["transport_socket"]["typed_config"]
    checks = tls["common_tls_context"]["validation_context"]
    assert place(found) == (PROVIDER, 443)
    assert tls["sni"] == PROVIDER
    assert checks == {
        "trusted_ca": {"filename": str(system_ca_file())},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": PROVIDER}}],
    }


def test_a_redirect_changes_place_and_authority_and_nothing_else() -> None:
    plain = made()
    redirected = made({f"{PROVIDER}:443": Redirect("127.0.0.1", 4430, Path("/some/ca.pem"))})

    found = cluster(redirected, PROVIDER)
    assert place(found) == ("127.0.0.1", 4430)
    found["load_assignment"] = cluster(plain, PROVIDER)["load_assignment"]
    context = found["transport_socket"]["typed_config"]["common_tls_context"]
    assert context["validation_context"]["trusted_ca"] == {"filename": "/some/ca.pem"}
    context["validation_context"]["trusted_ca"] = {"filename": str(system_ca_file())}
    assert redirected == plain


def test_a_host_without_a_destination_rule_is_spoken_to_in_plain_http() -> None:
    found = cluster(made(), UNGUARDED)

    assert place(found) == (UNGUARDED, 80)
    assert "transport_socket" not in found


def test_a_redirect_of_a_place_that_nobody_calls_is_refused() -> None:
    with pytest.raises(ManifestError) as refused:
        made({f"{PROVIDER}:80": Redirect("127.0.0.1", 1)})

    assert str(refused.value) == f"{PROVIDER}:80 is redirected, and no ServiceEntry leads there"


def test_a_machine_without_authorities_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Path, "is_file", lambda _: False)

    with pytest.raises(ManifestError, match="set SSL_CERT_FILE to one"):
        system_ca_file()
