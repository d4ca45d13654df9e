"""Requests to functions: passed through both ways, and answered for when a function breaks."""

import base64
import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from alibabacloud_fc20230330 import models as fc
from darabonba.runtime import RuntimeOptions

from tests.emulator.doors import ACCOUNT_ID, REGION, Door
from tests.support.waiting import wait_until

Created = Callable[..., str]


def test_a_request_comes_through_as_it_was_sent(door: Door, created: Created) -> None:
    host = created()

    answer = door.call(
        host, "/a%2Fb?q=%E8%B4%A6&q=2", method="PUT", headers=[("X-Mine", "1")], body=b"\x00\xff"
    )

    seen = json.loads(answer.body)
    assert (seen["method"], seen["path"]) == ("PUT", "/a%2Fb?q=%E8%B4%A6&q=2")
    assert seen["body"] == "\x00\xff"
    assert seen["headers"]["x-mine"] == "1"
    assert seen["headers"]["host"] == host
    assert answer.value("x-own") == "kept"


def test_the_platform_s_own_headers_cannot_be_forged_by_either_side(
    door: Door, name: str, created: Created
) -> None:
    host = created()

    answer = door.call(host, headers=[("x-fc-function-name", "forged")])

    assert json.loads(answer.body)["headers"]["x-fc-function-name"] == name
    assert answer.value("x-fc-forged") is None
    assert answer.value("x-fc-request-id")


def test_a_function_is_told_of_its_call_in_the_platform_s_headers(
    door: Door, name: str, created: Created
) -> None:
    hooks = {"initializer": {"handler": "init", "timeout": 7}, "preStop": {"handler": "stop"}}
    host = created(memorySize=640, instanceLifecycleConfig=hooks)

    answer = door.call(host, "/a")

    told = json.loads(answer.body)["headers"]
    assert {each: value for each, value in told.items() if each.startswith("x-fc-")} == {
        "x-fc-request-id": answer.value("x-fc-request-id"),
        "x-fc-control-path": "/http-invoke",
        "x-fc-account-id": ACCOUNT_ID,
        "x-fc-region": REGION,
        "x-fc-function-name": name,
        "x-fc-function-handler": "index.handler",
        "x-fc-function-memory": "640",
        "x-fc-function-initializer": "init",
        "x-fc-initialization-timeout": "7",
        "x-fc-instance-lifecycle-pre-stop-handler": "stop",
        "x-fc-access-key-id": "STS.emulator",
        "x-fc-access-key-secret": "emulator",
        "x-fc-security-token": "emulator",
        "x-fc-qualifier": "LATEST",
        "x-fc-version-id": "LATEST",
    }
    lines = [
        f"FC Invoke {which} RequestId: {told['x-fc-request-id']}" for which in ("Start", "End")
    ]
    assert [line for line in door.log(name) if line in lines] == lines


