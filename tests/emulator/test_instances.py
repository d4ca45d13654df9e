"""Instances: how many there are, when they come, and how they go."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alibabacloud_fc20230330 import models as fc

from tests.emulator.doors import Door
from tests.emulator.test_end import gone
from tests.support.waiting import wait_until

Created = Callable[..., str]


def minimum(door: Door, name: str, count: int) -> None:
    body = fc.PutScalingConfigInput(min_instances=count)
    door.sdk.put_scaling_config(name, fc.PutScalingConfigRequest(body=body))


def scaling(door: Door, name: str) -> fc.ScalingConfigStatus:
    return door.sdk.get_scaling_config(name, fc.GetScalingConfigRequest()).body


def test_a_minimum_is_started_without_a_call_and_reported(
    door: Door, name: str, created: Created
) -> None:
    created()

    minimum(door, name, 2)

    wait_until(lambda: scaling(door, name).current_instances == 2, "two instances")
    assert len(door.instances(name)) == 2


def test_a_minimum_that_cannot_start_says_why(door: Door, name: str, created: Created) -> None:
    created(environmentVariables={"broken": "1"})

    minimum(door, name, 1)

    wait_until(lambda: scaling(door, name).current_error, "an error")
    assert "CAExited" in scaling(door, name).current_error
    assert any("told to break" in line for line in door.log(name))


def test_a_reserved_concurrency_is_the_most_instances(
    door: Door, name: str, created: Created
) -> None:
    host = created(instanceConcurrency=1)
    limit(door, name, 1)

    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(door.call, host, "/slow", body=b"1")
        wait_until(lambda: any(row["inFlight"] for row in door.instances(name)), "a call")
        second = door.call(host)

    assert first.result().status == 200
    assert second.status == 429
    assert json.loads(second.body)["Code"] == "ResourceExhausted"
    assert second.value("x-fc-request-id")


def test_a_reserved_concurrency_of_nothing_lets_nobody_in(
    door: Door, name: str, created: Created
) -> None:
    host = created()
    limit(door, name, 0)

    assert door.call(host).status == 429

    door.sdk.delete_concurrency_config(name)
    assert door.call(host).status == 200


def limit(door: Door, name: str, count: int) -> None:
    body = fc.PutConcurrencyInput(reserved_concurrency=count)
    door.sdk.put_concurrency_config(name, fc.PutConcurrencyConfigRequest(body=body))


@pytest.mark.parametrize(("status", "said"), [("200", 200), ("500", 412)])
def test_an_initializer_decides_whether_an_instance_starts(
    door: Door, name: str, created: Created, status: str, said: int
) -> None:
    host = created(
        instanceLifecycleConfig={"initializer": {"handler": "initialize", "timeout": 5}},
        environmentVariables={"INITIALIZE": status},
    )

    assert door.call(host).status == said
    told = [line.partition(" RequestId: ")[0] for line in door.log(name)]
    assert told[:2] == ["FC Initialize Start", "FC Initialize End"]


def test_an_instance_that_fails_its_health_checks_gets_no_more_calls(
    door: Door, name: str, created: Created
) -> None:
    check = {"httpGetUrl": "/health", "periodSeconds": 1, "failureThreshold": 1}
    command = ["python3", "odd.py"]
    host = created(customRuntimeConfig={"command": command, "healthCheckConfig": check})
    sick = json.loads(door.call(host, "/sicken").body)["pid"]

    wait_until(lambda: door.instances(name) == [], "the failed check")

    assert json.loads(door.call(host).body)["pid"] != sick


def test_an_instance_is_told_before_it_is_stopped(
    door: Door, name: str, created: Created, tmp_path: Path
) -> None:
    farewell = tmp_path / "farewell"
    host = created(
        instanceLifecycleConfig={"preStop": {"handler": "preStop", "timeout": 5}},
        environmentVariables={"FAREWELL": str(farewell)},
    )
    door.call(host)

    door.sdk.delete_trigger(name, "http")
    door.sdk.delete_function(name)

    assert farewell.exists()


def test_a_deleted_function_leaves_nothing_running(door: Door, name: str, created: Created) -> None:
    host = created()
    child = int(door.call(host, "/child").body)
    os.kill(child, 0)

    door.sdk.delete_trigger(name, "http")
    door.sdk.delete_function(name)

    wait_until(lambda: gone(child), "the end of what the function had started")


def test_running_instances_are_listed(door: Door, name: str, created: Created) -> None:
    door.call(created())

    listed = door.sdk.list_instances(name, fc.ListInstancesRequest()).body.instances

    assert [each.status for each in listed] == ["Running"]
    assert listed[0].instance_id == door.instances(name)[0]["id"]
    for filters in ({"instance_status": ["Starting"]}, {"instance_ids": ["c-nobody"]}):
        request = fc.ListInstancesRequest(**filters)
        assert not door.sdk.list_instances(name, request).body.instances
