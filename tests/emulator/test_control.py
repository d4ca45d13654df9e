"""The control API: what testers order, and what comes of it."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_fc20230330 import models as fc
from darabonba.exceptions import UnretryableException

from tests.emulator.doors import Emulator
from tests.support.waiting import wait_until
from tests.support.wire import call, request

Created = Callable[..., str]
ODD = Path(__file__).parent / "functions" / "odd.py"


@pytest.fixture
def order(emulator: Emulator, name: str) -> Iterator[Callable[..., None]]:
    """Order a fault for the test's function."""

    def put(**fault: Any) -> None:
        faults = [{"function": name, **fault}]
        emulator.control("PUT", "/faults", {"faults": faults})

    yield put
    emulator.control("DELETE", "/faults")


@pytest.mark.parametrize(
    ("fault", "status", "told"),
    [
        ({"kind": "throttle"}, 429, "ResourceExhausted"),
        ({"kind": "timeout", "seconds": 0}, 504, "FunctionTimeout"),
        ({"kind": "error", "status": 503}, 503, "ServiceUnavailable"),
        ({"kind": "kill"}, 502, "FunctionCrashed"),
        ({"kind": "throttle", "probability": 0}, 200, "environment"),
        ({"kind": "throttle", "function": "another"}, 200, "environment"),
    ],
    ids=lambda each: json.dumps(each) if isinstance(each, dict) else str(each),
)
def test_a_fault_hits_the_calls_that_it_is_ordered_for(
    emulator: Emulator,
    created: Created,
    order: Callable[..., None],
    fault: dict[str, Any],
    status: int,
    told: str,
) -> None:
    host = created()
    order(**fault)

    answer = emulator.call(host)

    assert answer.status == status
    assert told in answer.body.decode()


def test_a_cold_start_takes_the_instance_that_was_there(
    emulator: Emulator, created: Created, order: Callable[..., None]
) -> None:
    host = created()
    before = json.loads(emulator.call(host).body)["pid"]
    order(kind="cold_start")

    assert json.loads(emulator.call(host).body)["pid"] != before


def test_a_cut_answer_breaks_off(
    emulator: Emulator, name: str, created: Created, order: Callable[..., None]
) -> None:
    host = created()
    order(kind="cut")

    with pytest.raises(ConnectionError, match="in the middle"):
        call(emulator.port, request(host))
    with pytest.raises(UnretryableException, match="Connection aborted"):
        emulator.sdk.invoke_function(name, fc.InvokeFunctionRequest(body=b""))


@pytest.mark.parametrize(
    "fault",
    [{"kind": "nothing"}, {"kind": "cut", "probability": 2}, {"kind": "error", "status": 4}],
)
def test_an_order_that_makes_no_sense_is_refused(emulator: Emulator, fault: dict[str, Any]) -> None:
    body = json.dumps({"faults": [fault]}).encode()

    answer = call(emulator.port, request("127.0.0.1", "/_meshward/faults", method="PUT", body=body))

    assert (answer.status, json.loads(answer.body)["Code"]) == (400, "InvalidArgument")


def test_the_same_seed_gives_the_same_ids(emulator: Emulator) -> None:
    ids = []
    for _ in range(2):
        emulator.control("PUT", "/seed", {"seed": 7})
        ids.append(call(emulator.port, request("127.0.0.1", "/")).value("x-fc-request-id"))

    assert ids[0] == ids[1]


def test_idle_instances_end_when_the_clock_is_moved(
    emulator: Emulator, name: str, created: Created
) -> None:
    emulator.call(created())
    before = emulator.control("GET", "/clock")["now"]

    after = emulator.control("POST", "/clock", {"advanceSeconds": 3600})["now"]

    assert after > before
    wait_until(lambda: not emulator.instances(name), "the idle instance's end")


def test_a_folder_is_code_that_changes_while_one_watches(
    emulator: Emulator, name: str, created: Created, tmp_path: Path
) -> None:
    host = created()
    code = tmp_path / "odd.py"
    source = ODD.read_text().replace('"x-own", "kept"', '"x-own", "{}"')
    code.write_text(source.replace("{}", "first"))
    emulator.control("PUT", f"/functions/{name}/folder", {"folder": str(tmp_path)})
    assert emulator.call(host).value("x-own") == "first"

    code.write_text(source.replace("{}", "second"))

    wait_until(lambda: emulator.call(host).value("x-own") == "second", "the new code")
    emulator.control("DELETE", f"/functions/{name}/folder")


def test_a_log_is_followed_from_where_one_is(
    emulator: Emulator, name: str, created: Created
) -> None:
    host = created()
    emulator.call(host)
    wait_until(lambda: "answered POST" in emulator.log(name), "the first call's line")
    known = emulator.control("GET", f"/functions/{name}/logs")["next"]

    emulator.call(host)

    more = emulator.control("GET", f"/functions/{name}/logs?after={known}&wait=5")
    assert more["lines"]
    assert more["next"] > known


def test_a_function_that_takes_too_much_memory_is_ended_and_says_so(
    emulator: Emulator, name: str, created: Created
) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("only Linux tells the memory of a process in /proc")
    host = created(memorySize=128)

    answer = emulator.call(host, "/eat", body=b"200")

    assert (answer.status, answer.value("x-fc-error-type")) == (502, "UnhandledInvocationError")
    assert "exited unexpectedly" in json.loads(answer.body)["errorMessage"]
    assert any("exceeds the limit of 128 MB" in line for line in emulator.log(name))
    assert emulator.call(host).status == 200


def test_a_reset_leaves_nothing(tmp_path: Path) -> None:
    emulator = Emulator({"TMPDIR": str(tmp_path)}, "--instances-max", "1")
    try:
        pid = json.loads(emulator.call(emulator.create("one")).body)["pid"]
        refused = emulator.call(emulator.create("two"))
        assert (refused.status, json.loads(refused.body)["Code"]) == (429, "ResourceExhausted")
        assert "account" in json.loads(refused.body)["Message"]

        emulator.control("POST", "/reset")

        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert emulator.sdk.list_functions(fc.ListFunctionsRequest()).body.functions == []
        assert emulator.call(emulator.create("two")).status == 200
    finally:
        emulator.child.stop()


def test_with_credentials_only_their_holder_changes_anything(tmp_path: Path) -> None:
    secret = {"TMPDIR": str(tmp_path), "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "sesame"}
    emulator = Emulator(secret, "--access-key-id", "ali")
    try:
        refused = call(emulator.port, request("127.0.0.1", "/_meshward/reset"))
        assert (refused.status, json.loads(refused.body)["Code"]) == (403, "AccessDenied")

        basic = base64.b64encode(b"ali:sesame").decode()
        emulator.control("POST", "/reset", Authorization=f"Basic {basic}")
    finally:
        emulator.child.stop()
