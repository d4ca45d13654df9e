"""The platform's limits, each named where it is broken."""

import json
from typing import Any

import pytest
from alibabacloud_fc20230330 import models as fc
from darabonba.exceptions import DaraException

from tests.emulator.doors import Door

TIMER = '{"cronExpression": "@every 1h", "enable": true}'


def refused(answer: Any) -> str:
    """What an error says, in one line."""
    document = json.loads(answer.body)
    return f"{answer.status} {document['Code']}: {document['Message']}"


def test_a_payload_beyond_32_mb_is_refused(door: Door, name: str) -> None:
    door.deploy(name)
    path = f"/2023-03-30/functions/{name}/invocations"

    answer = door.call("127.0.0.1", path, body=b"x" * (32 * 1024 * 1024 + 1))

    told = "payload size exceeds maximum allowed size (33554432 bytes)"
    assert refused(answer) == f"400 EntityTooLarge: {told}"


def test_a_function_has_at_most_50_triggers(door: Door, name: str) -> None:
    door.deploy(name)

    def create(index: int) -> None:
        body = fc.CreateTriggerInput(
            trigger_name=f"t{index}", trigger_type="timer", trigger_config=TIMER
        )
        door.sdk.create_trigger(name, fc.CreateTriggerRequest(body=body))

    for index in range(50):
        create(index)
    with pytest.raises(DaraException, match="at most 50 triggers"):
        create(50)


def test_a_function_has_at_most_5_layers(door: Door, name: str) -> None:
    arns = [f"acs:fc:cn-hangzhou:1:layers/l/versions/{index}" for index in range(6)]

    with pytest.raises(DaraException, match="layers: are 6, more than 5"):
        door.deploy(name, layers=arns)


def test_an_alias_has_at_most_one_version_besides_its_own(door: Door, name: str) -> None:
    door.deploy(name)
    body = fc.CreateAliasInput({"2": 0.1, "3": 0.1}, "live", None, "1")

    with pytest.raises(DaraException, match="more than 1 version"):
        door.sdk.create_alias(name, fc.CreateAliasRequest(body=body))


@pytest.mark.parametrize(
    ("path", "document", "field"),
    [
        ("concurrency", {"reservedConcurrency": 101}, "reservedConcurrency"),
        ("scaling-config", {"minInstances": 101}, "instances"),
        ("provision-config", {"defaultTarget": -1}, "instances"),
    ],
)
def test_instances_are_bounded_by_the_account(
    door: Door, name: str, path: str, document: dict[str, int], field: str
) -> None:
    door.deploy(name)

    answer = door.call(
        "127.0.0.1",
        f"/2023-03-30/functions/{name}/{path}",
        method="PUT",
        body=json.dumps(document).encode(),
    )

    assert refused(answer).startswith("400 InvalidArgument")
    assert field in refused(answer)
    assert "100" in refused(answer)
