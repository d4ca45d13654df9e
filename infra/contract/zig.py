"""The contract as Zig constants: header names, limits, decisions, and what each reason means."""

from functions.verdict import REASONS, Decision, Header, Phase
from functions.verdict import contract as words

_LIMITS = (
    "HEADER_BYTES_MAX",
    "PATH_HEADER_BYTES_MAX",
    "AUTHORITY_HEADER_BYTES_MAX",
    "STATE_BYTES_MAX",
    "REVISION_BYTES_MAX",
    "NAME_BYTES_MAX",
    "DENY_BODY_BYTES_MAX",
    "WINDOW_BYTES_MAX",
    "CACHE_SECONDS_MAX",
    "DEADLINE_MS_MAX",
    "SECRET_BYTES_MIN",
    "STATUS_DENY_MIN",
    "STATUS_DENY_MAX",
    "HOSTS_MAX",
    "HOST_BYTES_MAX",
    "HOST_KEYS_MAX",
    "KEY_BYTES_MAX",
    "KEYS_BYTES_MAX",
)


def render() -> str:
    """The text of `contract.zig`, formatted as `zig fmt` wants it."""
    lines = [
        "//! Generated from functions/verdict by `make generate`; do not edit.",
        "//! The contract between shim and checks: names, limits, decisions, reasons.",
        "",
        f'pub const version = "{words.CONTRACT_VERSION}";',
        f'pub const verdict_path = "{words.VERDICT_PATH}";',
        f'pub const keys_path = "{words.KEYS_PATH}";',
        f'pub const keys_purpose = "{words.KEYS_PURPOSE}";',
        f'pub const keys_encrypting = "{words.KEYS_ENCRYPTING}";',
        f'pub const keys_authenticating = "{words.KEYS_AUTHENTICATING}";',
        f'pub const callout_media_type = "{words.CALLOUT_MEDIA_TYPE}";',
        f'pub const platform_header = "{words.PLATFORM_HEADER}";',
        "",
        *(f"pub const {name.lower()} = {getattr(words, name)};" for name in _LIMITS),
        "",
        "pub const header = struct {",
        *(f'    pub const {header.name.lower()} = "{header.value}";' for header in Header),
        "};",
        "",
        "pub const Phase = enum {",
        *(f"    {phase.value}," for phase in Phase),
        "};",
        "",
        "/// From the mildest to the strictest.",
        "pub const Decision = enum {",
        *(f"    {decision.value}," for decision in Decision),
        "};",
        "",
        "pub const ReasonSpec = struct {",
        "    code: []const u8,",
        "    /// The caller's status when the reason ends in a denial.",
        "    status: u16,",
        "    /// Which decisions it may stand in: bit @intFromEnum(Decision); 0 for none.",
        "    decisions: u8,",
        "};",
        "",
        "pub const Reason = enum {",
        *(f"    {spec.reason.name.lower()}," for spec in REASONS.values()),
        "",
        "    pub fn spec(reason: Reason) ReasonSpec {",
        "        return reasons[@backingInt(reason)];",
        "    }",
        "};",
        "",
        "/// In the order of `Reason`.",
        "pub const reasons = [_]ReasonSpec{",
        *(
            f'    .{{ .code = "{spec.reason.value}", .status = {spec.status}, '
            f".decisions = {sum(1 << list(Decision).index(each) for each in spec.decisions)} }},"
            for spec in REASONS.values()
        ),
        "};",
    ]
    return "\n".join(lines) + "\n"
