"""What the provider answers, through the real deny-pattern and a real Envoy, as the SDK sees it.

provider (paced by the test) ──▶ Envoy + shim ──window by window──▶ deny-pattern
                                      └──▶ the openai SDK
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import openai
import pytest

from functions.prompt import closing, denial, shape_of
from tests.functions.running import SECRET, running
from tests.support.plain_mesh import Form, configuration, plain_mesh
from tests.support.streams import chat
from tests.support.upstream import Upstream, respond
from tests.support.waiting import wait_until
from tests.support.wire import Message

HOST = "api.test"
CHECK = "deny-pattern.test"
PATH = "/v1/chat/completions"
PHONE = "13812345678"
POLICY = """\
policy: default
description: What the tests of responses look for.
rules:
  - id: phone
    why: A phone number is personal data; the provider sees a placeholder.
    category: personal-data
    severity: high
    message: a phone number
    match: {regex: '1[3-9]\\d{9}'}
    action: mask
    mask: {label: PHONE, restore: true}
    examples:
      find: ["13800138000"]
      pass: ["1380013800"]
  - id: project-name
    why: The project's name must not come back.
    category: company-confidential
    severity: high
    phase: response
    match: {words: [Bluebird]}
    action: deny
    message: the answer names the project
    examples:
      find: ["Project Bluebird is late."]
      pass: ["A blue bird sings."]
