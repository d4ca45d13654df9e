"""Replies leave together, in their order, and behind what is to leave before them."""

import asyncio
from typing import Any

from functions.runtime.outbox import Outbox


class Wire:
    """Everything that left, in its order."""

    def __init__(self) -> None:
        self.left: list[bytes] = []
        self.outbox = Outbox(asyncio.get_running_loop(), lambda: self.left.append(b"lines"))

    def send(self, data: bytes, *, last: bool) -> None:
        self.left.append(data + b" last" * last)

    def abort(self) -> None:
        self.left.append(b"aborted")

    def put(self, *pieces: bytes, last: bool = False) -> None:
        for piece in pieces:
            self.outbox.put(self, piece, last=last)


async def test_what_is_put_in_one_turn_leaves_at_its_end_behind_the_lines() -> None:
    wire = Wire()
    wire.put(b"a", b"b")
    wire.put(b"c", last=True)
    assert wire.left == []
    await asyncio.sleep(0)
    assert wire.left == [b"lines", b"a", b"b", b"c last"]
    wire.put(b"d")
    await asyncio.sleep(0)
    assert wire.left[4:] == [b"lines", b"d"]


async def test_many_and_large_ones_leave_at_once() -> None:
    wire = Wire()
    many = [b"%d" % number for number in range(12)]
    wire.put(*many)
    assert wire.left == [b"lines", *many[:8]]
    await asyncio.sleep(0)
    assert [piece for piece in wire.left if piece != b"lines"] == many
    wire.left.clear()
    wire.put(b"x" * 70_000)
    assert wire.left == [b"lines", b"x" * 70_000]


async def test_what_one_connection_raises_holds_up_no_other() -> None:
    class Broken:
        aborted = False

        def send(self, data: bytes, *, last: bool) -> None:
            raise RuntimeError(data, last)

        def abort(self) -> None:
            self.aborted = True

    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    wire = Wire()
    wire.put(b"a")
    broken = Broken()
    wire.outbox.put(broken, b"b", last=False)
    wire.put(b"c")
    await asyncio.sleep(0)
    assert wire.left == [b"lines", b"a", b"c"]
    assert ([type(each["exception"]) for each in told], broken.aborted) == ([RuntimeError], True)


async def test_where_the_lines_cannot_be_written_nothing_leaves_and_nobody_waits() -> None:
    def full() -> None:
        raise OSError("no space left")

    class Ends:
        aborted = False

        def send(self, data: bytes, *, last: bool) -> None:
            raise AssertionError((data, last))

        def abort(self) -> None:
            self.aborted = True

    outbox, connections = Outbox(asyncio.get_running_loop(), full), [Ends(), Ends()]
    for connection in connections:
        outbox.put(connection, b"a verdict", last=False)
    await asyncio.sleep(0)
    assert [connection.aborted for connection in connections] == [True, True]
