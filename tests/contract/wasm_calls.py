"""The records of wasm_world.py: calls as they stand, and answers that checks may give."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from functions.verdict import Secret
from functions.verdict.keys import HostKeys, KeySet, seal
from tests.contract.proxy_wasm import Callout, Headers, Stream
from tests.contract.scenarios import SECRET

Choose = Callable[[int], int]
"""A number from 0 to below what is given."""
Kind = Literal["allow", "mask", "deny", "broken", "throttled", "lost", "late", "garbage"]

KINDS: Final[tuple[Kind, ...]] = (
    "allow", "allow", "allow", "mask", "deny", "broken", "throttled", "lost", "late", "garbage",
)  # fmt: skip
_CONTRACT: Final[Headers] = [
    ("x-meshward-contract", "1"),
    ("x-meshward-revision", "r1"),
]
BROKER: Final = "broker"
FAILS: Final = frozenset({"broken", "throttled", "lost", "late", "garbage"})


@dataclass
class Side:
    """One message of a call, as far as its checks have got with it."""

    settled: dict[str, bool] = field(default_factory=dict)
    """What each check's last answer comes to: whether it lets the message go."""
    whole: bytes = b""
    changed: bytes | None = None
    touched: bool = False
    """A mask or a failure came in between: what comes out need not be what went in."""


@dataclass
class Call:
    number: int
    stream: Stream
    form: str
    request: Side = field(default_factory=Side)
    reply: Side = field(default_factory=Side)
    is_streamed: bool = False
    headers_are_gone: bool = False
    request_ended: bool = False
    went: bool = False
    forbidden: list[bytes] = field(default_factory=list)
    """Pieces of the provider's stream that the caller must never see."""
    pieces: int = 0
    stream_is_denied: bool = False
    kept: dict[str, bytes] = field(default_factory=dict)
    """What each check has asked to see again, at the start of its next window."""
    shown: dict[str, bytes] = field(default_factory=dict)
    """All that each check has been shown of a stream."""
    asked: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)
    is_closed: bool = False

    @property
    def is_denied(self) -> bool:
        return self.stream.response is not None


def made(
    choose: Choose, kind: Kind, phase: str, window: str | None, callout: Callout
) -> tuple[Headers, bytes]:
    """Headers and body of an answer of this kind to a callout; none at all where it is lost."""
    status = {"broken": "500", "throttled": "429"}.get(kind, "200")
    head = [(":status", status), ("date", "Fri, 27 Nov 2026 22:00:00 GMT"), *_CONTRACT]
    keep = 0
    if window and window.endswith("final=0"):
        keep = choose(min(len(callout.body), 9) + 1)
    reason = "rule.none" if kind == "allow" else "rule.matched"
    verdict = kind if kind in {"allow", "mask", "deny"} else "maybe"
    pairs = [
        *head,
        ("x-meshward-cache-seconds", "0"),
        ("x-meshward-verdict", verdict),
        ("x-meshward-reason", reason),
    ]
    if keep and kind in {"allow", "mask"}:
        pairs.append(("x-meshward-keep", str(keep)))
    if choose(4) == 0:
        pairs.append(("x-meshward-state", f"sealed{choose(9)}"))
    body = b""
    if kind == "mask":
        body = f"({phase} masked {callout.token})".encode()
    if kind == "deny":
        pairs += [("x-meshward-status", "403"), ("content-type", "text/plain")]
        body = b"denied"
    return ([], b"") if kind == "lost" else (pairs, body)


def came_through(call: Call, checks: list[dict[str, Any]]) -> None:
    """What has come to the caller is what its checks have let go."""
    reply = call.stream.reply
    if reply is None:
        return
    for piece in call.forbidden:
        assert piece not in reply.sent, "a denied window came through"
    if reply.is_complete and not call.is_streamed and reply.sent and not call.is_denied:
        if all(call.reply.settled.values()) and call.reply.settled:
            assert reply.sent == (call.reply.changed or call.reply.whole)
        elif call.reply.settled:
            assert call.reply.whole not in reply.sent, "a denied answer came through"
    if reply.is_complete and call.is_streamed and not call.reply.touched:
        assert reply.sent == call.reply.whole, "a stream came out otherwise"
        for check in checks:
            if "response" in check["phases"]:
                shown = call.shown.get(check["name"], b"")
                assert shown == call.reply.whole, "a check has not seen all of a stream"


def pieces(body: bytes) -> list[bytes]:
    """The whole pieces of a provider's stream that are in a window."""
    marked = body.replace(b">", b">\n").splitlines()
    return [each for each in marked if each.startswith(b"<") and each.endswith(b">")]


def some_check(choose: Choose, index: int) -> dict[str, Any]:
    """A check with settings by chance."""
    phases = (["request"], ["response"], ["request", "response"])[choose(3)]
    return {
        "name": f"check-{index}",
        "stage": 1 + choose(2),
        "cluster": f"check-{index}",
        "authority": f"check-{index}.test",
        "timeout_ms": 1000,
        "on_error": ("deny", "allow")[choose(2)],
        "mode": ("enforce", "enforce", "monitor")[choose(3)],
        "phases": phases,
    }


def keys(choose: Choose, callout: Callout) -> tuple[Headers, bytes]:
    """What the broker says to a call for keys: the keys, those of nobody, or nothing at all."""
    kind = choose(4)
    if kind == 0:
        return [], b""
    signature = dict(callout.headers)["x-meshward-signature"]
    named = (HostKeys(name="api.test", keys=("sk-own",)),) if kind > 1 else ()
    document = KeySet(version="0123456789ab", hosts=named).to_document()
    return [(":status", "200")], seal(Secret(SECRET), signature, document)


def configuration(form: str, checks: list[dict[str, Any]], *, has_key: bool) -> dict[str, Any]:
    """The plugin's, with small windows, so that there are many; its key its own or a broker's."""
    credential = {"header": "authorization", "prefix": "Bearer "}
    credential |= {"key": "sk-own"} if has_key else {}
    broker = {"cluster": BROKER, "authority": "broker.test", "timeout_ms": 300}
    template = {"path_prefix": "/", "content_type": "text/plain", "body": "{reason}"}
    return {
        "contract": 1,
        "policy": "default",
        "body": form,
        "signing_secrets": [SECRET],
        "window": {"bytes": 24, "ms": 100},
        "hosts": [{"name": "api.test", "credential": credential, "denials": [template]}],
        "checks": checks,
        **({} if has_key else {"broker": broker}),
    }
