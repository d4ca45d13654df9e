"""Versions, aliases, layers and domains: what a call reaches by which name."""

import json
from collections import Counter
from typing import Any

import pytest
from alibabacloud_fc20230330 import models as fc
from darabonba.exceptions import DaraException

from tests.emulator.doors import Door, archive
from tests.support.waiting import wait_until

OPEN = {"authType": "anonymous", "methods": ["GET", "POST"]}


def environment(version: str) -> dict[str, Any]:
    return {"environmentVariables": {"VERSION": version}}


def publish(door: Door, name: str) -> str:
    request = fc.PublishFunctionVersionRequest(body=fc.PublishVersionInput())
    return str(door.sdk.publish_function_version(name, request).body.version_id)


def change(door: Door, name: str, **settings: Any) -> None:
    body = fc.UpdateFunctionInput().from_map(settings)
    door.sdk.update_function(name, fc.UpdateFunctionRequest(body=body))


def alias(door: Door, name: str, version: str, weights: dict[str, float] | None = None) -> None:
    body = fc.CreateAliasInput(weights, "live", None, version)
    door.sdk.create_alias(name, fc.CreateAliasRequest(body=body))


def invoke(door: Door, name: str, qualifier: str | None) -> dict[str, Any]:
    request = fc.InvokeFunctionRequest(body=b"", qualifier=qualifier)
    seen: dict[str, Any] = json.loads(door.sdk.invoke_function(name, request).body.read())
    return seen


@pytest.fixture
def released(door: Door, name: str) -> str:
    """A function whose version 1 says 1, whose version 2 says 2, and whose LATEST says 3."""
    door.deploy(name, **environment("1"))
    publish(door, name)
    change(door, name, **environment("2"))
    publish(door, name)
    change(door, name, **environment("3"))
    return name


def test_a_qualifier_leads_to_its_version(door: Door, released: str) -> None:
    alias(door, released, "2")

    answers = [invoke(door, released, each)["version"] for each in ("1", "2", "LATEST", None)]

    assert answers == ["1", "2", "3", "3"]
    assert invoke(door, released, "live")["version"] == "2"


def test_an_instance_is_told_its_version_and_the_caller_s_qualifier(
    door: Door, released: str
) -> None:
    alias(door, released, "2")

    headers = invoke(door, released, "live")["headers"]

    assert (headers["x-fc-version-id"], headers["x-fc-qualifier"]) == ("2", "live")


def test_a_published_version_is_read_back_as_it_was(door: Door, released: str) -> None:
    found = door.sdk.get_function(released, fc.GetFunctionRequest(qualifier="1")).body

    assert found.environment_variables == {"VERSION": "1"}


@pytest.mark.parametrize("qualifier", ["7", "nobody"])
def test_a_qualifier_that_stands_for_nothing_is_not_found(
    door: Door, released: str, qualifier: str
) -> None:
    with pytest.raises(DaraException, match="NotFound") as refused:
        invoke(door, released, qualifier)

    assert refused.value.status_code == 404


def test_an_alias_shares_calls_out_by_weight(door: Door, released: str) -> None:
    alias(door, released, "1", {"2": 0.5})
    door.control("PUT", "/seed", {"seed": 1})

    counted = Counter(invoke(door, released, "live")["version"] for _ in range(40))

    assert set(counted) == {"1", "2"}
    assert 10 <= counted["1"] <= 30


def test_an_alias_of_a_version_that_does_not_exist_is_refused(door: Door, released: str) -> None:
    with pytest.raises(DaraException, match="VersionNotFound"):
        alias(door, released, "1", {"9": 0.5})


def test_each_qualifier_may_have_an_http_trigger(door: Door, released: str) -> None:
    alias(door, released, "1")
    latest = door.trigger(released, OPEN)
    live = door.trigger(released, OPEN, triggerName="live", qualifier="live")

    answers = [json.loads(door.call(host).body)["version"] for host in (latest, live)]

    assert answers == ["3", "1"]
    with pytest.raises(DaraException, match="one HTTP trigger for each qualifier"):
        door.trigger(released, OPEN, triggerName="second", qualifier="live")


