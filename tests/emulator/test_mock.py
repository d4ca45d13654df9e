"""`mock_fc`: the platform's SDKs, sync and async, and no socket between them and the emulator."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import requests
from alibabacloud_fc20230330 import models as fc
from alibabacloud_fc20230330.client import Client
from darabonba.exceptions import DaraException
from darabonba.runtime import RuntimeOptions

from infra.deploy.apply import client
from infra.emulator.mock import mock_fc
from tests.emulator.doors import SOURCE, MockDoor, function
from tests.support.waiting import wait_until

ENDPOINT = "https://fcv3.cn-hangzhou.aliyuncs.com"
PAGE = """
import requests
from infra.emulator.mock import FcMock


def test_the_fixture_is_an_empty_function_compute(fc: FcMock) -> None:
    answer = requests.get("https://fcv3.cn-hangzhou.aliyuncs.com/2023-03-30/functions", timeout=5)
    assert answer.json() == {"functions": []}
"""


def sdk() -> Client:
    return client(ENDPOINT, "cn-hangzhou", "id", "secret")


def names() -> list[str]:
    listed = sdk().list_functions(fc.ListFunctionsRequest()).body.functions
    return [each.function_name for each in listed or ()]


def test_a_block_forgets_what_the_one_before_knew() -> None:
    with mock_fc() as mocked:
        MockDoor(mocked).deploy("first")
        assert names() == ["first"]

    with mock_fc():
        assert names() == []


@mock_fc()
def test_a_test_may_be_decorated() -> None:
    assert names() == []


@mock_fc()
async def test_a_test_that_is_a_coroutine_may_be_decorated() -> None:
    listed = await sdk().list_functions_async(fc.ListFunctionsRequest())

    assert not listed.body.functions


async def test_the_async_methods_deploy_and_invoke() -> None:
    body = fc.CreateFunctionInput().from_map(function("deployed"))
    async with mock_fc():
        await sdk().create_function_async(fc.CreateFunctionRequest(body=body))
        invoked = await sdk().invoke_function_with_options_async(
            "deployed",
            fc.InvokeFunctionRequest(body=b"payload", qualifier="LATEST"),
            fc.InvokeFunctionHeaders(),
            RuntimeOptions(),
        )

    assert invoked.status_code == 200
    assert '"body": "payload"' in invoked.body.read().decode()


async def test_calls_at_once_are_answered_each_with_its_own() -> None:
    async with mock_fc():
        asked = [f"function-{index}" for index in range(20)]
        missing = (sdk().get_function_async(each, fc.GetFunctionRequest()) for each in asked)
        answers = await asyncio.gather(*missing, return_exceptions=True)

    assert [each in str(answer) for each, answer in zip(asked, answers, strict=True)] == [True] * 20


def test_a_trigger_is_called_by_its_url() -> None:
    with mock_fc() as mocked:
        host = MockDoor(mocked).create("called")
        answer = requests.post(f"https://{host}/path?a=1", data=b"text", timeout=5)

    assert answer.status_code == 200
    assert answer.json()["path"] == "/path?a=1"
    assert answer.json()["body"] == "text"


async def test_a_trigger_streams_both_ways_as_it_comes() -> None:
    async with mock_fc() as mocked:
        host = MockDoor(mocked).create("streams")
        came = asyncio.Event()

        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            await came.wait()  # The second piece is sent only once the first is back.
            yield b"second"

        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://{host}/stream", data=pieces()) as answer,
        ):
            assert await answer.content.readany() == b"first"
            came.set()
            assert await answer.content.read() == b"second"


async def test_a_large_answer_reaches_a_slow_reader_whole() -> None:
    async with mock_fc() as mocked:
        host = MockDoor(mocked).create("much")
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://{host}/much", data=b"3000000") as answer,
        ):
            size = 0
            async for piece in answer.content.iter_chunked(10_000):
                size += len(piece)
                await asyncio.sleep(0)

    assert size == 3_000_000


def test_a_custom_domain_is_called_by_its_name() -> None:
    with mock_fc() as mocked:
        MockDoor(mocked).deploy("behind")
        route = fc.RouteConfig(routes=[fc.PathConfig(path="/*", function_name="behind")])
        domain = fc.CreateCustomDomainInput(
            domain_name="own.example.com", protocol="HTTP", route_config=route
        )
        sdk().create_custom_domain(fc.CreateCustomDomainRequest(body=domain))

        answer = requests.get("http://own.example.com/path", timeout=5)

    assert answer.json()["path"] == "/path"


def test_other_hosts_are_left_alone() -> None:
    with mock_fc(), pytest.raises(requests.ConnectionError):
        requests.get("http://127.0.0.1:1/", timeout=5)


def test_signatures_are_verified_where_there_are_credentials() -> None:
    with mock_fc(access_key_id="id", access_key_secret="secret"):
        assert names() == []
        with pytest.raises(DaraException, match="SignatureNotMatch"):
            client(ENDPOINT, "cn-hangzhou", "id", "other").list_functions(fc.ListFunctionsRequest())


def test_faults_are_ordered_and_taken_back() -> None:
    with mock_fc() as mocked:
        host = MockDoor(mocked).create("faulty")
        mocked.fault("throttle", "faulty")
        throttled = requests.get(f"https://{host}/", timeout=5)
        mocked.fault("cut", "faulty")
        mocked.no_faults()
        well = requests.get(f"https://{host}/", timeout=5)

    assert (throttled.status_code, well.status_code) == (429, 200)


def test_a_cut_answer_breaks_as_on_a_network() -> None:
    with mock_fc() as mocked:
        host = MockDoor(mocked).create("faulty")
        mocked.fault("cut", "faulty")
        with pytest.raises(requests.exceptions.RequestException):
            requests.get(f"https://{host}/", timeout=5)


def test_ids_are_the_same_from_the_same_seed() -> None:
    def ids() -> list[str]:
        with mock_fc() as mocked:
            mocked.seed(7)
            door = MockDoor(mocked)
            url = f"{ENDPOINT}/2023-03-30/functions"
            request_id = requests.get(url, timeout=5).headers["x-fc-request-id"]
            return [request_id, door.deploy("seeded").function_id, invoked_by(door, "seeded")]

    def invoked_by(door: MockDoor, name: str) -> str:
        answer = door.sdk.invoke_function(name, fc.InvokeFunctionRequest(body=b""))
        return str(answer.headers["x-fc-instance-id"])

    first = ids()
    assert len(set(first)) == 3
    assert ids() == first


def test_the_account_s_instances_can_be_few() -> None:
    with mock_fc(instances_max=1) as mocked:
        door = MockDoor(mocked)
        host, other = door.create("first"), door.create("second")
        statuses = [
            requests.get(f"https://{each}/", timeout=5).status_code for each in (host, other)
        ]

    assert statuses == [200, 429]


def test_what_functions_print_is_read_until_a_reset() -> None:
    with mock_fc() as mocked:
        MockDoor(mocked).create("prints")
        sdk().invoke_function_with_options(
            "prints",
            fc.InvokeFunctionRequest(body=b""),
            fc.InvokeFunctionHeaders(x_fc_log_type="Tail"),
            RuntimeOptions(),
        )
        assert "answered POST" in mocked.logs("prints")

        mocked.reset()

        assert names() == []
        MockDoor(mocked).create("prints")
        assert mocked.logs("prints") == []


def test_a_folder_is_followed(tmp_path: Path) -> None:
    source = SOURCE.read_text().replace('"x-own", "kept"', '"x-own", "{}"')
    (tmp_path / "odd.py").write_text(source.replace("{}", "first"))
    with mock_fc() as mocked:
        host = MockDoor(mocked).create("followed")

        def own() -> str:
            return requests.post(f"https://{host}/", timeout=5).headers["x-own"]

        mocked.follow("followed", tmp_path)
        assert own() == "first"
        (tmp_path / "odd.py").write_text(source.replace("{}", "second"))

        wait_until(lambda: own() == "second", "the new code")


def test_an_idle_instance_ends_when_the_clock_is_moved() -> None:
    with mock_fc() as mocked:
        door = MockDoor(mocked)
        requests.post(f"https://{door.create('idle')}/", timeout=5)
        assert len(door.instances("idle")) == 1

        mocked.advance(3600)

        wait_until(lambda: door.instances("idle") == [], "its end")


def test_the_fixture_is_a_plugin_of_pytest(tmp_path: Path) -> None:
    page = tmp_path / "test_page.py"
    page.write_text(PAGE)
    options = ["-p", "infra.emulator.mock.fixtures", "-p", "no:cacheprovider", "-q", str(page)]

    told = subprocess.run(
        [sys.executable, "-m", "pytest", *options], capture_output=True, text=True, check=False
    )

    assert "1 passed" in told.stdout, told.stdout + told.stderr


def test_a_start_that_fails_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError("no descriptors left")

    monkeypatch.setattr("infra.emulator.mock.running.Emulator", refuse)

    with pytest.raises(OSError, match="no descriptors left"), mock_fc():
        pass

    assert "mock_fc" not in {thread.name for thread in threading.enumerate()}
