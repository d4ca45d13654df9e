"""Who may use the control plane."""

from collections.abc import Iterator

import pytest
from alibabacloud_fc20230330 import models as fc
from alibabacloud_fc20230330.client import Client
from darabonba.exceptions import DaraException

from tests.emulator.doors import Emulator

PATH = "/2023-03-30/functions"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    environment = {
        "TMPDIR": str(tmp_path_factory.mktemp("guarded")),
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret",
    }
    running = Emulator(environment, "--access-key-id", "id")
    try:
        yield running
    finally:
        running.child.stop()


def test_the_owner_of_the_access_key_is_let_in(guarded: Emulator) -> None:
    listed = guarded.sdk.list_functions(fc.ListFunctionsRequest(prefix="a b&c/ü", limit=5))

    assert listed.body.functions == []


@pytest.mark.parametrize(
    ("access_key_id", "secret", "code"),
    [("id", "another", "SignatureNotMatch"), ("another", "secret", "InvalidAccessKeyID")],
)
def test_another_key_is_refused(
    guarded: Emulator, access_key_id: str, secret: str, code: str
) -> None:
    sdk: Client = guarded.api(access_key_id, secret)

    with pytest.raises(DaraException) as refused:
        sdk.list_functions(fc.ListFunctionsRequest())

    assert (refused.value.status_code, refused.value.code) == (403, code)


def test_a_request_without_a_signature_is_refused(guarded: Emulator) -> None:
    answer = guarded.call("127.0.0.1", PATH, method="GET")

    assert answer.status == 400
    assert b"MissingRequiredHeader" in answer.body


def test_without_a_key_of_its_own_anybody_on_this_machine_is_let_in(emulator: Emulator) -> None:
    assert emulator.call("127.0.0.1", PATH, method="GET").status == 200


@pytest.mark.parametrize(
    ("host", "headers"),
    [("127.0.0.1", [("Origin", "https://example.com")]), ("example.com", [])],
    ids=["of another origin", "whose name leads to loopback"],
)
def test_a_web_page_is_kept_out(
    emulator: Emulator, host: str, headers: list[tuple[str, str]]
) -> None:
    for path in (PATH, "/_meshward/instances"):
        assert emulator.call(host, path, method="GET", headers=headers).status == 403


def test_the_secret_is_not_shown_in_the_log(guarded: Emulator) -> None:
    assert not any("secret" in line for line in guarded.child.log())


def test_a_request_without_a_host_is_refused(emulator: Emulator) -> None:
    assert emulator.call("", PATH, method="GET").status == 403
