"""State on disk: whatever was acknowledged is there after any end of the emulator."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_fc20230330 import models as fc
from darabonba.runtime import RuntimeOptions

from tests.emulator.doors import Emulator, archive
from tests.support.waiting import wait_until

Start = Callable[[], Emulator]
OPEN = {"authType": "anonymous", "methods": ["GET", "POST"]}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an emulator on the test's folder; those before it have been killed."""
    running: list[Emulator] = []
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def another() -> Emulator:
        if running:
            os.kill(running[-1].child.pid, signal.SIGKILL)
            running[-1].child.stop()
        options = ("--data", str(tmp_path / "data"))
        running.append(Emulator({"TMPDIR": str(scratch)}, *options))
        return running[-1]

    yield another
    for each in running:
        each.child.stop()


def publish(emulator: Emulator, name: str) -> None:
    request = fc.PublishFunctionVersionRequest(body=fc.PublishVersionInput(description="first"))
    emulator.sdk.publish_function_version(name, request)


def everything(emulator: Emulator) -> dict[str, Any]:
    """What the API tells of all that there is."""
    prefix = "/2023-03-30"
    paths = [
        *("/functions", "/functions/kept", "/functions/kept?qualifier=1", "/functions/kept/code"),
        *("/functions/kept/triggers", "/functions/kept/versions", "/functions/kept/aliases"),
        *("/functions/kept/vpc-bindings", "/concurrency-configs", "/async-invoke-configs"),
        *("/custom-domains", "/layers", "/tags-v2", "/functions?fcVersion=v2"),
    ]
    told = {path: emulator.call("127.0.0.1", prefix + path, method="GET").body for path in paths}
    told["services"] = emulator.call("127.0.0.1", "/2016-08-15/services", method="GET").body
    assert all(told.values())
    return {
        path: {name: value for name, value in json.loads(body).items() if _is_lasting(name)}
        for path, body in told.items()
    }


def _is_lasting(name: str) -> bool:
    """Whether a field is not of the request that asked for it."""
    return name not in ("RequestId", "requestId", "url")


def test_a_killed_emulator_comes_back_with_all_that_it_had(start: Start) -> None:
    emulator = start()
    sdk = emulator.sdk
    host = emulator.create("kept", environmentVariables={"VERSION": "1"}, description="kept")
    publish(emulator, "kept")
    alias = fc.CreateAliasInput(alias_name="live", version_id="1")
    sdk.create_alias("kept", fc.CreateAliasRequest(body=alias))
    reserved = fc.PutConcurrencyInput(reserved_concurrency=7)
    sdk.put_concurrency_config("kept", fc.PutConcurrencyConfigRequest(body=reserved))
    settings = fc.PutAsyncInvokeConfigInput(async_task=True)
    sdk.put_async_invoke_config("kept", fc.PutAsyncInvokeConfigRequest(body=settings))
    binding = fc.CreateVpcBindingRequest(body=fc.CreateVpcBindingInput(vpc_id="vpc-1"))
    sdk.create_vpc_binding("kept", binding)
    code = fc.InputCodeLocation(zip_file=archive({"python/shared.py": b"A = 1"}))
    layer = fc.CreateLayerVersionInput(code=code, compatible_runtime=["custom"])
    sdk.create_layer_version("shared", fc.CreateLayerVersionRequest(body=layer))
    route = fc.RouteConfig(routes=[fc.PathConfig(path="/*", function_name="kept")])
    domain = fc.CreateCustomDomainInput(
        domain_name="kept.example.com", protocol="HTTP", route_config=route
    )
    sdk.create_custom_domain(fc.CreateCustomDomainRequest(body=domain))
    emulator.api2().create_service("service", "of the older API")
    before = everything(emulator)

    again = start()

    assert everything(again) == before
    assert json.loads(again.call(host).body)["version"] == "1"
    assert again.call("kept.example.com", method="GET").status == 200


def test_what_was_deleted_stays_deleted(start: Start) -> None:
    emulator = start()
    emulator.deploy("gone")
    emulator.sdk.delete_function("gone")

    answer = start().call("127.0.0.1", "/2023-03-30/functions/gone", method="GET")

    assert answer.status == 404


def test_an_accepted_invocation_is_carried_out_by_the_next_emulator(start: Start) -> None:
    emulator = start()
    emulator.deploy("later")
    settings = fc.PutAsyncInvokeConfigInput(async_task=True)
    emulator.sdk.put_async_invoke_config("later", fc.PutAsyncInvokeConfigRequest(body=settings))
    emulator.control("PUT", "/faults", {"faults": [{"kind": "throttle", "function": "later"}]})
    headers = fc.InvokeFunctionHeaders(x_fc_invocation_type="Async", x_fc_async_task_id="task")
    request = fc.InvokeFunctionRequest(body=b"\xff\x00 bytes")
    emulator.sdk.invoke_function_with_options("later", request, headers, RuntimeOptions())

    again = start()

    def task() -> Any:
        return again.sdk.get_async_task("later", "task", fc.GetAsyncTaskRequest()).body

    wait_until(lambda: task().status == "Succeeded", "the task")
    assert json.loads(task().return_payload)["body"] == "\xff\x00 bytes"


def test_a_minimum_is_filled_up_again(start: Start) -> None:
    emulator = start()
    emulator.deploy("minimum")
    body = fc.PutScalingConfigInput(min_instances=1)
    emulator.sdk.put_scaling_config("minimum", fc.PutScalingConfigRequest(body=body))

    again = start()

    wait_until(lambda: len(again.instances("minimum")) == 1, "the instance")


def test_a_folder_is_one_emulator_s_at_a_time(start: Start, tmp_path: Path) -> None:
    start()
    command = [sys.executable, "-m", "infra.emulator", "--data", str(tmp_path / "data")]

    second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert second.returncode == 1
    assert "is another emulator running there?" in second.stderr
    assert "Traceback" not in second.stderr
