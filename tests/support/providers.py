"""A provider and a key-broker on this machine, for tests that look at keys on the wire.

provider.treat["sk-one"] = 401        what calls with this key get, 200 unless set
provider.used                         the key of each call, in order
broker.keys = ["sk-new"]              what is handed out from now on; None: the broker is broken
broker.may_answer.clear()             it takes calls, and answers none until this is set again
"""

import threading
import time
from typing import Self

from functions.verdict import Secret
from functions.verdict.keys import HostKeys, KeySet, hosts_of, seal, verify_keys
from infra.local.certificates import LocalAuthority
from mesh.sidecar import Redirect
from tests.support.mesh import KEY_BROKER, PROVIDER, SIGNING_SECRET
from tests.support.upstream import Upstream, respond
from tests.support.wire import Message

DATE = ("date", "Thu, 01 Jan 2026 00:00:00 GMT")


class Provider(Upstream):
    """Answers by the key that a call bears."""

    def __init__(self, authority: LocalAuthority) -> None:
        self.treat: dict[str, int] = {}
        super().__init__(authority.issue("provider", PROVIDER), self._treat)
        self.redirects = {f"{PROVIDER}:443": Redirect("127.0.0.1", self.port, authority.ca_file)}

    @property
    def used(self) -> list[str]:
        return [
            (each.value("authorization") or "").removeprefix("Bearer ") for each in self.requests
        ]

    def _treat(self, message: Message) -> bytes:
        key = (message.value("authorization") or "").removeprefix("Bearer ")
        status = self.treat.get(key, 200)
        return respond(b"{}", status, "application/json", (DATE, ("retry-after", "600")))


class Broker(Upstream):
    """Hands out keys as the function does, to whoever signs with the manifests' secret."""

    def __init__(self, authority: LocalAuthority, keys: list[str] | None, port: int = 0) -> None:
        self.keys = keys
        self.may_answer = threading.Event()
        self.may_answer.set()
        super().__init__(authority.issue("broker", KEY_BROKER), self._hand_out, port)
        redirect = Redirect("127.0.0.1", self.port, authority.ca_file)
        self.redirects = {f"{KEY_BROKER}:443": redirect}

    def __enter__(self) -> Self:
        return self

    def _hand_out(self, message: Message) -> bytes:
        self.may_answer.wait(15)
        if self.keys is None:
            return respond(b"out of order", 500, headers=(DATE,))
        signature = message.value("x-meshward-signature") or ""
        workload = message.value("x-meshward-workload") or ""
        secrets, now = [Secret(SIGNING_SECRET)], int(time.time())
        secret = verify_keys(secrets, [signature], workload, message.body, now)
        hosts = [HostKeys(name=name, keys=tuple(self.keys)) for name in hosts_of(message.body)]
        document = KeySet(version="0123456789ab", hosts=tuple(hosts)).to_document()
        sealed = seal(secret, signature, document)
        kind = "application/octet-stream"
        return respond(sealed, content_type=kind, headers=(DATE, ("x-meshward-contract", "1")))
