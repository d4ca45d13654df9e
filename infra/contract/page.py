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
| `x-meshward-path` | of the original request, cut to {words.PATH_HEADER_BYTES_MAX} bytes | yes |
| `x-meshward-method` | of the original request: upper-case letters, at most 16 | yes |
| `x-meshward-workload` | `namespace/name` of the calling workload | no |
| `x-meshward-deadline-ms` | how long the shim will wait: 1 to {words.DEADLINE_MS_MAX} | yes |
| `x-meshward-stream` | `seq=<n>;final=<0 or 1>`, for a window of a streamed response | no |
| `x-meshward-state` | the sealed state of the request phase, at most {words.STATE_BYTES_MAX} bytes | no |
| `x-meshward-signature` | `v1,t=<Unix seconds>,h=<hex HMAC-SHA256>`, at most {words.SIGNATURE_AGE_SECONDS_MAX} s old | yes |
| `accept` | `{words.CALLOUT_MEDIA_TYPE}`; anything else gets the JSON document | no |
| `authorization` | `Bearer` and the trigger's token, which the platform verifies before it starts anything | by trigger |
| `x-request-id`, `traceparent` | of the original request | no |

Signed are these lines, joined by a line feed, none at the end; an absent value is an empty line:
`meshward-callout-v1`, t, phase, policy, workload, authority, method, path, stream, content type, content encoding,
hex SHA-256 of the body. The key has at least {words.SECRET_BYTES_MIN} bytes.

## Answer

Status 200 and these headers, each once only. Anything else is a failed check and goes by the check's `on_error`.

| header | value | required |
| --- | --- | --- |
| `x-meshward-contract` | `{words.CONTRACT_VERSION}` | yes |
| `x-meshward-verdict` | {", ".join(f"`{each}`" for each in Decision)} | yes |
| `x-meshward-reason` | a reason code that may stand in that verdict | yes |
| `x-meshward-revision` | the policy's revision: letters, digits, `.`, `_`, `-`; at most {words.REVISION_BYTES_MAX} bytes | yes |
| `x-meshward-cache-seconds` | how long an identical call may reuse an `allow`: 0 to {words.CACHE_SECONDS_MAX} | yes |
| `x-meshward-state` | sealed state for the response phase, at most {words.STATE_BYTES_MAX} bytes | no |
| `x-meshward-status` | the caller's status: {words.STATUS_DENY_MIN} to {words.STATUS_DENY_MAX} | for `deny`, and only there |
| `content-type` | of the body | for `deny` |

The body: for `allow` none; for `mask` the whole new message; for `deny` the answer for the caller, at most
{words.DENY_BODY_BYTES_MAX // 1024} KiB. With any other `accept` the answer is a document as
[verdict.schema.json](verdict.schema.json) describes it, made from the same verdict.

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
