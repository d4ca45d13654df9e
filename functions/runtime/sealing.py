"""State that leaves the function and comes back: readable by this policy's functions alone.

    bytes ──deflate──▶ AES-256-GCM under a key derived from the signing secret ──base64url──▶ text

The shim carries it from the request phase to the response phase, so that a function needs no
database. `context` says which call it belongs to; with another context it does not open. The newest
secret seals, all of them open, so that secrets can be rotated.
"""

import base64
import binascii
import os
import zlib
from collections.abc import Sequence
from typing import Final

from functions.verdict import Secret

_PURPOSE: Final = "meshward-state-v1"
_NONCE_BYTES: Final = 12
_OPENED_BYTES_MAX: Final = 1024 * 1024


class Sealer:
    """Seals and opens with the function's signing secrets; the first of them is the newest."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._keys = [secret.derived(_PURPOSE) for secret in secrets]

    def seal(self, data: bytes, context: bytes) -> str:
        """`data`, bound to `context`, as text for a header."""
        # 20 ms of import that most calls never need.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._keys[0]).encrypt(nonce, zlib.compress(data, 9), context)
        return base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")

    def open(self, sealed: str, context: bytes) -> bytes | None:
        """What was sealed, or None where it was not sealed so: other secrets, call or content."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        try:
            raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        except (binascii.Error, ValueError):
            return None
        for key in self._keys:
            try:
                packed = AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context)
            except (InvalidTag, ValueError):
                continue
            return zlib.decompressobj().decompress(packed, _OPENED_BYTES_MAX)
        return None
