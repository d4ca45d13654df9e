"""The vectors against the built plugin, in the tests' Wasm host."""

import json

from tests.contract.proxy_wasm import GO, HOLD, Headers, LocalResponse
from tests.contract.vectors import Vector, body_of, configuration_of, document, each, pairs
from tests.contract.wasm_host import Compiled, Host

CHECK = {
    "name": "first",
    "stage": 1,
    "cluster": "check",
    "authority": "check.test",
    "timeout_ms": 500,
}
CREDENTIAL: dict[str, object] = {
    "header": "authorization",
    "prefix": "Bearer ",
    "key": "sk-own",
}
BROKER = {"cluster": "broker", "authority": "broker.test"}
TEMPLATES = [{"path_prefix": "/", "content_type": "text/plain", "body": "{reason} by {check}"}]


def configuration(
    hosts: list[str],
    templates: list[dict[str, str]] = TEMPLATES,
    check: dict[str, object] = CHECK,
    credential: dict[str, object] = CREDENTIAL,
    **changed: object,
) -> str:
    """A configuration in the form `hold`, with these parts."""
    whole: dict[str, object] = {
        "contract": 1,
        "policy": "default",
        "body": "hold",
        "signing_secrets": ["0123456789abcdef0123456789abcdef"],
        "hosts": [{"name": host, "credential": credential, "denials": templates} for host in hosts],
        "checks": [check],
    }
    return json.dumps({**whole, **changed})


def headers_for(authority: str, path: str = "/", method: str = "POST") -> Headers:
    return [(":method", method), (":authority", authority), (":path", path)]


def loaded(shim: Compiled, configuration_text: str, **node: str) -> tuple[Host, int]:
    host = Host(shim, node=node, clusters={"check"})
    plugin = host.load(configuration_text)
    assert plugin is not None, host.log
    return host, plugin


def reason_of(response: LocalResponse | None) -> str:
    assert response is not None
    return dict(response.headers)["x-meshward-reason"]


@each("hosts")
def test_an_authority_names_the_same_host_to_the_plugin(shim: Compiled, vector: Vector) -> None:
    host, plugin = loaded(shim, configuration(vector["hosts"]))
    headers = [*headers_for(vector["authority"]), ("authorization", "Bearer app")]
    stream, flow = host.open(plugin, headers, end=True)
    match vector["match"]:
        case "free":
            assert (flow, stream.headers, host.callouts) == (GO, headers, [])
        case "guarded":
            assert (flow, len(host.callouts)) == (HOLD, 1)
            assert stream.headers is not None
            assert ("authorization", "Bearer sk-own") in stream.headers
        case _:
            assert (flow, host.callouts) == (HOLD, [])
            assert reason_of(stream.response) == "request.unsupported"


@each("answers")
def test_an_answer_means_the_same_to_the_plugin(shim: Compiled, vector: Vector) -> None:
    limit = vector["body_bytes_max"]
    host, plugin = loaded(shim, configuration(["api.test"], body_bytes_max=limit))
    stream, _ = host.open(plugin, headers_for("api.test"), end=False)
    assert host.body(stream, b"prompt", end=True) == HOLD
    headers = [(":status", str(vector["status"])), *pairs(vector["headers"])]
    host.answer(plugin, host.callouts[0], headers, body_of(vector))
    means = vector["means"]
    if means.get("failed") in {"check.throttled", "check.reset"}:
        assert stream.response is None
        host.answer(plugin, host.callouts[1], headers, body_of(vector))
    if "failed" in means:
        assert reason_of(stream.response) == means["failed"]
        return
    if means["decision"] == "deny":
        assert stream.response is not None
        assert reason_of(stream.response) == means["reason"]
        assert stream.response.status == means["status"]
        assert ("content-type", means["content_type"]) in stream.response.headers
        assert stream.response.body == body_of(vector)
        return
    assert stream.continued
    assert stream.body == (body_of(vector) if means["decision"] == "mask" else b"prompt")


