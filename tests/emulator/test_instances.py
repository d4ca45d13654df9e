"""Instances: how many there are, when they come, and how they go."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alibabacloud_fc20230330 import models as fc

from tests.emulator.doors import Emulator
from tests.emulator.test_end import gone
from tests.support.waiting import wait_until

Created = Callable[..., str]


def minimum(emulator: Emulator, name: str, count: int) -> None:
    body = fc.PutScalingConfigInput(min_instances=count)
    emulator.sdk.put_scaling_config(name, fc.PutScalingConfigRequest(body=body))


def scaling(emulator: Emulator, name: str) -> fc.ScalingConfigStatus:
    return emulator.sdk.get_scaling_config(name, fc.GetScalingConfigRequest()).body


def test_a_minimum_is_started_without_a_call_and_reported(
    emulator: Emulator, name: str, created: Created
) -> None:
    created()

    minimum(emulator, name, 2)

    wait_until(lambda: scaling(emulator, name).current_instances == 2, "two instances")
    assert len(emulator.instances(name)) == 2


def test_a_minimum_that_cannot_start_says_why(
    emulator: Emulator, name: str, created: Created
) -> None:
    created(environmentVariables={"broken": "1"})

    minimum(emulator, name, 1)

    wait_until(lambda: scaling(emulator, name).current_error, "an error")
    assert "CAExited" in scaling(emulator, name).current_error
    assert any("told to break" in line for line in emulator.log(name))


def test_a_reserved_concurrency_is_the_most_instances(
    emulator: Emulator, name: str, created: Created
) -> None:
    host = created(instanceConcurrency=1)
    limit(emulator, name, 1)

    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(emulator.call, host, "/slow", body=b"1")
        wait_until(lambda: any(row["inFlight"] for row in emulator.instances(name)), "a call")
        second = emulator.call(host)

    assert first.result().status == 200
    assert second.status == 429
    assert json.loads(second.body)["Code"] == "ResourceExhausted"
    assert second.value("x-fc-request-id")


def test_a_reserved_concurrency_of_nothing_lets_nobody_in(
    emulator: Emulator, name: str, created: Created
) -> None:
    host = created()
    limit(emulator, name, 0)

    assert emulator.call(host).status == 429

    emulator.sdk.delete_concurrency_config(name)
    assert emulator.call(host).status == 200


def limit(emulator: Emulator, name: str, count: int) -> None:
    body = fc.PutConcurrencyInput(reserved_concurrency=count)
    emulator.sdk.put_concurrency_config(name, fc.PutConcurrencyConfigRequest(body=body))


@pytest.mark.parametrize(("status", "said"), [("200", 200), ("500", 412)])
def test_an_initializer_decides_whether_an_instance_starts(
    emulator: Emulator, created: Created, status: str, said: int
) -> None:
    host = created(
        instanceLifecycleConfig={"initializer": {"handler": "initialize", "timeout": 5}},
        environmentVariables={"INITIALIZE": status},
    )

    assert emulator.call(host).status == said


def test_an_instance_that_fails_its_health_checks_gets_no_more_calls(
    emulator: Emulator, name: str, created: Created
) -> None:
    check = {"httpGetUrl": "/health", "periodSeconds": 1, "failureThreshold": 1}
    command = ["python3", "odd.py"]
    host = created(customRuntimeConfig={"command": command, "healthCheckConfig": check})
    sick = json.loads(emulator.call(host, "/sicken").body)["pid"]

    wait_until(lambda: emulator.instances(name) == [], "the failed check")

    assert json.loads(emulator.call(host).body)["pid"] != sick


def test_an_instance_is_told_before_it_is_stopped(
    emulator: Emulator, name: str, created: Created, tmp_path: Path
) -> None:
    farewell = tmp_path / "farewell"
    host = created(
        instanceLifecycleConfig={"preStop": {"handler": "preStop", "timeout": 5}},
        environmentVariables={"FAREWELL": str(farewell)},
    )
    emulator.call(host)

    emulator.sdk.delete_trigger(name, "http")
    emulator.sdk.delete_function(name)

    assert farewell.exists()


def test_a_deleted_function_leaves_nothing_running(
    emulator: Emulator, name: str, created: Created
) -> None:
    host = created()
    child = int(emulator.call(host, "/child").body)
    os.kill(child, 0)

    emulator.sdk.delete_trigger(name, "http")
    emulator.sdk.delete_function(name)

    wait_until(lambda: gone(child), "the end of what the function had started")


def test_running_instances_are_listed(emulator: Emulator, name: str, created: Created) -> None:
    emulator.call(created())

    listed = emulator.sdk.list_instances(name, fc.ListInstancesRequest()).body.instances

    assert [each.status for each in listed] == ["Running"]
    assert listed[0].instance_id == emulator.instances(name)[0]["id"]
