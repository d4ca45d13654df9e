//! Generated from functions/verdict by `make generate`; do not edit.
//! The contract between shim and checks: names, limits, decisions, reasons.

pub const version = "1";
pub const verdict_path = "/v1/verdict";
pub const keys_path = "/v1/keys";
pub const keys_purpose = "meshward-keys-v1";
pub const keys_encrypting = "meshward-keys-seal-v1 encrypt";
pub const keys_authenticating = "meshward-keys-seal-v1 authenticate";
pub const callout_media_type = "application/vnd.meshward.callout";
pub const platform_header = "x-fc-request-id";

pub const header_bytes_max = 6144;
pub const path_header_bytes_max = 1024;
pub const authority_header_bytes_max = 255;
pub const state_bytes_max = 4096;
pub const revision_bytes_max = 64;
pub const name_bytes_max = 64;
pub const deny_body_bytes_max = 65536;
pub const window_bytes_max = 262144;
pub const cache_seconds_max = 86400;
pub const deadline_ms_max = 60000;
pub const secret_bytes_min = 32;
pub const status_deny_min = 400;
pub const status_deny_max = 599;
pub const hosts_max = 64;
pub const host_bytes_max = 253;
pub const host_keys_max = 8;
pub const key_bytes_max = 4096;
pub const keys_bytes_max = 65536;

pub const header = struct {
    pub const contract = "x-meshward-contract";
    pub const phase = "x-meshward-phase";
    pub const policy = "x-meshward-policy";
    pub const authority = "x-meshward-authority";
    pub const path = "x-meshward-path";
    pub const method = "x-meshward-method";
    pub const workload = "x-meshward-workload";
    pub const deadline_ms = "x-meshward-deadline-ms";
    pub const stream = "x-meshward-stream";
    pub const state = "x-meshward-state";
    pub const signature = "x-meshward-signature";
    pub const verdict = "x-meshward-verdict";
    pub const reason = "x-meshward-reason";
    pub const revision = "x-meshward-revision";
    pub const cache_seconds = "x-meshward-cache-seconds";
    pub const keep = "x-meshward-keep";
    pub const status = "x-meshward-status";
    pub const rule = "x-meshward-rule";
};

pub const Phase = enum {
    request,
    response,
};

/// From the mildest to the strictest.
pub const Decision = enum {
    allow,
    mask,
    deny,
};

pub const ReasonSpec = struct {
    code: []const u8,
    /// The caller's status when the reason ends in a denial.
    status: u16,
    /// Which decisions it may stand in: bit @intFromEnum(Decision); 0 for none.
    decisions: u8,
};

pub const Reason = enum {
    rule_none,
    rule_matched,
    rule_monitored,
    judge_cleared,
    judge_flagged,
    judge_monitored,
    judge_skipped,
    judge_timeout,
    judge_unavailable,
    judge_malformed,
    message_empty,
    message_unreadable,
    policy_unknown,
    request_malformed,
    request_too_large,
    request_unsupported,
    response_too_large,
    response_unsupported,
    check_timeout,
    check_status,
    check_reset,
    check_malformed,
    check_throttled,
    check_unreachable,
    mask_conflict,
    mask_impossible,
    mask_restored,
    key_unavailable,
    shim_overloaded,
    shim_fault,
    callout_malformed,
    callout_unauthorised,

    pub fn spec(reason: Reason) ReasonSpec {
        return reasons[@backingInt(reason)];
    }
};

/// In the order of `Reason`.
pub const reasons = [_]ReasonSpec{
    .{ .code = "rule.none", .status = 200, .decisions = 1 },
    .{ .code = "rule.matched", .status = 403, .decisions = 6 },
    .{ .code = "rule.monitored", .status = 200, .decisions = 1 },
    .{ .code = "judge.cleared", .status = 200, .decisions = 1 },
    .{ .code = "judge.flagged", .status = 403, .decisions = 4 },
    .{ .code = "judge.monitored", .status = 200, .decisions = 1 },
    .{ .code = "judge.skipped", .status = 200, .decisions = 1 },
    .{ .code = "judge.timeout", .status = 403, .decisions = 5 },
    .{ .code = "judge.unavailable", .status = 403, .decisions = 5 },
    .{ .code = "judge.malformed", .status = 403, .decisions = 5 },
    .{ .code = "message.empty", .status = 200, .decisions = 1 },
    .{ .code = "message.unreadable", .status = 403, .decisions = 4 },
    .{ .code = "policy.unknown", .status = 403, .decisions = 4 },
    .{ .code = "request.malformed", .status = 400, .decisions = 4 },
    .{ .code = "request.too-large", .status = 413, .decisions = 4 },
    .{ .code = "request.unsupported", .status = 403, .decisions = 0 },
    .{ .code = "response.too-large", .status = 403, .decisions = 0 },
    .{ .code = "response.unsupported", .status = 403, .decisions = 0 },
    .{ .code = "check.timeout", .status = 403, .decisions = 0 },
    .{ .code = "check.status", .status = 403, .decisions = 0 },
    .{ .code = "check.reset", .status = 403, .decisions = 0 },
    .{ .code = "check.malformed", .status = 403, .decisions = 0 },
    .{ .code = "check.throttled", .status = 403, .decisions = 0 },
    .{ .code = "check.unreachable", .status = 403, .decisions = 0 },
    .{ .code = "mask.conflict", .status = 403, .decisions = 0 },
    .{ .code = "mask.impossible", .status = 403, .decisions = 4 },
    .{ .code = "mask.restored", .status = 200, .decisions = 2 },
    .{ .code = "key.unavailable", .status = 503, .decisions = 0 },
    .{ .code = "shim.overloaded", .status = 503, .decisions = 0 },
    .{ .code = "shim.fault", .status = 403, .decisions = 0 },
    .{ .code = "callout.malformed", .status = 400, .decisions = 0 },
    .{ .code = "callout.unauthorised", .status = 401, .decisions = 0 },
};
