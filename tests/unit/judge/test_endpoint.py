"""A judge over TLS, whose certificate is verified, and one that wants hardly anything."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from functions.llm_guard.connection import connection_to
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.endpoint import Endpoint
from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.settings import JudgeSettings
from tests.support.judge_answers import clears, completion
from tests.support.judge_in_memory import JudgeInMemory, ReplyInMemory, asked, says, settings

ANSWER = json.dumps({"canary": "0123456789abcdef", **clears()})


@asynccontextmanager
async def tls_judge(authority: trustme.CA, *, wants_client: bool) -> AsyncIterator[str]:
    """An HTTPS server that clears everything; its base URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    if wants_client:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            writer.close()
            return
        body = completion(ANSWER)
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        writer.write(f"{head}\r\nconnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await server.wait_closed()


async def outcome(judge: JudgeSettings) -> str:
    """The verdict, or the name of the failure."""
    endpoint = Endpoint(judge, connection_to(judge, 10))
    try:
        opinion, _ = await endpoint.ask(asked(), Deadline.after(5.0))
    except JudgeError as error:
        return error.failure
    finally:
        await endpoint.close()
    return opinion.verdict


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> JudgeSettings:
    """Settings that trust the authority, with a client certificate of its."""
    client = authority.issue_cert("llm-guard")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    client.private_key_pem.write_to_path(tmp_path / "key.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    return replace(
        settings(),
        ca_file=str(tmp_path / "ca.pem"),
        cert_file=str(tmp_path / "cert.pem"),
        key_file=str(tmp_path / "key.pem"),
    )


async def test_a_judge_with_a_certificate_of_the_named_authority_is_trusted(
    authority: trustme.CA, files: JudgeSettings
) -> None:
    async with tls_judge(authority, wants_client=False) as url:
        assert await outcome(replace(files, url=url, cert_file="", key_file="")) == "allow"


async def test_a_judge_with_a_certificate_of_nobodys_is_sent_nothing(
    authority: trustme.CA, files: JudgeSettings
) -> None:
    async with tls_judge(authority, wants_client=False) as url:
        stranger = replace(files, url=url, ca_file="", cert_file="", key_file="")
        assert await outcome(stranger) == Failure.CONNECT


async def test_a_client_certificate_is_shown_where_it_is_set(
    authority: trustme.CA, files: JudgeSettings
) -> None:
    async with tls_judge(authority, wants_client=True) as url:
        assert await outcome(replace(files, url=url)) == "allow"
        without = replace(files, url=url, cert_file="", key_file="")
        assert await outcome(without) in (Failure.CONNECT, Failure.BROKEN_OFF)


async def test_a_judge_may_want_nothing_but_the_messages() -> None:
    async def clearing(document: dict[str, Any]) -> ReplyInMemory:
        return says(document)

    nothing = {"model": None, "temperature": None, "max_tokens": None}
    judge = JudgeInMemory(clearing)
    await Endpoint(replace(settings(), body=nothing), judge).ask(asked(), Deadline.after(5.0))
    assert [set(each) for each in judge.asked] == [{"messages", "response_format"}]
