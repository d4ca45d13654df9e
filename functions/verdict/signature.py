"""The callout's signature: who sent it, when, and that it is whole.

    x-meshward-signature: v1,t=<unix seconds>,h=<hex HMAC-SHA256>

    signed text, one line each, joined by a line feed, none at the end:
        meshward-callout-v1 · t · phase · policy · workload · authority · method · path
        · stream · content-type · content-encoding · hex SHA-256 of the body

A value that the callout leaves out is an empty line. No value can hold a line feed (HTTP forbids
it), so no two callouts share a signed text. Everything that a verdict can depend on is in it;
the deadline, which cannot turn a denial into anything else, is not.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence

from functions.verdict.callout import Callout
from functions.verdict.contract import SECRET_BYTES_MIN, SIGNATURE_AGE_SECONDS_MAX, Header
from functions.verdict.errors import UnauthorisedCallout

_BLOCK_BYTES = 64
_FORM = re.compile(r"v1,t=([1-9][0-9]{0,11}),h=([0-9a-f]{64})")


class Secret:
    """A signing secret of at least 32 bytes, which never shows itself in `repr` or a traceback."""

    __slots__ = ("_inner", "_outer", "_value")

    def __init__(self, value: str) -> None:
        if len(value.encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"a signing secret has at least {SECRET_BYTES_MIN} bytes")
        self._value = value.encode()
        # HMAC's two hashes with the key taken in (RFC 2104, section 4): once for all texts.
        key = self._value
        if len(key) > _BLOCK_BYTES:
            key = hashlib.sha256(key).digest()
        block = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def __repr__(self) -> str:
        return "Secret(…)"

    def derived(self, purpose: str) -> bytes:
        """A key of 32 bytes for another purpose than signing (HMAC-SHA256 as in RFC 5869, 2.3)."""
        return hmac.new(self._value, purpose.encode() + b"\x01", hashlib.sha256).digest()

    def mac(self, text: bytes) -> str:
        """Hex HMAC-SHA256 of `text` under this secret."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.hexdigest()


def signed_text(callout: Callout, body: bytes, at: int) -> bytes:
    """The bytes that are signed for this callout at Unix time `at` (seconds)."""
    digest = hashlib.sha256(body).hexdigest().encode()
    return b"\n".join((b"meshward-callout-v1", b"%d" % at, callout.signed_lines, digest))


def sign(secret: Secret, callout: Callout, body: bytes, at: int) -> str:
    """The value of the signature header at Unix time `at` (seconds)."""
    return f"v1,t={at},h={secret.mac(signed_text(callout, body, at))}"


def verify(
    secrets: Sequence[Secret], values: Sequence[str], callout: Callout, body: bytes, now: int
) -> None:
    """Accept the signature headers `values` at Unix time `now`, or raise `UnauthorisedCallout`.

    Any of `secrets` may have signed, so that they can be rotated. Exactly one header must stand.
    """
    signer(secrets, values, lambda at: signed_text(callout, body, at), now)


def signer(
    secrets: Sequence[Secret], values: Sequence[str], text: Callable[[int], bytes], now: int
) -> Secret:
    """Which of `secrets` made the one signature in `values` over `text(at)`.

    Raises `UnauthorisedCallout` where none did, or where it is too old at Unix time `now`.
    """
    if len(values) != 1:
        raise UnauthorisedCallout(f"{Header.SIGNATURE} must stand exactly once")
    match = _FORM.fullmatch(values[0])
    if match is None:
        raise UnauthorisedCallout(f"{Header.SIGNATURE} is not of the form v1,t=…,h=…")
    at = int(match[1])
    if abs(now - at) > SIGNATURE_AGE_SECONDS_MAX:
        raise UnauthorisedCallout(
            f"{Header.SIGNATURE} is more than {SIGNATURE_AGE_SECONDS_MAX} s off; compare the clocks"
        )
    signed = text(at)
    for secret in secrets:
        if hmac.compare_digest(secret.mac(signed), match[2]):
            return secret
    raise UnauthorisedCallout(f"{Header.SIGNATURE} was made with another secret")
