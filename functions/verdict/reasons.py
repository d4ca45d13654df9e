"""Why: the closed set of reason codes.

Every verdict and every denial names one. A code never changes its meaning; a new way to fail gets a
new code, a vector and a line in the reference page. `said_by` tells who can say it:

    check   in `x-meshward-reason` of a verdict
    shim    in a denial that the shim makes itself, because no verdict could be had
    edge    in the error answer of a function to whoever called it; no verdict was made
"""

from typing import Final

from functions.verdict.contract import Decision
from functions.verdict.reason import Reason, ReasonSpec

_ALLOW: Final = frozenset({Decision.ALLOW})
_DENY: Final = frozenset({Decision.DENY})
_MASK: Final = frozenset({Decision.MASK})
_ALLOW_OR_DENY: Final = frozenset({Decision.ALLOW, Decision.DENY})
_MASK_OR_DENY: Final = frozenset({Decision.MASK, Decision.DENY})
_NEVER: Final[frozenset[Decision]] = frozenset()

# A denial is 403 or another 4xx, never a 5xx that client libraries would retry, unless a retry can
# help: only a missing key and an overloaded shim pass by themselves.
_SPECS: Final = (
    ReasonSpec(
        Reason.RULE_NONE, 200, ("check",), _ALLOW, "No rule of the policy matched.", "Nothing."
    ),
    ReasonSpec(
        Reason.RULE_MATCHED,
        403,
        ("check",),
        _MASK_OR_DENY,
        "A rule of the policy matched.",
        "The findings name the rule; change the text, or the rule.",
    ),
    ReasonSpec(
        Reason.RULE_MONITORED,
        200,
        ("check",),
        _ALLOW,
        "Only rules in monitor mode matched.",
        "Nothing is blocked; look at the findings before the rule is enforced.",
    ),
    ReasonSpec(
        Reason.JUDGE_CLEARED, 200, ("check",), _ALLOW, "The judge saw nothing to deny.", "Nothing."
    ),
    ReasonSpec(
        Reason.JUDGE_FLAGGED,
        403,
        ("check",),
        _DENY,
        "The judge denied the text.",
        "The finding names the category; take the private data out.",
    ),
    ReasonSpec(
        Reason.JUDGE_MONITORED,
        200,
        ("check",),
        _ALLOW,
        "The judge flagged the text, and the policy only records that.",
        "Nothing; look at the findings before the policy is set to deny.",
    ),
    ReasonSpec(
        Reason.JUDGE_SKIPPED,
        200,
        ("check",),
        _ALLOW,
        "The policy has only a share of calls judged, and this was not one of them.",
        "Nothing; raise `judge.sample` to have more calls judged.",
    ),
    ReasonSpec(
        Reason.JUDGE_TIMEOUT,
        403,
        ("check",),
        _ALLOW_OR_DENY,
        "The judge did not answer inside the deadline.",
        "Look at the judge's load; `judge.on_error` of the policy decides what happens.",
    ),
    ReasonSpec(
        Reason.JUDGE_UNAVAILABLE,
        403,
        ("check",),
        _ALLOW_OR_DENY,
        "The judge could not be reached or answered with an error status.",
        "Look at the judge's address, key and health.",
    ),
    ReasonSpec(
        Reason.JUDGE_MALFORMED,
        403,
        ("check",),
        _ALLOW_OR_DENY,
        "The judge's answer was not a verdict.",
        "Use a model that keeps to the answer format.",
    ),
    ReasonSpec(
        Reason.MESSAGE_EMPTY,
        200,
        ("check",),
        _ALLOW,
        "The message holds no text to judge.",
        "Nothing.",
    ),
    ReasonSpec(
        Reason.MESSAGE_UNREADABLE,
        403,
        ("check",),
        _DENY,
        "The message holds content that cannot be read, and the policy denies that.",
        "Send text, or set `unreadable: allow` in the policy.",
    ),
    ReasonSpec(
        Reason.POLICY_UNKNOWN,
        403,
        ("check",),
        _DENY,
        "The check holds no policy of the name that the shim asked for.",
        "Deploy the policy, or correct `policy` in the plugin's configuration.",
    ),
    ReasonSpec(
        Reason.REQUEST_MALFORMED,
        400,
        ("check",),
        _DENY,
        "The body is not what its content type says, or can be read in two ways.",
        "Send strict JSON in UTF-8: no duplicate keys, no byte order mark, nothing behind it.",
    ),
    ReasonSpec(
        Reason.REQUEST_TOO_LARGE,
        413,
        ("check", "shim"),
        _DENY,
        "The body is larger than the limit.",
        "Send less, or raise `body_bytes_max`.",
    ),
    ReasonSpec(
        Reason.REQUEST_UNSUPPORTED,
        403,
        ("shim",),
        _NEVER,
        "The call cannot be told to a check: an upgrade, CONNECT, or an ambiguous head.",
        "Use plain HTTP requests, with one host and one content type each, for guarded hosts.",
    ),
    ReasonSpec(
        Reason.RESPONSE_TOO_LARGE,
        403,
        ("shim",),
        _NEVER,
        "The answer is larger than the limit, or comes faster than it can be checked.",
        "Ask for less or for a streamed answer, or raise `response_bytes_max`.",
    ),
    ReasonSpec(
        Reason.RESPONSE_UNSUPPORTED,
        403,
        ("shim",),
        _NEVER,
        "The answer cannot be told to a check: an ambiguous head, or state that does not fit.",
        "Look at the provider's `content-type` and `content-encoding`; shorten the path.",
    ),
    ReasonSpec(
        Reason.CHECK_TIMEOUT,
        403,
        ("shim",),
        _NEVER,
        "A check did not answer in time.",
        "Look at the function's latency and instances, or raise its `timeout_ms`.",
    ),
    ReasonSpec(
        Reason.CHECK_STATUS,
        403,
        ("shim",),
        _NEVER,
        "A check answered with a status other than 200.",
        "Look at the function's log; 401 means that signing secret or token differ.",
    ),
    ReasonSpec(
        Reason.CHECK_RESET,
        403,
        ("shim",),
        _NEVER,
        "The connection to a check failed or broke.",
        "Look at the function's address, and whether it crashes.",
    ),
    ReasonSpec(
        Reason.CHECK_MALFORMED,
        403,
        ("shim",),
        _NEVER,
        "A check's answer does not keep the contract.",
        "Deploy shim and functions of the same contract version.",
    ),
    ReasonSpec(
        Reason.CHECK_THROTTLED,
        403,
        ("shim",),
        _NEVER,
        "Function Compute refused the callout for want of instances, also on the second try.",
        "Raise the function's concurrency or its instance limits.",
    ),
    ReasonSpec(
        Reason.CHECK_UNREACHABLE,
        403,
        ("shim",),
        _NEVER,
        "The sidecar knows no cluster of the name that the check's configuration gives.",
        "Apply the check's ServiceEntry, or correct `cluster`.",
    ),
    ReasonSpec(
        Reason.MASK_CONFLICT,
        403,
        ("shim",),
        _NEVER,
        "Two checks of one stage both changed the message.",
        "Put them into different stages.",
    ),
    ReasonSpec(
        Reason.MASK_IMPOSSIBLE,
        403,
        ("check",),
        _DENY,
        "What a rule masks stands where it cannot be masked: in a key, a number, a form or a path.",
        "Send it as plain text in a JSON string, or take it out.",
    ),
    ReasonSpec(
        Reason.MASK_RESTORED,
        200,
        ("check",),
        _MASK,
        "Placeholders in the answer were replaced by what they stand for.",
        "Nothing.",
    ),
    ReasonSpec(
        Reason.KEY_UNAVAILABLE,
        503,
        ("shim",),
        _NEVER,
        "There is no key for the host.",
        "Look at the key's source.",
    ),
    ReasonSpec(
        Reason.SHIM_OVERLOADED,
        503,
        ("shim",),
        _NEVER,
        "The sidecar holds as many calls as it can.",
        "Retry later; look for checks that hang.",
    ),
    ReasonSpec(
        Reason.SHIM_FAULT,
        403,
        ("shim",),
        _NEVER,
        "The sidecar's host refused an operation that must not fail.",
        "Report it with the sidecar's log.",
    ),
    ReasonSpec(
        Reason.CALLOUT_MALFORMED,
        400,
        ("edge",),
        _NEVER,
        "A header of the callout is missing, repeated or not of its form.",
        "Deploy shim and functions of the same contract version.",
    ),
    ReasonSpec(
        Reason.CALLOUT_UNAUTHORISED,
        401,
        ("edge",),
        _NEVER,
        "The callout's signature is missing, wrong or too old; nothing was read.",
        "Give shim and functions the same signing secret, and the right time.",
    ),
)

REASONS: Final[dict[Reason, ReasonSpec]] = {spec.reason: spec for spec in _SPECS}
