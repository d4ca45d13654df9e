"""Every operation of the 2016-08-15 SDK: services and functions over the same model."""

import inspect
import json
from typing import Any

import fc2
import pytest
from fc2.fc_exceptions import FcError

from infra.emulator.api_v2 import PARTS
from infra.emulator.api_v2.operations import OPERATIONS
from infra.emulator.endpoints import is_emulated
from tests.emulator.doors import ACCOUNT_ID, REGION, Door
from tests.support.waiting import wait_until

NOT_OF_THE_API = {"websocket", "do_http_request"}
ELSEWHERE = {"instance_exec"}
"""In test_console.py: it is no request with an answer."""
NOT_OF_THE_SDK = {"get_temp_bucket_token"}


class Recorder:
    """Calls the SDK's methods and remembers which."""

    def __init__(self, sdk: Any) -> None:
        self._sdk = sdk
        self.called: set[str] = set()

    def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        self.called.add(name)
        answer = getattr(self._sdk, name)(*arguments, **options)
        return None if answer is None else answer.data


def of_sdk() -> set[str]:
    members = inspect.getmembers(fc2.Client, inspect.isfunction)
    return {name for name, _ in members if not name.startswith("_")}


def test_every_operation_of_the_sdk_is_known() -> None:
    known = {operation.method_name for operation in OPERATIONS}

    assert known - NOT_OF_THE_SDK == of_sdk() - NOT_OF_THE_API


def test_every_emulated_operation_works_by_the_sdk(door: Door, package: str) -> None:
    do, service = Recorder(door.api2()), "life"

    services(do, service)
    functions(do, service, package)
    versions(do, service)
    triggers(do, service)
    limits(do, service)
    asynchronous(do, service)
    domains(do, service)
    remove(do, service)

    emulated = {each.method_name for each in OPERATIONS if is_emulated(each, PARTS)}
    assert do.called == emulated - NOT_OF_THE_SDK - ELSEWHERE


def services(do: Recorder, service: str) -> None:
    assert do("get_account_settings")["availableAZs"]
    assert do("list_reserved_capacities")["reservedCapacities"] == []
    assert do("create_service", service, "first")["serviceName"] == service
    do("update_service", service, description="second")
    assert do("get_service", service)["description"] == "second"
    arn = f"acs:fc:{REGION}:{ACCOUNT_ID}:services/{service}"
    do("tag_resource", arn, {"team": "red", "tier": "1"})
    listed = do("list_services", prefix=service, tags={"team": "red"})["services"]
    assert [each["serviceName"] for each in listed] == [service]
    do("untag_resource", arn, ["tier"])
    assert do("get_resource_tags", arn)["tags"] == {"team": "red"}


def functions(do: Recorder, service: str, package: str) -> None:
    created = do(
        "create_function",
        service,
        "f",
        "custom",
        "index.handler",
        codeDir=package,
        caPort=9000,
        memorySize=256,
        timeout=10,
        environmentVariables={"VERSION": "1"},
    )
    assert (created["functionName"], created["caPort"]) == ("f", 9000)
    do("update_function", service, "f", description="changed")
    assert do("get_function", service, "f")["description"] == "changed"
    assert do("get_function_code", service, "f")["checksum"] == created["codeChecksum"]
    assert [each["functionName"] for each in do("list_functions", service)["functions"]] == ["f"]
    assert json.loads(do("invoke_function", service, "f", payload=b"text"))["body"] == "text"
    assert do("list_instances", service, "LATEST", "f")["instances"][0]["versionId"] == "LATEST"


def versions(do: Recorder, service: str) -> None:
    assert do("publish_version", service, "release 1")["versionId"] == "1"
    assert do("publish_version", service, "release 2")["versionId"] == "2"
    do("update_function", service, "f", environmentVariables={"VERSION": "2"})
    do("create_alias", service, "live", "1")
    do("update_alias", service, "live", "1", additionalVersionWeight={"2": 0.0})
    assert do("get_alias", service, "live")["additionalVersionWeight"] == {"2": 0}
    assert [each["aliasName"] for each in do("list_aliases", service)["aliases"]] == ["live"]
    assert [each["versionId"] for each in do("list_versions", service)["versions"]] == ["2", "1"]
    answer = do("invoke_function", service, "f", payload=b"", qualifier="live")
    assert json.loads(answer)["version"] == "1"
    assert do("get_function", service, "f", qualifier="1")["environmentVariables"]["VERSION"] == "1"


def triggers(do: Recorder, service: str) -> None:
    config = {"authType": "anonymous", "methods": ["GET", "POST"]}
    common = {"sourceArn": None, "invocationRole": None}
    created = do("create_trigger", service, "f", "http", "http", config, **common, qualifier="live")
    assert created["qualifier"] == "live"
    do("update_trigger", service, "f", "http", triggerConfig=config, description="kept")
    assert do("get_trigger", service, "f", "http")["description"] == "kept"
    assert len(do("list_triggers", service, "f")["triggers"]) == 1


def limits(do: Recorder, service: str) -> None:
    assert do("put_provision_config", service, "live", "f", 1)["target"] == 1
    wait_until(
        lambda: do("get_provision_config", service, "live", "f")["current"] == 1, "the instance"
    )
    assert len(do("list_provision_configs", service, "live")["provisionConfigs"]) == 1
    do("put_provision_config", service, "live", "f", 0)
    assert do("put_on_demand_config", service, "live", "f", 5)["maximumInstanceCount"] == 5
    resource = do("get_on_demand_config", service, "live", "f")["resource"]
    listed = do("list_on_demand_config", prefix="services/life")["configs"]
    assert [each["resource"] for each in listed] == [resource]
    do("delete_on_demand_config", service, "live", "f")


