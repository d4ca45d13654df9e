"""The calls that the project starts from, through every real part."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator

import openai
import pytest

from infra.cli.stack import Stack
from infra.local.banner import CHAT_PATH, GUARDED_HOST, SAMPLE_CALLS
from mesh.sidecar import Redirect
from tests.e2e.conftest import Guard, Judge, chat, get_json
from tests.support.mesh import UNGUARDED, admin_page, manifests, rendered, running
from tests.support.upstream import Upstream
from tests.support.waiting import wait_until
from tests.support.wire import call, request


@pytest.fixture
def client(stack: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        api_key="the-caller's-own",
        base_url=f"http://127.0.0.1:{stack.sidecar.port}/compatible-mode/v1",
        default_headers={"Host": GUARDED_HOST},
        max_retries=0,
    ) as sdk:
        yield sdk


def test_an_allowed_call_reaches_the_provider_over_tls_with_our_key_and_only_our_key(
    guard: Guard, stack: Stack
) -> None:
    answer = guard.ask("你是谁？")

    assert answer.status == 200
    seen = guard.recorder.requests[-1]
    assert seen.values("authorization") == [f"Bearer {stack.keys[0]}"]
    assert seen.body == chat("你是谁？")
    assert guard.recorder.connections[-1].sni == GUARDED_HOST


def test_a_message_with_the_word_account_is_denied_with_the_rule_named(guard: Guard) -> None:
    answer = guard.ask("这是我的账号，请帮我登录。")

    assert answer.status == 403
    assert answer.value("x-meshward-reason") == "rule.matched"
    error = json.loads(answer.body)["error"]
    assert error["code"] == "rule.matched"
    assert "account-word" in error["message"]


def test_the_access_log_and_the_metrics_name_the_rule_s_reason_and_nothing_of_the_text(
    stack: Stack,
) -> None:
    headers = (("content-type", "application/json"),)
    body = chat("marked: 这是我的账号")
    call(stack.sidecar.port, request(GUARDED_HOST, CHAT_PATH, headers=headers, body=body))

    wait_until(lambda: "account-word" in stack.access_log.read_text(), "the rule in the access log")
    lines = [json.loads(line) for line in stack.access_log.read_text().splitlines()]
    told = [json.loads(line["meshward"]) for line in lines]
    assert ("deny-pattern", "account-word") in {(each["check"], each["rule"]) for each in told}
    _, page = admin_page(stack.sidecar, "/stats/prometheus")
    assert 'meshward_decisions_total{phase="request",decision="deny",reason="rule.matched"}' in page
    assert "marked" not in stack.access_log.read_text() + page


def test_a_denied_pattern_costs_no_judge(guard: Guard, judge: Judge) -> None:
    before = judge.calls()

    guard.ask("这是我的账号")

    assert judge.calls() == before


def test_private_data_that_no_pattern_knows_is_denied_by_the_judge_without_the_text(
    guard: Guard,
) -> None:
    answer = guard.ask("我的QQ号是 1234567890")

    assert answer.status == 403
    error = json.loads(answer.body)["error"]
    assert error["code"] == "judge.flagged"
    assert "personal-data" in error["message"]
    assert "1234567890" not in answer.body.decode()


@pytest.mark.parametrize("text", ["账\u200b号", "ＱＱ：1234567890"])
def test_another_spelling_is_denied_as_well(guard: Guard, text: str) -> None:
    assert guard.ask(text).status == 403


@pytest.mark.parametrize(
    "host", ["DashScope.AliyunCS.com", f"{GUARDED_HOST}:80", f"{GUARDED_HOST}."]
)
def test_another_spelling_of_the_host_is_guarded_as_well(guard: Guard, host: str) -> None:
    headers = [("Content-Type", "application/json")]
    raw = request(host, CHAT_PATH, headers=headers, body=chat("这是我的账号"))

    assert call(guard.sidecar.port, raw).status == 403


def test_the_openai_sdk_gets_an_answer_as_an_answer(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model="qwen-plus", messages=[{"role": "user", "content": "你是谁？"}]
    )

    assert "stand-in" in (completion.choices[0].message.content or "")


def test_the_openai_sdk_gets_a_streamed_answer_piece_by_piece(client: openai.OpenAI) -> None:
    events = client.chat.completions.create(
        model="qwen-plus", messages=[{"role": "user", "content": "你是谁？"}], stream=True
    )
    pieces = [event.choices[0].delta.content or "" for event in events]

    assert len(pieces) > 3
    assert "stand-in" in "".join(pieces)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("text", "code"), [("这是我的账号", "rule.matched"), ("我的QQ号是 1234567890", "judge.flagged")]
)
def test_the_openai_sdk_gets_a_denial_as_its_permission_error(
    client: openai.OpenAI, text: str, code: str, stream: bool
) -> None:
    with pytest.raises(openai.PermissionDeniedError) as denial:
        client.chat.completions.create(
            model="qwen-plus", messages=[{"role": "user", "content": text}], stream=stream
        )

    assert denial.value.code == code


def test_calls_to_hosts_that_are_not_guarded_pass_byte_for_byte(stack: Stack) -> None:
    body = "这是我的账号 \x00 not even JSON".encode() * 1000
    with Upstream() as upstream:
        redirects = {f"{UNGUARDED}:80": Redirect("127.0.0.1", upstream.port)}
        documents = manifests("portable", stack.values)
        with running(rendered(documents, redirects)) as sidecar:
            own_key = [("Authorization", "Bearer the-caller's-own")]
            raw = request(UNGUARDED, "/x?q=%E8%B4%A6%E5%8F%B7", headers=own_key, body=body)
            answer = call(sidecar.port, raw)

    assert answer.status == 200
    assert upstream.requests[0].target == "/x?q=%E8%B4%A6%E5%8F%B7"
    assert upstream.requests[0].body == body
    assert upstream.requests[0].value("authorization") == "Bearer the-caller's-own"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_banner_s_commands_work_when_pasted(stack: Stack, number: int) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl; install it with your system's package manager")
    command = SAMPLE_CALLS[number].curl(stack.sidecar.port)

    printed = subprocess.run(["sh", "-c", command], capture_output=True, check=True, timeout=30)

    document = json.loads(printed.stdout)
    code = document.get("error", {}).get("code")
    assert code == (None, "rule.matched", "judge.flagged")[number]


def test_a_marked_secret_turns_up_in_no_log(stack: Stack, guard: Guard, judge: Judge) -> None:
    marked = hashlib.sha256(b"a secret that nobody may log").hexdigest()

    for text in (f"你是谁？{marked}", f"账号 {marked}", f"QQ 1234567890 {marked}"):
        guard.ask(text)
    guard.send(f'{{"broken": "{marked}'.encode())

    logs = [*guard.sidecar.log(), *stack.emulator.log(), *judge.child.log()]
    for function in stack.functions:
        url = f"{stack.emulator_url}/_meshward/functions/{function}/logs"
        logs += get_json(url)["lines"]
    secrets = [
        marked,
        *stack.keys,
        *(stack.values[name] for name in stack.values if "HOST" not in name),
    ]
    secrets.remove(stack.values["MESHWARD_SHIM_URL"])
    assert logs
    assert [line for line in logs if any(secret in line for secret in secrets)] == []