"""


@dataclass
class Provider:
    """What it is to answer next, as it goes over the wire."""

    upstream: Upstream = field(init=False)
    answer: Callable[[Message], bytes | Iterable[bytes]] = lambda _: respond(b"{}")

    def __call__(self, request: Message) -> bytes | Iterable[bytes]:
        return self.answer(request)

    def stream(self, events: Iterable[bytes]) -> None:
        """Answer with events, each a chunk of its own, sent when it is there."""
        self.answer = lambda _: _chunked(events)

    def whole(self, content: str) -> None:
        """Answer with one message."""
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = json.dumps({"id": "1", "object": "chat.completion", "choices": [choice]}).encode()
        self.answer = lambda _: respond(body, content_type="application/json")


def _chunked(events: Iterable[bytes]) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    yield b"transfer-encoding: chunked\r\n\r\n"
    for event in events:
        yield b"%x\r\n%b\r\n" % (len(event), event)
    yield b"0\r\n\r\n"


def events(*pieces: str) -> list[bytes]:
    """A chat completion's events, one for each piece, and those that end it."""
    return [each + b"\n\n" for each in chat(pieces).split(b"\n\n") if each]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    provider = Provider()
    with Upstream(answer=provider) as upstream:
        provider.upstream = upstream
        yield provider


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real deny-pattern with the policy of these tests."""
    folder = tmp_path_factory.mktemp("responses")
    policies = folder / "policies"
    policies.mkdir()
    (policies / "default.yaml").write_text(POLICY, encoding="utf-8")
    environment = {"MESHWARD_POLICY_DIR": str(policies)}
    with running("functions.deny_pattern.handler", folder / "log", environment) as function:
        yield int(str(function.client.base_url).rsplit(":", 1)[1].strip("/"))


@pytest.fixture(scope="module", params=["hold", "portable"])
def form(request: pytest.FixtureRequest) -> Form:
    form: Form = request.param
    return form


@pytest.fixture(scope="module")
def client(form: Form, provider: Provider, check: int) -> Iterator[openai.OpenAI]:
    shape = shape_of(PATH)
    template = {
        "path_prefix": "/",
        "content_type": "application/json",
        "body": denial(shape, "{reason}", "{check}"),
        "events": closing(shape, "{reason}", "{check}"),
    }
    settings = configuration(
        form,
        HOST,
        {CHECK: {"phases": ["request", "response"]}},
        of_host={"denials": [template]},
        signing_secrets=[SECRET],
        window={"ms": 50},
    )
    with ExitStack() as exits:
        hosts = {HOST: provider.upstream.port, CHECK: check}
        sidecar = exits.enter_context(plain_mesh(form, settings, hosts))
        yield exits.enter_context(
            openai.OpenAI(
                api_key="unused",
                base_url=f"http://127.0.0.1:{sidecar.port}/v1",
                default_headers={"Host": HOST},
                max_retries=0,
                timeout=20,
            )
        )


def streamed(client: openai.OpenAI, text: str = "hello") -> Iterator[str]:
    """The pieces of a streamed answer, as they come."""
    stream = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": text}], stream=True
    )
    for event in stream:
        yield event.choices[0].delta.content or ""


def test_a_stream_comes_whole_and_in_order(client: openai.OpenAI, provider: Provider) -> None:
    pieces = [f"word{number} " for number in range(200)]
    provider.stream(events(*pieces))

    assert "".join(streamed(client)) == "".join(pieces)


def test_the_first_words_come_while_the_provider_still_speaks(
    client: openai.OpenAI, provider: Provider
) -> None:
    """deny-pattern keeps the last 40 characters of a text back, the shim no more than a window."""
    heard = threading.Event()

    def speak() -> Iterator[bytes]:
        beginning, end = (
            events("The first sentence is long enough to be read. ", "x" * 50),
            events("!"),
        )
        yield from beginning[:2]
        assert heard.wait(15), "the caller heard nothing before the provider ended"
        yield from end

    provider.stream(speak())
    said = ""
    for piece in streamed(client):
        said += piece
        if "first sentence" in said:
            heard.set()

    assert said == "The first sentence is long enough to be read. " + "x" * 50 + "!"


def test_a_stream_that_says_what_it_must_not_ends_in_an_error_of_the_sdk(
    client: openai.OpenAI, provider: Provider
) -> None:
    provider.stream(
        events("The name of the project, as everybody here knows, is Blu", "ebird", ".")
    )
    said: list[str] = []

    with pytest.raises(openai.APIError) as error:
        said.extend(streamed(client))

    assert "rule.matched" in str(error.value)
    assert "Blu" not in "".join(said)


def test_a_masked_value_comes_back_into_a_stream_that_cuts_its_placeholder(
    client: openai.OpenAI, provider: Provider
) -> None:
    provider.stream(events("I will call <PH", "ONE", "_1> at once, that is ", "<PHONE_1>."))

    said = "".join(streamed(client, f"Call {PHONE}, please."))

    assert said == f"I will call {PHONE} at once, that is {PHONE}."
    assert PHONE.encode() not in provider.upstream.requests[-1].body
    assert b"<PHONE_1>" in provider.upstream.requests[-1].body


def test_a_masked_value_comes_back_into_a_whole_answer(
    client: openai.OpenAI, provider: Provider
) -> None:
    provider.whole("I called <PHONE_1>.")

    completion = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": f"Call {PHONE}."}]
    )

    assert completion.choices[0].message.content == f"I called {PHONE}."


def test_a_whole_answer_that_says_what_it_must_not_is_not_given(
    client: openai.OpenAI, provider: Provider, form: Form
) -> None:
    provider.whole("It is Project Bluebird.")
    call = client.chat.completions.with_raw_response.create

    if form == "hold":
        with pytest.raises(openai.PermissionDeniedError) as error:
            call(model="m", messages=[{"role": "user", "content": "hello"}])
        assert error.value.code == "rule.matched"
        assert "Bluebird" not in str(error.value)
    else:
        answer = call(model="m", messages=[{"role": "user", "content": "hello"}])
        assert json.loads(answer.text)["error"]["code"] == "rule.matched"
        assert "Bluebird" not in answer.text


def test_a_caller_that_goes_away_in_mid_stream_leaves_nothing_broken(
    client: openai.OpenAI, provider: Provider
) -> None:
    gone, over = threading.Event(), threading.Event()

    def speak() -> Iterator[bytes]:
        yield from events("The first sentence is long enough to be read. ", "x" * 50)[:2]
        gone.wait(15)
        while True:  # until Envoy has told that nobody listens any more
            yield from events("and on and on ")[:1]

    def watched(_request: Message) -> Iterator[bytes]:
        try:
            yield from _chunked(speak())
        finally:
            over.set()

    provider.answer = watched
    stream = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hello"}], stream=True
    )
    next(iter(stream))
    stream.close()
    gone.set()
    wait_until(over.is_set, "the provider's stream has ended", seconds=15)

    provider.stream(events("all is well"))
    assert "".join(streamed(client)) == "all is well"
