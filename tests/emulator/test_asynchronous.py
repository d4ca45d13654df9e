"""Asynchronous invocations: accepted, retried, expired, stopped, and told of."""

import json
from typing import Any

import pytest
from alibabacloud_fc20230330 import models as fc
from darabonba.exceptions import DaraException
from darabonba.runtime import RuntimeOptions

from tests.emulator.doors import ACCOUNT_ID, REGION, Door
from tests.support.waiting import wait_until

ARN = f"acs:fc:{REGION}:{ACCOUNT_ID}:functions/"
HOUR = 3600


def configure(door: Door, name: str, **settings: Any) -> None:
    body = fc.PutAsyncInvokeConfigInput().from_map({"asyncTask": True, **settings})
    door.sdk.put_async_invoke_config(name, fc.PutAsyncInvokeConfigRequest(body=body))


def invoke(door: Door, name: str, payload: bytes = b"payload", task: str = "task") -> Any:
    request = fc.InvokeFunctionRequest(body=payload)
    headers = fc.InvokeFunctionHeaders(x_fc_invocation_type="Async", x_fc_async_task_id=task)
    return door.sdk.invoke_function_with_options(name, request, headers, RuntimeOptions())


def task(door: Door, name: str, task_id: str = "task") -> Any:
    return door.sdk.get_async_task(name, task_id, fc.GetAsyncTaskRequest()).body


def ended(door: Door, name: str, status: str, *, moving: bool = False) -> Any:
    """The task, once it has that status; the clock is moved on while waiting, where wanted."""

    def is_there() -> bool:
        if moving:
            door.control("POST", "/clock", {"advanceSeconds": 60})
        return str(task(door, name).status) == status

    wait_until(is_there, f"the task to be {status}")
    return task(door, name)


def test_an_asynchronous_invocation_is_accepted_and_carried_out(door: Door, name: str) -> None:
    door.deploy(name)

    answer = invoke(door, name)

    assert answer.status_code == 202
    wait_until(lambda: "answered POST" in door.log(name), "its line")


def test_a_task_tells_what_it_took_and_what_it_gave(door: Door, name: str) -> None:
    door.deploy(name)
    configure(door, name)

    answer = invoke(door, name)

    assert answer.headers["x-fc-async-task-id"] == "task"
    found = ended(door, name, "Succeeded")
    assert found.task_payload == "payload"
    assert '"body": "payload"' in found.return_payload
    assert [step.status for step in found.events] == ["Enqueued", "Running", "Succeeded"]
    assert found.request_id == answer.headers["x-fc-request-id"]


def test_without_the_setting_nothing_is_kept(door: Door, name: str) -> None:
    door.deploy(name)
    invoke(door, name)

    with pytest.raises(DaraException, match="AsyncTaskNotFound"):
        task(door, name)


def test_a_function_that_fails_is_asked_again(door: Door, name: str) -> None:
    door.deploy(name, environmentVariables={"FAILS": "2"})
    configure(door, name)
    invoke(door, name)

    found = ended(door, name, "Succeeded", moving=True)

    assert found.already_retried_times == 2
    statuses = [step.status for step in found.events]
    assert statuses == ["Enqueued", *["Running", "Retrying"] * 2, "Running", "Succeeded"]


def test_after_its_retries_the_failure_is_told(door: Door, name: str) -> None:
    door.deploy(name, environmentVariables={"FAILS": "9"})
    door.deploy("told-of-it")
    configure(door, "told-of-it")
    destination = {"onFailure": {"destination": f"{ARN}told-of-it"}}
    configure(door, name, maxAsyncRetryAttempts=1, destinationConfig=destination)
    invoke(door, name)

    found = ended(door, name, "Failed", moving=True)

    assert (found.already_retried_times, found.task_error_message) == (1, "told to fail")
    request = fc.ListAsyncTasksRequest(include_payload=True)
    told = door.sdk.list_async_tasks("told-of-it", request).body.tasks
    document = json.loads(told[0].task_payload)
    assert document["requestContext"]["functionName"] == name
    assert document["requestContext"]["approximateInvokeCount"] == 2
    assert document["requestPayload"] == "payload"
    assert task(door, name).destination_status == "Succeeded"
    door.sdk.delete_function("told-of-it")


