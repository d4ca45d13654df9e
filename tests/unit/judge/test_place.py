"""Places: what a URL names, which of its addresses is taken, and whom its TLS trusts."""

import asyncio
import socket
import ssl
from typing import Any

import pytest
import trustme

from functions.llm_guard.http import Client, Place, Unreachable, place
from functions.llm_guard.http.line import Line
from tests.support.http_asking import HELLO, Run
from tests.support.scripted_server import scripted

NOWHERE = "192.0.2.1"
"""An address that nobody has (RFC 5737)."""


async def said(where: Place) -> bytes:
    asking = Client(where, [], 1, 100)
    try:
        answer = await asking.post(b"?")
        body = await answer.read()
        answer.close()
    finally:
        await asking.close()
    return body


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Have every name resolve to these; who was looked up."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_more: object) -> list[Any]:
        asked.append(host)
        families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in addresses]
        return [
            (family, 0, 0, "", (each, port))
            for family, each in zip(families, addresses, strict=True)
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


def connecting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have nobody answer at `NOWHERE`; the addresses in the order in which they were tried."""
    loop, tried = asyncio.get_running_loop(), list[str]()
    connect = loop.create_connection

    async def create_connection(line: Any, host: str, *more: Any, **named: Any) -> Any:
        tried.append(host)
        if host == NOWHERE:
            await asyncio.Event().wait()
        return await connect(line, host, *more, **named)

    monkeypatch.setattr(loop, "create_connection", create_connection)
    return tried


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("http://judge.test", "judge.test", "/"),
        ("https://judge.test/v1/", "judge.test", "/v1/"),
        ("http://judge.test:8080/v1?a=b%20c", "judge.test:8080", "/v1?a=b%20c"),
        ("http://[::1]:8080/v1", "[::1]:8080", "/v1"),
        ("http://[::1]/v1", "[::1]", "/v1"),
        ("http://my_judge/v 1/模型", "my_judge", "/v%201/%E6%A8%A1%E5%9E%8B"),
        ("https://例子.test/v1", "xn--fsqu00a.test", "/v1"),
    ],
)
def test_a_url_names_a_place(url: str, authority: str, target: str) -> None:
    where = Place(url, None)
    assert (where.authority, where.target) == (authority, target)


@pytest.mark.parametrize(
    "url", ["ftp://a", "http://", "http://a:b@c/", "http://a:99999/", "http://a..b/", "a"]
)
def test_what_names_no_place_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Place(url, None)


async def test_an_address_of_the_newer_kind_is_reached() -> None:
    async with scripted([[HELLO]], host="::1") as server:
        assert await said(Place(f"http://[::1]:{server.port}/", None)) == b"hello"


async def test_where_an_address_refuses_the_next_one_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch, "127.0.0.2", "127.0.0.3", "127.0.0.1")
    tried = connecting(monkeypatch)
    async with scripted([[HELLO]]) as server:
        assert await said(Place(f"http://judge.test:{server.port}/", None)) == b"hello"
    assert tried == ["127.0.0.2", "127.0.0.3", "127.0.0.1"]


async def test_where_an_address_does_not_answer_the_next_one_gets_its_chance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(place, "_HEAD_START_SECONDS", 0.01)
    resolving(monkeypatch, NOWHERE, "127.0.0.1")
    async with scripted([[HELLO]]) as server:
        connecting(monkeypatch)
        assert await said(Place(f"http://judge.test:{server.port}/", None)) == b"hello"


async def test_where_no_address_answers_the_place_is_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch, "127.0.0.2", "127.0.0.3")
    with pytest.raises(Unreachable):
        await said(Place("http://judge.test:9/", None))


async def test_a_search_for_an_address_that_is_given_up_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch, NOWHERE, "192.0.2.2")
    tried = connecting(monkeypatch)
    before = asyncio.all_tasks()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await said(Place("http://judge.test:9/", None))
    assert tried == [NOWHERE]
    assert asyncio.all_tasks() == before


async def test_what_is_found_when_the_search_is_given_up_does_not_stay_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(place, "_HEAD_START_SECONDS", 0.01)
    resolving(monkeypatch, NOWHERE, "127.0.0.1")
    loop, found = asyncio.get_running_loop(), asyncio.Event()
    connect = loop.create_connection

    async def create_connection(line: Any, host: str, *more: Any, **named: Any) -> Any:
        if host != NOWHERE:
            return await connect(line, host, *more, **named)
        try:
            return await loop.create_future()
        finally:
            found.set()
            await asyncio.sleep(0)

    async with scripted([[HELLO]]) as server:
        monkeypatch.setattr(loop, "create_connection", create_connection)
        where = Place(f"http://judge.test:{server.port}/", None)
        searching = asyncio.create_task(where.connect(lambda: Line(100, lambda _line: None)))
        await found.wait()
        searching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await searching
        async with asyncio.timeout(10):
            await server.left.wait()


async def test_the_kinds_of_address_are_tried_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "::2", "::3", "127.0.0.2", "127.0.0.3")
    where = Place("http://judge.test:9/", None)
    assert await where._addresses() == ["::2", "127.0.0.2", "::3", "127.0.0.3"]


async def test_a_name_is_looked_up_once_for_many_and_again_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = resolving(monkeypatch, "127.0.0.1")
    async with scripted([[HELLO]]) as server:
        where = Place(f"http://judge.test:{server.port}/", None)
        assert await asyncio.gather(*(said(where) for _ in range(5))) == [b"hello"] * 5
    assert asked == ["judge.test"]
    for _ in range(2):
        with pytest.raises(Unreachable):
            await said(where)
    assert asked == ["judge.test"] * 2


async def test_a_name_that_nobody_knows_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_any: object, **_more: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(Unreachable):
        await said(Place("http://judge.test/", None))


@pytest.mark.parametrize(
    ("certified", "asked", "trusted"),
    [
        ("localhost", "localhost", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "127.0.0.1", False),
        ("127.0.0.1", "localhost", False),
        ("other.test", "localhost", False),
    ],
)
def test_a_certificate_counts_for_the_names_in_it(
    run: Run, certified: str, asked: str, *, trusted: bool
) -> None:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(certified).configure_cert(theirs)
    authority.configure_trust(ours)

    async def go() -> None:
        async with scripted([[HELLO]], tls=theirs) as server:
            where = Place(f"https://{asked}:{server.port}/", ours)
            if trusted:
                assert await said(where) == b"hello"
            else:
                with pytest.raises(Unreachable):
                    await said(where)
            assert bool(server.asked) is trusted

    run(go())


@pytest.mark.parametrize("answer", [HELLO, HELLO.replace(b"content-length: 5\r\n", b"")])
def test_over_tls_connections_are_kept_and_ended_as_without(run: Run, answer: bytes) -> None:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    kept = b"content-length" in answer

    async def go() -> None:
        async with scripted([[answer] * 3 if kept else [answer]], tls=theirs) as server:
            asking = Client(Place(f"https://localhost:{server.port}/", ours), [], 1, 100)
            try:
                for _ in range(3):
                    got = await asking.post(b"?")
                    assert await got.read() == b"hello"
                    got.close()
            finally:
                await asking.close()
            assert server.connections == (1 if kept else 3)
            await server.left.wait()

    run(go())
