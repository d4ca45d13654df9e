"""However the emulator ends, its instances end with it."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alibabacloud_fc20230330 import models as fc

from tests.emulator.doors import DOORS, Emulator, opened
from tests.support.waiting import wait_until


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_instance_outlives_the_emulator(number: signal.Signals, tmp_path: Path) -> None:
    emulator = Emulator({"TMPDIR": str(tmp_path)})
    try:
        emulator.call(emulator.create("lasting"))
        pid = emulator.instances("lasting")[0]["pid"]

        os.kill(emulator.child.pid, number)

        wait_until(lambda: gone(pid), "the instance's end")
        wait_until(lambda: not list(tmp_path.iterdir()), "the end of what it had unpacked")
    finally:
        emulator.child.stop()


@pytest.mark.parametrize("kind", DOORS)
def test_a_reset_leaves_nothing(kind: str, tmp_path: Path) -> None:
    with opened(kind, tmp_path, instances_max=1) as door:
        pid = json.loads(door.call(door.create("one")).body)["pid"]
        refused = door.call(door.create("two"))
        assert (refused.status, json.loads(refused.body)["Code"]) == (429, "ResourceExhausted")
        assert "account" in json.loads(refused.body)["Message"]

        door.control("POST", "/reset")

        assert gone(pid)
        assert door.sdk.list_functions(fc.ListFunctionsRequest()).body.functions == []
        assert door.call(door.create("two")).status == 200


def test_who_is_waiting_for_an_answer_gets_it_before_the_end(tmp_path: Path) -> None:
    emulator = Emulator({"TMPDIR": str(tmp_path)})
    try:
        host = emulator.create("slow")
        with ThreadPoolExecutor(1) as callers:
            answer = callers.submit(emulator.call, host, "/slow", body=b"1")
            wait_until(lambda: any(row["inFlight"] for row in emulator.instances("slow")), "a call")

            os.kill(emulator.child.pid, signal.SIGTERM)

            assert answer.result().status == 200
    finally:
        emulator.child.stop()
