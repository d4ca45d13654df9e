"""Who may use the control plane."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alibabacloud_fc20230330 import models as fc
from alibabacloud_fc20230330.client import Client
from darabonba.exceptions import DaraException
from fc2.fc_exceptions import FcError
from starlette.datastructures import Headers

from infra.emulator.signature import ALGORITHM, Signed, sign
from tests.emulator.doors import DOORS, Door, Emulator, opened

PATH = "/2023-03-30/functions"


KEY = ("id", "secret")


@pytest.fixture(scope="module", params=DOORS)
def guarded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    """A door of either kind that takes signed calls only."""
    with opened(request.param, tmp_path_factory.mktemp("guarded"), key=KEY) as door:
        yield door


def test_the_owner_of_the_access_key_is_let_in(guarded: Door) -> None:
    listed = guarded.sdk.list_functions(fc.ListFunctionsRequest(prefix="a b&c/ü", limit=5))

    assert listed.body.functions == []


@pytest.mark.parametrize(
    ("access_key_id", "secret", "code"),
    [("id", "another", "SignatureNotMatch"), ("another", "secret", "InvalidAccessKeyID")],
)
def test_another_key_is_refused(guarded: Door, access_key_id: str, secret: str, code: str) -> None:
    sdk: Client = guarded.api(access_key_id, secret)

    with pytest.raises(DaraException) as refused:
        sdk.list_functions(fc.ListFunctionsRequest())

    assert (refused.value.status_code, refused.value.code) == (403, code)


def test_a_request_without_a_signature_is_refused(guarded: Door) -> None:
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


def test_the_secret_is_not_shown_in_the_log(tmp_path: Path) -> None:
    with opened("server", tmp_path, key=("id", "sesame")) as door:
        door.call("127.0.0.1", PATH, headers=[("Authorization", "FC id:sesame")])
        assert isinstance(door, Emulator)
        assert not any("sesame" in line for line in door.child.log())


def test_the_control_api_wants_the_key_for_whatever_changes_something(guarded: Door) -> None:
    basic = base64.b64encode(b"id:secret").decode()

    refused = guarded.call("127.0.0.1", "/_meshward/seed", method="PUT", body=b'{"seed": 1}')

    assert (refused.status, json.loads(refused.body)["Code"]) == (403, "AccessDenied")
    guarded.control("PUT", "/seed", {"seed": 1}, Authorization=f"Basic {basic}")
    assert guarded.control("GET", "/instances")


def test_a_request_without_a_host_is_refused(emulator: Emulator) -> None:
    assert emulator.call("", PATH, method="GET").status == 403


def test_the_older_api_lets_the_same_key_in(guarded: Door) -> None:
    sdk = guarded.api2()

    assert sdk.list_services(prefix="a b", limit=5).data["services"] == []
    assert sdk.get_account_settings(headers={"x-fc-trace-id": "1"}).data["availableAZs"]


@pytest.mark.parametrize(
    ("access_key_id", "key", "code"),
    [("id", "another", "SignatureNotMatch"), ("another", "secret", "InvalidAccessKeyID")],
)
def test_the_older_api_refuses_another_key(
    guarded: Door, access_key_id: str, key: str, code: str
) -> None:
    with pytest.raises(FcError) as refused:
        guarded.api2(access_key_id, key).list_services()

    assert (refused.value.status_code, refused.value.err_code) == (403, code)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Authorization": "FC id:x", "Date": "yesterday"}, 403),
        ({"Authorization": "FC id:x", "Date": "Fri, 02 Jan 2026 15:04:05 GMT"}, 403),
        ({"Authorization": "Basic id:x", "Date": "Fri, 02 Jan 2026 15:04:05 GMT"}, 403),
    ],
    ids=["none", "no date", "an old one", "another scheme"],
)
def test_the_older_api_refuses_what_is_not_signed_now(
    guarded: Door, headers: dict[str, str], status: int
) -> None:
    path = "/2016-08-15/services"

    answer = guarded.call("127.0.0.1", path, method="GET", headers=[*headers.items()])

    assert answer.status == status
    assert json.loads(answer.body)["ErrorCode"]


@pytest.fixture(scope="module")
def signed_host(guarded: Door) -> str:
    """The host of a trigger that takes signed requests."""
    guarded.deploy("signed")
    return guarded.trigger("signed", {"authType": "function", "methods": ["GET"]})


def signed(host: str, secret: str, now: datetime) -> dict[str, str]:
    """The headers of a signed GET of /a?b=c."""
    headers = {"host": host, "x-acs-date": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    request = Signed("GET", "/a", "b=c", Headers(headers), b"")
    names = ";".join(headers)
    signature = sign(secret, request, list(headers))
    form = f"{ALGORITHM} Credential=id,SignedHeaders={names},Signature={signature}"
    return {"X-Acs-Date": headers["x-acs-date"], "Authorization": form}


@pytest.mark.parametrize(
    ("secret", "age_hours", "status"), [("secret", 0, 200), ("another", 0, 403), ("secret", 1, 403)]
)
def test_a_signed_trigger_lets_in_who_signs_with_the_key(
    guarded: Door, signed_host: str, secret: str, age_hours: int, status: int
) -> None:
    headers = signed(signed_host, secret, datetime.now(UTC) - timedelta(hours=age_hours))

    answer = guarded.call(signed_host, "/a?b=c", method="GET", headers=[*headers.items()])

    assert answer.status == status


def test_a_signed_trigger_refuses_who_does_not_sign(guarded: Door, signed_host: str) -> None:
    assert guarded.call(signed_host, method="GET").status == 403


@pytest.mark.parametrize(("key", "status"), [("secret", 200), ("another", 403)])
def test_a_signed_trigger_takes_the_older_signature_too(
    guarded: Door, key: str, status: int, package: str
) -> None:
    service = f"signed-{status}"
    owner = guarded.api2()
    owner.create_service(service)
    owner.create_function(service, "f", "custom", "index.handler", codeDir=package, timeout=10)
    config = {"authType": "function", "methods": ["GET"]}
    owner.create_trigger(service, "f", "http", "http", config, None, None)

    params = {"b": "2", "a": "ü x"}
    answer = guarded.api2("id", key).do_http_request("GET", service, "f", "/p q", params=params)

    assert answer.status_code == status


@pytest.mark.usefixtures("_consoles_end")
@pytest.mark.parametrize(
    ("key", "told"), [("secret", "ServiceNotFound"), ("another", "SignatureNotMatch")]
)
def test_a_console_is_opened_by_the_key_s_holder(guarded: Door, key: str, told: str) -> None:
    errors: list[str] = []
    hooks = {"on_error": lambda _ws, error: errors.append(str(error))}

    session = guarded.api2("id", key).instance_exec(
        "nobody", "LATEST", "f", "c-1", params={"command": ["true"]}, hooks=hooks
    )
    session.ws.run_forever()

    assert told in errors[0]