def test_a_moved_alias_moves_its_trigger_s_calls(door: Door, released: str) -> None:
    alias(door, released, "1")
    host = door.trigger(released, OPEN, qualifier="live")
    before = json.loads(door.call(host).body)["version"]

    update = fc.UpdateAliasInput(version_id="2")
    door.sdk.update_alias(released, "live", fc.UpdateAliasRequest(body=update))

    assert (before, json.loads(door.call(host).body)["version"]) == ("1", "2")


def test_an_alias_s_minimum_runs_its_version(door: Door, released: str) -> None:
    alias(door, released, "1")
    scaling = fc.PutScalingConfigInput(min_instances=1)
    request = fc.PutScalingConfigRequest(body=scaling, qualifier="live")

    door.sdk.put_scaling_config(released, request)

    wait_until(lambda: len(door.instances(released)) == 1, "an instance of the alias")
    assert [each["version"] for each in door.instances(released)] == ["1"]


def test_a_minimum_comes_by_one_kind_of_configuration_only(door: Door, released: str) -> None:
    scaling = fc.PutScalingConfigInput(min_instances=1)
    door.sdk.put_scaling_config(released, fc.PutScalingConfigRequest(body=scaling))
    provision = fc.PutProvisionConfigInput(default_target=1)

    with pytest.raises(DaraException, match="ResidentScalingConfigExists"):
        door.sdk.put_provision_config(released, fc.PutProvisionConfigRequest(body=provision))


def test_the_reserved_limit_is_that_of_all_versions_together(door: Door, released: str) -> None:
    reserved = fc.PutConcurrencyInput(reserved_concurrency=1)
    door.sdk.put_concurrency_config(released, fc.PutConcurrencyConfigRequest(body=reserved))
    invoke(door, released, "1")

    with pytest.raises(DaraException, match="ResourceExhausted"):
        invoke(door, released, "2")


def test_layers_are_found_by_python_and_on_the_path(door: Door, name: str) -> None:
    code = fc.InputCodeLocation(zip_file=archive({"python/shared.py": b"WHAT = 'of the layer'"}))
    layer = fc.CreateLayerVersionInput(code, ["custom.debian12"])
    request = fc.CreateLayerVersionRequest(body=layer)
    arn = door.sdk.create_layer_version(name, request).body.layer_version_arn
    source = (
        b"import shared\nprint(shared.WHAT, flush=True)\nimport runpy\nrunpy.run_path('odd.py')"
    )
    odd = archive({"main.py": source})
    door.deploy(
        name,
        layers=[arn],
        code={"zipFile": odd},
        customRuntimeConfig={"command": ["python3", "main.py"]},
    )

    with pytest.raises(DaraException):
        invoke(door, name, None)

    assert "of the layer" in door.log(name)
    found = door.sdk.get_function(name, fc.GetFunctionRequest()).body
    assert [each.arn for each in found.layers] == [arn]


def test_a_layer_that_does_not_exist_is_refused(door: Door, name: str) -> None:
    with pytest.raises(DaraException, match="LayerVersionNotFound"):
        door.deploy(name, layers=["acs:fc:cn-hangzhou:1234567890123456:layers/none/versions/1"])


def test_a_domain_leads_by_path_to_functions(door: Door, released: str) -> None:
    routes = [
        fc.PathConfig(path="/*", function_name=released, qualifier="1"),
        fc.PathConfig(path="/new/*", function_name=released, methods=["GET"]),
    ]
    host = f"{released.lower()[:60].strip('-')}.example.com"
    config = fc.RouteConfig(routes=routes)
    domain = fc.CreateCustomDomainInput(domain_name=host, protocol="HTTP", route_config=config)
    door.sdk.create_custom_domain(fc.CreateCustomDomainRequest(body=domain))

    answers = [
        json.loads(door.call(host, path, method="GET").body)["version"]
        for path in ("/", "/new/page")
    ]

    assert answers == ["1", "3"]
    assert door.call(host, "/new/page", method="POST").status == 403
