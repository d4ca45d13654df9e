"""What Serverless Devs sends, in its order and its manner, as it was recorded with the real tool.

Bodies are JSON in chunks; the package goes to OSS by a temporary bucket; a trigger's configuration
is JSON in a string; and everything is asked for before it is there.
"""

import base64
import json
from typing import Any

import fastcrc
import pytest

from tests.emulator.doors import ACCOUNT_ID, Door, archive_bytes
from tests.support.wire import Message

API = "/2023-03-30"
HOST = "127.0.0.1"
CONFIG = {"authType": "anonymous", "methods": ["GET", "POST"], "disableURLInternet": False}


def ask(door: Door, method: str, path: str, document: Any = None, **headers: str) -> Message:
    """One request as the Node.js SDK sends it: a body has no length, it comes in chunks."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {headers.pop('host', HOST)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    body = b""
    if document is not None:
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)
        lines.append("Transfer-Encoding: chunked")
    return door.exchange("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def told(answer: Message) -> Any:
    assert answer.status in (200, 201), answer
    return json.loads(answer.body)


def function(name: str, bucket: str, key: str) -> dict[str, Any]:
    """The body of a creation, with all that the tool fills in by itself."""
    return {
        "functionName": name,
        "runtime": "custom.debian12",
        "handler": "index.handler",
        "cpu": 0.35,
        "memorySize": 512,
        "diskSize": 512,
        "timeout": 10,
        "instanceConcurrency": 10,
        "customRuntimeConfig": {"command": ["python3"], "args": ["odd.py"], "port": 9000},
        "code": {"ossBucketName": bucket, "ossObjectName": key},
        "environmentVariables": {},
        "logConfig": {"project": "", "logstore": "", "logBeginRule": "None"},
        "nasConfig": {"groupId": 0, "mountPoints": [], "userId": 0},
        "ossMountConfig": {"mountPoints": []},
        "vpcConfig": {"securityGroupId": "", "vSwitchIds": [], "vpcId": ""},
        "tracingConfig": {},
        "layers": [],
        "instanceIsolationMode": "SHARE",
        "sessionAffinity": "NONE",
        "internetAccess": True,
        "role": "",
        "description": "",
    }


def upload(door: Door) -> tuple[str, str]:
    """Put the package where the emulator says; bucket and name of the object."""
    token = told(ask(door, "GET", "/2016-08-15/tempBucketToken"))
    assert set(token["credentials"]) >= {"AccessKeyId", "AccessKeySecret", "SecurityToken"}
    key = f"{ACCOUNT_ID}/{token['objectName']}"
    host = f"{token['ossBucket']}.{token['ossRegion']}.aliyuncs.com"
    put = ask(
        door,
        "PUT",
        f"/{key}",
        archive_bytes(),
        host=host,
        authorization="OSS STS.emulator:signature",
        x_oss_security_token=token["credentials"]["SecurityToken"],
    )
    assert put.status == 200
    assert put.value("etag")
    return token["ossBucket"], key


def before_deployment(path: str) -> list[str]:
    """What is asked for first, in order."""
    return [
        path,
        f"{path}/triggers/http",
        f"{path}/async-invoke-config?qualifier=LATEST",
        f"{path}/vpc-bindings",
        f"{path}/scaling-config?qualifier=LATEST",
        f"{path}/concurrency",
    ]


def deploy(door: Door, name: str) -> str:
    """`s deploy` of a new function; its trigger's host."""
    path = f"{API}/functions/{name}"
    statuses = [ask(door, "GET", each).status for each in before_deployment(path)]
    assert statuses == [404] * 6
    bucket, key = upload(door)
    assert ask(door, "GET", path).status == 404
    told(ask(door, "POST", f"{API}/functions", function(name, bucket, key)))
    assert ask(door, "GET", f"{path}/triggers/http").status == 404
    trigger = {
        "triggerName": "http",
        "triggerType": "http",
        "triggerConfig": json.dumps(CONFIG),
        "qualifier": "LATEST",
    }
    told(ask(door, "POST", f"{path}/triggers", trigger))
    told(ask(door, "PUT", f"{path}/async-invoke-config?qualifier=LATEST", {}))
    told(ask(door, "PUT", f"{path}/scaling-config?qualifier=LATEST", {"minInstances": 0}))
    scaling = told(ask(door, "GET", f"{path}/scaling-config?qualifier=LATEST"))
    assert scaling["currentInstances"] == scaling["targetInstances"]
    told(ask(door, "PUT", f"{path}/concurrency", {"reservedConcurrency": 10}))
    found = told(ask(door, "GET", f"{path}/triggers/http"))
    assert json.loads(found["triggerConfig"]) == CONFIG
    return str(found["httpTrigger"]["urlInternet"]).removeprefix("https://")


