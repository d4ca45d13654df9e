//! Header maps as the host writes and reads them.
//!
//!     u32 count │ count × (u32 name length, u32 value length) │ count × (name, 0, value, 0)
//!
//! Numbers are little-endian. A map without headers may also be no bytes at all.

const std = @import("std");
const int = @import("int.zig");
const Text = @import("text.zig").Text;

pub const Pair = struct { name: []const u8, value: []const u8 };

/// A map that was read; checked once, so that walking it cannot leave its bytes.
pub const Map = struct {
    bytes: []const u8,
    count: usize,

    pub const empty: Map = .{ .bytes = "", .count = 0 };

    pub fn parse(bytes: []const u8) error{Malformed}!Map {
        if (bytes.len == 0) return .empty;
        if (bytes.len < 4) return error.Malformed;
        const count: usize = number(bytes, 0);
        // Divided, not multiplied: `count` is the host's, and 32 bits overflow.
        if (count > (bytes.len - 4) / 8) return error.Malformed;
        var rest = bytes.len - 4 - count * 8;
        for (0..count * 2) |index| {
            const length = number(bytes, 4 + index * 4);
            if (length >= rest) return error.Malformed;
            rest -= length + 1;
        }
        return .{ .bytes = bytes, .count = count };
    }

    pub fn iterator(map: Map) Iterator {
        return .{ .map = map, .offset = 4 + map.count * 8 };
    }

    /// The first header of that name; "" where there is none.
    pub fn first(map: Map, name: []const u8) []const u8 {
        var each = map.iterator();
        return each.nextNamed(name) orelse "";
    }

    pub fn has(map: Map, name: []const u8) bool {
        var each = map.iterator();
        return each.nextNamed(name) != null;
    }

    /// The only header of that name, or null where there is none.
    pub fn once(map: Map, name: []const u8) error{Repeated}!?[]const u8 {
        var each = map.iterator();
        const value = each.nextNamed(name);
        if (each.nextNamed(name) != null) return error.Repeated;
        return value;
    }
};

pub const Iterator = struct {
    map: Map,
    index: usize = 0,
    offset: usize,

    pub fn next(self: *Iterator) ?Pair {
        if (self.index == self.map.count) return null;
        const lengths = 4 + self.index * 8;
        self.index += 1;
        return .{
            .name = self.take(number(self.map.bytes, lengths)),
            .value = self.take(number(self.map.bytes, lengths + 4)),
        };
    }

    /// The value of the next header of that name.
    pub fn nextNamed(self: *Iterator, name: []const u8) ?[]const u8 {
        while (self.next()) |pair| {
            // Most are passed over by their length alone.
            if (pair.name.len != name.len) continue;
            if (std.ascii.eqlIgnoreCase(pair.name, name)) return pair.value;
        }
        return null;
    }

    fn take(self: *Iterator, length: usize) []const u8 {
        defer self.offset += length + 1;
        return self.map.bytes[self.offset..][0..length];
    }
};

fn number(bytes: []const u8, offset: usize) u32 {
    return int.read(u32, bytes[offset..][0..4], .little);
}

/// Headers to be written, at most `pairs_max`.
pub fn List(comptime pairs_max: usize) type {
    return struct {
        const Self = @This();

        pairs: [pairs_max]Pair,
        count: usize,

        /// As a constant, an empty list would bring room for all headers along.
        pub fn begin(list: *Self) void {
            list.count = 0;
        }

        /// Not inlined: it is called for each header of a callout.
        pub noinline fn append(list: *Self, name: []const u8, value: []const u8) void {
            std.debug.assert(list.count < pairs_max);
            list.pairs[list.count] = .{ .name = name, .value = value };
            list.count += 1;
        }

        /// Leaves out what is empty: an absent value has no header.
        pub fn appendFilled(list: *Self, name: []const u8, value: []const u8) void {
            if (value.len > 0) list.append(name, value);
        }

        pub fn items(list: *const Self) []const Pair {
            return list.pairs[0..list.count];
        }
    };
}

/// Writes `pairs` into `buffer`, or nothing where they do not fit.
pub fn encode(pairs: []const Pair, buffer: []u8) error{NoRoom}![]const u8 {
    var size = 4 + pairs.len * 8;
    for (pairs) |pair| size += pair.name.len + pair.value.len + 2;
    if (size > buffer.len) return error.NoRoom;
    setNumber(buffer, 0, pairs.len);
    var text: Text = .{ .buffer = buffer, .len = 4 + pairs.len * 8 };
    for (pairs, 0..) |pair, index| {
        setNumber(buffer, 4 + index * 8, pair.name.len);
        setNumber(buffer, 8 + index * 8, pair.value.len);
        text.add(pair.name);
        text.addByte(0);
        text.add(pair.value);
        text.addByte(0);
    }
    return text.written();
}

fn setNumber(bytes: []u8, offset: usize, value: usize) void {
    int.write(u32, bytes[offset..][0..4], @intCast(value), .little);
}

test "a map reads back as it was written" {
    var buffer: [64]u8 = undefined;
    const bytes = try encode(&.{
        .{ .name = "a", .value = "" },
        .{ .name = "b", .value = "two" },
    }, &buffer);
    const map = try Map.parse(bytes);
    var each = map.iterator();
    try std.testing.expectEqualStrings("a", each.next().?.name);
    try std.testing.expectEqualStrings("two", each.next().?.value);
    try std.testing.expectEqual(null, each.next());
    try std.testing.expectEqualStrings("two", map.first("B"));
}

test "a map that is cut anywhere is malformed" {
    var buffer: [64]u8 = undefined;
    const bytes = try encode(&.{.{ .name = "name", .value = "value" }}, &buffer);
    for (1..bytes.len) |length| {
        try std.testing.expectError(error.Malformed, Map.parse(bytes[0..length]));
    }
}

test "a map whose count or lengths would overflow is malformed" {
    var bytes: [16]u8 = @splat(0xff);
    try std.testing.expectError(error.Malformed, Map.parse(&bytes));
    int.write(u32, bytes[0..4], 1, .little);
    try std.testing.expectError(error.Malformed, Map.parse(&bytes));
}

test "what does not fit is not written" {
    var buffer: [16]u8 = undefined;
    const pairs = [_]Pair{.{ .name = "name", .value = "a longer value" }};
    try std.testing.expectError(error.NoRoom, encode(&pairs, &buffer));
}
