//! Reads a JSON document as a walk, and says where in it something is wrong.
//!
//!     while (try r.key()) |key| { … r.string() … r.integer() … else return r.unknown(key, known) }
//!
//! An error message names the place (`hosts[0].credential.header`) and what was expected. It never
//! quotes a value, which may be a secret. Used once, when the plugin is configured.

const std = @import("std");

pub const Error = error{BadConfig};

const depth_max = 8;
const message_bytes_max = 512;

/// A step of the path: the name of a key, or an index.
const Step = union(enum) { name: []const u8, index: usize };

pub const Reader = struct {
    arena: std.mem.Allocator,
    scanner: std.json.Scanner,
    path: [depth_max]Step = undefined,
    depth: usize = 0,
    message_buffer: [message_bytes_max]u8 = undefined,
    message_len: usize = 0,

    /// Strings that are read live as long as `arena`.
    pub fn init(arena: std.mem.Allocator, text: []const u8) Reader {
        return .{ .arena = arena, .scanner = std.json.Scanner.initCompleteInput(arena, text) };
    }

    /// What was wrong, after an error.
    pub fn message(r: *const Reader) []const u8 {
        return r.message_buffer[0..r.message_len];
    }

    pub fn beginObject(r: *Reader) Error!void {
        if (try r.next() != .object_begin) return r.fail("must be an object");
        try r.push(.{ .name = "" });
    }

    /// The next key of the object, or null at its end. The path then names that key.
    pub fn key(r: *Reader) Error!?[]const u8 {
        switch (try r.next()) {
            .object_end => {
                r.depth -= 1;
                return null;
            },
            .string, .allocated_string => |name| {
                r.path[r.depth - 1] = .{ .name = name };
                return name;
            },
            else => return r.fail("must have names as keys"),
        }
    }

    pub fn beginArray(r: *Reader) Error!void {
        if (try r.next() != .array_begin) return r.fail("must be a list");
        try r.push(.{ .index = 0 });
    }

    /// Whether there is one more element; `index` counts those before it.
    pub fn element(r: *Reader, index: usize) Error!bool {
        const kind = r.scanner.peekNextTokenType() catch return r.fail("is not JSON from here on");
        if (kind == .array_end) {
            _ = try r.next();
            r.depth -= 1;
            return false;
        }
        r.path[r.depth - 1] = .{ .index = index };
        return true;
    }

    pub fn string(r: *Reader) Error![]const u8 {
        return switch (try r.next()) {
            .string, .allocated_string => |text| text,
            else => r.fail("must be a string"),
        };
    }

    /// A whole number from `low` to `high`.
    pub fn integer(r: *Reader, low: u32, high: u32) Error!u32 {
        const text = switch (try r.next()) {
            .number, .allocated_number => |digits| digits,
            else => return r.fail("must be a whole number"),
        };
        const value = std.fmt.parseUnsigned(u32, text, 10) catch return r.fail("must be a whole number");
        if (value < low or value > high) return r.failBounds(low, high);
        return value;
    }

    /// Nothing but white space may follow the document.
    pub fn end(r: *Reader) Error!void {
        if (try r.next() != .end_of_document) return r.fail("must end after one object");
    }

    pub fn unknown(r: *Reader, known: []const u8) Error {
        return r.failWith(&.{ "is not known; known here are ", known });
    }

    pub fn missing(r: *Reader, name: []const u8) Error {
        return r.failWith(&.{ "lacks the required key ", name });
    }

    pub fn fail(r: *Reader, what: []const u8) Error {
        return r.failWith(&.{what});
    }

    fn failBounds(r: *Reader, low: u32, high: u32) Error {
        var buffer: [64]u8 = undefined;
        var text: Text = .{ .buffer = &buffer };
        text.add("must lie between ");
        text.addNumber(low);
        text.add(" and ");
        text.addNumber(high);
        return r.fail(text.written());
    }

    fn failWith(r: *Reader, pieces: []const []const u8) Error {
        if (r.message_len != 0) return error.BadConfig; // The first reason is the one that helps.
        var text: Text = .{ .buffer = &r.message_buffer };
        for (r.path[0..r.depth], 0..) |step, at| switch (step) {
            .name => |name| if (name.len > 0) {
                if (at > 0) text.add(".");
                text.addVisible(name);
            },
            .index => |index| {
                text.add("[");
                text.addNumber(index);
                text.add("]");
            },
        };
        if (text.len == 0) text.add("the configuration");
        text.add(" ");
        for (pieces) |piece| text.add(piece);
        r.message_len = text.len;
        return error.BadConfig;
    }

    fn next(r: *Reader) Error!std.json.Token {
        return r.scanner.nextAlloc(r.arena, .alloc_if_needed) catch r.fail("is not JSON from here on");
    }

    fn push(r: *Reader, step: Step) Error!void {
        if (r.depth == depth_max) return r.fail("is nested too deeply");
        r.path[r.depth] = step;
        r.depth += 1;
    }
};

/// Text in a buffer of fixed size; what does not fit is cut.
pub const Text = struct {
    buffer: []u8,
    len: usize = 0,

    pub fn add(text: *Text, piece: []const u8) void {
        const fits = @min(piece.len, text.buffer.len - text.len);
        @memcpy(text.buffer[text.len..][0..fits], piece[0..fits]);
        text.len += fits;
    }

    /// Like `add`, with anything but printable ASCII shown as `?`: it goes into a log line.
    pub fn addVisible(text: *Text, piece: []const u8) void {
        for (piece[0..@min(piece.len, 80)]) |byte| {
            text.add(if (byte >= 0x20 and byte < 0x7f) &.{byte} else "?");
        }
    }

    pub fn addNumber(text: *Text, value: u64) void {
        var digits: [20]u8 = undefined;
        var at: usize = digits.len;
        var rest = value;
        while (true) {
            at -= 1;
            digits[at] = '0' + @as(u8, @intCast(rest % 10));
            rest /= 10;
            if (rest == 0) break;
        }
        text.add(digits[at..]);
    }

    pub fn written(text: *const Text) []const u8 {
        return text.buffer[0..text.len];
    }

    pub fn full(text: *const Text) bool {
        return text.len == text.buffer.len;
    }
};