def test_what_cannot_be_carried_out_in_time_expires(door: Door, name: str) -> None:
    door.deploy(name)
    configure(door, name, maxAsyncEventAgeInSeconds=HOUR)
    door.control("PUT", "/faults", {"faults": [{"kind": "throttle", "function": name}]})
    invoke(door, name)
    wait_until(lambda: task(door, name).status == "Retrying", "a retry")

    door.control("POST", "/clock", {"advanceSeconds": HOUR + 1})

    ended(door, name, "Expired")
    door.control("DELETE", "/faults")


def test_a_task_under_way_is_stopped(door: Door, name: str) -> None:
    door.deploy(name)
    configure(door, name)
    slow = {"kind": "timeout", "function": name, "seconds": 100}
    door.control("PUT", "/faults", {"faults": [slow]})
    invoke(door, name)
    wait_until(lambda: task(door, name).status == "Running", "its start")

    door.sdk.stop_async_task(name, "task", fc.StopAsyncTaskRequest())

    assert task(door, name).status == "Stopped"
    door.control("DELETE", "/faults")
    with pytest.raises(DaraException, match="has ended already"):
        door.sdk.stop_async_task(name, "task", fc.StopAsyncTaskRequest())


def test_tasks_are_listed_by_status_and_page(door: Door, name: str) -> None:
    door.deploy(name)
    configure(door, name)
    for index in range(3):
        invoke(door, name, task=f"task-{index}")

    def succeeded() -> list[str]:
        request = fc.ListAsyncTasksRequest(status="Succeeded", sort_order_by_time="asc")
        found = door.sdk.list_async_tasks(name, request).body.tasks or ()
        return [each.task_id for each in found]

    wait_until(lambda: succeeded() == ["task-0", "task-1", "task-2"], "all of them")
    first = door.sdk.list_async_tasks(name, fc.ListAsyncTasksRequest(limit=2)).body
    request = fc.ListAsyncTasksRequest(limit=2, next_token=first.next_token)
    rest = door.sdk.list_async_tasks(name, request).body
    listed = [each.task_id for each in (*first.tasks, *rest.tasks)]
    assert listed == ["task-2", "task-1", "task-0"]


def test_a_task_s_id_is_taken_once(door: Door, name: str) -> None:
    door.deploy(name)
    configure(door, name)
    invoke(door, name)

    with pytest.raises(DaraException, match="AsyncTaskAlreadyExists"):
        invoke(door, name)


def test_a_trigger_s_request_is_taken_on_too(door: Door, name: str) -> None:
    host = door.create(name)
    configure(door, name)
    headers = [("X-Fc-Invocation-Type", "Async"), ("X-Fc-Async-Task-Id", "task"), ("X-Own", "own")]

    answer = door.call(host, "/path?a=1", method="PUT", headers=headers, body=b"text")

    assert (answer.status, answer.body) == (202, b"")
    seen = json.loads(ended(door, name, "Succeeded").return_payload)
    assert (seen["method"], seen["path"], seen["body"]) == ("PUT", "/path?a=1", "text")
    assert seen["headers"]["x-own"] == "own"
    assert seen["headers"]["x-fc-control-path"] == "/http-invoke"


def test_a_payload_beyond_the_limit_is_refused_by_its_name(door: Door, name: str) -> None:
    door.deploy(name)

    with pytest.raises(DaraException, match="131072 bytes"):
        invoke(door, name, b"x" * 131_073)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"maxAsyncRetryAttempts": 9}, "maxAsyncRetryAttempts"),
        ({"maxAsyncEventAgeInSeconds": 0}, "maxAsyncEventAgeInSeconds"),
        ({"destinationConfig": {"onSuccess": {"destination": "nowhere"}}}, "onSuccess"),
        ({"destinationConfig": {"onSuccess": {"destination": "acs:mns:::/queues/q"}}}, "mns"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(
    door: Door, name: str, settings: dict[str, Any], what: str
) -> None:
    door.deploy(name)

    with pytest.raises(DaraException, match=what):
        configure(door, name, **settings)


def test_a_deleted_function_s_tasks_go_with_it(door: Door, name: str) -> None:
    door.deploy(name, environmentVariables={"FAILS": "9"})
    configure(door, name)
    invoke(door, name)
    door.sdk.delete_function(name)
    door.deploy(name)

    assert not door.sdk.list_async_tasks(name, fc.ListAsyncTasksRequest()).body.tasks
