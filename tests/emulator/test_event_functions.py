"""Event functions of the platform's Python runtimes."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_fc20230330 import models as fc
from darabonba.exceptions import DaraException

from infra.emulator.runtimes import find
from tests.emulator.doors import Door, archive, function

SOURCE = Path(__file__).parent / "functions" / "event.py"
Made = Callable[..., str]


@pytest.fixture
def made(door: Door, name: str) -> Made:
    """Make the event function; its trigger's host."""

    def make(**settings: Any) -> str:
        return door.create(
            name,
            **{
                "runtime": "python3.10",
                "handler": "event.handler",
                "customRuntimeConfig": None,
                "code": {"zipFile": archive({"event.py": SOURCE.read_bytes()})},
                **settings,
            },
        )

    return make


def invoke(door: Door, name: str, **event: Any) -> tuple[bytes, str]:
    request = fc.InvokeFunctionRequest(body=json.dumps(event).encode())
    answer = door.sdk.invoke_function(name, request)
    return answer.body.read(), answer.headers.get("x-fc-error-type", "")


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.12"])
def test_a_handler_runs_under_the_runtime_that_it_names(
    door: Door, name: str, made: Made, version: str
) -> None:
    made(runtime=f"python{version}")

    body, error = invoke(door, name, do="tell")

    told = json.loads(body)
    assert error == ""
    assert (told["name"], told["memory"], told["key"]) == (name, 512, "STS.emulator")
    assert told["credentials"] is (version != "3.12")
    if find(version):
        assert told["python"] == version
    else:
        assert any(f"python{version} is not on this machine" in each for each in door.log(name))


def test_an_initializer_is_called_once_before_the_handler(
    door: Door, name: str, made: Made
) -> None:
    hook = {"handler": "event.initialize", "timeout": 5}
    made(instanceLifecycleConfig={"initializer": hook})

    told = [json.loads(invoke(door, name, do="tell")[0])["initialized"] for _ in range(2)]

    assert told == [1, 1]


def test_bytes_come_back_as_bytes(door: Door, name: str, made: Made) -> None:
    made()

    assert invoke(door, name, do="bytes") == (b"\x00\xff", "")


def test_an_exception_is_told_with_its_stack_and_the_instance_lives_on(
    door: Door, name: str, made: Made
) -> None:
    made()

    body, error = invoke(door, name, do="fail")

    told = json.loads(body)
    assert error == "UnhandledInvocationError"
    assert (told["errorType"], told["errorMessage"]) == ("ValueError", "told to fail")
    assert "event.py" in told["stackTrace"][0][0]
    assert len(door.instances(name)) == 1


def test_what_a_handler_logs_is_in_the_tail(door: Door, name: str, made: Made) -> None:
    made()
    invoke(door, name, do="tell")

    assert any("[INFO] asked to tell" in line for line in door.log(name))


def test_a_trigger_s_request_is_an_event_and_its_result_an_answer(door: Door, made: Made) -> None:
    host = made()

    answer = door.call(host, "/a?q=%C3%A9", method="PUT", body=b"\xffraw")

    assert (answer.status, answer.value("x-own")) == (201, "1")
    assert json.loads(answer.body) == {"method": "PUT", "body": "\xffraw", "query": {"q": "é"}}


def test_a_result_without_a_status_is_the_body(door: Door, made: Made) -> None:
    headers = [("Content-Type", "text/plain")]
    answer = door.call(made(), "/plain", headers=headers, body=b"you")

    assert (answer.status, answer.value("content-type")) == (200, "application/json")
    assert json.loads(answer.body) == {"hello": "you"}


def test_an_exception_behind_a_trigger_is_a_502(door: Door, made: Made) -> None:
    answer = door.call(made(), "/fail")

    assert (answer.status, answer.value("x-fc-error-type")) == (502, "UnhandledInvocationError")
    assert json.loads(answer.body)["errorType"] == "KeyError"


@pytest.mark.parametrize("handler", ["absent.handler", "event.absent"])
def test_a_handler_that_is_not_there_is_told(
    door: Door, name: str, made: Made, handler: str
) -> None:
    made(handler=handler)

    body, error = invoke(door, name, do="tell")

    assert error == "UnhandledInvocationError"
    assert "absent" in json.loads(body)["errorMessage"]


@pytest.mark.parametrize("runtime", ["nodejs20", "java11", "custom-container", "python3.11"])
def test_other_runtimes_are_refused_by_name(door: Door, runtime: str) -> None:
    body = fc.CreateFunctionInput().from_map(function("other", runtime=runtime))

    with pytest.raises(DaraException) as caught:
        door.sdk.create_function(fc.CreateFunctionRequest(body=body))

    assert caught.value.code == "NotEmulated"
    assert runtime in caught.value.message


def test_what_an_api_caller_sends_is_decoded_nowhere(door: Door, name: str, made: Made) -> None:
    made()
    request = fc.InvokeFunctionRequest(body=base64.b64encode(b"{}"))

    error = door.sdk.invoke_function(name, request).headers["x-fc-error-type"]

    assert error == "UnhandledInvocationError"
