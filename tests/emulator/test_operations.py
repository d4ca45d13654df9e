"""Every operation of the FC 3.0 SDK, by its sync and async methods: it works, or answers 501."""

import asyncio
import contextlib
import inspect
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from alibabacloud_fc20230330 import models as fc
from alibabacloud_fc20230330.client import Client
from darabonba.exceptions import DaraException
from darabonba.runtime import RuntimeOptions

from infra.emulator.api_v3 import PARTS, PREFIX
from infra.emulator.api_v3.operations import OPERATIONS
from infra.emulator.endpoints import Operation, is_emulated
from tests.emulator.doors import Door, archive, function

EMULATED = [operation for operation in OPERATIONS if is_emulated(operation, PARTS)]
REFUSED = [operation for operation in OPERATIONS if not is_emulated(operation, PARTS)]


class Recorder:
    """Calls the SDK's methods, the async ones where told so, and remembers which."""

    def __init__(self, sdk: Client, *, is_async: bool) -> None:
        self._sdk, self._is_async = sdk, is_async
        self.called: set[str] = set()

    def __call__(self, name: str, *arguments: Any) -> Any:
        self.called.add(name.removesuffix("_with_options"))
        if not self._is_async:
            return getattr(getattr(self._sdk, name)(*arguments), "body", None)
        waited: Coroutine[Any, Any, Any] = getattr(self._sdk, f"{name}_async")(*arguments)
        return getattr(asyncio.run(waited), "body", None)


def test_every_operation_of_the_sdk_is_known() -> None:
    source = inspect.getsource(Client)

    assert sorted(set(re.findall(r"action = '(\w+)'", source))) == [
        each.name for each in OPERATIONS
    ]


@pytest.mark.parametrize("operation", REFUSED, ids=lambda operation: operation.name)
def test_what_is_not_emulated_says_so_and_where_to_look(door: Door, operation: Operation) -> None:
    path = PREFIX + re.sub(r"\{\w+\}", "x", operation.path)

    answer = door.call("127.0.0.1", path, method=operation.method)

    document = json.loads(answer.body)
    assert (answer.status, document["Code"]) == (501, "NotEmulated")
    assert operation.name in document["Message"]
    assert "docs/emulator-coverage.md" in document["Message"]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_every_emulated_operation_works_by_the_sdk(door: Door, *, is_async: bool) -> None:
    do = Recorder(door.sdk, is_async=is_async)
    name = f"life-{'async' if is_async else 'sync'}"

    for stage in (deploy, versions, triggers, limits, asynchronous, switches, shared, tags, remove):
        stage(do, name)

    assert do.called == {operation.method_name for operation in EMULATED}


def deploy(do: Callable[..., Any], name: str) -> None:
    body = fc.CreateFunctionInput().from_map(function(name, environmentVariables={"VERSION": "1"}))
    assert do("create_function", fc.CreateFunctionRequest(body=body)).state == "Active"
    update = fc.UpdateFunctionInput(description="changed")
    assert do("update_function", name, fc.UpdateFunctionRequest(body=update)).description
    assert do("get_function", name, fc.GetFunctionRequest()).description == "changed"
    assert do("get_function_code", name, fc.GetFunctionCodeRequest()).url
    listed = do("list_functions", fc.ListFunctionsRequest(prefix=name)).functions
    assert [each.function_name for each in listed] == [name]
    invoked = do("invoke_function", name, fc.InvokeFunctionRequest(body=b"payload"))
    assert b'"body": "payload"' in invoked.read()
    assert do("list_instances", name, fc.ListInstancesRequest()).instances[0].version_id == "LATEST"
    assert do("describe_regions", fc.DescribeRegionsRequest()).regions


