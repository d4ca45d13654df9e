"""One worker's machine, with a key-broker and a provider that are played for it.

worker.tick() ──▶ calls for keys ──▶ worker.give(callout)
worker.send(401) ──▶ the key that a call went out with, and was refused
"""

from dataclasses import dataclass, field
from typing import Any

from functions.verdict import Secret
from functions.verdict.keys import HostKeys, KeySet, hosts_of, seal
from tests.contract.proxy_wasm import Callout, Headers, SharedData
from tests.contract.test_wasm import configuration, headers_for, reason_of
from tests.contract.test_wasm_faults import ALLOW
from tests.contract.wasm_host import Compiled, Host

SECRET = "0123456789abcdef0123456789abcdef"
WORKLOAD = {"NAMESPACE": "default", "WORKLOAD_NAME": "sleep"}
REFRESH_MS = 60_000
WAITS = "waits for a key"
BROKER = {
    "cluster": "broker",
    "authority": "broker.test",
    "token": "trigger-token",
    "timeout_ms": 700,
    "refresh_seconds": 60,
}
BY_BROKER: dict[str, object] = {"header": "authorization", "prefix": "Bearer "}
OK_HEADERS: Headers = [(":status", "200"), ("x-meshward-contract", "1")]


def keyed(**changed: Any) -> str:
    """A configuration whose keys are the broker's."""
    return configuration(["api.test"], credential=BY_BROKER, broker=BROKER, **changed)


@dataclass
class Worker:
    """One machine with the plugin loaded, and its answers to calls for keys."""

    shim: Compiled
    shared: SharedData = field(default_factory=SharedData)
    text: str = field(default_factory=keyed)
    keys: list[str] = field(default_factory=lambda: ["sk-one", "sk-two"])
    told: Headers = field(default_factory=list)
    """The headers that the caller of the last call got."""

    def __post_init__(self) -> None:
        self.host = Host(self.shim, node=WORKLOAD, clusters={"check", "broker"}, shared=self.shared)
        self.load()

    def load(self) -> None:
        plugin = self.host.load(self.text)
        assert plugin is not None, self.host.log
        self.plugin = plugin

    def tick(self, ms: int = 100) -> list[Callout]:
        """Let time pass; the calls for keys that this makes."""
        first = len(self.host.callouts)
        self.host.now_ns += (ms - self.host.tick_ms(self.plugin)) * 10**6
        self.host.tick(self.plugin)
        return [each for each in self.host.callouts[first:] if each.cluster == "broker"]

    def sealed(self, callout: Callout, secret: str = SECRET) -> bytes:
        """The broker's answer to a call for keys."""
        signature = dict(callout.headers)["x-meshward-signature"]
        names = hosts_of(callout.body) if self.keys else ()
        hosts = tuple(HostKeys(name=name, keys=tuple(self.keys)) for name in names)
        document = KeySet(version="0123456789ab", hosts=hosts).to_document()
        return seal(Secret(secret), signature, document)

    def give(self, callout: Callout) -> None:
        self.host.answer(self.plugin, callout, OK_HEADERS, self.sealed(callout))

    def keyed(self) -> "Worker":
        """The same, once it has its keys."""
        (callout,) = self.tick()
        self.give(callout)
        return self

    def refresh(self, keys: list[str]) -> None:
        self.keys = keys
        (callout,) = self.tick(REFRESH_MS)
        self.give(callout)

    def send(self, status: int | None = 200, after: Headers | None = None, **sent: str) -> str:
        """The key that a call goes out with, or why none does. The provider answers `status`."""
        path = sent.get("path", "/")
        first = len(self.host.callouts)
        stream, _ = self.host.open(self.plugin, headers_for("api.test", path), end=True)
        if stream.response is not None:
            return reason_of(stream.response)
        if len(self.host.callouts) == first:
            self.host.close(stream.context)
            return WAITS
        self.host.answer(self.plugin, self.host.callouts[-1], ALLOW, b"")
        assert stream.continued
        key = dict(self.host.headers_gone(stream))["authorization"].removeprefix("Bearer ")
        if status is not None:
            self.host.reply(stream, [(":status", str(status)), *(after or [])], end=True)
            assert stream.reply is not None
            self.told = stream.reply.sent_headers or []
        self.host.close(stream.context)
        return key
