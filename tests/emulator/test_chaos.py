"""Instances and the emulator itself are killed under load, at random: what holds all the same.

    every request            has an answer, or its connection was broken by the emulator's death
    a stream that has begun  may end early with its instance, and its caller sees that it did
    what was acknowledged    is there afterwards; what was accepted is carried out
    every process            is gone in the end

MESHWARD_CHAOS_SECONDS makes it last longer than a moment, and MESHWARD_CHAOS_SEED another one.
"""

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.emulator.doors import Emulator, archive, function
from tests.support.waiting import wait_until
from tests.support.wire import CutError, call, chunked, request

SECONDS = float(os.environ.get("MESHWARD_CHAOS_SECONDS", "2"))
SEED = int(os.environ.get("MESHWARD_CHAOS_SEED", "1"))
API = "/2023-03-30/functions"
HOST = "127.0.0.1"
EXPECTED = {200, 412, 429, 502}
"""Well; did not start, since it was killed; no instance left; killed in the middle."""


class Chaos:
    """An emulator that is killed and started again, and those that go on calling it."""

    def __init__(self, folder: Path) -> None:
        self.chance = random.Random(SEED)
        self.scratch, self.data = folder / "scratch", folder / "data"
        self.scratch.mkdir()
        self.deaths = 0
        self.over = threading.Event()
        self.counted: Counter[int] = Counter()
        self.lost: list[str] = []
        self.cut = 0
        self.pids: set[int] = set()
        self.emulator = self.start("0")

    def start(self, port: str) -> Emulator:
        options = ("--port", port, "--data", str(self.data))
        return Emulator({"TMPDIR": str(self.scratch)}, *options)

    def restart(self) -> None:
        """Kill the emulator, and start another on its port and its folder."""
        self.deaths += 1
        os.kill(self.emulator.child.pid, signal.SIGKILL)
        self.emulator.child.stop()
        self.emulator = self.start(str(self.emulator.port))
        self.deaths += 1

    def kill_an_instance(self) -> None:
        """Kill one of those that are ready, if any is."""
        pids = [row["pid"] for row in self.emulator.instances("f")]
        self.pids.update(pids)
        if pids:
            pid = self.chance.choice(pids)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def ask(self, raw: bytes | list[bytes], *, streamed: bool = False) -> int:
        """The status of the answer; 0 where the emulator died meanwhile, or a stream was cut."""
        before = self.deaths
        try:
            status = call(self.emulator.port, raw, seconds=30).status
        except (OSError, AssertionError) as error:
            if streamed and isinstance(error, CutError):
                self.cut += 1
            # An odd count says that it is dead just now.
            elif self.deaths == before and not before % 2:
                self.lost.append(repr(error))
            return 0
        self.counted[status] += 1
        return status

    def go_on(self, once: Callable[[int], None]) -> threading.Thread:
        """Do it again and again until it is over."""

        def work() -> None:
            index = 0
            while not self.over.is_set():
                once(index)
                index += 1

        thread = threading.Thread(target=work)
        thread.start()
        return thread


@pytest.mark.timeout(60 + SECONDS * 2)
def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    chaos = Chaos(tmp_path)
    host = chaos.emulator.create("f", instanceConcurrency=5)
    config = b'{"asyncTask": true, "maxAsyncRetryAttempts": 8}'
    path = f"{API}/f/async-invoke-config"
    assert chaos.ask(request(HOST, path, method="PUT", body=config)) == 200
    package = archive({"bootstrap": b"#!/bin/sh\n"})
    acknowledged: list[str] = []
    accepted: list[str] = []

    def calls(_index: int) -> None:
        chaos.ask(request(host, "/", body=b"x"))

    def streams(_index: int) -> None:
        chaos.ask(chunked(host, "/stream", [b"x" * 1000] * 20), streamed=True)

    def registers(index: int) -> None:
        name = f"r{index}"
        document = function(name, code={"zipFile": package})
        if chaos.ask(request(HOST, API, body=json.dumps(document).encode())) == 201:
            acknowledged.append(name)
        time.sleep(0.01)

    def invokes(index: int) -> None:
        task = f"t{index}"
        headers = [("X-Fc-Invocation-Type", "Async"), ("X-Fc-Async-Task-Id", task)]
        if chaos.ask(request(HOST, f"{API}/f/invocations", headers=headers, body=b"x")) == 202:
            accepted.append(task)
        time.sleep(0.05)  # In minutes, no more than are kept after their end.

    threads = [chaos.go_on(once) for once in (calls, calls, calls, streams, registers, invokes)]
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(chaos.chance.uniform(0.1, 0.5))
            chaos.kill_an_instance()
            if chaos.chance.random() < 0.15:
                chaos.restart()
        chaos.restart()
    finally:
        chaos.over.set()
        for thread in threads:
            thread.join()

    try:
        check(chaos, acknowledged, accepted)
    finally:
        chaos.emulator.child.stop()
    wait_until(lambda: not [pid for pid in chaos.pids if is_ours(pid)], "the end of all instances")


def check(chaos: Chaos, acknowledged: list[str], accepted: list[str]) -> None:
    assert chaos.lost == []
    assert set(chaos.counted) - EXPECTED <= {201, 202}, chaos.counted
    assert chaos.counted[200]
    assert acknowledged
    assert accepted

    emulator = chaos.emulator
    statuses = {
        name: emulator.call(HOST, f"{API}/{name}", method="GET").status for name in acknowledged
    }
    assert [name for name, status in statuses.items() if status != 200] == []

    left = dict.fromkeys(accepted, "")

    def finished() -> bool:
        """Whether all have succeeded; those that have are not asked for again."""
        emulator.control("POST", "/clock", {"advanceSeconds": 60})
        for task in list(left):
            told = emulator.call(HOST, f"{API}/f/async-tasks/{task}", method="GET")
            left[task] = json.loads(told.body).get("status", str(told.status))
            if left[task] == "Succeeded":
                del left[task]
        return not left

    with contextlib.suppress(AssertionError):
        wait_until(finished, "the end of all accepted invocations", 20 + SECONDS / 4)
    assert left == {}


def is_ours(pid: int) -> bool:
    """Whether that process is still an instance, and not another's by now."""
    try:
        return b"odd.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
