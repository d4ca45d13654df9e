//! Reads a JSON document (RFC 8259) of a known form, and says where it is not of that form.
//!
//!     var fields = reader.object(enum { name, stage });
//!     while (fields.next()) |field| switch (field) {
//!         .name => … reader.string(…),
//!         .stage => … reader.integer(…),
//!     };
//!     fields.require(&.{.name});
//!     try reader.end();
//!
//! The first thing that is wrong ends the reading: objects and arrays have no more entries, and
//! what is read all the same is empty, the least or the first. So nobody has to look before the
//! end.
//!
//! Messages name the place, never a value: `checks[0].stage: must be a whole number from 1 to 8`.
//! Strings are slices of the document, in which escapes are resolved in place. (`std.json` would be
//! a quarter of the built plugin, and needs memory for each string with an escape.)

const std = @import("std");
const text = @import("text.zig");
const unescape = @import("unescape.zig");

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

    pub fn hasFailed(reader: *const Reader) bool {
        return reader.message_bytes > 0;
    }

    /// What was wrong first; "" where nothing was.
    pub fn message(reader: *const Reader) []const u8 {
        return reader.message_buffer[0..reader.message_bytes];
    }

    /// Begins an object whose fields are those of the enumeration `Field`.
    pub fn object(reader: *Reader, comptime Field: type) Object(Field) {
        return .{ .walk = .begin(reader, '{', comptime text.names(Field)) };
    }

    /// Begins an array of one to `entries_max` entries.
    pub fn array(reader: *Reader, entries_max: usize) Array {
        return .{ .walk = .begin(reader, '[', ""), .entries_max = entries_max };
    }

    pub fn string(reader: *Reader, bytes_min: usize, bytes_max: usize) []const u8 {
        if (!reader.take('"')) reader.refuse(&.{"must be a string"});
        const value = reader.rest();
        if (value.len >= bytes_min and value.len <= bytes_max) return value;
        reader.refuseBounds("must have a length in bytes from ", bytes_min, bytes_max);
        return "";
    }

    pub fn integer(reader: *Reader, comptime T: type, least: T, most: T) T {
        return @intCast(reader.number(least, most));
    }

    fn number(reader: *Reader, least: u32, most: u32) u32 {
        reader.skipBlanks();
        const start = reader.at;
        while (reader.at < reader.document.len) : (reader.at += 1) {
            // All that a number of any form can hold, so that no form is read in part.
            const byte = reader.document[reader.at];
            if (!text.contains("0123456789+-.eE", byte)) break;
        }
        if (text.parse(reader.document[start..reader.at])) |value| {
            if (value >= least and value <= most) return @intCast(value);
        }
        reader.refuseBounds("must be a whole number from ", least, most);
        return least;
    }

    pub fn choice(reader: *Reader, comptime Choice: type) Choice {
        return @fromBackingInt(@intCast(reader.oneOf(comptime text.names(Choice))));
    }

    fn oneOf(reader: *Reader, names: []const u8) usize {
        if (reader.take('"')) {
            if (text.lineOf(names, reader.rest())) |index| return index;
        }
        reader.refuseListing("must be one of ", names);
        return 0;
    }

    /// Nothing may follow the document. Refused where anything at all was wrong.
    pub fn end(reader: *Reader) error{Refused}!void {
        reader.skipBlanks();
        if (reader.at < reader.document.len) reader.malformed();
        if (reader.hasFailed()) return error.Refused;
    }

    /// Fails with a message about the field that is being read.
    pub fn refuse(reader: *Reader, pieces: []const []const u8) void {
        if (reader.hasFailed()) return;
        reader.tell(reader.path_buffer[0..reader.path_bytes]);
        if (reader.path_bytes > 0) reader.tell(": ");
        for (pieces) |piece| reader.tell(piece);
    }

    fn refuseBounds(reader: *Reader, what: []const u8, least: u64, most: u64) void {
        var least_digits: [text.digits_max]u8 = undefined;
        var most_digits: [text.digits_max]u8 = undefined;
        reader.refuse(&.{
            what,                             text.decimal(&least_digits, least), " to ",
            text.decimal(&most_digits, most),
        });
    }

    fn refuseListing(reader: *Reader, what: []const u8, names: []const u8) void {
        if (reader.hasFailed()) return;
        reader.refuse(&.{what});
        var rest_of_names: ?[]const u8 = names;
        var separator: []const u8 = "";
        while (text.nextLine(&rest_of_names)) |name| : (separator = ", ") {
            reader.tell(separator);
            reader.tell(name);
        }
    }

    fn malformed(reader: *Reader) void {
        var digits: [text.digits_max]u8 = undefined;
        const at = text.decimal(&digits, reader.at);
        reader.path_bytes = 0;
        reader.refuse(&.{ "is not valid JSON from byte ", at, " on" });
    }

    fn tell(reader: *Reader, piece: []const u8) void {
        add(&reader.message_buffer, &reader.message_bytes, piece);
    }

    fn extendPath(reader: *Reader, piece: []const u8) void {
        add(&reader.path_buffer, &reader.path_bytes, piece);
    }

    /// Goes to the next byte that is no white space, or to the end.
    fn skipBlanks(reader: *Reader) void {
        while (reader.at < reader.document.len) : (reader.at += 1) {
            if (!text.contains(" \t\r\n", reader.document[reader.at])) return;
        }
    }

    fn take(reader: *Reader, byte: u8) bool {
        reader.skipBlanks();
        if (reader.at == reader.document.len or reader.document[reader.at] != byte) return false;
        reader.at += 1;
        return true;
    }

    /// The rest of a string, its opening quote being taken.
    fn rest(reader: *Reader) []const u8 {
        if (unescape.string(reader.document, &reader.at)) |value| return value;
        reader.malformed();
        return "";
    }
};

