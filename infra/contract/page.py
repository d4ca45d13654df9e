"""The contract as a page to read: docs/reference/contract.md."""

from functions.verdict import REASONS, Decision
from functions.verdict import contract as words

_HEAD = f"""\
# The contract between shim and checks, version {words.CONTRACT_VERSION}

Generated from `functions/verdict/` by `make generate`; do not edit.

## Callout

`POST {words.VERDICT_PATH}` with the body of the original message, byte for byte, its `content-type` and
`content-encoding`, and these headers. Each may stand once only.

| header | value | required |
| --- | --- | --- |
| `x-meshward-contract` | `{words.CONTRACT_VERSION}` | yes |
| `x-meshward-phase` | `request` or `response` | yes |
| `x-meshward-policy` | the policy's name: lower-case letters, digits, `.`, `_`, `-`; at most {words.NAME_BYTES_MAX} bytes | yes |
| `x-meshward-authority` | of the original request, at most {words.AUTHORITY_HEADER_BYTES_MAX} bytes | yes |
| `x-meshward-path` | of the original request, without credentials in its query, cut to {words.PATH_HEADER_BYTES_MAX} bytes | yes |
| `x-meshward-method` | of the original request: upper-case letters, at most 16 | yes |
| `x-meshward-workload` | `namespace/name` of the calling workload | no |
| `x-meshward-deadline-ms` | how long the shim will wait: 1 to {words.DEADLINE_MS_MAX} | yes |
| `x-meshward-stream` | `seq=<n>;final=<0 or 1>`, for a window of a streamed response | no |
| `x-meshward-state` | the newest sealed state that this check answered in this call, at most {words.STATE_BYTES_MAX} bytes | no |
| `x-meshward-signature` | `v1,t=<Unix seconds>,h=<hex HMAC-SHA256>`, at most {words.SIGNATURE_AGE_SECONDS_MAX} s old | yes |
| `accept` | `{words.CALLOUT_MEDIA_TYPE}`; anything else gets the JSON document | no |
| `authorization` | `Bearer` and the trigger's token, which the platform verifies before it starts anything | by trigger |
| `x-request-id`, `traceparent` | of the original request, where each stands once | no |

Signed are these lines, joined by a line feed, none at the end; an absent value is an empty line:
`meshward-callout-v1`, t, phase, policy, workload, authority, method, path, stream, content type, content encoding,
hex SHA-256 of the body. Header values are signed as their bytes. The key has at least {words.SECRET_BYTES_MIN} bytes.

## Answer

Status 200 and these headers, each once only. Anything else is a failed check and goes by the check's `on_error`.

| header | value | required |
| --- | --- | --- |
| `x-meshward-contract` | `{words.CONTRACT_VERSION}` | yes |
| `x-meshward-verdict` | {", ".join(f"`{each}`" for each in Decision)} | yes |
| `x-meshward-reason` | a reason code that may stand in that verdict | yes |
| `x-meshward-revision` | the policy's revision: letters, digits, `.`, `_`, `-`; at most {words.REVISION_BYTES_MAX} bytes | yes |
| `x-meshward-cache-seconds` | how long an identical call may reuse an `allow`: 0 to {words.CACHE_SECONDS_MAX} | yes |
| `x-meshward-state` | sealed state for this check's next callout of the call, at most {words.STATE_BYTES_MAX} bytes | no |
| `x-meshward-keep` | of a window: how many bytes at its end come again at the start of the next one; absent is 0 | no |
| `x-meshward-rule` | the rule, or the judge's category, that the verdict rests on: lower-case letters, digits, `.`, `_`, `-`; at most {words.NAME_BYTES_MAX} bytes. For access logs; it decides nothing | no |
| `x-meshward-status` | the caller's status: {words.STATUS_DENY_MIN} to {words.STATUS_DENY_MAX} | for `deny`, and only there |
| `content-type` | of the body | for `deny` |

The body: for `allow` none; for `mask` the whole new message; for `deny` the answer for the caller, at most
{words.DENY_BODY_BYTES_MAX // 1024} KiB; for a window its closing events, with which the stream ends. With any other `accept` the answer is a document as
[verdict.schema.json](verdict.schema.json) describes it, made from the same verdict.

## Windows of a stream

A streamed response (`text/event-stream`) is checked in windows, one callout each, in order: `seq` counts from 0, `final=1` is the last one
and may be empty. A window is at most {words.WINDOW_BYTES_MAX // 1024} KiB of raw bytes; its borders may lie anywhere, also inside of an event. With `x-meshward-keep: <n>` the
last n bytes are neither released nor lost: they stand at the start of the next window. Of the bytes before them, `allow` releases what the
provider sent, and `mask` releases its body in their place, which may be empty. `deny` releases nothing. The window that follows holds new
bytes besides the kept ones, or is the final one. A check has no memory of its own for this: what it must know of earlier windows, it seals into
its state.

## How an answer is read

The first rule that fits decides. The shim and `functions.verdict.decode` read alike; the vectors in `tests/contract/vectors/answers.json`
hold them to it.

| the answer | is |
| --- | --- |
| none at all, when the check's time is up; or status 504 without a `date` (Envoy's own answers have none) | `check.timeout` |
| none at all before, or status 503 without a `date` | `check.reset`; asked once more if a tenth of the time is left |
| status 429, or 503 with `{words.PLATFORM_HEADER}` | `check.throttled`; asked once more if a tenth of the time is left |
| any other status than 200 | `check.status` |
| a contract header or the content type stands twice, even with the same value | `check.malformed` |
| a header is missing, empty, or holds a value that is not of its form; letter case of values matters | `check.malformed` |
| a reason that cannot stand in the verdict | `check.malformed` |
| `allow` with a body or a status; `mask` with a status, without a body (but for a window), or over `body_bytes_max` | `check.malformed` |
| `deny` without status, content type or body, or with a body over {words.DENY_BODY_BYTES_MAX // 1024} KiB | `check.malformed` |
| `mask` for a message without a body, unless it is a window | `check.malformed` |
| something to keep: with `deny`, outside of windows, of the final window, or more than the window has | `check.malformed` |
| all else | the verdict |

Numbers are whole, without sign, leading zeros and white space. Header names are in any letter case; headers that this page does not
name do not matter. A callout that cannot be sent because the sidecar does not know its cluster is `check.unreachable`.

## Keys

The shim asks the key-broker for the keys of its hosts: `POST {words.KEYS_PATH}` with these headers, each once only. The body is the hosts' names as
they stand in the shim's configuration, one on each line, no line feed at the end; at most {words.HOSTS_MAX}, of at most {words.HOST_BYTES_MAX} bytes each.

| header | value | required |
| --- | --- | --- |
| `x-meshward-contract` | `{words.CONTRACT_VERSION}` | yes |
| `x-meshward-workload` | `namespace/name` of the calling workload | no |
| `x-meshward-signature` | `v1,t=<Unix seconds>,h=<hex HMAC-SHA256>`, at most {words.SIGNATURE_AGE_SECONDS_MAX} s old | yes |
| `authorization` | `Bearer` and the trigger's token | by trigger |

Signed are these lines, joined by a line feed, none at the end: `{words.KEYS_PURPOSE}`, t, workload, hex SHA-256 of the body. A callout's signature
never passes here, nor this one there, since their first lines differ.

The answer is status 200, `x-meshward-contract: {words.CONTRACT_VERSION}` and at most {words.KEYS_BYTES_MAX // 1024} KiB of sealed body: a byte of value 1, a nonce of 16 bytes, the document encrypted,
and a tag of 32 bytes. Encrypted is by exclusive or with HMAC-SHA256(encrypting key, nonce and block number), the number in 4 bytes, big-endian, from 0 on;
the tag is HMAC-SHA256(authenticating key, the call's signature value and all bytes before the tag). Both keys are HMAC-SHA256(the secret that
signed, purpose and a byte of value 1), the purposes being `{words.KEYS_ENCRYPTING}` and `{words.KEYS_AUTHENTICATING}`. So the answer
opens for whoever signed the call, and for that call alone.

The document, opened, is lines, joined by a line feed, none at the end: a version of 12 hex digits, then for each key its host, a space and the key.
A host has at most {words.HOST_KEYS_MAX} keys, the one to be used first in front; a host without keys is left out. Any other answer leaves the shim with the keys
that it has.

| the answer | when |
| --- | --- |
| 401 | the signature is missing, wrong or too old, or the body too large; which of them, only the function's log tells |
| 400 | a signed call that is not of this form |
| 503 | the source of the keys has not been readable yet |

## Reasons

A closed set. A verdict with an unknown reason is a failed check. "check" stands in verdicts; "shim" in denials that the sidecar makes
itself; "edge" in a function's answer to a caller whose callout it refuses.

| code | status | said by | stands in | meaning | what to do |
| --- | --- | --- | --- | --- | --- |
"""


def render() -> str:
    """The page's text."""
    rows = (
        f"| `{spec.reason}` | {spec.status} | {', '.join(spec.said_by)} | "
        f"{', '.join(each for each in Decision if each in spec.decisions) or '–'} | "
        f"{spec.meaning} | {spec.remedy} |\n"
        for spec in REASONS.values()
    )
    return _HEAD + "".join(rows)
