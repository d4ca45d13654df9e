"""Hostile and malformed requests: the caller's fault, in words, and never the emulator's.

the APIs' own tables ──▶ any operation, any names, any query, any fields ──▶ never 500
any bytes            ──▶ an answer of HTTP, or a closed connection      ──▶ never a stack trace
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import infra.emulator
from infra.emulator import api_v2, api_v3
from infra.emulator.api_v2 import operations as older
from infra.emulator.api_v3 import operations as newer
from infra.emulator.endpoints import Operation
from infra.emulator.http.server import Connection
from infra.emulator.mock import mock_fc
from infra.emulator.mock.memory_transport import MemoryTransport
from infra.emulator.mock.running import RunningEmulator
from tests.emulator.doors import ACCOUNT_ID, REGION, MockDoor, archive, function

FOLDER = Path(infra.emulator.__file__).parent
FIELDS = sorted(
    {
        name
        for source in FOLDER.glob("api_v?/*.py")
        for name in re.findall(r'"([a-z]+[A-Za-z]*|[A-Z][a-z]+[A-Z]?[a-z]*)"', source.read_text())
    }
)
NAMES = ["known", "service", "live", "1", "LATEST", "http", "shared", "a.example.com", "f", "task"]
ODD = [
    "",
    "..",
    "../..",
    "a/b",
    "a%2Fb",
    "\0",
    "ü",
    "$",
    "a$b",
    "x" * 300,
    "-1",
    "9" * 30,
    "{}",
    "\ud800",
]
ARNS = [
    f"acs:fc:{REGION}:{ACCOUNT_ID}:functions/known",
    f"acs:fc:{REGION}:{ACCOUNT_ID}:services/service",
    f"acs:fc:{REGION}:{ACCOUNT_ID}:layers/shared/versions/1",
]
TABLE = [
    *((api_v3.PREFIX, each) for each in newer.OPERATIONS),
    *((api_v2.PREFIX, each) for each in older.OPERATIONS),
]
PACKAGE = archive({"bootstrap": b"#!/bin/sh\nexit 1\n"})

texts = st.sampled_from([*NAMES, *ODD, *ARNS]) | st.text(max_size=20)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-2, 200)
    | st.sampled_from([10**20, -(10**20), 0.5, 1e308, float("nan"), float("inf")])
    | texts
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | texts, inner)
    ),
    max_leaves=8,
)
likely = st.fixed_dictionaries(
    {},
    optional={
        "functionName": texts,
        "serviceName": texts,
        "runtime": st.sampled_from(["custom", "python3.12", "nodejs20", ""]),
        "handler": st.sampled_from(["index.handler", "", "a"]),
        "code": st.just({"zipFile": PACKAGE}) | values,
        "triggerName": texts,
        "triggerType": st.sampled_from(["http", "timer", "oss", "x"]),
        "triggerConfig": st.sampled_from(['{"authType": "anonymous"}', '{"methods": 1}', "[]"])
        | values,
        "aliasName": texts,
        "versionId": texts,
        "domainName": texts,
        "resourceArn": texts,
        "compatibleRuntime": values,
        "description": texts,
    },
)
bodies = st.builds(
    lambda known, more: known | more,
    likely,
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=5),
)
queries = st.dictionaries(st.sampled_from(FIELDS), texts | st.just("[]"), max_size=4)


@pytest.fixture(scope="module")
def door() -> Iterator[MockDoor]:
    """An account with one of everything, and few instances to start."""
    with mock_fc(instances_max=2) as mocked:
        door = MockDoor(mocked)
        for path, document in (
            ("/2023-03-30/functions", function("known", code={"zipFile": PACKAGE})),
            ("/2023-03-30/functions/known/versions", {}),
            ("/2023-03-30/functions/known/aliases", {"aliasName": "live", "versionId": "1"}),
            ("/2016-08-15/services", {"serviceName": "service"}),
        ):
            body = json.dumps(document).encode()
            assert door.call("127.0.0.1", path, body=body).status == 201
        yield door


def filled(operation: Operation, names: list[str]) -> str:
    """The operation's path with names for its parameters."""
    left = iter(names)
    return re.sub(
        r"\{\w+\}", lambda _match: quote(next(left), safe="", errors="replace"), operation.path
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=st.sampled_from(TABLE),
    names=st.lists(st.sampled_from(NAMES) | texts, min_size=4, max_size=4),
    query=queries,
    body=bodies | values,
    method=st.none() | st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
)
def test_no_request_of_the_tables_is_the_emulator_s_fault(
    door: MockDoor,
    where: tuple[str, Operation],
    names: list[str],
    query: dict[str, str],
    body: Any,
    method: str | None,
) -> None:
    prefix, operation = where
    path = f"{prefix}{filled(operation, names)}?{urlencode(query, errors='replace')}"
    # "body" holds lone surrogates at times: as JSON has them, escaped.
    content = json.dumps(body).encode()

    answer = door.call("127.0.0.1", path[:4000], method=method or operation.method, body=content)

    assert answer.status != 500, answer
    if answer.status >= 400:
        document = json.loads(answer.body)
        assert document["Code"]
        assert document["Message"]


lines = st.sampled_from(
    [
        b"GET / HTTP/1.1",
        b"POST /2023-03-30/functions HTTP/1.1",
        b"GET /2023-03-30/functions HTTP/1.0",
        b"PUT /a HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"CONNECT a:1 HTTP/1.1",
        b"GET http://127.0.0.1/2023-03-30/functions HTTP/1.1",
        b"GET /2016-08-15/proxy/ HTTP/1.1",
        b"GET /2016-08-15/proxy/service.live/f/%00 HTTP/1.1",
        b"GET  / HTTP/9.9",
    ]
)
heads = st.lists(
    st.sampled_from(
        [
            b"Host: 127.0.0.1",
            b"Host: known.cn-hangzhou.fcapp.run",
            b"Host: tmp-code.oss-cn-hangzhou.aliyuncs.com",
            b"Host: ",
            b"Content-Length: 5",
            b"Content-Length: -1",
            b"Content-Length: 99999999999999999999",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: gzip",
            b"Connection: close",
            b"Connection: upgrade",
            b"Upgrade: websocket",
            b"Expect: 100-continue",
            b"Authorization: FC id:x",
            b": empty",
            b"no colon",
            b"X-Fc-Invocation-Type: Async",
            b"\xff\xfe: \x00",
        ]
    )
    | st.binary(max_size=30),
    max_size=6,
)
ends = st.sampled_from([b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\n", b""]) | st.binary(
    max_size=50
)


async def talk_and_go(running: RunningEmulator, raw: bytes) -> bytes:
    """What is answered to some bytes, by a caller that goes when nothing comes for a while."""
    answer: list[bytes] = []
    ended = asyncio.Event()
    server = Connection(running._application.handle, running._connections)
    transport = MemoryTransport(server, answer.append, ended.set)
    server.connection_made(transport)
    server.data_received(raw)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.02):
            await ended.wait()
    transport.close()
    return b"".join(answer)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=lines | st.binary(max_size=40), head=heads, end=ends)
def test_no_bytes_are_the_emulator_s_fault(
    door: MockDoor, line: bytes, head: list[bytes], end: bytes
) -> None:
    raw = b"\r\n".join([line, *head]) + b"\r\n\r\n" + end

    answer = door.mocked._running.do(partial(talk_and_go, door.mocked._running, raw))

    assert b" 500 " not in answer[:20], answer
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