@each("callouts")
def test_a_request_makes_the_same_callout_in_the_plugin(shim: Compiled, vector: Vector) -> None:
    text = configuration(
        ["dashscope.aliyuncs.com"],
        check={**CHECK, **vector["check"]},
        policy=vector["policy"],
        signing_secrets=[vector["secret"], "f" * 32],
    )
    node = {}
    if vector["workload"]:
        node = dict(zip(("NAMESPACE", "WORKLOAD_NAME"), vector["workload"].split("/"), strict=True))
    host, plugin = loaded(shim, text, **node)
    host.clusters = {vector["check"]["cluster"]}
    host.now_ns = vector["at"] * 10**9 + 123_456_789
    request = vector["request"]
    headers = headers_for(request["authority"], request["path"], request["method"])
    headers += pairs(request["headers"])
    body = request["body"].encode()
    stream, _ = host.open(plugin, headers, end=not body)
    if "refused" in vector:
        assert reason_of(stream.response) == vector["refused"]
        assert host.callouts == []
        return
    if body:
        host.body(stream, body, end=True)
    (callout,) = host.callouts
    assert callout.headers == pairs(vector["headers"])
    assert callout.cluster == vector["check"]["cluster"]
    assert callout.body == body
    assert callout.timeout_ms == vector["check"]["timeout_ms"]


@each("denials")
def test_a_denial_reads_the_same_from_the_plugin(shim: Compiled, vector: Vector) -> None:
    name = vector["check"]
    check = {**CHECK, "name": name or "first", "cluster": "check"}
    keyless = {name: value for name, value in CREDENTIAL.items() if name != "key"}
    credential = keyless if vector["reason"] == "key.unavailable" else CREDENTIAL
    text = configuration(["api.test"], vector["templates"], check, credential, broker=BROKER)
    host, plugin = loaded(shim, text)
    stream, _ = host.open(plugin, headers_for("api.test", vector["path"]), end=True)
    if vector["reason"] == "key.unavailable":
        while stream.response is None:
            host.tick(plugin)
    if name:
        host.answer(plugin, host.callouts[0], [], b"")
        host.answer(plugin, host.callouts[1], [], b"")
    assert stream.response is not None
    assert reason_of(stream.response) == vector["reason"]
    assert ("content-type", vector["content_type"]) in stream.response.headers
    assert stream.response.body.decode() == vector["body"]


@each("configs")
def test_a_configuration_loads_or_is_refused_with_the_same_words(
    shim: Compiled, vector: Vector
) -> None:
    host = Host(shim)
    plugin = host.load(configuration_of(vector))
    if vector["refused"] is None:
        assert plugin is not None
        ((level, line),) = host.log
        assert (level, line.split(" policy=")[0]) == ("info", "meshward: loaded")
    else:
        assert plugin is None
        assert host.log == [("critical", f"meshward: configuration refused: {vector['refused']}")]
    _, line = host.log[0]
    for secret in ("0123456789abcdef", "short-secret", "sk-own", "trigger-token"):
        assert secret not in line


def test_a_configuration_over_its_limit_is_refused(shim: Compiled) -> None:
    host = Host(shim)
    assert host.load(" " * (256 * 1024 + 1)) is None
    assert host.log == [
        ("critical", "meshward: configuration refused: it is larger than 256 KiB"),
    ]


def test_the_loaded_plugin_says_what_it_has_and_no_secret(shim: Compiled) -> None:
    host = Host(shim, node={"NAMESPACE": "default", "NAME": "sleep-1"})
    assert host.load("\n".join(document("configs")["document"])) is not None
    ((level, line),) = host.log
    assert level == "info"
    assert line.removeprefix("meshward: loaded ").split() == [
        "policy=default",
        "body=hold",
        "body_bytes_max=1000000",
        "hosts=1",
        "checks=1",
        "workload=default/sleep-1",
    ]