def versions(do: Callable[..., Any], name: str) -> None:
    for number in ("1", "2"):
        body = fc.PublishVersionInput(description=f"release {number}")
        request = fc.PublishFunctionVersionRequest(body=body)
        assert do("publish_function_version", name, request).version_id == number
    request = fc.ListFunctionVersionsRequest(limit=1)
    page = do("list_function_versions", name, request)
    assert [each.version_id for each in page.versions] == ["2"]
    request = fc.ListFunctionVersionsRequest(limit=1, next_token=page.next_token)
    assert do("list_function_versions", name, request).versions[0].description == "release 1"
    create = fc.CreateAliasInput(alias_name="live", version_id="1")
    assert do("create_alias", name, fc.CreateAliasRequest(body=create)).version_id == "1"
    update = fc.UpdateAliasInput(additional_version_weight={"2": 0.25})
    assert do("update_alias", name, "live", fc.UpdateAliasRequest(body=update)).version_id == "1"
    assert do("get_alias", name, "live").additional_version_weight == {"2": 0.25}
    assert do("list_aliases", name, fc.ListAliasesRequest()).aliases[0].alias_name == "live"
    with pytest.raises(DaraException, match="VersionInUse"):
        do("delete_function_version", name, "2")
    do("delete_alias", name, "live")
    do("delete_function_version", name, "2")


def triggers(do: Callable[..., Any], name: str) -> None:
    timer = fc.CreateTriggerInput(
        trigger_name="nightly",
        trigger_type="timer",
        trigger_config='{"cronExpression": "@every 1h", "enable": true}',
        qualifier="1",
    )
    created = do("create_trigger", name, fc.CreateTriggerRequest(body=timer))
    assert (created.trigger_type, created.qualifier) == ("timer", "1")
    update = fc.UpdateTriggerInput(description="kept")
    do("update_trigger", name, "nightly", fc.UpdateTriggerRequest(body=update))
    assert do("get_trigger", name, "nightly").description == "kept"
    assert len(do("list_triggers", name, fc.ListTriggersRequest()).triggers) == 1
    do("delete_trigger", name, "nightly")


def limits(do: Callable[..., Any], name: str) -> None:
    reserved = fc.PutConcurrencyConfigRequest(body=fc.PutConcurrencyInput(reserved_concurrency=5))
    do("put_concurrency_config", name, reserved)
    assert do("get_concurrency_config", name).reserved_concurrency == 5
    request: Any = fc.ListConcurrencyConfigsRequest(function_name=name)
    assert len(do("list_concurrency_configs", request).configs) == 1
    do("delete_concurrency_config", name)

    scaling = fc.PutScalingConfigInput(min_instances=1)
    request = fc.PutScalingConfigRequest(body=scaling, qualifier="1")
    assert do("put_scaling_config", name, request).target_instances == 1
    request = fc.GetScalingConfigRequest(qualifier="1")
    assert do("get_scaling_config", name, request).min_instances == 1
    request = fc.ListScalingConfigsRequest(function_name=name)
    assert do("list_scaling_configs", request).scaling_configs[0].function_arn.endswith(f"{name}/1")
    do("delete_scaling_config", name, fc.DeleteScalingConfigRequest(qualifier="1"))

    provision = fc.PutProvisionConfigInput(default_target=1)
    do("put_provision_config", name, fc.PutProvisionConfigRequest(body=provision, qualifier="1"))
    request = fc.GetProvisionConfigRequest(qualifier="1")
    assert do("get_provision_config", name, request).default_target == 1
    request = fc.ListProvisionConfigsRequest(function_name=name)
    assert len(do("list_provision_configs", request).provision_configs) == 1
    do("delete_provision_config", name, fc.DeleteProvisionConfigRequest(qualifier="1"))


def asynchronous(do: Callable[..., Any], name: str) -> None:
    body = fc.PutAsyncInvokeConfigInput(async_task=True, max_async_retry_attempts=1)
    put = fc.PutAsyncInvokeConfigRequest(body=body, qualifier="1")
    assert do("put_async_invoke_config", name, put).max_async_retry_attempts == 1
    get = fc.GetAsyncInvokeConfigRequest(qualifier="1")
    assert do("get_async_invoke_config", name, get).async_task
    listed = do("list_async_invoke_configs", fc.ListAsyncInvokeConfigsRequest(function_name=name))
    assert len(listed.configs) == 1

    headers = fc.InvokeFunctionHeaders(x_fc_invocation_type="Async", x_fc_async_task_id="mine")
    request = fc.InvokeFunctionRequest(body=b"later", qualifier="1")
    do("invoke_function_with_options", name, request, headers, RuntimeOptions())
    task = do("get_async_task", name, "mine", fc.GetAsyncTaskRequest())
    assert (task.task_id, task.task_payload) == ("mine", "later")
    tasks = do("list_async_tasks", name, fc.ListAsyncTasksRequest(prefix="mine")).tasks
    assert [each.task_id for each in tasks] == ["mine"]
    with contextlib.suppress(DaraException):  # It may have ended by itself already.
        do("stop_async_task", name, "mine", fc.StopAsyncTaskRequest())
    do("delete_async_invoke_config", name, fc.DeleteAsyncInvokeConfigRequest(qualifier="1"))


