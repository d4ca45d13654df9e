//! Reads a JSON document (RFC 8259) of a known form, and says where it is not of that form.
//!
//!     var fields = try reader.object(enum { name, stage });
//!     while (try fields.next()) |field| switch (field) {
//!         .name => … try reader.string(…),
//!         .stage => … try reader.integer(…),
//!     };
//!     try fields.require(&.{.name});
//!
//! Errors name the place, never a value: `checks[0].stage: must be a whole number from 1 to 8`.
//! Strings are slices of the document, in which escapes are resolved in place. (`std.json` would be
//! a quarter of the built plugin, and needs memory for each string with an escape.)

const std = @import("std");
const text = @import("text.zig");
const unescape = @import("unescape.zig");

pub const Error = error{Refused};

const path_bytes_max = 128;
const message_bytes_max = 512;
/// More of an unknown field's name is not shown.
const name_bytes_max = 64;

pub const Reader = struct {
    document: []u8,
    at: usize = 0,
    path_buffer: [path_bytes_max]u8 = undefined,
    path_bytes: usize = 0,
    message_buffer: [message_bytes_max]u8 = undefined,
    message_bytes: usize = 0,

    /// What was wrong, after an error.
    pub fn message(reader: *const Reader) []const u8 {
        return reader.message_buffer[0..reader.message_bytes];
    }

    /// Begins an object whose fields are those of the enumeration `Field`.
    pub fn object(reader: *Reader, comptime Field: type) Error!Object(Field) {
        if (!reader.take('{')) return reader.refuse(&.{"must be an object"});
        return .{ .walk = .{ .reader = reader, .mark = reader.path_bytes } };
    }

    /// Begins an array of one to `entries_max` entries.
    pub fn array(reader: *Reader, entries_max: usize) Error!Array {
        if (!reader.take('[')) return reader.refuse(&.{"must be an array"});
        const walk: Walk = .{ .reader = reader, .mark = reader.path_bytes };
        return .{ .walk = walk, .entries_max = entries_max };
    }

    pub fn string(reader: *Reader, bytes_min: usize, bytes_max: usize) Error![]const u8 {
        if (!reader.take('"')) return reader.refuse(&.{"must be a string"});
        const value = try reader.rest();
        if (value.len >= bytes_min and value.len <= bytes_max) return value;
        return reader.refuseBounds("must have a length in bytes from ", bytes_min, bytes_max);
    }

    pub fn integer(reader: *Reader, comptime T: type, least: T, most: T) Error!T {
        _ = reader.peek();
        const start = reader.at;
        while (reader.at < reader.document.len) : (reader.at += 1) {
            // All that a number of any form can hold, so that no form is read in part.
            const byte = reader.document[reader.at];
            if (text.indexOf("0123456789+-.eE", byte) == null) break;
        }
        if (text.parse(reader.document[start..reader.at])) |value| {
            if (value >= least and value <= most) return @intCast(value);
        }
        return reader.refuseBounds("must be a whole number from ", least, most);
    }

    pub fn choice(reader: *Reader, comptime Choice: type) Error!Choice {
        if (reader.take('"')) {
            if (std.meta.stringToEnum(Choice, try reader.rest())) |value| return value;
        }
        return reader.refuse(&.{ "must be one of ", comptime listed(std.meta.fieldNames(Choice)) });
    }

    /// Nothing may follow the document.
    pub fn end(reader: *Reader) Error!void {
        if (reader.peek() != null) return reader.malformed();
    }

    /// Fails with a message about the field that is being read.
    pub fn refuse(reader: *Reader, pieces: []const []const u8) Error {
        var line: text.Text = .{ .buffer = &reader.message_buffer };
        if (reader.path_bytes > 0) {
            line.add(reader.path_buffer[0..reader.path_bytes]);
            line.add(": ");
        }
        for (pieces) |piece| line.add(piece);
        reader.message_bytes = line.len;
        return error.Refused;
    }

    fn refuseBounds(reader: *Reader, what: []const u8, least: u64, most: u64) Error {
        var least_digits: [text.digits_max]u8 = undefined;
        var most_digits: [text.digits_max]u8 = undefined;
        return reader.refuse(&.{
            what,                             text.decimal(&least_digits, least), " to ",
            text.decimal(&most_digits, most),
        });
    }

    fn malformed(reader: *Reader) Error {
        var digits: [text.digits_max]u8 = undefined;
        const at = text.decimal(&digits, reader.at);
        reader.path_bytes = 0;
        return reader.refuse(&.{ "is not valid JSON from byte ", at, " on" });
    }

    fn extendPath(reader: *Reader, pieces: []const []const u8) void {
        var path: text.Text = .{ .buffer = &reader.path_buffer, .len = reader.path_bytes };
        for (pieces) |piece| path.add(piece);
        reader.path_bytes = path.len;
    }

    /// The next byte that is no white space, or null at the end.
    fn peek(reader: *Reader) ?u8 {
        while (reader.at < reader.document.len) : (reader.at += 1) {
            const byte = reader.document[reader.at];
            if (text.indexOf(" \t\r\n", byte) == null) return byte;
        }
        return null;
    }

    fn take(reader: *Reader, byte: u8) bool {
        if (reader.peek() != byte) return false;
        reader.at += 1;
        return true;
    }

    /// The rest of a string, its opening quote being taken.
    fn rest(reader: *Reader) Error![]const u8 {
        return unescape.string(reader.document, &reader.at) catch reader.malformed();
    }
};

