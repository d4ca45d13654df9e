"""Requests to functions: passed through both ways, and answered for when a function breaks."""

import base64
import json
import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from alibabacloud_fc20230330 import models as fc
from darabonba.runtime import RuntimeOptions

from tests.emulator.doors import Emulator
from tests.support.waiting import wait_until
from tests.support.wire import chunked, request

Created = Callable[..., str]


def test_a_request_comes_through_as_it_was_sent(emulator: Emulator, created: Created) -> None:
    host = created()

    answer = emulator.call(
        host, "/a%2Fb?q=%E8%B4%A6&q=2", method="PUT", headers=[("X-Mine", "1")], body=b"\x00\xff"
    )

    seen = json.loads(answer.body)
    assert (seen["method"], seen["path"]) == ("PUT", "/a%2Fb?q=%E8%B4%A6&q=2")
    assert seen["body"] == "\x00\xff"
    assert seen["headers"]["x-mine"] == "1"
    assert seen["headers"]["host"] == host
    assert answer.value("x-own") == "kept"


def test_the_platform_s_own_headers_cannot_be_forged_by_either_side(
    emulator: Emulator, name: str, created: Created
) -> None:
    host = created()

    answer = emulator.call(host, headers=[("x-fc-function-name", "forged")])

    assert json.loads(answer.body)["headers"]["x-fc-function-name"] == name
    assert answer.value("x-fc-forged") is None
    assert answer.value("x-fc-request-id")


def test_an_instance_sees_its_own_environment_and_nothing_of_this_machine_s(
    emulator: Emulator, created: Created
) -> None:
    host = created(environmentVariables={"MINE": "1"})

    environment = json.loads(emulator.call(host).body)["environment"]

    assert environment["MINE"] == "1"
    assert set(environment) - {"MINE", "LC_CTYPE", "PYTHONUNBUFFERED"} <= {
        *("PATH", "HOME", "LANG", "PORT", "FC_SERVER_PORT", "FC_FUNCTION_NAME"),
        *("FC_FUNCTION_HANDLER", "FC_FUNCTION_MEMORY_SIZE", "FC_INSTANCE_ID", "FC_REGION"),
        *("FC_ACCOUNT_ID", "FC_QUALIFIER", "FC_VERSION_ID", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
        *("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
        *("FC_CUSTOM_LISTEN_PORT", "FC_FUNC_CODE_PATH", "FC_VER_ID", "FC_FUNCTION_VERSION"),
    }


def test_pieces_pass_both_ways_as_they_come(emulator: Emulator, created: Created) -> None:
    head, *pieces = chunked(created(), "/stream", [b"one", b"two"])
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=10) as connection:
        connection.sendall(head + pieces[0])
        answer = b""
        while not answer.endswith(b"3\r\none\r\n"):  # while the second one has not been sent
            answer += connection.recv(65536)
        connection.sendall(b"".join(pieces[1:]))
        while not answer.endswith(b"0\r\n\r\n"):
            answer += connection.recv(65536)

    assert answer.endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def test_an_invocation_by_the_api_reaches_the_invoke_path(
    emulator: Emulator, name: str, created: Created
) -> None:
    host = created()
    emulator.call(host)
    wait_until(lambda: "answered POST" in emulator.log(name), "the first call's line")

    result = emulator.sdk.invoke_function_with_options(
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
    emulator: Emulator, name: str, created: Created
) -> None:
    host = created(instanceConcurrency=1)

    with ThreadPoolExecutor(3) as callers:
        answers = list(callers.map(lambda _: emulator.call(host, "/slow", body=b"0.5"), range(3)))

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert len({json.loads(answer.body)["pid"] for answer in answers}) == 3
    assert len(emulator.instances(name)) == 3


def test_a_crash_in_mid_call_is_an_answer_and_the_next_call_works(
    emulator: Emulator, created: Created
) -> None:
    host = created()

    answer = emulator.call(host, "/die")

    assert answer.status == 502
    assert answer.value("x-fc-error-type") == "UnhandledInvocationError"
    assert "exited unexpectedly" in answer.body.decode()
    assert emulator.call(host).status == 200


def test_a_killed_instance_of_a_minimum_is_replaced_without_a_call(
    emulator: Emulator, name: str, created: Created
) -> None:
    created()
    body = fc.PutScalingConfigInput(min_instances=1)
    emulator.sdk.put_scaling_config(name, fc.PutScalingConfigRequest(body=body))
    wait_until(lambda: emulator.instances(name), "the minimum's instance")
    before = emulator.instances(name)[0]["pid"]

    os.kill(before, signal.SIGKILL)

    wait_until(
        lambda: [row["pid"] for row in emulator.instances(name)] not in ([], [before]),
        "another instance",
    )


def test_a_call_that_outlasts_the_function_s_time_limit_is_ended(
    emulator: Emulator, created: Created
) -> None:
    answer = emulator.call(created(timeout=1), "/slow", body=b"5")

    assert answer.status == 504
    assert json.loads(answer.body)["errorType"] == "FunctionTimeout"


def test_a_function_that_breaks_at_its_start_says_so(emulator: Emulator, created: Created) -> None:
    answer = emulator.call(created(environmentVariables={"broken": "1"}))

    assert answer.status == 412
    assert json.loads(answer.body)["Code"] == "CAExited"


def test_a_start_command_that_does_not_exist_says_so(emulator: Emulator, created: Created) -> None:
    answer = emulator.call(created(customRuntimeConfig={"command": ["./nothing-here"]}))

    assert answer.status == 412
    assert json.loads(answer.body)["Code"] == "CAFileNotFound"


def test_new_code_takes_over_without_dropping_the_calls_under_way(
    emulator: Emulator, name: str, created: Created
) -> None:
    host = created(environmentVariables={"VERSION": "1"})
    emulator.call(host)

    with ThreadPoolExecutor(1) as background:
        under_way = background.submit(emulator.call, host, "/slow", body=b"1")
        body = fc.UpdateFunctionInput().from_map({"environmentVariables": {"VERSION": "2"}})
        wait_until(lambda: emulator.instances(name)[0]["inFlight"] == 1, "the call is under way")
        emulator.sdk.update_function(name, fc.UpdateFunctionRequest(body=body))
        assert json.loads(emulator.call(host).body)["version"] == "2"
        assert json.loads(under_way.result().body)["version"] == "1"


def test_a_caller_that_goes_away_ends_its_call(
    emulator: Emulator, name: str, created: Created
) -> None:
    host = created(timeout=60)
    with socket.create_connection(("127.0.0.1", emulator.port)) as connection:
        connection.sendall(request(host, "/slow", body=b"30"))
        wait_until(lambda: any(row["inFlight"] for row in emulator.instances(name)), "the call")

    wait_until(lambda: not emulator.instances(name)[0]["inFlight"], "the call's end")


def test_a_crash_is_an_answer_to_an_invocation_by_the_api_as_well(
    emulator: Emulator, name: str, created: Created
) -> None:
    created(customRuntimeConfig={"command": ["sh", "-c", "sed s,/die,/invoke, odd.py | python3 -"]})

    result = emulator.sdk.invoke_function(name, fc.InvokeFunctionRequest(body=b""))

    assert result.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert b"exited unexpectedly" in result.body.read()


def test_an_answer_that_is_not_http_is_a_bad_response(emulator: Emulator, created: Created) -> None:
    answer = emulator.call(created(), "/nonsense")

    assert (answer.status, json.loads(answer.body)["Code"]) == (502, "BadResponse")
