//! What a check's HTTP answer means. Exactly one reading counts; anything else is a failed check.
//!
//! The same rules stand in functions/verdict/answer.py; the vectors hold both to them.

const std = @import("std");
const contract = @import("contract.zig");
const pairs = @import("pairs.zig");
const Decision = contract.Decision;
const Reason = contract.Reason;

pub const Verdict = struct {
    decision: Decision,
    reason: Reason,
    revision: []const u8,
    cache_seconds: u32,
    state: []const u8,
    /// For a denial: the caller's status, and the content type of the body.
    status: u32,
    content_type: []const u8,
};

pub const Answer = union(enum) { verdict: Verdict, failed: Reason };

/// The headers that decide, as they came; null where one did not come.
const Fields = struct {
    status: []const u8 = "",
    dated: bool = false,
    from_platform: bool = false,
    repeated: bool = false,
    contract_version: ?[]const u8 = null,
    verdict: ?[]const u8 = null,
    reason: ?[]const u8 = null,
    revision: ?[]const u8 = null,
    cache_seconds: ?[]const u8 = null,
    state: ?[]const u8 = null,
    deny_status: ?[]const u8 = null,
    content_type: ?[]const u8 = null,
};

/// `headers` is a serialised map with `:status`; `body_bytes_max` bounds a masked message.
pub fn decode(headers: []const u8, body_len: usize, body_bytes_max: usize) Answer {
    const fields = collect(headers);
    const status = number(fields.status, 999) orelse return .{ .failed = .check_reset };
    // Envoy answers for a host that it cannot reach, and its own answers bear no date.
    if ((status == 503 or status == 504) and !fields.dated) return .{ .failed = .check_reset };
    if (status == 429 or (status == 503 and fields.from_platform)) return .{ .failed = .check_throttled };
    if (status != 200) return .{ .failed = .check_status };
    if (fields.repeated) return .{ .failed = .check_malformed };
    const verdict = read(fields) orelse return .{ .failed = .check_malformed };
    const fits = switch (verdict.decision) {
        .allow => fields.deny_status == null and body_len == 0,
        .mask => fields.deny_status == null and body_len > 0 and body_len <= body_bytes_max,
        .deny => verdict.status >= contract.status_deny_min and verdict.content_type.len > 0 and
            body_len > 0 and body_len <= contract.deny_body_bytes_max,
    };
    return if (fits) .{ .verdict = verdict } else .{ .failed = .check_malformed };
}

fn collect(headers: []const u8) Fields {
    var fields: Fields = .{};
    var it: pairs.Iterator = .init(headers);
    while (it.next()) |pair| {
        if (is(pair.name, ":status")) {
            fields.status = pair.value;
        } else if (is(pair.name, "date")) {
            fields.dated = true;
        } else if (is(pair.name, contract.platform_header)) {
            fields.from_platform = true;
        } else if (slot(&fields, pair.name)) |place| {
            fields.repeated = fields.repeated or place.* != null;
            place.* = pair.value;
        }
    }
    return fields;
}

fn slot(fields: *Fields, name: []const u8) ?*?[]const u8 {
    const header = contract.header;
    if (is(name, header.contract)) return &fields.contract_version;
    if (is(name, header.verdict)) return &fields.verdict;
    if (is(name, header.reason)) return &fields.reason;
    if (is(name, header.revision)) return &fields.revision;
    if (is(name, header.cache_seconds)) return &fields.cache_seconds;
    if (is(name, header.state)) return &fields.state;
    if (is(name, header.status)) return &fields.deny_status;
    if (is(name, "content-type")) return &fields.content_type;
    return null;
}

fn read(fields: Fields) ?Verdict {
    if (!is(fields.contract_version orelse return null, contract.version)) return null;
    const decision = std.meta.stringToEnum(Decision, fields.verdict orelse return null) orelse return null;
    const reason = reasonOf(fields.reason orelse return null) orelse return null;
    if (reason.spec().decisions & (@as(u8, 1) << @backingInt(decision)) == 0) return null;
    const revision = fields.revision orelse return null;
    if (!made(revision, "._-", contract.revision_bytes_max)) return null;
    const state = fields.state orelse "";
    if (fields.state != null and !made(state, "._~+/=-", contract.state_bytes_max)) return null;
    const seconds = number(fields.cache_seconds orelse return null, contract.cache_seconds_max) orelse return null;
    const status = if (fields.deny_status) |text|
        number(text, contract.status_deny_max) orelse return null
    else
        0;
    return .{
        .decision = decision,
        .reason = reason,
        .revision = revision,
        .cache_seconds = seconds,
        .state = state,
        .status = status,
        .content_type = fields.content_type orelse "",
    };
}

/// The reason of a code, if it is one.
pub fn reasonOf(code: []const u8) ?Reason {
    for (contract.reasons, 0..) |spec, index| {
        if (is(code, spec.code)) return @fromBackingInt(@intCast(index));
    }
    return null;
}

/// A whole number without sign, leading zeros or white space, up to `limit`.
pub fn number(text: []const u8, limit: u32) ?u32 {
    if (text.len == 0 or text.len > 9 or (text.len > 1 and text[0] == '0')) return null;
    var value: u32 = 0;
    for (text) |byte| {
        if (byte < '0' or byte > '9') return null;
        value = value * 10 + (byte - '0');
    }
    return if (value <= limit) value else null;
}

/// Whether `text` is 1 to `limit` letters, digits and bytes of `extra`.
fn made(text: []const u8, extra: []const u8, limit: usize) bool {
    if (text.len == 0 or text.len > limit) return false;
    for (text) |byte| switch (byte) {
        'a'...'z', 'A'...'Z', '0'...'9' => {},
        else => if (std.mem.findScalar(u8, extra, byte) == null) return false,
    };
    return true;
}

fn is(a: []const u8, b: []const u8) bool {
    return std.mem.eql(u8, a, b);
}
