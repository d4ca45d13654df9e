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

    fn header(field: Field) []const u8 {
        return switch (field) {
            .authority => ":authority",
            .path => ":path",
            .method => ":method",
            .content_type => "content-type",
            .content_encoding => "content-encoding",
            .request_id => "x-request-id",
            .traceparent => "traceparent",
        };
    }

    /// The bounds are those of `functions.verdict.callout`; ids are as long as anybody makes them.
    fn bytesMax(field: Field) usize {
        return switch (field) {
            .authority => contract.authority_header_bytes_max,
            .path => contract.path_header_bytes_max,
            .method => 16,
            .content_type => 255,
            .content_encoding => 64,
            .request_id => 128,
            .traceparent => 64,
        };
    }

    fn rule(field: Field) Rule {
        return switch (field) {
            .authority, .path, .method => .needed,
            .content_type, .content_encoding => .checked,
            .request_id, .traceparent => .dropped,
        };
    }

    fn accepts(field: Field, byte: u8) bool {
        return switch (field) {
            .method => std.ascii.isUpper(byte),
            .content_type, .content_encoding => byte >= ' ' and byte != delete,
            else => byte > ' ' and byte != delete,
        };
    }
};

/// The one control character that is no low number. Bytes above it are signed as they are.
const delete = 0x7f;

/// What becomes of a request whose field is missing, repeated, too long or has other bytes.
const Rule = enum {
    /// Refused, also when it is missing.
    needed,
    /// Refused.
    checked,
    /// Goes on; only the field is not passed on. It decides nothing.
    dropped,
};

pub const text_bytes_max = blk: {
    var sum: usize = 0;
    for (std.enums.values(Field)) |field| sum += field.bytesMax();
    break :blk sum;
};

const fields_count = std.enums.values(Field).len;

pub const Error = error{ Unsupported, OutOfMemory };

pub const Message = struct {
    text: []u8 = "",
    /// Where each field's text ends; it begins where the one before it ends.
    ends: [fields_count]u16 = @splat(0),
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
        var values: [fields_count][]const u8 = @splat("");
        for (fields) |field| values[@backingInt(field)] = try fit(field, map);
        var end: usize = 0;
        for (values, &message.ends) |value, *mark| {
            end += value.len;
            mark.* = @intCast(end);
        }
        message.text = try memory.allocator.alloc(u8, end);
        var whole: text.Text = .{ .buffer = message.text };
        for (values) |value| whole.add(value);
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
    var each = map.iterator();
    while (each.next()) |pair| {
        if (std.ascii.eqlIgnoreCase(pair.name, "upgrade")) return true;
        if (std.ascii.eqlIgnoreCase(pair.name, ":protocol")) return true;
    }
    return text.eql(map.first(":method"), "CONNECT");
}

/// A field's value as it may be told: whole, or a path cut to its limit.
fn fit(field: Field, map: headers.Map) error{Unsupported}![]const u8 {
    const value = once(field.header(), map) catch return unfit(field);
    if (value.len == 0) return if (field.rule() == .needed) error.Unsupported else "";
    for (value) |byte| {
        if (!field.accepts(byte)) return unfit(field);
    }
    if (value.len <= field.bytesMax()) return value;
    return if (field == .path) value[0..field.bytesMax()] else unfit(field);
}

fn unfit(field: Field) error{Unsupported}![]const u8 {
    return if (field.rule() == .dropped) "" else error.Unsupported;
}

fn once(name: []const u8, map: headers.Map) error{Repeated}![]const u8 {
    var value: ?[]const u8 = null;
    var each = map.iterator();
    while (each.next()) |pair| {
        if (!std.ascii.eqlIgnoreCase(pair.name, name)) continue;
        if (value != null) return error.Repeated;
        value = pair.value;
    }
    return value orelse "";
}