def switches(do: Callable[..., Any], name: str) -> None:
    request = fc.DisableFunctionInvocationRequest(reason="maintenance")
    assert do("disable_function_invocation", name, request).success
    with pytest.raises(DaraException, match="maintenance"):
        do("invoke_function", name, fc.InvokeFunctionRequest(body=b""))
    assert do("enable_function_invocation", name).success
    binding = fc.CreateVpcBindingRequest(body=fc.CreateVpcBindingInput(vpc_id="vpc-1"))
    do("create_vpc_binding", name, binding)
    assert do("list_vpc_bindings", name).vpc_ids == ["vpc-1"]
    do("delete_vpc_binding", name, "vpc-1")


def shared(do: Callable[..., Any], name: str) -> None:
    code = fc.InputCodeLocation(zip_file=archive({"python/shared.py": b"WHAT = 'layer'"}))
    layer = fc.CreateLayerVersionInput(code=code, compatible_runtime=["custom.debian12"])
    request: Any = fc.CreateLayerVersionRequest(body=layer)
    arn = do("create_layer_version", name, request).layer_version_arn
    assert do("get_layer_version", name, "1").layer_version_arn == arn
    assert do("get_layer_version_by_arn", arn).version == 1
    assert do("list_layers", fc.ListLayersRequest(prefix=name)).layers[0].layer_name == name
    assert do("list_layer_versions", name, fc.ListLayerVersionsRequest()).layers[0].version == 1
    do("put_layer_acl", name, fc.PutLayerACLRequest(public="true"))
    assert do("get_layer_version", name, "1").acl == "1"
    do("delete_layer_version", name, "1")

    host = f"{name}.example.com"
    route = fc.RouteConfig(routes=[fc.PathConfig(path="/*", function_name=name)])
    domain = fc.CreateCustomDomainInput(domain_name=host, protocol="HTTP", route_config=route)
    do("create_custom_domain", fc.CreateCustomDomainRequest(body=domain))
    update = fc.UpdateCustomDomainInput(protocol="HTTP,HTTPS")
    do("update_custom_domain", host, fc.UpdateCustomDomainRequest(body=update))
    assert do("get_custom_domain", host).route_config.routes[0].function_name == name
    listed = do("list_custom_domains", fc.ListCustomDomainsRequest(prefix=host)).custom_domains
    assert [each.protocol for each in listed] == ["HTTP,HTTPS"]
    do("delete_custom_domain", host)


def tags(do: Callable[..., Any], name: str) -> None:
    arn = f"acs:fc:cn-hangzhou:1234567890123456:functions/{name}"
    tag = fc.Tag(key="team", value="red")
    body = fc.TagResourcesInput(resource_type="function", resource_id=[arn], tag=[tag])
    do("tag_resources", fc.TagResourcesRequest(body=body))
    request = fc.ListTagResourcesRequest(resource_type="function", resource_id=[arn])
    rows = do("list_tag_resources", request).tag_resources
    assert [(row.tag_key, row.tag_value) for row in rows] == [("team", "red")]
    gone = fc.UntagResourcesRequest(resource_type="function", resource_id=[arn], tag_key=["team"])
    do("untag_resources", gone)


def remove(do: Callable[..., Any], name: str) -> None:
    do("delete_function", name)


def test_options_reach_the_operation(door: Door) -> None:
    door.deploy("optional")

    answer = door.sdk.invoke_function_with_options(
        "optional",
        fc.InvokeFunctionRequest(body=b""),
        fc.InvokeFunctionHeaders(x_fc_log_type="Tail"),
        RuntimeOptions(),
    )

    assert answer.headers["x-fc-log-result"]
