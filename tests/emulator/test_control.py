"""The control API: what testers order, and what comes of it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_fc20230330 import models as fc
from darabonba.exceptions import UnretryableException

from tests.emulator.doors import Door
from tests.support.waiting import wait_until
from tests.support.wire import request

Created = Callable[..., str]
ODD = Path(__file__).parent / "functions" / "odd.py"


@pytest.fixture
def order(door: Door, name: str) -> Iterator[Callable[..., None]]:
    """Order a fault for the test's function."""

    def put(**fault: Any) -> None:
        faults = [{"function": name, **fault}]
        door.control("PUT", "/faults", {"faults": faults})

    yield put
    door.control("DELETE", "/faults")


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
    door: Door,
    created: Created,
    order: Callable[..., None],
    fault: dict[str, Any],
    status: int,
    told: str,
) -> None:
    host = created()
    order(**fault)

    answer = door.call(host)

    assert answer.status == status
    assert told in answer.body.decode()


def test_a_cold_start_takes_the_instance_that_was_there(
    door: Door, created: Created, order: Callable[..., None]
) -> None:
    host = created()
    before = json.loads(door.call(host).body)["pid"]
    order(kind="cold_start")

    assert json.loads(door.call(host).body)["pid"] != before


def test_a_cut_answer_breaks_off(
    door: Door, name: str, created: Created, order: Callable[..., None]
) -> None:
    host = created()
    order(kind="cut")

    answer = door.broken(request(host))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"a fault was ordered: cut")
    with pytest.raises(UnretryableException, match=r"Connection aborted|without an answer"):
        door.sdk.invoke_function(name, fc.InvokeFunctionRequest(body=b""))


@pytest.mark.parametrize(
    "fault",
    [{"kind": "nothing"}, {"kind": "cut", "probability": 2}, {"kind": "error", "status": 4}],
)
def test_an_order_that_makes_no_sense_is_refused(door: Door, fault: dict[str, Any]) -> None:
    body = json.dumps({"faults": [fault]}).encode()

    answer = door.call("127.0.0.1", "/_meshward/faults", method="PUT", body=body)

    assert (answer.status, json.loads(answer.body)["Code"]) == (400, "InvalidArgument")


def test_the_same_seed_gives_the_same_ids(door: Door) -> None:
    ids = []
    for _ in range(2):
        door.control("PUT", "/seed", {"seed": 7})
        ids.append(door.call("127.0.0.1", "/").value("x-fc-request-id"))

    assert ids[0] == ids[1]


def test_idle_instances_end_when_the_clock_is_moved(
    door: Door, name: str, created: Created
) -> None:
    door.call(created(idleTimeout=1800))
    before = door.control("GET", "/clock")["now"]

    door.control("POST", "/clock", {"advanceSeconds": 1000})
    assert len(door.instances(name)) == 1
    after = door.control("POST", "/clock", {"advanceSeconds": 1000})["now"]

    assert after > before
    wait_until(lambda: not door.instances(name), "the idle instance's end")


def test_a_folder_is_code_that_changes_while_one_watches(
    door: Door, name: str, created: Created, tmp_path: Path
) -> None:
    host = created()
    code = tmp_path / "odd.py"
    source = ODD.read_text().replace('"x-own", "kept"', '"x-own", "{}"')
    code.write_text(source.replace("{}", "first"))
    door.control("PUT", f"/functions/{name}/folder", {"folder": str(tmp_path)})
    assert door.call(host).value("x-own") == "first"

    code.write_text(source.replace("{}", "second"))

    wait_until(lambda: door.call(host).value("x-own") == "second", "the new code")
    door.control("DELETE", f"/functions/{name}/folder")


def test_a_log_is_followed_from_where_one_is(door: Door, name: str, created: Created) -> None:
    host = created()
    door.call(host)
    wait_until(lambda: "answered POST" in door.log(name), "the first call's line")
    known = door.control("GET", f"/functions/{name}/logs")["next"]

    door.call(host)

    more = door.control("GET", f"/functions/{name}/logs?after={known}&wait=5")
    assert more["lines"]
    assert more["next"] > known


def test_a_function_that_takes_too_much_memory_is_ended_and_says_so(
    door: Door, name: str, created: Created
) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("only Linux tells the memory of a process in /proc")
    host = created(memorySize=128)

    answer = door.call(host, "/eat", body=b"200")

    assert (answer.status, answer.value("x-fc-error-type")) == (502, "UnhandledInvocationError")
    assert "exited unexpectedly" in json.loads(answer.body)["errorMessage"]
    assert any("exceeds the limit of 128 MB" in line for line in door.log(name))
    assert door.call(host).status == 200
