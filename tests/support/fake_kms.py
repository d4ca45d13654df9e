"""Alibaba Cloud's KMS as far as GetSecretValue goes: it verifies the signature of every call.

with FakeKms({"provider-keys": "api.test: [sk-one]"}) as kms:
    kms.secrets["provider-keys"] = "…"        a rotated secret
    kms.failing = refused(500)                every call is answered with these bytes from now on

Form of requests and answers: help.aliyun.com, "GetSecretValue" (KMS, 2016-01-20); the signature is
verified by what the emulator uses for the platform's other SDKs.
"""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs

from starlette.datastructures import Headers

from infra.emulator.errors import FcError
from infra.emulator.signature import Credentials, Signed, verify
from tests.support.upstream import Upstream, respond
from tests.support.wire import Message

ROLE = Credentials("STS.role", "the role's temporary secret")
TOKEN = "the role's security token"
ROLE_HEADERS = (
    ("x-fc-access-key-id", ROLE.access_key_id),
    ("x-fc-access-key-secret", ROLE.access_key_secret),
    ("x-fc-security-token", TOKEN),
)
"""What the platform sends with each call of a function that has this role."""


class FakeKms(Upstream):
    """A KMS with these secrets, on a port of its own."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self.secrets = secrets
        self.failing: bytes | None = None
        super().__init__(answer=self._answer_to)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _answer_to(self, message: Message) -> bytes:
        if self.failing:
            return self.failing
        headers = Headers(
            raw=[(name.lower().encode(), value.encode()) for name, value in message.headers]
        )
        method, target, _ = message.start_line.split()
        path, _, query = target.partition("?")
        try:
            verify(ROLE, Signed(method, path, query, headers, message.body), datetime.now(UTC))
        except FcError as error:
            return refused(error.status, error.code)
        if headers.get("x-acs-security-token") != TOKEN:
            return refused(403, "InvalidSecurityToken")
        if (headers.get("x-acs-action"), headers.get("x-acs-version")) != (
            "GetSecretValue",
            "2016-01-20",
        ):
            return refused(404, "InvalidAction.NotFound")
        (name,) = parse_qs(query)["SecretName"]
        if name not in self.secrets:
            return refused(404, "Forbidden.ResourceNotFound")
        document = {
            "RequestId": "2312e45f-b2fa-4c34-ad94-3eca50932916",
            "SecretName": name,
            "SecretType": "Generic",
            "SecretDataType": "text",
            "SecretData": self.secrets[name],
            "VersionId": "v1",
            "VersionStages": {"VersionStage": ["ACSCurrent"]},
        }
        return respond(json.dumps(document).encode(), content_type="application/json")


def refused(status: int, code: str = "InternalFailure") -> bytes:
    """An error as KMS tells it."""
    document = {"RequestId": "2312e45f", "Code": code, "Message": code, "HttpCode": status}
    return respond(json.dumps(document).encode(), status, "application/json")
