//! A check's answer, understood exactly as `functions.verdict.answer.decode` understands it.
//!
//!     504 without a date, which is Envoy's own ─▶ timeout     503 without one ─▶ reset
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
    /// The last, since it is not the contract's own.
    content_type,
};

/// No answer says these, but a repeated one is as malformed as any of the contract's.
const callout_only = [_][]const u8{
    contract.header.phase,       contract.header.policy, contract.header.authority,
    contract.header.path,        contract.header.method, contract.header.workload,
    contract.header.deadline_ms, contract.header.stream, contract.header.signature,
};

/// All that may stand once: first what `Header` names, in its order.
const names = blk: {
    const fields = std.meta.fieldNames(Header);
    var all: [fields.len][]const u8 = undefined;
    for (fields[0..@backingInt(Header.content_type)], 0..) |field, index| {
        all[index] = @field(contract.header, field);
    }
    all[@backingInt(Header.content_type)] = "content-type";
    break :blk all ++ callout_only;
};

const Values = struct {
    all: [names.len]?[]const u8 = @splat(null),

    fn get(values: *const Values, header: Header) ?[]const u8 {
        return values.all[@backingInt(header)];
    }

    /// False where one is repeated.
    fn take(values: *Values, map: headers.Map) bool {
        var each = map.iterator();
        while (each.next()) |pair| {
            const value = for (names, &values.all) |name, *value| {
                if (std.ascii.eqlIgnoreCase(pair.name, name)) break value;
            } else continue;
            if (value.* != null) return false;
            value.* = pair.value;
        }
        return true;
    }
};

/// Understand an answer, or say why it is a failed check.
pub fn decode(status: u64, map: headers.Map, body_bytes: usize, limits: Limits) Result {
    if (status != 200) return .{ .failed = failure(status, map) };
    var values: Values = .{};
    if (values.take(map)) if (understand(&values)) |answer| {
        if (fits(&answer, values.get(.status) != null, body_bytes, limits)) {
            return .{ .answer = answer };
        }
    };
    return .{ .failed = .check_malformed };
}

fn failure(status: u64, map: headers.Map) contract.Reason {
    if (!map.has("date")) {
        if (status == 504) return .check_timeout;
        if (status == 503) return .check_reset;
    }
    const is_platforms = status == 503 and map.has(contract.platform_header);
    return if (status == 429 or is_platforms) .check_throttled else .check_status;
}

/// The answer that the headers tell, or null where a value is missing or unknown.
fn understand(values: *const Values) ?Answer {
    if (!text.eql(values.get(.contract) orelse return null, contract.version)) return null;
    const verdict = values.get(.verdict) orelse return null;
    const decisions = comptime text.names(contract.Decision);
    const decision = text.lineOf(decisions, verdict) orelse return null;
    const reason = reasonOf(values.get(.reason) orelse return null) orelse return null;
    const may_stand = @as(u8, 1) << @intCast(decision);
    if (reason.spec().decisions & may_stand == 0) return null;
    const revision = values.get(.revision) orelse return null;
    if (!isToken(revision, "._-", contract.revision_bytes_max)) return null;
    const seconds = values.get(.cache_seconds) orelse return null;
    if (values.get(.state)) |state| {
        if (!isToken(state, "._~+/=-", contract.state_bytes_max)) return null;
    }
    if (values.get(.rule)) |rule| {
        if (rule.len > contract.name_bytes_max or !text.isName(rule)) return null;
    }
    const keep = values.get(.keep) orelse "0";
    const status = values.get(.status) orelse "0";
    return .{
        .decision = @fromBackingInt(@intCast(decision)),
        .reason = reason,
        .revision = revision,
        .rule = values.get(.rule) orelse "",
        .cache_seconds = upTo(contract.cache_seconds_max, seconds) orelse return null,
        .status = upTo(contract.status_deny_max, status) orelse return null,
        .content_type = values.get(.content_type) orelse "",
        .state = values.get(.state) orelse "",
        .keep = upTo(contract.window_bytes_max, keep) orelse return null,
    };
}

/// Whether what is kept, status, content type and body are those that the decision needs.
fn fits(answer: *const Answer, has_status: bool, body_bytes: usize, limits: Limits) bool {
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
        if (!std.ascii.isAlphanumeric(byte) and !text.contains(marks, byte)) return false;
    }
    return true;
}

fn upTo(limit: u32, digits: []const u8) ?u32 {
    const number = text.parse(digits) orelse return null;
    if (number > limit) return null;
    return @intCast(number);
}