def remove(door: Door, name: str) -> None:
    """`s remove`."""
    path = f"{API}/functions/{name}"
    for each in (
        path,
        f"{path}/vpc-bindings",
        f"{API}/scaling-configs?functionName={name}&limit=100",
        f"{path}/concurrency",
        f"{path}/aliases?limit=100",
        f"{path}/versions?limit=100",
        f"{path}/triggers?limit=10",
        f"{API}/async-invoke-configs?functionName={name}&limit=100",
    ):
        told(ask(door, "GET", each))
    for each in (f"{path}/triggers/http", f"{path}/concurrency", path):
        assert ask(door, "DELETE", each).status == 204


def test_a_function_is_deployed_called_and_removed(door: Door, name: str) -> None:
    host = deploy(door, name)

    assert door.call(host, method="GET").status == 200
    path = f"{API}/functions/{name}"
    headers = {"x_fc_invocation_type": "Sync", "x_fc_log_type": "Tail"}
    invoked = ask(door, "POST", f"{path}/invocations?qualifier=LATEST", b"event", **headers)
    assert json.loads(invoked.body)["body"] == "event"
    log = base64.b64decode(invoked.value("x-fc-log-result") or "")
    assert b"FC Invoke Start RequestId" in log
    for header in ("x-fc-request-id", "x-fc-instance-id", "x-fc-code-checksum"):
        assert invoked.value(header)

    remove(door, name)
    assert ask(door, "GET", path).status == 404


def test_a_second_deployment_sends_no_package_that_is_there_already(door: Door, name: str) -> None:
    host = deploy(door, name)
    path = f"{API}/functions/{name}"

    found = told(ask(door, "GET", path))
    assert found["codeChecksum"] == str(fastcrc.crc64.xz(archive_bytes()))
    config = {key: value for key, value in function(name, "", "").items() if key != "code"}
    told(ask(door, "PUT", path, {**config, "environmentVariables": {"VERSION": "2"}}))
    told(ask(door, "GET", f"{path}/triggers/http"))
    told(ask(door, "PUT", f"{path}/triggers/http", {"triggerConfig": json.dumps(CONFIG)}))

    assert json.loads(door.call(host).body)["version"] == "2"
    remove(door, name)


def test_what_has_been_deployed_is_told(door: Door, name: str) -> None:
    """`s info`: the function, its trigger twice, and the configurations that s.yaml names."""
    host = deploy(door, name)
    path = f"{API}/functions/{name}"

    function = told(ask(door, "GET", path))
    triggers = [told(ask(door, "GET", f"{path}/triggers/http")) for _ in range(2)]
    asynchronous = told(ask(door, "GET", f"{path}/async-invoke-config?qualifier=LATEST"))
    scaling = told(ask(door, "GET", f"{path}/scaling-config?qualifier=LATEST"))
    concurrency = told(ask(door, "GET", f"{path}/concurrency"))

    assert (function["functionName"], function["state"]) == (name, "Active")
    assert function["lastUpdateStatus"] == "Successful"
    assert [each["httpTrigger"]["urlInternet"] for each in triggers] == [f"https://{host}"] * 2
    assert asynchronous["maxAsyncRetryAttempts"] == 3
    assert (scaling["minInstances"], scaling["currentError"]) == (0, "")
    assert concurrency["reservedConcurrency"] == 10
    remove(door, name)


