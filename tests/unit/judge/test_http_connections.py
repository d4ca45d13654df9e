"""Connections that are kept, given up, ended early, and never shared by two calls."""

import asyncio
from collections.abc import Sequence

import pytest

from functions.llm_guard.http import BrokenOff, Client, Place, Unreachable, client, line
from infra.ports import free_port
from tests.support.http_asking import HELLO, OK, Run, before, said
from tests.support.scripted_server import HOLD, UNASKED, Step


def test_one_connection_serves_one_call_after_the_other(run: Run) -> None:
    async def go() -> None:
        async with before([HELLO] * 3) as (server, asking):
            assert [await said(asking) for _ in range(3)] == [b"hello"] * 3
            assert [number for number, _ in server.asked] == [0, 0, 0]

    run(go())


ENDED = {
    "that says so": OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello",
    "with a second answer behind it": HELLO + HELLO.replace(b"hello", b"wrong"),
    "with half of a second one behind it": HELLO + OK,
    "with noise behind it": HELLO + b"\x00",
}


@pytest.mark.parametrize("answer", ENDED.values(), ids=ENDED.keys())
def test_a_connection_is_not_used_again_after_an_answer(run: Run, answer: bytes) -> None:
    async def go() -> None:
        async with before([answer, HOLD], [HELLO]) as (server, asking):
            assert [await said(asking) for _ in range(2)] == [b"hello"] * 2
            assert [number for number, _ in server.asked] == [0, 1]

    run(go())


def test_what_comes_unasked_ends_a_kept_connection(run: Run) -> None:
    async def go() -> None:
        wrong = HELLO.replace(b"hello", b"wrong")
        async with before([HELLO, UNASKED, wrong, HOLD], [HELLO]) as (server, asking):
            assert await said(asking) == b"hello"
            server.unasked.set()
            await server.left.wait()
            assert await said(asking) == b"hello"
            assert [number for number, _ in server.asked] == [0, 1]

    run(go())


def test_an_answer_that_nobody_read_ends_its_connection(run: Run) -> None:
    async def go() -> None:
        async with before([HELLO[:-1], HOLD], [HELLO]) as (server, asking):
            answer = await asking.post(b"?")
            answer.close()
            answer.close()  # Once is enough, and twice does nothing.
            await server.left.wait()
            assert await said(asking) == b"hello"
            assert [number for number, _ in server.asked] == [0, 1]

    run(go())


def test_a_kept_connection_that_had_ended_costs_no_call(run: Run) -> None:
    async def go() -> None:
        # It ends with the second request: nobody can have seen it end before.
        async with before([HELLO, b""], [HELLO]) as (server, asking):
            assert [await said(asking, b"%d" % number) for number in range(2)] == [b"hello"] * 2
            assert server.asked == [(0, b"0"), (0, b"1"), (1, b"1")]

    run(go())


def test_a_new_connection_that_ends_as_well_is_not_tried_again(run: Run) -> None:
    async def go() -> None:
        async with before([HELLO, b""], [b""]) as (server, asking):
            await said(asking)
            with pytest.raises(BrokenOff):
                await said(asking)
            assert [number for number, _ in server.asked] == [0, 0, 1]

    run(go())


def test_a_call_that_was_begun_to_be_answered_is_not_sent_again(run: Run) -> None:
    async def go() -> None:
        async with before([HELLO, b"H"], [HELLO]) as (server, asking):
            await said(asking)
            with pytest.raises(BrokenOff):
                await said(asking)
            assert server.connections == 1

    run(go())


def test_a_call_that_may_have_been_worked_on_is_not_sent_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "_HUNG_UP_SECONDS", 0.0)

    async def go() -> None:
        async with before([HELLO, b""], [HELLO]) as (server, asking):
            await said(asking)
            with pytest.raises(BrokenOff):
                await said(asking)
            assert server.connections == 1

    run(go())


def test_the_answer_to_a_call_that_was_given_up_reaches_nobody(run: Run) -> None:
    async def go() -> None:
        asked, goes = asyncio.Event(), asyncio.Event()

        async def late() -> bytes:
            asked.set()
            await goes.wait()
            return HELLO.replace(b"hello", b"wrong")

        async with before([HELLO, late, HOLD], [HELLO, HELLO]) as (server, asking):
            await said(asking)
            given_up = asyncio.create_task(said(asking))
            await asked.wait()
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
            goes.set()
            assert [await said(asking) for _ in range(2)] == [b"hello"] * 2
            assert [number for number, _ in server.asked] == [0, 0, 1, 1]

    run(go())


def test_a_connection_that_nobody_uses_is_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_KEPT_SECONDS", 0.01)

    async def go() -> None:
        async with before([HELLO, HOLD], [HELLO]) as (server, asking):
            await said(asking)
            assert server.open == 1
            await server.left.wait()
            assert await said(asking) == b"hello"

    run(go())


def test_one_that_was_idle_for_too_long_is_not_used_though_no_clock_ran(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        async with before([HELLO, HELLO], [HELLO]) as (server, asking):
            await said(asking)
            monkeypatch.setattr(client, "_KEPT_SECONDS", 0.0)  # The sweep is due in 4 s.
            await said(asking)
            assert [number for number, _ in server.asked] == [0, 1]

    run(go())


def test_there_are_never_more_connections_than_allowed(run: Run) -> None:
    async def go() -> None:
        async with before([HELLO] * 10, connections_max=2) as (server, asking):
            answers = await asyncio.gather(*(said(asking) for _ in range(10)))
            assert answers == [b"hello"] * 10
            assert (server.most, len(server.asked)) == (2, 10)

    run(go())


def test_a_place_is_given_back_by_every_end_of_a_call(run: Run) -> None:
    async def go() -> None:
        scripts: list[Sequence[Step]] = [
            [b"no"],
            [HELLO[:-1]],
            [OK + b"\r\n", HOLD],
            [HELLO, HELLO],
        ]
        async with before(*scripts, connections_max=1) as (_, asking):
            for _ in range(2):
                with pytest.raises(BrokenOff):
                    await said(asking)
            given_up = asyncio.create_task(said(asking))
            await asyncio.sleep(0)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
            answers = [await asking.post(b"?")]
            waits = asyncio.create_task(asking.post(b"?"))
            await asyncio.sleep(0)
            assert not waits.done()
            answers[0].close()
            answers.append(await waits)
            for answer in answers:
                answer.close()

    run(go())


def test_nobody_there_is_unreachable(run: Run) -> None:
    async def go() -> None:
        asking = Client(Place(f"http://127.0.0.1:{free_port().number}", None), [], 1, 1)
        for _ in range(2):
            with pytest.raises(Unreachable):
                await asking.post(b"?")
        await asking.close()

    run(go())


def test_a_client_that_was_closed_ends_what_comes_back(run: Run) -> None:
    async def go() -> None:
        async with before([HELLO, HOLD]) as (server, asking):
            answer = await asking.post(b"?")
            await asking.close()
            assert await answer.read() == b"hello"
            answer.close()
            await server.left.wait()

    run(go())
