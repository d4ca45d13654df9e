"""The FC 3.0 operations, through the platform's own SDK and both doors."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import fastcrc
import pytest
import requests
from alibabacloud_fc20230330 import models as fc
from darabonba.exceptions import DaraException

from infra.emulator import api_v2, api_v3
from infra.emulator.api_v2.operations import OPERATIONS as OLDER_OPERATIONS
from infra.emulator.api_v3.operations import OPERATIONS
from infra.emulator.endpoints import Operation
from tests.emulator.doors import SOURCE, Door, archive, function

Created = Callable[..., str]


@pytest.fixture
def created(door: Door, name: str) -> Created:
    return lambda **settings: door.create(name, **settings)


def test_a_function_that_is_created_is_read_back_as_it_was(
    door: Door, name: str, created: Created
) -> None:
    created(description="as it was", environmentVariables={"A": "1"})

    found = door.sdk.get_function(name, fc.GetFunctionRequest()).body

    assert found.function_name == name
    assert found.description == "as it was"
    assert found.environment_variables == {"A": "1"}
    assert found.memory_size == 512
    assert found.custom_runtime_config.command == ["python3", "odd.py"]
    assert found.state == "Active"


def test_a_function_is_listed_until_it_is_deleted(door: Door, name: str, created: Created) -> None:
    def names() -> list[str]:
        listed = door.sdk.list_functions(fc.ListFunctionsRequest()).body.functions
        return [each.function_name for each in listed]

    created()
    assert name in names()

    door.sdk.delete_trigger(name, "http")
    door.sdk.delete_function(name)

    assert name not in names()
    assert_refused(404, "FunctionNotFound", door.sdk.get_function, name, fc.GetFunctionRequest())


def test_what_does_not_exist_is_not_found_by_its_name(door: Door) -> None:
    error = assert_refused(
        404, "FunctionNotFound", door.sdk.get_function, "nobody", fc.GetFunctionRequest()
    )
    assert "nobody" in str(error)


def test_a_trigger_that_does_not_exist_is_not_found(
    door: Door, name: str, created: Created
) -> None:
    created()

    assert_refused(404, "TriggerNotFound", door.sdk.get_trigger, name, "other")


def test_a_name_is_taken_once(door: Door, name: str, created: Created) -> None:
    created()

    assert_refused(409, "FunctionAlreadyExists", create, door, name)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"instanceConcurrency": 201}, "instanceConcurrency"),
        ({"memorySize": 100}, "memorySize"),
        ({"memorySize": 513}, "memorySize"),
        ({"timeout": 86401}, "timeout"),
        ({"cpu": 17.0}, "cpu"),
        ({"functionName": "1st"}, "functionName"),
        ({"customRuntimeConfig": {"port": 0}}, "customRuntimeConfig.port"),
        ({"customRuntimeConfig": {"command": "python3"}}, "customRuntimeConfig.command"),
        ({"memorySize": "512"}, "memorySize"),
        ({"timeout": True}, "timeout"),
        ({"diskSize": 1024}, "diskSize"),
        ({"environmentVariables": {"FC_REGION": "mine"}}, "environmentVariables"),
        ({"environmentVariables": {"LONG": "x" * 5000}}, "environmentVariables"),
        ({"code": {"zipFile": "bm8gemlw"}}, "code.zipFile"),
        ({"code": {"zipFile": "***"}}, "code.zipFile"),
    ],
)
def test_a_breach_of_a_limit_names_the_field(
    door: Door, name: str, settings: dict[str, Any], field: str
) -> None:
    error = assert_refused(400, "InvalidArgument", create, door, name, **settings)

    assert field in str(error)


@pytest.mark.parametrize(
    "settings",
    [
        {"runtime": "nodejs20"},
        {"customContainerConfig": {"image": "i"}},
        {"gpuConfig": {"gpuType": "fc.gpu.tesla.1", "gpuMemorySize": 8192}},
        {"sessionAffinity": "HEADER_FIELD"},
        {"instanceIsolationMode": "SESSION_EXCLUSIVE"},
        {"disableOndemand": True},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_what_would_run_otherwise_than_here_says_so(
    door: Door, name: str, settings: dict[str, Any]
) -> None:
    error = assert_refused(501, "NotEmulated", create, door, name, **settings)

    assert next(iter(settings)) in str(error)


def test_code_that_is_not_in_its_bucket_is_refused(door: Door, name: str) -> None:
    code = {"ossBucketName": "bucket", "ossObjectName": "object"}

    error = assert_refused(400, "InvalidArgument", create, door, name, code=code)

    assert "code.ossObjectName" in str(error)


def test_an_update_changes_what_it_says_and_nothing_else(
    door: Door, name: str, created: Created
) -> None:
    created(description="before", environmentVariables={"VERSION": "1"})

    body = fc.UpdateFunctionInput().from_map({"environmentVariables": {"VERSION": "2"}})
    door.sdk.update_function(name, fc.UpdateFunctionRequest(body=body))

    found = door.sdk.get_function(name, fc.GetFunctionRequest()).body
    assert found.environment_variables == {"VERSION": "2"}
    assert found.description == "before"


def test_the_checksum_follows_the_code(door: Door, name: str, created: Created) -> None:
    def checksum() -> str:
        found = door.sdk.get_function(name, fc.GetFunctionRequest()).body
        return str(found.code_checksum)

    created()
    before = checksum()
    code = {"code": {"zipFile": archive({"odd.py": b"pass"})}}
    body = fc.UpdateFunctionInput().from_map(code)
    door.sdk.update_function(name, fc.UpdateFunctionRequest(body=body))

    assert checksum() != before


def test_the_code_can_be_downloaded_as_it_was_sent(door: Door, name: str, created: Created) -> None:
    created()

    found = door.sdk.get_function_code(name, fc.GetFunctionCodeRequest()).body

    downloaded = requests.get(found.url, timeout=5).content
    assert found.checksum == str(fastcrc.crc64.xz(downloaded))
    with zipfile.ZipFile(io.BytesIO(downloaded)) as package:
        assert package.read("odd.py") == SOURCE.read_bytes()


def test_functions_are_listed_a_page_at_a_time(door: Door) -> None:
    short = f"p{uuid4().hex[:8]}-"
    names = [f"{short}{index}" for index in range(5)]
    for each in names:
        create(door, each)

    seen, token = [], None
    while token != "":
        request = fc.ListFunctionsRequest(prefix=short, limit=2, next_token=token)
        page = door.sdk.list_functions(request).body
        seen.append([each.function_name for each in page.functions])
        token = page.next_token or ""

    assert seen == [names[:2], names[2:4], names[4:]]


@pytest.mark.parametrize(
    ("filters", "is_listed"),
    [
        ({"description": "wanted"}, True),
        ({"description": "other"}, False),
        ({"runtime": "custom.debian12"}, True),
        ({"runtime": "python3.12"}, False),
        ({"tags": [fc.Tag(key="team", value="red")]}, True),
        ({"tags": [fc.Tag(key="team", value="blue")]}, False),
        ({"resource_group_id": "rg-1"}, True),
        ({"resource_group_id": "rg-2"}, False),
        ({"gpu_type": "fc.gpu.tesla.1"}, False),
        ({"fc_version": "v3"}, True),
        ({"fc_version": "v2"}, False),
        ({"function_name": "nobody"}, False),
    ],
)
def test_a_list_holds_what_its_filters_say(
    door: Door, name: str, filters: dict[str, Any], is_listed: bool
) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    create(door, name, description="the wanted one", tags=tags, resourceGroupId="rg-1")

    request = fc.ListFunctionsRequest(prefix=name, **filters)
    listed = door.sdk.list_functions(request).body.functions

    assert [each.function_name for each in listed] == [name] * is_listed


def test_fields_that_change_nothing_here_are_read_back(
    door: Door, name: str, created: Created
) -> None:
    created(logConfig={"project": "p", "logstore": "l"})

    found = door.sdk.get_function(name, fc.GetFunctionRequest()).body

    assert (found.log_config.project, found.log_config.logstore) == ("p", "l")


def test_an_updated_trigger_keeps_its_host(door: Door, name: str, created: Created) -> None:
    host = created()
    config = json.dumps({"authType": "anonymous", "methods": ["PUT"]})
    body = fc.UpdateTriggerInput(trigger_config=config)

    updated = door.sdk.update_trigger(name, "http", fc.UpdateTriggerRequest(body=body)).body

    assert updated.http_trigger.url_internet == f"https://{host}"
    assert door.call(host, method="POST").status == 403
    assert door.call(host, method="PUT").status == 200


def test_a_function_has_one_http_trigger(door: Door, name: str, created: Created) -> None:
    created()
    body = fc.CreateTriggerInput(
        trigger_name="other", trigger_type="http", trigger_config='{"authType": "anonymous"}'
    )

    assert_refused(
        400,
        "InvalidArgument",
        door.sdk.create_trigger,
        name,
        fc.CreateTriggerRequest(body=body),
    )


NONSENSE = [b"", b"[]", b"{", b'{"code": 1, "triggerConfig": {}}', b"[" * 100_000, b"\xff"]
EVERYTHING = [
    *((api_v3.PREFIX, each) for each in OPERATIONS),
    *((api_v2.PREFIX, each) for each in OLDER_OPERATIONS),
]


@pytest.mark.parametrize(
    ("prefix", "operation"), EVERYTHING, ids=lambda each: getattr(each, "name", each)
)
def test_nonsense_is_the_caller_s_fault_and_never_the_emulator_s(
    door: Door, prefix: str, operation: Operation
) -> None:
    path = prefix + re.sub(r"\{\w+\}", "x%2F..%00", operation.path)

    for body in NONSENSE:
        answer = door.call("127.0.0.1", path, method=operation.method, body=body)

        assert answer.status in {200, 204, 400, 403, 404, 409, 501}
        if answer.status >= 400:
            assert json.loads(answer.body)["Code"]


def create(door: Door, name: str, **settings: Any) -> None:
    body = fc.CreateFunctionInput().from_map(function(name, **settings))
    door.sdk.create_function(fc.CreateFunctionRequest(body=body))


def assert_refused(
    status: int, code: str, operation: Callable[..., object], /, *arguments: Any, **settings: Any
) -> DaraException:
    with pytest.raises(DaraException) as refused:
        operation(*arguments, **settings)
    assert refused.value.status_code == status
    assert refused.value.code == code
    return refused.value
