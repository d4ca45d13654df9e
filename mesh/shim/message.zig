//! What the shim remembers of a request, so that it can tell the checks when the headers are out of
//! its reach: bounded, copied, and fit to stand in a header and in a signed line.
//!
//! A request on a guarded host whose headers do not fit is refused as `request.unsupported`: it
//! cannot be told to a check as it is, and told otherwise it is not what the provider gets.

const std = @import("std");
const contract = @import("contract.zig");
const headers = @import("headers.zig");
const memory = @import("memory.zig");
const text = @import("text.zig");

pub const Field = enum {
    authority,
    path,
    method,
    content_type,
    content_encoding,
    request_id,
    traceparent,
};

const Spec = struct {
    header: []const u8,
    bytes_max: u16,
    rule: Rule,
    /// The bytes that it may hold, but for `delete`. Those above ASCII are signed as they are.
    least: u8 = '!',
    most: u8 = 0xff,
};

/// What becomes of a request whose field is missing, repeated, too long or has other bytes.
const Rule = enum {
    /// Refused, also when it is missing.
    needed,
    /// Refused.
    checked,
    /// Goes on; only the field is not passed on. It decides nothing.
    dropped,
};

/// In the order of `Field`. The bounds are those of `functions.verdict.callout`; ids are as long as
/// anybody makes them.
const specs = [_]Spec{
    .{ .header = ":authority", .bytes_max = contract.authority_header_bytes_max, .rule = .needed },
    .{ .header = ":path", .bytes_max = contract.path_header_bytes_max, .rule = .needed },
    .{ .header = ":method", .bytes_max = 16, .rule = .needed, .least = 'A', .most = 'Z' },
    .{ .header = "content-type", .bytes_max = 255, .rule = .checked, .least = ' ' },
    .{ .header = "content-encoding", .bytes_max = 64, .rule = .checked, .least = ' ' },
    .{ .header = "x-request-id", .bytes_max = 128, .rule = .dropped },
    .{ .header = "traceparent", .bytes_max = 64, .rule = .dropped },
};

/// The one control character that is no low number.
const delete = 0x7f;

pub const text_bytes_max = blk: {
    var sum: usize = 0;
    for (specs) |spec| sum += spec.bytes_max;
    break :blk sum;
};

pub const Error = error{ Unsupported, OutOfMemory };

pub const Message = struct {
    text: []u8 = "",
    /// Where each field's text ends; it begins where the one before it ends.
    ends: [specs.len]u16 = @splat(0),
    /// A length of the body is announced; a changed body needs another.
    is_length_announced: bool = false,
    /// That length; 0 where it is none. The body is measured all the same.
    announced_bytes: u64 = 0,

    /// Remember the request with these headers, until `forget`.
    pub fn remember(message: *Message, map: headers.Map) Error!void {
        return message.keep(std.enums.values(Field), map);
    }

    /// Remember only what the headers say of the body.
    pub fn rememberContent(message: *Message, map: headers.Map) Error!void {
        return message.keep(&.{ .content_type, .content_encoding }, map);
    }

    fn keep(message: *Message, fields: []const Field, map: headers.Map) Error!void {
        var values: [specs.len][]const u8 = undefined;
        @memset(&values, "");
        for (fields) |field| {
            const spec = &specs[@backingInt(field)];
            values[@backingInt(field)] = fit(spec, field == .path, map) orelse
                if (spec.rule == .dropped) "" else return error.Unsupported;
        }
        var end: usize = 0;
        for (&values, &message.ends) |value, *mark| {
            end += value.len;
            mark.* = @intCast(end);
        }
        message.text = try memory.allocator.alloc(u8, end);
        var whole: text.Text = .{ .buffer = message.text };
        for (&values) |value| whole.add(value);
        const announced = map.first("content-length");
        message.is_length_announced = announced.len > 0;
        message.announced_bytes = text.parse(announced) orelse 0;
    }

    pub fn forget(message: *Message) void {
        memory.allocator.free(message.text);
        message.* = .{};
    }

    pub fn get(message: *const Message, field: Field) []const u8 {
        const index = @backingInt(field);
        const start = if (index == 0) 0 else message.ends[index - 1];
        return message.text[start..message.ends[index]];
    }
};

/// Whether the connection is to carry something that is no HTTP message.
pub fn upgrades(map: headers.Map) bool {
    return map.has("upgrade") or map.has(":protocol") or
        text.eql(map.first(":method"), "CONNECT");
}

/// Whether that is a request of the kind that opens a connection, and brings nothing else: a body
/// beside it would go unchecked.
pub fn mayUpgrade(map: headers.Map) bool {
    const method = map.first(":method");
    return text.eql(method, "GET") or text.eql(method, "CONNECT");
}

/// A field's value as it may be told: whole, or cut to its limit; null where it may not.
fn fit(spec: *const Spec, may_cut: bool, map: headers.Map) ?[]const u8 {
    const value = (map.once(spec.header) catch return null) orelse "";
    if (value.len == 0 and spec.rule == .needed) return null;
    for (value) |byte| {
        if (byte < spec.least or byte > spec.most or byte == delete) return null;
    }
    if (value.len <= spec.bytes_max) return value;
    return if (may_cut) value[0..spec.bytes_max] else null;
}
