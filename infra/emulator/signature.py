"""Signatures of both APIs, verified when the emulator was given credentials.

FC 3.0 and triggers that want signed requests:

    authorization: ACS3-HMAC-SHA256 Credential=<id>,SignedHeaders=<a;b>,Signature=<hex>

    canonical request   method · path · sorted query · "name:value" of each signed header · (empty)
                        · signed headers · hash of the body
    signed text         ACS3-HMAC-SHA256 · hex SHA-256 of the canonical request

2016-08-15:

    authorization: FC <id>:<Base64>

    signed text         method · content-md5 · content-type · date · "name:value" of each x-fc-*
                        · the path, not encoded; behind /proxy/ and for triggers also the query

Of ACS3: which headers are signed is the client's choice, but for those that must be. Source:
help.aliyun.com, "V3 request body and signature mechanism" and "Signature authentication" (2.0);
tried with the platform's Python SDKs.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, unquote_plus

from starlette.datastructures import Headers

from infra.emulator.errors import FcError

ALGORITHM: Final = "ACS3-HMAC-SHA256"
_FORM: Final = re.compile(
    rf"{ALGORITHM} Credential=([^,\s]+),\s*SignedHeaders=([a-z0-9;-]+),"
    r"\s*Signature=([0-9a-f]{64})"
)
_FORM_2016: Final = re.compile(r"FC ([^:\s]+):([A-Za-z0-9+/=]+)")
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
    """Accept a request of FC 3.0, or raise an FcError that says what is wrong with it."""
    headers = request.headers
    _require(headers, "authorization", "x-acs-date", "x-acs-content-sha256")
    digest = hashlib.sha256(request.body).hexdigest()
    if not hmac.compare_digest(headers["x-acs-content-sha256"].lower(), digest):
        raise _mismatch("x-acs-content-sha256 is not the hash of the body")
    _verify_acs3(credentials, request, now)


def verify_2016(
    credentials: Credentials, request: Signed, now: datetime, *, with_query: bool = False
) -> None:
    """Accept a request of 2016-08-15, or raise an FcError; its body is not signed."""
    _require(request.headers, "authorization", "date")
    match = _FORM_2016.fullmatch(request.headers["authorization"].strip())
    if match is None:
        raise _mismatch("authorization is not of the form FC <id>:<signature>")
    _check_id(match[1], credentials)
    try:
        signed_at = parsedate_to_datetime(request.headers["date"])
    except ValueError:
        raise _mismatch("date is not of the form Mon, 02 Jan 2026 15:04:05 GMT") from None
    _check_age(signed_at.replace(tzinfo=UTC), now)
    expected = sign_2016(credentials.access_key_secret, request, with_query=with_query)
    if not hmac.compare_digest(match[2], expected):
        raise _mismatch("the signature was made of another request or with another secret")


def verify_trigger(credentials: Credentials, request: Signed, now: datetime) -> None:
    """Accept a trigger's request, signed in either way; its body is not signed."""
    if "authorization" not in request.headers:
        raise FcError(403, "AccessDenied", "the trigger takes signed requests only")
    if request.headers.get("authorization", "").startswith("FC "):
        verify_2016(credentials, request, now, with_query=True)
        return
    _require(request.headers, "x-acs-date")
    _verify_acs3(credentials, request, now)


def _verify_acs3(credentials: Credentials, request: Signed, now: datetime) -> None:
    headers = request.headers
    match = _FORM.fullmatch(headers["authorization"].strip())
    if match is None:
        raise _mismatch(f"authorization is not of the form {ALGORITHM} Credential=…")
    _check_id(match[1], credentials)
    try:
        form = "%Y-%m-%dT%H:%M:%SZ"
        signed_at = datetime.strptime(headers["x-acs-date"], form).replace(tzinfo=UTC)
    except ValueError:
        raise _mismatch("x-acs-date is not of the form 2026-01-31T12:00:00Z") from None
    _check_age(signed_at, now)
    signed = match[2].split(";")
    unsigned = (_MUST_BE_SIGNED & set(headers.keys())) - set(signed)
    if unsigned:
        raise _mismatch(f"{', '.join(sorted(unsigned))} must be signed")
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
            request.headers.get("x-acs-content-sha256", ""),
        )
    )
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def sign_2016(secret: str, request: Signed, *, with_query: bool = False) -> str:
    """The signature of a 2016-08-15 request in Base64."""
    headers, resource = request.headers, unquote(request.path)
    if with_query:
        pairs = (pair.partition("=") for pair in request.query.split("&") if pair)
        told = sorted(unquote_plus(name) + sep + unquote_plus(text) for name, sep, text in pairs)
        resource += "\n" + "\n".join(told)
    own = sorted((name, text) for name, text in headers.items() if name.startswith("x-fc-"))
    text = "\n".join(
        (
            request.method,
            *(headers.get(name, "") for name in ("content-md5", "content-type", "date")),
            "".join(f"{name}:{value}\n" for name, value in own) + resource,
        )
    )
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _require(headers: Headers, *names: str) -> None:
    for name in names:
        if name not in headers:
            what = f"required HTTP header {name} was not specified"
            raise FcError(400, "MissingRequiredHeader", what)


def _check_id(given: str, credentials: Credentials) -> None:
    if not hmac.compare_digest(given.encode(), credentials.access_key_id.encode()):
        raise FcError(403, "InvalidAccessKeyID", "the access key id is not the emulator's")


def _check_age(signed_at: datetime, now: datetime) -> None:
    if abs(now - signed_at) > _AGE_MAX:
        raise FcError(403, "AccessDenied", "the request's date is more than 15 minutes off")


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def _mismatch(message: str) -> FcError:
    return FcError(403, "SignatureNotMatch", message)