fn add(buffer: []u8, bytes: *usize, piece: []const u8) void {
    var whole: text.Text = .{ .buffer = buffer, .len = bytes.* };
    whole.add(piece);
    bytes.* = whole.len;
}

/// What objects and arrays have in common: entries between commas, up to a closing bracket.
const Walk = struct {
    reader: *Reader,
    /// The length of the path of the whole.
    mark: usize,
    count: usize = 0,
    /// Of an object: its fields' names, and a bit for each that was there.
    names: []const u8,
    seen: u32 = 0,

    /// There is no more entry.
    const over = std.math.maxInt(usize);

    /// Not inlined: it is small, and called for each kind of object.
    noinline fn begin(reader: *Reader, bracket: u8, names: []const u8) Walk {
        if (!reader.take(bracket)) {
            reader.refuse(&.{ "must be an ", if (names.len > 0) "object" else "array" });
        }
        return .{ .reader = reader, .mark = reader.path_bytes, .names = names };
    }

    /// Whether one more entry follows.
    fn next(walk: *Walk, bracket: u8) bool {
        const reader = walk.reader;
        if (reader.hasFailed()) return false;
        reader.path_bytes = walk.mark;
        if (reader.take(bracket)) return false;
        if (walk.count > 0 and !reader.take(',')) reader.malformed();
        walk.count += 1;
        return !reader.hasFailed();
    }

    /// The index of the next field's name, or `over`. (An optional would be read from memory each
    /// time.)
    fn nextField(walk: *Walk) usize {
        if (!walk.next('}')) return over;
        const reader = walk.reader;
        if (!reader.take('"')) reader.malformed();
        const name = reader.rest();
        if (!reader.take(':')) reader.malformed();
        walk.enter(name);
        const index = text.lineOf(walk.names, name) orelse {
            reader.refuseListing("is not known here; known are ", walk.names);
            return over;
        };
        const bit = @as(u32, 1) << @intCast(index);
        if (walk.seen & bit != 0) reader.refuse(&.{"stands twice"});
        walk.seen |= bit;
        return index;
    }

    /// Names the field `name` in messages. An unknown name may hold anything.
    fn enter(walk: *Walk, name: []const u8) void {
        const reader = walk.reader;
        reader.path_bytes = walk.mark;
        if (walk.mark > 0) reader.extendPath(".");
        for (name[0..@min(name.len, name_bytes_max)]) |byte| {
            reader.extendPath(if (byte > ' ' and byte <= '~') &.{byte} else "?");
        }
    }

    fn require(walk: *Walk, fields: u32) void {
        var rest: ?[]const u8 = walk.names;
        var left = fields & ~walk.seen;
        while (text.nextLine(&rest)) |name| : (left >>= 1) {
            if (left & 1 == 0) continue;
            walk.enter(name);
            walk.reader.refuse(&.{"is missing"});
        }
    }
};

/// Walks an object's fields. Each may stand once.
fn Object(comptime Field: type) type {
    return struct {
        const Self = @This();

        walk: Walk,

        pub fn next(self: *Self) ?Field {
            const index = self.walk.nextField();
            if (index == Walk.over) return null;
            return @fromBackingInt(@intCast(index));
        }

        /// To be called at the object's end: all of `fields` must have been there.
        pub fn require(self: *Self, comptime fields: []const Field) void {
            comptime var bits: u32 = 0;
            inline for (fields) |field| bits |= 1 << @backingInt(field);
            self.walk.require(bits);
        }
    };
}

const Array = struct {
    walk: Walk,
    entries_max: usize,

    /// The index of the next entry, or null at the end.
    pub fn next(array: *Array) ?usize {
        const index = array.nextIndex();
        if (index == Walk.over) return null;
        return index;
    }

    fn nextIndex(array: *Array) usize {
        const reader = array.walk.reader;
        const index = array.walk.count;
        if (!array.walk.next(']')) {
            if (index == 0) reader.refuse(&.{"must have an entry"});
            return Walk.over;
        }
        var digits: [text.digits_max]u8 = undefined;
        if (index == array.entries_max) {
            const most = text.decimal(&digits, index);
            reader.refuse(&.{ "must have no more entries than ", most });
            return Walk.over;
        }
        reader.extendPath("[");
        reader.extendPath(text.decimal(&digits, index));
        reader.extendPath("]");
        return index;
    }
};
