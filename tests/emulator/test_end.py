"""However the emulator ends, its instances end with it."""

import os
import signal
from pathlib import Path

import pytest

from tests.emulator.doors import Emulator
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