def test_an_instance_sees_its_own_environment_and_nothing_of_this_machine_s(
    door: Door, created: Created
) -> None:
    host = created(environmentVariables={"MINE": "1"})

    environment = json.loads(door.call(host).body)["environment"]

    assert environment["MINE"] == "1"
    assert set(environment) - {"MINE", "LC_CTYPE", "PYTHONUNBUFFERED"} <= {
        *("PATH", "HOME", "LANG", "PORT", "FC_SERVER_PORT", "FC_FUNCTION_NAME"),
        *("FC_FUNCTION_HANDLER", "FC_FUNCTION_MEMORY_SIZE", "FC_INSTANCE_ID", "FC_REGION"),
        *("FC_ACCOUNT_ID", "FC_QUALIFIER", "FC_VERSION_ID", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
        *("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
        *("FC_CUSTOM_LISTEN_PORT", "FC_FUNC_CODE_PATH", "FC_VER_ID", "FC_FUNCTION_VERSION"),
    }


def test_an_invocation_by_the_api_reaches_the_invoke_path(
    door: Door, name: str, created: Created
) -> None:
    host = created()
    door.call(host)
    wait_until(lambda: "answered POST" in door.log(name), "the first call's line")

    result = door.sdk.invoke_function_with_options(
        name,
        fc.InvokeFunctionRequest(body=b"payload"),
        fc.InvokeFunctionHeaders(x_fc_log_type="Tail"),
        RuntimeOptions(),
    )

    seen = json.loads(result.body.read())
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/invoke", "payload")
    assert seen["headers"]["x-fc-control-path"] == "/invoke"
    assert b"answered POST" in base64.b64decode(result.headers["x-fc-log-result"])


def test_requests_beyond_one_instance_s_concurrency_start_another(
    door: Door, name: str, created: Created
) -> None:
    host = created(instanceConcurrency=1)

    with ThreadPoolExecutor(3) as callers:
        answers = list(callers.map(lambda _: door.call(host, "/slow", body=b"0.5"), range(3)))

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert len({json.loads(answer.body)["pid"] for answer in answers}) == 3
    assert len(door.instances(name)) == 3


def test_a_crash_in_mid_call_is_an_answer_and_the_next_call_works(
    door: Door, created: Created
) -> None:
    host = created()

    answer = door.call(host, "/die")

    assert answer.status == 502
    assert answer.value("x-fc-error-type") == "UnhandledInvocationError"
    assert "exited unexpectedly" in answer.body.decode()
    assert door.call(host).status == 200


def test_a_killed_instance_of_a_minimum_is_replaced_without_a_call(
    door: Door, name: str, created: Created
) -> None:
    created()
    body = fc.PutScalingConfigInput(min_instances=1)
    door.sdk.put_scaling_config(name, fc.PutScalingConfigRequest(body=body))
    wait_until(lambda: door.instances(name), "the minimum's instance")
    before = door.instances(name)[0]["pid"]

    os.kill(before, signal.SIGKILL)

    wait_until(
        lambda: [row["pid"] for row in door.instances(name)] not in ([], [before]),
        "another instance",
    )


def test_a_call_that_outlasts_the_function_s_time_limit_is_ended(
    door: Door, created: Created
) -> None:
    answer = door.call(created(timeout=1), "/slow", body=b"5")

    assert answer.status == 504
    assert json.loads(answer.body)["errorType"] == "FunctionTimeout"


def test_a_function_that_breaks_at_its_start_says_so(door: Door, created: Created) -> None:
    answer = door.call(created(environmentVariables={"broken": "1"}))

    assert answer.status == 412
    assert json.loads(answer.body)["Code"] == "CAExited"


def test_a_start_command_that_does_not_exist_says_so(door: Door, created: Created) -> None:
    answer = door.call(created(customRuntimeConfig={"command": ["./nothing-here"]}))

    assert answer.status == 412
    assert json.loads(answer.body)["Code"] == "CAFileNotFound"


def test_new_code_takes_over_without_dropping_the_calls_under_way(
    door: Door, name: str, created: Created
) -> None:
    host = created(environmentVariables={"VERSION": "1"})
    door.call(host)

    with ThreadPoolExecutor(1) as background:
        under_way = background.submit(door.call, host, "/slow", body=b"1")
        body = fc.UpdateFunctionInput().from_map({"environmentVariables": {"VERSION": "2"}})
        wait_until(lambda: door.instances(name)[0]["inFlight"] == 1, "the call is under way")
        door.sdk.update_function(name, fc.UpdateFunctionRequest(body=body))
        assert json.loads(door.call(host).body)["version"] == "2"
        assert json.loads(under_way.result().body)["version"] == "1"


def test_a_crash_is_an_answer_to_an_invocation_by_the_api_as_well(
    door: Door, name: str, created: Created
) -> None:
    created(customRuntimeConfig={"command": ["sh", "-c", "sed s,/die,/invoke, odd.py | python3 -"]})

    result = door.sdk.invoke_function(name, fc.InvokeFunctionRequest(body=b""))

    assert result.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert b"exited unexpectedly" in result.body.read()


def test_an_answer_that_is_not_http_is_a_bad_response(door: Door, created: Created) -> None:
    answer = door.call(created(), "/nonsense")

    assert (answer.status, json.loads(answer.body)["Code"]) == (502, "BadResponse")