/// What objects and arrays have in common: entries between commas, up to a closing bracket.
const Walk = struct {
    reader: *Reader,
    /// The length of the path of the whole.
    mark: usize,
    count: usize = 0,

    /// Whether one more entry follows.
    fn next(walk: *Walk, bracket: u8) Error!bool {
        walk.reader.path_bytes = walk.mark;
        if (walk.reader.take(bracket)) return false;
        if (walk.count > 0 and !walk.reader.take(',')) return walk.reader.malformed();
        walk.count += 1;
        return true;
    }
};

/// Walks an object's fields. Each may stand once.
fn Object(comptime Field: type) type {
    const names = std.meta.fieldNames(Field);
    return struct {
        const Self = @This();

        walk: Walk,
        seen: u32 = 0,

        pub fn next(self: *Self) Error!?Field {
            const index = try nextField(&self.walk, &self.seen, names, comptime listed(names));
            return @fromBackingInt(@intCast(index orelse return null));
        }

        /// To be called at the object's end: all of `fields` must have been there.
        pub fn require(self: *Self, fields: []const Field) Error!void {
            for (fields) |field| {
                const index = @backingInt(field);
                if (self.seen >> index & 1 != 0) continue;
                return refuseField(&self.walk, names[index], "is missing");
            }
        }
    };
}

/// The index of the next field's name in `names`, or null at the object's end.
fn nextField(walk: *Walk, seen: *u32, names: []const [:0]const u8, known: []const u8) Error!?u5 {
    const reader = walk.reader;
    if (!try walk.next('}')) return null;
    if (!reader.take('"')) return reader.malformed();
    const name = try reader.rest();
    if (!reader.take(':')) return reader.malformed();
    for (names, 0..) |each, index| {
        if (!text.eql(each, name)) continue;
        const bit = @as(u32, 1) << @intCast(index);
        if (seen.* & bit != 0) return refuseField(walk, each, "stands twice");
        seen.* |= bit;
        extendWithField(walk, each);
        return @intCast(index);
    }
    var shown: [name_bytes_max]u8 = undefined;
    const bytes = @min(name.len, shown.len);
    for (name[0..bytes], shown[0..bytes]) |byte, *to| {
        to.* = if (byte > ' ' and byte <= '~') byte else '?';
    }
    extendWithField(walk, shown[0..bytes]);
    return reader.refuse(&.{ "is not known here; known are ", known });
}

fn refuseField(walk: *Walk, name: []const u8, what: []const u8) Error {
    extendWithField(walk, name);
    return walk.reader.refuse(&.{what});
}

fn extendWithField(walk: *Walk, name: []const u8) void {
    walk.reader.path_bytes = walk.mark;
    walk.reader.extendPath(&.{ if (walk.mark > 0) "." else "", name });
}

const Array = struct {
    walk: Walk,
    entries_max: usize,

    /// The index of the next entry, or null at the end.
    pub fn next(array: *Array) Error!?usize {
        const reader = array.walk.reader;
        const index = array.walk.count;
        if (!try array.walk.next(']')) {
            if (index == 0) return reader.refuse(&.{"must have an entry"});
            return null;
        }
        var digits: [text.digits_max]u8 = undefined;
        if (index == array.entries_max) {
            const most = text.decimal(&digits, index);
            return reader.refuse(&.{ "must have no more entries than ", most });
        }
        reader.extendPath(&.{ "[", text.decimal(&digits, index), "]" });
        return index;
    }
};

fn listed(comptime names: []const [:0]const u8) []const u8 {
    var list: []const u8 = names[0];
    for (names[1..]) |name| list = list ++ ", " ++ name;
    return list;
}