def test_code_or_a_trigger_is_deployed_alone(door: Door, name: str) -> None:
    """`s deploy --function code`, and `--trigger http`."""
    host = deploy(door, name)
    path = f"{API}/functions/{name}"

    told(ask(door, "GET", path))
    bucket, key = upload(door)
    told(ask(door, "GET", path))
    code = {"code": {"ossBucketName": bucket, "ossObjectName": key}}
    told(ask(door, "PUT", path, code))
    closed = {**CONFIG, "methods": ["POST"]}
    for _ in range(2):
        told(ask(door, "GET", f"{path}/triggers/http"))
    told(ask(door, "PUT", f"{path}/triggers/http", {"triggerConfig": json.dumps(closed)}))

    assert door.call(host, method="POST").status == 200
    assert door.call(host, method="GET").status == 403
    remove(door, name)


@pytest.mark.parametrize(
    ("key", "token"),
    [("{}", "forged"), (f"{ACCOUNT_ID}/another.zip", "{}"), ("../../{}", "{}")],
    ids=["another token", "another object", "a path out of the bucket"],
)
def test_an_upload_is_taken_by_its_token_only(door: Door, key: str, token: str) -> None:
    given = told(ask(door, "GET", "/2016-08-15/tempBucketToken"))
    host = f"{given['ossBucket']}.{given['ossRegion']}.aliyuncs.com"
    own = f"{ACCOUNT_ID}/{given['objectName']}"
    known = given["credentials"]["SecurityToken"]

    path, headers = f"/{key.format(own)}", {"x_oss_security_token": token.format(known)}

    assert ask(door, "PUT", path, b"content", host=host, **headers).status == 403


def test_a_custom_domain_is_deployed_called_and_removed(door: Door, name: str) -> None:
    """As fc3-domain does it; a redeployment asks twice and leaves `domainName` out."""
    deploy(door, name)
    domain = f"{name.lower()[-40:].strip('-')}.example.com"
    api, path = f"{ACCOUNT_ID}.cn-hangzhou.fc.aliyuncs.com", f"{API}/custom-domains/{domain}"
    route = {"functionName": name, "methods": ["GET", "POST"], "path": "/a/*"}
    routes = [{**route, "qualifier": "LATEST"}]
    wanted = {"protocol": "HTTP", "routeConfig": {"routes": routes}}

    missing = ask(door, "GET", path, host=api)
    assert (missing.status, json.loads(missing.body)["Code"]) == (404, "DomainNameNotFound")
    created = {"domainName": domain, **wanted, "wafConfig": {"enableWAF": False}}
    told(ask(door, "POST", f"{API}/custom-domains", created, host=api))
    found = told(ask(door, "GET", path, host=api))
    assert {key: found[key] for key in created} == created
    assert json.loads(door.call(domain, "/a/b").body)["path"] == "/a/b"
    assert door.call(domain, "/b").status == 404
    assert door.call(domain, "/a/b", method="PUT").status == 403
    again = ask(door, "POST", f"{API}/custom-domains", created, host=api)
    assert json.loads(again.body)["Code"] == "DomainNameAlreadyExists"

    routes[0]["path"] = "/b"
    told(ask(door, "PUT", path, wanted, host=api))
    assert json.loads(door.call(domain, "/b").body)["path"] == "/b"
    assert door.call(domain, "/a/b").status == 404

    assert ask(door, "DELETE", path, host=api).status == 204
    assert ask(door, "GET", path, host=api).status == 404
    remove(door, name)
