"""Deployments, applied by the platform's own SDK to an emulator."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.deploy import Deployment, DeploymentError, FunctionSpec, apply, invoke, logs, remove
from tests.emulator.doors import Emulator, archive_bytes, function
from tests.support.waiting import wait_until
from tests.support.wire import Message


@pytest.fixture
def spec(name: str, tmp_path: Path) -> FunctionSpec:
    """A function as s.yaml would describe it."""
    code = tmp_path / "code.zip"
    code.write_bytes(archive_bytes())
    settings = {key: value for key, value in function(name).items() if key != "code"}
    config = {"authType": "anonymous", "methods": ["POST"]}
    trigger = {"triggerName": "http", "triggerType": "http", "triggerConfig": config}
    return FunctionSpec(name, code, settings, (trigger,), instances_min=1)


@pytest.fixture
def applied(emulator: Emulator, spec: FunctionSpec) -> Iterator[str]:
    """The applied function's host; the function is removed at the end."""
    deployment = Deployment("cn-hangzhou", (spec,))
    yield apply(deployment, emulator.sdk)[spec.name].host
    remove(deployment, emulator.sdk)


def again(emulator: Emulator, spec: FunctionSpec, **changes: Any) -> str:
    deployment = Deployment("cn-hangzhou", (replace(spec, **changes),))
    return apply(deployment, emulator.sdk)[spec.name].host


def test_what_is_applied_runs_when_the_call_returns(
    emulator: Emulator, spec: FunctionSpec, applied: str
) -> None:
    assert len(emulator.instances(spec.name)) == 1
    assert emulator.call(applied).status == 200


def test_applying_again_changes_what_has_changed_and_keeps_the_host(
    emulator: Emulator, spec: FunctionSpec, applied: str
) -> None:
    settings = {**spec.settings, "environmentVariables": {"VERSION": "2"}}

    assert again(emulator, spec, settings=settings) == applied
    assert b'"version": "2"' in emulator.call(applied).body


def test_limits_that_are_gone_from_the_file_go(
    emulator: Emulator, spec: FunctionSpec, applied: str
) -> None:
    again(emulator, spec, reserved_concurrency=0, instances_min=0)
    shut: Message = emulator.call(applied)
    again(emulator, spec)

    assert shut.status == 429
    assert emulator.call(applied).status == 200


def test_a_function_that_does_not_come_up_is_named_with_the_reason(
    emulator: Emulator, spec: FunctionSpec, applied: str
) -> None:
    settings = {**spec.settings, "environmentVariables": {"broken": "1"}}

    with pytest.raises(DeploymentError, match=rf"{spec.name} does not start: CAExited"):
        again(emulator, spec, settings=settings)
    assert applied


def test_an_invocation_brings_body_and_log(
    emulator: Emulator, spec: FunctionSpec, applied: str
) -> None:
    result = invoke(spec.name, b"payload", emulator.sdk)

    assert b'"body": "payload"' in result.body
    assert result.error_type == ""
    assert "FC Invoke Start RequestId" in result.log
    assert applied


def test_logs_are_what_the_function_printed(
    emulator: Emulator, spec: FunctionSpec, applied: str
) -> None:
    emulator.call(applied)

    wait_until(lambda: "answered POST" in logs(spec.name, emulator.url), "its line")


def test_logs_of_a_function_that_does_not_exist_are_refused_by_name(emulator: Emulator) -> None:
    with pytest.raises(DeploymentError, match="nobody: 404"):
        logs("nobody", emulator.url)


def test_progress_says_what_is_done(emulator: Emulator, spec: FunctionSpec) -> None:
    said: list[str] = []
    deployment = Deployment("cn-hangzhou", (spec,))

    apply(deployment, emulator.sdk, said.append)
    remove(deployment, emulator.sdk, said.append)
    remove(deployment, emulator.sdk, said.append)

    assert said == [f"{spec.name}: {what}" for what in ("created", "running", "removed")]
