"""How the shim asks for its hosts' keys, and how they come back: sealed, for that very call.

    POST /v1/keys                 body: the hosts' names, one on each line, no line feed at the end
    x-meshward-contract: 1        x-meshward-workload: namespace/name, where there is one
    x-meshward-signature: v1,t=<unix seconds>,h=<hex HMAC-SHA256>

    signed text, one line each, joined by a line feed, none at the end:
        meshward-keys-v1 · t · workload · hex SHA-256 of the body

    sealed answer:  1 │ nonce, 16 bytes │ encrypted document │ tag, 32 bytes
        keystream   HMAC(encrypting key, nonce │ block number, 4 bytes, big-endian), from block 0 on
        tag         HMAC(authenticating key, signature's value │ 1 │ nonce │ encrypted document)

    the document, one line each, joined by a line feed, none at the end:
        version · and for each key, in the order of use: host, a space, key

Both keys are derived from the secret that signed the call. The signature's value has one form and
one length for each t, so nothing else can be taken for it; as a part of what the tag covers it
makes an answer useless for any other call. See docs/decisions/0080-keys-sealed-with-hmac.md.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from itertools import count
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from functions.verdict.contract import (
    HOST_BYTES_MAX,
    HOST_KEYS_MAX,
    HOSTS_MAX,
    KEY_BYTES_MAX,
    KEYS_AUTHENTICATING,
    KEYS_BYTES_MAX,
    KEYS_ENCRYPTING,
    KEYS_PURPOSE,
)
from functions.verdict.errors import MalformedCallout
from functions.verdict.models import Record
from functions.verdict.signature import Secret, signer

KEYS_CALL_BYTES_MAX: Final = HOSTS_MAX * (HOST_BYTES_MAX + 1)
"""Of the body that asks for keys."""
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 16
_TAG_BYTES: Final = 32
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")

Key = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=KEY_BYTES_MAX)]
"""Visible ASCII: anything else could end the header that it is put into."""
HostName = Annotated[
    str, StringConstraints(pattern=rf"^{_HOST.pattern}$", max_length=HOST_BYTES_MAX)
]
"""In lower case, without port and final dot; `*.` in front stands for any name below."""


class HostKeys(Record):
    """The keys of one host, the one to be used first in front."""

    name: HostName
    keys: Annotated[tuple[Key, ...], Field(min_length=1, max_length=HOST_KEYS_MAX, repr=False)]


class KeySet(Record):
    """The opened answer. A host without keys is left out; `version` changes with any change."""

    version: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
    hosts: Annotated[tuple[HostKeys, ...], Field(max_length=HOSTS_MAX)] = ()

    def to_document(self) -> bytes:
        """The bytes that are sealed."""
        lines = [f"{host.name} {key}" for host in self.hosts for key in host.keys]
        return "\n".join([self.version, *lines]).encode("ascii")


def keys_text(workload: str, body: bytes, at: int) -> bytes:
    """The bytes that are signed for a call for keys at Unix time `at` (seconds)."""
    lines = (KEYS_PURPOSE, str(at), workload, hashlib.sha256(body).hexdigest())
    return "\n".join(lines).encode("latin-1")  # the bytes as they are on the wire


def sign_keys(secret: Secret, workload: str, body: bytes, at: int) -> str:
    """The value of the signature header of a call for keys."""
    return f"v1,t={at},h={secret.mac(keys_text(workload, body, at))}"


def verify_keys(
    secrets: Sequence[Secret], values: Sequence[str], workload: str, body: bytes, now: int
) -> Secret:
    """The secret that signed the call, with which its answer is to be sealed.

    Raises `UnauthorisedCallout` as `functions.verdict.signature.verify` does.
    """
    return signer(secrets, values, lambda at: keys_text(workload, body, at), now)


def hosts_of(body: bytes) -> tuple[str, ...]:
    """The hosts that a call for keys names. Raises `MalformedCallout`."""
    names = tuple(body.decode("latin-1").split("\n"))
    if len(names) > HOSTS_MAX or len(set(names)) != len(names):
        raise MalformedCallout(f"the body names more than {HOSTS_MAX} hosts, or one of them twice")
    for name in names:
        if len(name) > HOST_BYTES_MAX or not _HOST.fullmatch(name):
            raise MalformedCallout("the body must be hosts' names in lower case, one on each line")
    return names


def seal(secret: Secret, signature: str, document: bytes, nonce: bytes | None = None) -> bytes:
    """`document` for whoever signed `signature` with `secret`, and for nobody else.

    `nonce` (16 bytes) is random unless a vector needs it. Raises `ValueError` where the sealed
    answer would be larger than the shim takes.
    """
    nonce = nonce or os.urandom(_NONCE_BYTES)
    covered = _VERSION + nonce + _combined(secret, nonce, document)
    if len(covered) + _TAG_BYTES > KEYS_BYTES_MAX:
        raise ValueError(f"the keys do not fit into {KEYS_BYTES_MAX} bytes")
    return covered + _tag(secret, signature, covered)


def open_sealed(secret: Secret, signature: str, sealed: bytes) -> bytes | None:
    """The document, or None where it was not sealed so: another secret, call or content."""
    covered, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
    if len(covered) < len(_VERSION) + _NONCE_BYTES or not covered.startswith(_VERSION):
        return None
    if not hmac.compare_digest(tag, _tag(secret, signature, covered)):
        return None
    nonce, encrypted = covered[1 : 1 + _NONCE_BYTES], covered[1 + _NONCE_BYTES :]
    return _combined(secret, nonce, encrypted)


def _tag(secret: Secret, signature: str, covered: bytes) -> bytes:
    key = secret.derived(KEYS_AUTHENTICATING)
    return hmac.digest(key, signature.encode("ascii") + covered, "sha256")


def _combined(secret: Secret, nonce: bytes, text: bytes) -> bytes:
    """`text` with the keystream: encrypted if it was plain, plain if it was encrypted."""
    key = secret.derived(KEYS_ENCRYPTING)
    stream = bytearray()
    for block in count():
        if len(stream) >= len(text):
            break
        stream += hmac.digest(key, nonce + block.to_bytes(4), "sha256")
    return bytes(one ^ other for one, other in zip(text, stream, strict=False))
