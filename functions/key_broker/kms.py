"""Keys from a secret of Alibaba Cloud's KMS, read with the function's own role.

    call ──▶ believed still? ──yes──▶ the table
               │ no
               └─GetSecretValue, by the call's temporary credentials─▶ SecretData ──parse──▶ table
                   fails ──▶ the table before, for a few seconds; SourceError where there is none

One operation in half a minute: it is signed here (ACS3-HMAC-SHA256) with the standard library; see
docs/decisions/0081-kms-without-an-sdk.md. Sources: help.aliyun.com, "GetSecretValue" (KMS, version
2016-01-20) and "V3 request body and signature mechanism".
"""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.parse import quote
from urllib.request import HTTPErrorProcessor, ProxyHandler, Request, build_opener

from functions.key_broker.settings import KmsSettings
from functions.key_broker.sources import Credentials, SourceError, Tell
from functions.key_broker.table import KeyTable, TableError, parse

_TIMEOUT_SECONDS: Final = 3.0
_AGAIN_SECONDS: Final = 5.0
"""After a failure: soon enough to notice its end, seldom enough not to add to it."""
_ANSWER_BYTES_MAX: Final = 1024 * 1024
_ALGORITHM: Final = "ACS3-HMAC-SHA256"
_NO_BODY: Final = hashlib.sha256(b"").hexdigest()


class Kms:
    """The table in a secret, asked for again every `settings.seconds`."""

    def __init__(
        self, settings: KmsSettings, tell: Tell, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._clock = clock
        self._table: KeyTable | None = None
        self._believed_until = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def table(self, credentials: Credentials | None) -> KeyTable:
        """The secret's table, or the last one while KMS is slow or fails.

        Raises `SourceError` where there is none yet.
        """
        if self._table is not None and self._one_at_a_time.locked():
            return self._table
        async with self._one_at_a_time:
            if self._clock() >= self._believed_until:
                await self._refresh(credentials)
            if self._table is None:
                raise SourceError(f"the secret {self._settings.secret} has not been read yet")
            return self._table

    async def _refresh(self, credentials: Credentials | None) -> None:
        try:
            text = await asyncio.to_thread(secret_text, self._settings, credentials)
            self._table = parse(text)
        except (SourceError, TableError) as error:
            self._tell(f"the secret {self._settings.secret}: {error}")
            self._believed_until = self._clock() + _AGAIN_SECONDS
        else:
            self._believed_until = self._clock() + self._settings.seconds


def secret_text(settings: KmsSettings, credentials: Credentials | None) -> str:
    """The secret's current text. Raises `SourceError` with KMS' code, and nothing of the secret."""
    if credentials is None:
        raise SourceError("the call brought no credentials; give the function a role")
    request = _request(settings, credentials, datetime.now(UTC), secrets.token_hex(16))
    # Neither a proxy nor a redirect is followed: the token is for KMS alone.
    opener = build_opener(ProxyHandler({}), _AsItCame())
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            status, document = answer.status, _document(answer.read(_ANSWER_BYTES_MAX))
    except (OSError, HTTPException):
        raise SourceError("KMS cannot be reached") from None
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise SourceError(f"KMS refuses it: {document.get('Code', '') or status}")
    text = document.get("SecretData")
    if document.get("SecretDataType", "text") != "text" or not isinstance(text, str):
        raise SourceError("KMS gives no text for it")
    return text


class _AsItCame(HTTPErrorProcessor):
    """Every status is an answer: nothing is raised for one, and no redirect is followed."""

    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:  # noqa: ARG002
        """The response itself."""
        return response

    https_response = http_response


def _request(settings: KmsSettings, credentials: Credentials, now: datetime, nonce: str) -> Request:
    query = f"SecretName={quote(settings.secret, safe='-_.~')}"
    headers = {
        "host": settings.endpoint,
        "x-acs-action": "GetSecretValue",
        "x-acs-content-sha256": _NO_BODY,
        "x-acs-date": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-security-token": credentials.security_token,
        "x-acs-signature-nonce": nonce,
        "x-acs-version": "2016-01-20",
    }
    names = ";".join(headers)
    lines = [f"{name}:{value}" for name, value in headers.items()]
    canonical = "\n".join(["POST", "/", query, *lines, "", names, _NO_BODY])
    text = f"{_ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = credentials.access_key_secret.encode()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    who = f"Credential={credentials.access_key_id}"
    headers["authorization"] = f"{_ALGORITHM} {who},SignedHeaders={names},Signature={signature}"
    url = f"{settings.scheme}://{settings.endpoint}/?{query}"
    return Request(url, b"", {**headers, "accept": "application/json"}, method="POST")  # noqa: S310 -- https, or loopback


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
