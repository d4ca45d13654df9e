"""Signatures of the FC 3.0 API: ACS3-HMAC-SHA256, verified when the emulator was given credentials.

    authorization: ACS3-HMAC-SHA256 Credential=<id>,SignedHeaders=<a;b>,Signature=<hex>

    canonical request   method · path · sorted query · "name:value" of each signed header · (empty)
                        · signed headers · hash of the body
    signed text         ACS3-HMAC-SHA256 · hex SHA-256 of the canonical request

Which headers are signed is the client's choice, but for those that must be. Source:
help.aliyun.com, "V3 request body and signature mechanism"; tried with the platform's Python SDK.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, quote

from starlette.datastructures import Headers

from infra.emulator.errors import FcError

ALGORITHM: Final = "ACS3-HMAC-SHA256"
_FORM: Final = re.compile(
    rf"{ALGORITHM} Credential=([^,\s]+),\s*SignedHeaders=([a-z0-9;-]+),"
    r"\s*Signature=([0-9a-f]{64})"
)
_MUST_BE_SIGNED: Final = frozenset({"host", "x-acs-action", "x-acs-date", "x-acs-content-sha256"})
_AGE_MAX: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one access key that is let in."""

    access_key_id: str
    access_key_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signed:
    """What of a request is signed. `path` and `query` are as they came, not decoded."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


def verify(credentials: Credentials, request: Signed, now: datetime) -> None:
    """Accept the request, or raise an FcError that says what is wrong with its signature."""
    headers = request.headers
    for name in ("authorization", "x-acs-date", "x-acs-content-sha256"):
        if name not in headers:
            what = f"required HTTP header {name} was not specified"
            raise FcError(400, "MissingRequiredHeader", what)
    match = _FORM.fullmatch(headers["authorization"].strip())
    if match is None:
        raise _mismatch(f"authorization is not of the form {ALGORITHM} Credential=…")
    if not hmac.compare_digest(match[1], credentials.access_key_id):
        raise FcError(403, "InvalidAccessKeyID", "the access key id is not the emulator's")
    _check_date(headers["x-acs-date"], now)
    signed = match[2].split(";")
    unsigned = (_MUST_BE_SIGNED & set(headers.keys())) - set(signed)
    if unsigned:
        raise _mismatch(f"{', '.join(sorted(unsigned))} must be signed")
    digest = hashlib.sha256(request.body).hexdigest()
    if not hmac.compare_digest(headers["x-acs-content-sha256"].lower(), digest):
        raise _mismatch("x-acs-content-sha256 is not the hash of the body")
    expected = sign(credentials.access_key_secret, request, signed)
    if not hmac.compare_digest(match[3], expected):
        raise _mismatch("the signature was made of another request or with another secret")


def sign(secret: str, request: Signed, signed: Sequence[str]) -> str:
    """The hex signature of a request over its headers named in `signed`."""
    query = sorted(parse_qsl(request.query, keep_blank_values=True))
    canonical = "\n".join(
        (
            request.method,
            request.path or "/",
            "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in query),
            *(f"{name}:{request.headers.get(name, '').strip()}" for name in signed),
            "",
            ";".join(signed),
            request.headers["x-acs-content-sha256"],
        )
    )
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _check_date(value: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _mismatch("x-acs-date is not of the form 2026-01-31T12:00:00Z") from None
    if abs(now - signed_at) > _AGE_MAX:
        raise FcError(403, "AccessDenied", "x-acs-date is more than 15 minutes off")


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def _mismatch(message: str) -> FcError:
    return FcError(403, "SignatureNotMatch", message)
