"""What every check does before and after it judges: open the message, word a denial.

body ──open_message──▶ Message, or the denial of a message that cannot be checked
reason + detail ──denied──▶ Verdict in the provider's error shape
"""

from functions.prompt.denial import CONTENT_TYPE, STREAM_CONTENT_TYPE, closing, denial, shape_of
from functions.prompt.message import Message, read
from functions.prompt.strict_json import MalformedMessage, TooLarge
from functions.verdict import REASONS, Callout, Decision, Finding, Phase, Reason, Verdict

_NO_REVISION = "-"


def open_message(
    check: str, callout: Callout, body: bytes, revision: str, *, deny_unreadable: bool
) -> Message | Verdict:
    """The message, read; or the denial of one that cannot be read as the policy wants it."""
    # A response's path is its request's, and was read with it.
    path = callout.path if callout.phase is Phase.REQUEST else ""
    try:
        message = read(body, callout.content_type, callout.content_encoding, path)
    except TooLarge as error:
        return denied(check, callout, revision, Reason.REQUEST_TOO_LARGE, str(error))
    except MalformedMessage as error:
        return denied(check, callout, revision, Reason.REQUEST_MALFORMED, str(error))
    if message.unreadable and deny_unreadable:
        detail = "it holds images, sound, files or references"
        return denied(check, callout, revision, Reason.MESSAGE_UNREADABLE, detail)
    return message


def is_stream(callout: Callout) -> bool:
    """Whether the message is a streamed answer or a window of one."""
    if callout.phase is not Phase.RESPONSE:
        return False
    media_type = callout.content_type.partition(";")[0].strip().lower()
    return callout.stream is not None or media_type == STREAM_CONTENT_TYPE


def unknown_policy(check: str, callout: Callout) -> Verdict:
    """The denial of a message whose policy the check does not hold."""
    detail = f"{check} holds no such policy as {callout.policy}"
    return denied(check, callout, _NO_REVISION, Reason.POLICY_UNKNOWN, detail)


def denied(
    check: str,
    callout: Callout,
    revision: str,
    reason: Reason,
    detail: str,
    findings: tuple[Finding, ...] = (),
) -> Verdict:
    """A denial. `detail` says which rule or category; never the text that was found.

    For a streamed answer its body is the events that end the stream.
    """
    streamed = callout.stream is not None
    worded = (closing if streamed else denial)(shape_of(callout.path), reason, detail)
    return Verdict(
        check=check,
        phase=callout.phase,
        policy=callout.policy,
        revision=revision,
        decision=Decision.DENY,
        reason=reason,
        findings=findings,
        status=REASONS[reason].status,
        content_type=STREAM_CONTENT_TYPE if streamed else CONTENT_TYPE,
        body=worded,
    )
