"""However the emulator ends, its instances end with it."""

import os
import signal
import sys

import pytest

from tests.emulator.conftest import Emulator
from tests.support.waiting import wait_until


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_instance_outlives_the_emulator(number: signal.Signals) -> None:
    if number is signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux ends children with a parent that was killed")
    emulator = Emulator()
    try:
        emulator.call(emulator.create("lasting"))
        pid = emulator.instances("lasting")[0]["pid"]

        os.kill(emulator.child.pid, number)

        wait_until(lambda: gone(pid), "the instance's end")
    finally:
        emulator.child.stop()