def asynchronous(do: Recorder, service: str) -> None:
    config = {"maxAsyncRetryAttempts": 1, "maxAsyncEventAgeInSeconds": 60}
    put = do("put_function_async_invoke_config", service, "live", "f", config)
    assert (put["service"], put["function"], put["maxAsyncRetryAttempts"]) == (service, "f", 1)
    got = do("get_function_async_invoke_config", service, "live", "f")
    assert do("list_function_async_invoke_configs", service, "f")["configs"] == [got]
    do("delete_function_async_invoke_config", service, "live", "f")


def domains(do: Recorder, service: str) -> None:
    route = {"path": "/*", "serviceName": service, "functionName": "f", "qualifier": "live"}
    do("create_custom_domain", "old.example.com", "HTTP", {"routes": [route]})
    do("update_custom_domain", "old.example.com", protocol="HTTP,HTTPS")
    assert do("get_custom_domain", "old.example.com")["protocol"] == "HTTP,HTTPS"
    listed = do("list_custom_domains", prefix="old.")["customDomains"]
    assert [each["routeConfig"]["routes"] for each in listed] == [[route]]
    do("delete_custom_domain", "old.example.com")


def remove(do: Recorder, service: str) -> None:
    do("delete_trigger", service, "f", "http")
    do("delete_alias", service, "live")
    do("delete_version", service, "1")
    with pytest.raises(FcError, match="still has functions"):
        do("delete_service", service)
    do("delete_function", service, "f")
    do("delete_service", service)


@pytest.fixture
def deployed(door: Door, name: str, package: str) -> str:
    """A service of the test's own with the function `f`."""
    sdk = door.api2()
    sdk.create_service(name)
    sdk.create_function(name, "f", "custom", "index.handler", codeDir=package, timeout=10)
    return name


def test_a_trigger_is_called_by_the_proxy_path(door: Door, deployed: str) -> None:
    sdk = door.api2()
    config = {"authType": "function", "methods": ["GET", "PUT"]}
    sdk.create_trigger(deployed, "f", "http", "http", config, None, None)

    answer = sdk.do_http_request("PUT", deployed, "f", "/a/b", params={"q": "1"}, body=b"text")

    assert answer.status_code == 200
    assert (answer.json()["path"], answer.json()["body"]) == ("/a/b?q=1", "text")


def test_without_a_trigger_the_proxy_path_leads_nowhere(door: Door, deployed: str) -> None:
    assert door.api2().do_http_request("GET", deployed, "f", "/").status_code == 404


def test_an_asynchronous_invocation_is_accepted(door: Door, deployed: str) -> None:
    headers = {"x-fc-invocation-type": "Async"}
    sdk = door.api2()

    sdk.invoke_function(deployed, "f", payload=b"later", headers=headers)

    wait_until(lambda: "answered POST" in door.log(f"{deployed}$f"), "its line")


def test_the_log_s_tail_comes_where_it_is_asked_for(door: Door, deployed: str) -> None:
    answer = door.api2().invoke_function(deployed, "f", headers={"x-fc-log-type": "Tail"})

    assert answer.headers["x-fc-log-result"]


@pytest.mark.parametrize(
    ("method", "arguments", "code"),
    [
        ("get_service", ("nobody",), "ServiceNotFound"),
        ("get_function", ("{}", "nobody"), "FunctionNotFound"),
        ("get_alias", ("{}", "nobody"), "AliasNotFound"),
        ("get_trigger", ("{}", "f", "nobody"), "TriggerNotFound"),
        ("create_alias", ("{}", "live", "7"), "VersionNotFound"),
        ("create_service", ("{}",), "ServiceAlreadyExists"),
        ("create_service", ("1st",), "InvalidArgument"),
        ("get_on_demand_config", ("{}", "LATEST", "f"), "OnDemandConfigNotFound"),
        ("get_function_async_invoke_config", ("{}", "LATEST", "f"), "AsyncConfigNotExists"),
        ("get_resource_tags", ("acs:fc:::functions/f",), "InvalidArgument"),
    ],
)
def test_a_refusal_has_the_platform_s_code(
    door: Door, deployed: str, method: str, arguments: tuple[str, ...], code: str
) -> None:
    with pytest.raises(FcError) as refused:
        getattr(door.api2(), method)(*(each.format(deployed) for each in arguments))

    assert refused.value.err_code == code


def test_functions_of_services_are_told_apart_from_those_of_fc_3(door: Door, deployed: str) -> None:
    def names(version: str) -> list[str]:
        query = f"/2023-03-30/functions?fcVersion={version}"
        answer = json.loads(door.call("127.0.0.1", query, method="GET").body)
        return [each["functionName"] for each in answer["functions"]]

    assert f"{deployed}$f" in names("v2")
    assert f"{deployed}$f" not in names("v3")
    assert f"{deployed}$f" in names("")


def test_a_function_of_a_service_is_told_both_names(door: Door, deployed: str) -> None:
    seen = json.loads(door.api2().invoke_function(deployed, "f", payload=b"").data)

    headers, variables = seen["headers"], seen["environment"]
    assert (headers["x-fc-service-name"], headers["x-fc-function-name"]) == (deployed, "f")
    assert (variables["FC_SERVICE_NAME"], variables["FC_FUNCTION_NAME"]) == (deployed, "f")
