//! A check's answer, understood exactly as `functions.verdict.answer.decode` understands it.
//!
//!     503 or 504 without a date, which is Envoy's own ─▶ reset
//!     429, or 503 of the platform ─▶ throttled     other than 200 ─▶ status
//!     a header missing, repeated or ill-formed, a body that does not fit ─▶ malformed
//!     all else ─▶ an answer
//!
//! tests/contract/vectors/answers.json holds both sides to the same results.

const std = @import("std");
const contract = @import("contract.zig");
const core = @import("core.zig");
const headers = @import("headers.zig");
const text = @import("text.zig");

pub const Answer = struct {
    decision: contract.Decision,
    reason: contract.Reason,
    /// Of the policy, and of it what the verdict rests on; "" where nothing was found.
    revision: []const u8,
    rule: []const u8,
    /// How long an identical call may do without the check.
    cache_seconds: u32,
    /// For a denial: what the caller gets. Slices live as long as the headers.
    status: u32,
    content_type: []const u8,
    /// For the check's next callout; "" where there is none.
    state: []const u8,
    /// How many bytes at the end of a window come again at the start of the next one.
    keep: u32,

    /// What metrics and access logs tell of it.
    pub fn bore(answer: Answer) core.Bore {
        return .{ .reason = answer.reason, .rule = answer.rule, .revision = answer.revision };
    }
};

/// What bounds an answer.
pub const Limits = struct {
    /// Of a masked message.
    body_bytes_max: usize,
    /// Where the message is a window of a stream: its length, or 0 for the final one.
    keep_bytes_max: ?usize = null,
};

pub const Result = union(enum) { answer: Answer, failed: contract.Reason };

const Header = enum {
    contract,
    verdict,
    reason,
    revision,
    cache_seconds,
    state,
    keep,
    rule,
    status,
    content_type,
};

/// No answer says these, but a repeated one is as malformed as any of the contract's.
const callout_only = [_][]const u8{
    contract.header.phase,       contract.header.policy, contract.header.authority,
    contract.header.path,        contract.header.method, contract.header.workload,
    contract.header.deadline_ms, contract.header.stream, contract.header.signature,
};

/// Understand an answer, or say why it is a failed check.
pub fn decode(status: u64, map: headers.Map, body_bytes: usize, limits: Limits) Result {
    var values: std.EnumArray(Header, ?[]const u8) = .initFill(null);
    var others: std.StaticBitSet(callout_only.len) = .empty;
    var repeated = false;
    var platform = false;
    var dated = false;
    var each = map.iterator();
    while (each.next()) |pair| {
        if (std.ascii.eqlIgnoreCase(pair.name, contract.platform_header)) platform = true;
        if (std.ascii.eqlIgnoreCase(pair.name, "date")) dated = true;
        if (known(pair.name)) |name| {
            repeated = repeated or values.get(name) != null;
            values.set(name, pair.value);
        } else for (callout_only, 0..) |name, index| {
            if (!std.ascii.eqlIgnoreCase(pair.name, name)) continue;
            repeated = repeated or others.isSet(index);
            others.set(index);
        }
    }
    if ((status == 503 or status == 504) and !dated) return .{ .failed = .check_reset };
    if (status == 429 or (status == 503 and platform)) return .{ .failed = .check_throttled };
    if (status != 200) return .{ .failed = .check_status };
    if (repeated) return .{ .failed = .check_malformed };
    const answer = understand(&values) orelse return .{ .failed = .check_malformed };
    if (!fits(answer, values.get(.status) != null, body_bytes, limits)) {
        return .{ .failed = .check_malformed };
    }
    return .{ .answer = answer };
}

fn known(name: []const u8) ?Header {
    const names: std.EnumArray(Header, []const u8) = comptime .init(.{
        .contract = contract.header.contract,
        .verdict = contract.header.verdict,
        .reason = contract.header.reason,
        .revision = contract.header.revision,
        .cache_seconds = contract.header.cache_seconds,
        .state = contract.header.state,
        .keep = contract.header.keep,
        .rule = contract.header.rule,
        .status = contract.header.status,
        .content_type = "content-type",
    });
    for (std.enums.values(Header)) |header| {
        if (std.ascii.eqlIgnoreCase(names.get(header), name)) return header;
    }
    return null;
}

/// The answer that the headers tell, or null where a value is missing or unknown.
fn understand(values: *const std.EnumArray(Header, ?[]const u8)) ?Answer {
    if (!text.eql(values.get(.contract) orelse return null, contract.version)) return null;
    const verdict = values.get(.verdict) orelse return null;
    const decision = std.meta.stringToEnum(contract.Decision, verdict) orelse return null;
    const reason = reasonOf(values.get(.reason) orelse return null) orelse return null;
    const may_stand = @as(u8, 1) << @backingInt(decision);
    if (reason.spec().decisions & may_stand == 0) return null;
    const revision = values.get(.revision) orelse return null;
    if (!isToken(revision, "._-", contract.revision_bytes_max)) return null;
    const seconds = values.get(.cache_seconds) orelse return null;
    const cache_seconds = upTo(contract.cache_seconds_max, seconds) orelse return null;
    if (values.get(.state)) |state| {
        if (!isToken(state, "._~+/=-", contract.state_bytes_max)) return null;
    }
    const keep = upTo(contract.window_bytes_max, values.get(.keep) orelse "0") orelse return null;
    if (values.get(.rule)) |rule| {
        if (rule.len > contract.name_bytes_max or !text.isName(rule)) return null;
    }
    const status = if (values.get(.status)) |digits|
        upTo(contract.status_deny_max, digits) orelse return null
    else
        0;
    return .{
        .decision = decision,
        .reason = reason,
        .revision = revision,
        .rule = values.get(.rule) orelse "",
        .cache_seconds = cache_seconds,
        .status = status,
        .content_type = values.get(.content_type) orelse "",
        .state = values.get(.state) orelse "",
        .keep = keep,
    };
}

/// Whether what is kept, status, content type and body are those that the decision needs.
fn fits(answer: Answer, has_status: bool, body_bytes: usize, limits: Limits) bool {
    if (answer.keep > limits.keep_bytes_max orelse 0) return false;
    return switch (answer.decision) {
        .allow => !has_status and body_bytes == 0,
        .mask => !has_status and body_bytes <= limits.body_bytes_max and
            (body_bytes > 0 or limits.keep_bytes_max != null),
        .deny => answer.keep == 0 and answer.status >= contract.status_deny_min and
            answer.content_type.len > 0 and
            body_bytes > 0 and body_bytes <= contract.deny_body_bytes_max,
    };
}

fn reasonOf(code: []const u8) ?contract.Reason {
    for (contract.reasons, 0..) |spec, index| {
        if (text.eql(spec.code, code)) return @fromBackingInt(@intCast(index));
    }
    return null;
}

fn isToken(value: []const u8, marks: []const u8, bytes_max: usize) bool {
    if (value.len == 0 or value.len > bytes_max) return false;
    for (value) |byte| {
        if (std.ascii.isAlphanumeric(byte)) continue;
        if (text.indexOf(marks, byte) == null) return false;
    }
    return true;
}

fn upTo(limit: u32, digits: []const u8) ?u32 {
    const number = text.parse(digits) orelse return null;
    return if (number <= limit) @intCast(number) else null;
}
