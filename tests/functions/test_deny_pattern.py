"""deny-pattern as a process: asked as the shim asks, started as the platform starts it."""

import gzip
import signal
from pathlib import Path

from functions.verdict import Answer, Decision, Reason, Verdict, decode
from tests.functions.running import CHAT_PATH, Function, callout, chat, running, signed
from tests.support.waiting import wait_until

HANDLER = "functions.deny_pattern.handler"


def answer(function: Function, body: bytes) -> Answer:
    response = function.ask(body)
    found = decode(response.status_code, response.headers.multi_items(), response.content, 0)
    assert isinstance(found, Answer)
    return found


def test_an_account_word_is_denied_in_words_that_openai_clients_understand(
    deny_pattern: Function,
) -> None:
    found = answer(deny_pattern, chat("我的账号是什么？"))
    assert (found.decision, found.reason, found.status) == (
        Decision.DENY,
        Reason.RULE_MATCHED,
        403,
    )
    assert found.rule == "account-word"
    assert found.content_type == "application/json"
    assert found.body.decode() == (
        '{"error":{"message":"Meshward denied this call: rule.matched '
        '(rule account-word: the text speaks of an account (账号))",'
        '"type":"permission_error","code":"rule.matched","param":null}}'
    )


def test_a_harmless_text_is_allowed(deny_pattern: Function) -> None:
    found = answer(deny_pattern, chat("你是谁？"))
    assert (found.decision, found.reason) == (Decision.ALLOW, Reason.RULE_NONE)


def test_a_large_body_is_read_whole(deny_pattern: Function) -> None:
    found = answer(deny_pattern, chat("长" * 300_000 + "账号"))
    assert found.decision is Decision.DENY


def test_people_get_the_document(deny_pattern: Function) -> None:
    body = chat("账号")
    headers = [pair for pair in signed(callout(), body) if pair[0] != "accept"]
    response = deny_pattern.client.post("/v1/verdict", content=body, headers=headers)
    verdict = Verdict.model_validate_json(response.content)
    assert [finding.pointer for finding in verdict.findings] == ["/messages/0/content"]


def test_an_unsigned_callout_is_refused(deny_pattern: Function) -> None:
    response = deny_pattern.client.post("/v1/verdict", content=chat("hi"))
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "callout.unauthorised"


def test_a_repeated_header_is_refused(deny_pattern: Function) -> None:
    response = deny_pattern.ask(chat("hi"), extra=[("x-meshward-policy", "default")])
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "callout.malformed"


def test_a_policy_that_is_not_there_is_a_denial(deny_pattern: Function) -> None:
    response = deny_pattern.ask(chat("hi"), policy="other")
    assert response.headers["x-meshward-reason"] == "policy.unknown"


def test_an_answer_tells_no_server_and_has_a_date(deny_pattern: Function) -> None:
    headers = deny_pattern.ask(chat("hi")).headers
    assert "server" not in headers
    assert "date" in headers  # Envoy's own answers have none; the shim tells them apart by it.


def test_an_audit_line_follows_each_verdict(deny_pattern: Function) -> None:
    deny_pattern.ask(chat("账号"), extra=[("x-request-id", "a0d1-7")])
    (line,) = [each for each in deny_pattern.lines("verdict") if each["request_id"] == "a0d1-7"]
    assert (line["decision"], line["reason"]) == ("deny", "rule.matched")
    assert line["rules"] == ["account-word"]
    assert (line["workload"], line["authority"]) == ("default/sleep", "dashscope.aliyuncs.com")


def test_what_is_no_http_is_survived(deny_pattern: Function) -> None:
    assert deny_pattern.client.request("BREW", "/v1/verdict").status_code == 400
    assert deny_pattern.client.get("/health").status_code == 200


def test_a_changed_policy_comes_into_force_and_a_bad_one_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    path = folder / "default.yaml"
    path.write_text(POLICY)
    environment = {"MESHWARD_POLICY_DIR": str(folder)}
    with running(HANDLER, tmp_path / "log", environment) as function:
        assert answer(function, chat("apple")).decision is Decision.DENY
        path.write_text(POLICY.replace("apple", "pear"))
        _wait_for(function, "policies loaded", 2)
        assert answer(function, chat("apple")).decision is Decision.ALLOW
        assert answer(function, chat("pear")).decision is Decision.DENY
        path.write_text(POLICY.replace("find: [apple]", "find: [plum]"))
        _wait_for(function, "policy refused", 1)
        (line,) = function.lines("policy refused")
        assert line["detail"].startswith("default.yaml:4: rule fruit: examples.find: 'plum' is not")
        assert answer(function, chat("pear")).decision is Decision.DENY


def _wait_for(function: Function, event: str, count: int) -> None:
    wait_until(lambda: len(function.lines(event)) >= count, f"{event} in the log")


def test_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    with running(HANDLER, tmp_path / "log", {}) as function:
        function.process.send_signal(signal.SIGTERM)
        assert function.process.wait(10) == 0


POLICY = f"""\
policy: default
description: a policy for tests of {CHAT_PATH}
rules:
  - id: fruit
    why: it can be looked for
    category: fruit
    match: {{words: [apple]}}
    message: it speaks of fruit
    examples:
      find: [apple]
      pass: [bread]
"""


def test_a_masked_message_keeps_its_coding_and_its_values_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    masking = POLICY.replace(
        "    message:", "    action: mask\n    mask: {restore: true}\n    message:"
    )
    (folder / "default.yaml").write_text(masking)
    with running(HANDLER, tmp_path / "log", {"MESHWARD_POLICY_DIR": str(folder)}) as function:
        packed = gzip.compress(chat("one apple"))
        asked = function.ask(packed, content_encoding="gzip", request_id="a-1")
        assert gzip.decompress(asked.content) == chat("one <FRUIT_1>")
        state = asked.headers["x-meshward-state"]
        answered = function.ask(
            chat("eat <FRUIT_1>"), phase="response", state=state, request_id="a-1"
        )
        assert answered.headers["x-meshward-verdict"] == "mask"
        assert answered.content == chat("eat apple")
        assert "apple" not in function.log()
