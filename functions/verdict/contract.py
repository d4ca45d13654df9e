"""The fixed words of the contract between shim and functions, version 1.

    shim ──POST /v1/verdict, callout headers, the original body──▶ check
    shim ◀──200, answer headers, the body to use as it is────────── check

    shim ──POST /v1/keys, the names of its hosts──▶ key-broker
    shim ◀──200, their keys, sealed──────────────── key-broker

This module and its neighbours are the single source of the contract. The Zig constants, the JSON
Schema and the reference page are generated from them (`meshward contract generate`).
"""

from enum import StrEnum
from typing import Final

CONTRACT_VERSION: Final = 1
VERDICT_PATH: Final = "/v1/verdict"
KEYS_PATH: Final = "/v1/keys"

CALLOUT_MEDIA_TYPE: Final = "application/vnd.meshward.callout"
"""Asked for by the shim in `accept`: headers decide, the body is ready to use."""
DOCUMENT_MEDIA_TYPE: Final = "application/json"
"""Asked for by people, the CLI and tests: the whole `Verdict` document."""

# Function Compute takes and gives at most 8 KB of headers in all (HTTP triggers, "Limits"); the
# shim keeps its own under 6 KB, so that the platform's own headers always fit.
HEADER_BYTES_MAX: Final = 6 * 1024
PATH_HEADER_BYTES_MAX: Final = 1024
"""A longer path is cut to this for the callout header; the provider gets it whole."""
AUTHORITY_HEADER_BYTES_MAX: Final = 255
"""A DNS name has at most 253 characters, a port may follow; a longer one of a guarded host is
denied."""
STATE_BYTES_MAX: Final = 4 * 1024
REVISION_BYTES_MAX: Final = 64
NAME_BYTES_MAX: Final = 64
"""Names of policies, checks and rules."""

DENY_BODY_BYTES_MAX: Final = 64 * 1024
"""A denial is a short error document; anything larger is a broken check."""
WINDOW_BYTES_MAX: Final = 256 * 1024
"""A window of a streamed response, with what a check kept of the one before it: several times the
longest event of text that providers send, and a quarter of the buffer that Envoy has by default."""
CACHE_SECONDS_MAX: Final = 24 * 60 * 60
DEADLINE_MS_MAX: Final = 60_000
SIGNATURE_AGE_SECONDS_MAX: Final = 60
"""A callout signed longer ago (or this far ahead) is refused, so a recorded one is soon useless."""
SECRET_BYTES_MIN: Final = 32
"""HMAC-SHA256 keys shorter than the digest weaken it (RFC 2104, section 3)."""
STATUS_DENY_MIN: Final = 400
STATUS_DENY_MAX: Final = 599

KEYS_PURPOSE: Final = "meshward-keys-v1"
"""First of the lines that are signed in a call for keys, so that no callout's signature fits it."""
KEYS_ENCRYPTING: Final = "meshward-keys-seal-v1 encrypt"
KEYS_AUTHENTICATING: Final = "meshward-keys-seal-v1 authenticate"
"""What the two keys that seal an answer are derived for."""
HOSTS_MAX: Final = 64
"""Hosts that one shim guards, and so the most that it asks keys for."""
HOST_BYTES_MAX: Final = 253
"""A DNS name (RFC 1035, section 2.3.4, in its text form)."""
HOST_KEYS_MAX: Final = 8
"""Keys of one host: one in use, one that comes, and some to fall back on."""
KEY_BYTES_MAX: Final = 4096
"""A key goes into a header; signed tokens are the longest, and servers take 8 KB of headers."""
KEYS_BYTES_MAX: Final = 64 * 1024
"""A sealed answer: each sidecar holds it in memory, and shares it between its workers."""

PLATFORM_HEADER: Final = "x-fc-request-id"
"""On every answer of Function Compute; tells its own 503 (no instance) from a proxy's."""


class Header(StrEnum):
    """Header names of callouts and answers, as they are on the wire (lower case)."""

    CONTRACT = "x-meshward-contract"
    PHASE = "x-meshward-phase"
    POLICY = "x-meshward-policy"
    AUTHORITY = "x-meshward-authority"
    PATH = "x-meshward-path"
    METHOD = "x-meshward-method"
    WORKLOAD = "x-meshward-workload"
    DEADLINE_MS = "x-meshward-deadline-ms"
    STREAM = "x-meshward-stream"
    STATE = "x-meshward-state"
    SIGNATURE = "x-meshward-signature"
    VERDICT = "x-meshward-verdict"
    REASON = "x-meshward-reason"
    REVISION = "x-meshward-revision"
    CACHE_SECONDS = "x-meshward-cache-seconds"
    KEEP = "x-meshward-keep"
    STATUS = "x-meshward-status"
    RULE = "x-meshward-rule"


class Phase(StrEnum):
    """Which message of a call is judged."""

    REQUEST = "request"
    RESPONSE = "response"


class Decision(StrEnum):
    """What a verdict says is to happen to the message; the strictest of several wins."""

    ALLOW = "allow"
    MASK = "mask"
    DENY = "deny"


class Severity(StrEnum):
    """How grave a finding is, from a note to an incident."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
