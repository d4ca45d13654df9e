"""Keys from a secret of Alibaba Cloud's KMS, read with the function's own role.

    call ──▶ believed still? ──yes──▶ the table
               │ no
               └─GetSecretValue, by the call's temporary credentials─▶ SecretData ──parse──▶ table
                   fails ──▶ the table before, for a few seconds; SourceError where there is none

The call goes through the core of the platform's SDKs, which signs it (ACS3-HMAC-SHA256); the client
made for KMS alone would add 5 MB of models for one operation. Source: help.aliyun.com,
"GetSecretValue" (KMS, version 2016-01-20).
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from functions.key_broker.settings import KmsSettings
from functions.key_broker.sources import Credentials, SourceError, Tell
from functions.key_broker.table import KeyTable, TableError, parse

_TIMEOUT_MS: Final = 3000
_AGAIN_SECONDS: Final = 5.0
"""After a failure: soon enough to notice its end, seldom enough not to add to it."""


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
            self._table = parse(await secret_text(self._settings, credentials))
        except (SourceError, TableError) as error:
            self._tell(f"the secret {self._settings.secret}: {error}")
            self._believed_until = self._clock() + _AGAIN_SECONDS
        else:
            self._believed_until = self._clock() + self._settings.seconds


async def secret_text(settings: KmsSettings, credentials: Credentials | None) -> str:
    """The secret's current text. Raises `SourceError` with KMS' code, and nothing of the secret."""
    if credentials is None:
        raise SourceError("the call brought no credentials; give the function a role")
    # Half a second of imports, for this source alone.
    from alibabacloud_tea_openapi.client import Client  # noqa: PLC0415
    from alibabacloud_tea_openapi.models import Config  # noqa: PLC0415
    from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params  # noqa: PLC0415
    from darabonba.exceptions import DaraException, UnretryableException  # noqa: PLC0415
    from darabonba.runtime import RuntimeOptions  # noqa: PLC0415

    client = Client(
        Config(
            access_key_id=credentials.access_key_id,
            access_key_secret=credentials.access_key_secret,
            security_token=credentials.security_token,
            endpoint=settings.endpoint,
            protocol=settings.scheme,
        )
    )
    operation = Params(
        action="GetSecretValue",
        version="2016-01-20",
        protocol=settings.scheme.upper(),
        pathname="/",
        method="POST",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    request = OpenApiRequest(query={"SecretName": settings.secret})
    bounds = RuntimeOptions(autoretry=False, connect_timeout=_TIMEOUT_MS, read_timeout=_TIMEOUT_MS)
    try:
        answer = await client.call_api_async(operation, request, bounds)
    except DaraException as error:
        code = getattr(error, "code", None) or type(error).__name__
        raise SourceError(f"KMS refuses it: {code}") from None
    except (UnretryableException, OSError):
        raise SourceError("KMS cannot be reached") from None
    return _text_of(answer)


def _text_of(answer: dict[str, Any]) -> str:
    body = answer.get("body")
    if isinstance(body, dict) and body.get("SecretDataType", "text") == "text":
        text = body.get("SecretData")
        if isinstance(text, str):
            return text
    raise SourceError("KMS gives no text for it")
