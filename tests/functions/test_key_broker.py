"""The key-broker as a process: keys for whoever signs, nothing for anybody else."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.verdict import Secret
from functions.verdict.keys import open_sealed, sign_keys
from tests.functions.running import SECRET, Function, callout, running, signed
from tests.functions.test_start import refusal
from tests.support.fake_kms import ROLE, ROLE_HEADERS, TOKEN, FakeKms, refused
from tests.support.waiting import wait_until

BROKER = "functions.key_broker.handler"
NEW, OLD = "a new signing secret of enough bytes", SECRET
MARKED = "sk-sesame-4711"
TABLE = {
    "api.test": [f"{MARKED}-1", {"key": f"{MARKED}-2", "workloads": ["team-a/*"]}],
    "*.b.test": [f"{MARKED}-3"],
}


def ask(
    function: Function,
    body: bytes = b"api.test",
    workload: str = "default/sleep",
    secret: str = OLD,
    **changed: str,
) -> tuple[httpx.Response, str]:
    """A signed call for keys, and its signature; `changed` replaces headers by short names."""
    signature = sign_keys(Secret(secret), workload, body, int(time.time()))
    headers = {"contract": "1", "workload": workload, "signature": signature, **changed}
    pairs = {f"x-meshward-{name}": value for name, value in headers.items() if value}
    return function.client.post("/v1/keys", content=body, headers=pairs), signature


def opened(function: Function, **asked: Any) -> dict[str, list[str]]:
    """The keys of each host that a call gets."""
    answer, signature = ask(function, **asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-meshward-contract"] == "1"
    document = open_sealed(Secret(asked.get("secret", OLD)), signature, answer.content)
    assert document is not None
    keys: dict[str, list[str]] = {}
    for line in document.decode().splitlines()[1:]:
        host, _, key = line.partition(" ")
        keys.setdefault(host, []).append(key)
    return keys


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    environment = {
        "MESHWARD_KEYS": json.dumps(TABLE),
        "MESHWARD_SIGNING_SECRETS": f"{NEW},{OLD}",
    }
    with running(BROKER, tmp_path_factory.mktemp("key-broker") / "log", environment) as function:
        yield function


def test_a_signed_call_gets_the_keys_of_its_hosts(broker: Function) -> None:
    body = b"*.b.test\napi.test\nunknown.test"
    assert opened(broker, body=body) == {"api.test": [f"{MARKED}-1"], "*.b.test": [f"{MARKED}-3"]}
    assert opened(broker, body=b"unknown.test") == {}


def test_a_workload_gets_the_keys_that_are_for_it(broker: Function) -> None:
    assert opened(broker, workload="team-a/app")["api.test"] == [f"{MARKED}-1", f"{MARKED}-2"]
    assert opened(broker, workload="")["api.test"] == [f"{MARKED}-1"]


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_any_of_its_secrets_may_sign_and_opens_the_answer(broker: Function, secret: str) -> None:
    assert opened(broker, secret=secret) == {"api.test": [f"{MARKED}-1"]}


def test_an_answer_opens_for_its_own_call_only(broker: Function) -> None:
    answer, signature = ask(broker)
    other = sign_keys(Secret(OLD), "default/sleep", b"api.test", int(time.time()) + 1)
    assert open_sealed(Secret(NEW), signature, answer.content) is None
    assert open_sealed(Secret(OLD), other, answer.content) is None
    assert ask(broker)[0].content != answer.content


def strangers() -> dict[str, Callable[[Function], httpx.Response]]:
    body = b"api.test"
    now = int(time.time())
    old = sign_keys(Secret(OLD), "default/sleep", body, now - 120)
    as_callout = dict(signed(callout(path="/v1/keys"), body))
    return {
        "no signature": lambda it: ask(it, signature="")[0],
        "no form": lambda it: ask(it, signature="v2")[0],
        "another secret": lambda it: ask(it, secret="a secret that nobody knows, really")[0],
        "too old": lambda it: ask(it, signature=old)[0],
        "another workload": lambda it: ask(it, workload="team-a/app", signature=old)[0],
        "a callout's signature": lambda it: it.client.post(
            "/v1/keys", content=body, headers=as_callout
        ),
        "no form, and no host": lambda it: ask(it, body=b"API", signature="v1")[0],
        "a body without end": lambda it: ask(it, body=b"a" * 100_000)[0],
        "no contract": lambda it: ask(it, contract="", signature="v1")[0],
    }


@pytest.mark.parametrize("who", list(strangers()))
def test_a_stranger_learns_nothing_at_all(broker: Function, who: str) -> None:
    answer = strangers()[who](broker)
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {
            "code": "callout.unauthorised",
            "message": "the call is not signed as it should be",
        }
    }
    assert broker.lines("key call refused")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"body": b""}, "hosts' names in lower case"),
        ({"body": b"API.test"}, "hosts' names in lower case"),
        ({"body": b"api.test\n"}, "hosts' names in lower case"),
        ({"body": b"api.test\napi.test"}, "or one of them twice"),
        ({"body": b"\n".join(b"a%d.test" % n for n in range(65))}, "more than 64 hosts"),
        ({"contract": "2"}, "x-meshward-contract must be 1"),
        ({"workload": "a b"}, "x-meshward-workload is repeated or ill-formed"),
    ],
)
def test_a_signed_call_of_another_form_is_told_what_is_wrong(
    broker: Function, asked: dict[str, Any], says: str
) -> None:
    answer, _ = ask(broker, **asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "callout.malformed")
    assert says in answer.json()["error"]["message"]


def test_nothing_else_is_served(broker: Function) -> None:
    assert broker.client.get("/v1/keys").status_code == 404
    assert broker.client.post("/v1/verdict").status_code == 404
    assert broker.client.post("/initialize").status_code == 200


def test_no_key_turns_up_in_any_output(broker: Function) -> None:
    outputs = []
    for asked in ({}, {"body": b"*.b.test"}, {"body": MARKED.encode()}, {"signature": MARKED}):
        answer, _ = ask(broker, **asked)
        outputs += [repr(answer.headers.raw), answer.content.decode("latin-1")]
    outputs += [strangers()[who](broker).text for who in strangers()]
    shown = "\n".join([*outputs, broker.log()]).lower()
    assert broker.lines("keys given")
    for piece in ("sesame", "4711", SECRET, NEW):
        assert piece not in shown


def test_a_file_is_followed_and_its_last_good_content_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("api.test: [sk-one]")
    with running(BROKER, tmp_path / "log", {"MESHWARD_KEYS_FILE": str(path)}) as broker:
        assert opened(broker) == {"api.test": ["sk-one"]}
        path.write_text("api.test: [sk-two, sk-one]")
        wait_until(lambda: opened(broker) == {"api.test": ["sk-two", "sk-one"]}, "the rotated key")
        path.write_text(f"api.test: [{MARKED}")
        wait_until(
            lambda: opened(broker) and broker.lines("keys not read"),
            "the faulty file to be told of",
        )
        assert opened(broker) == {"api.test": ["sk-two", "sk-one"]}
        assert "sesame" not in broker.log()


def test_keys_come_from_kms_with_the_roles_own_credentials(tmp_path: Path) -> None:
    environment = {"MESHWARD_KEYS_KMS_SECRET": "provider-keys", "MESHWARD_KEYS_KMS_SECONDS": "0"}
    with FakeKms({"provider-keys": json.dumps(TABLE)}) as kms:
        environment["MESHWARD_KEYS_KMS_ENDPOINT"] = kms.url
        with running(BROKER, tmp_path / "log", environment) as broker:
            answer, _ = ask(broker)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "keys.unavailable")
            assert "give the function a role" in broker.lines("keys not read")[0]["detail"]
            broker.client.headers.update(ROLE_HEADERS)
            wait_until(lambda: ask(broker)[0].status_code == 200, "KMS is asked again", seconds=10)
            assert opened(broker) == {"api.test": [f"{MARKED}-1"]}
            kms.failing = refused(503)
            assert opened(broker) == {"api.test": [f"{MARKED}-1"]}
            shown = broker.log()
    for piece in ("sesame", ROLE.access_key_secret, TOKEN):
        assert piece not in shown


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "no source of keys is set; set exactly one of MESHWARD_KEYS"),
        ({"MESHWARD_KEYS": "api.test: ['sk hidden']"}, "MESHWARD_KEYS api.test.0.key: String sho"),
        ({"MESHWARD_KEYS_FILE": "/nowhere"}, "/nowhere: cannot be read: No such file"),
        ({"MESHWARD_KEY": "x"}, "MESHWARD_KEY is set and nothing reads it"),
    ],
)
def test_without_a_source_it_does_not_start_and_says_why(
    tmp_path: Path, environment: dict[str, str], says: str
) -> None:
    base = {"MESHWARD_SIGNING_SECRETS": SECRET}
    told = refusal(tmp_path, BROKER, base | environment)
    assert says in told
    assert "hidden" not in told
