//! Header maps as proxy-wasm writes them (proxy-wasm spec 0.2.1, "serialised map").
//!
//!     count:u32  (name_len:u32 value_len:u32)×count  (name 0 value 0)×count      little-endian

const std = @import("std");
const Text = @import("reader.zig").Text;

pub const Pair = struct { name: []const u8, value: []const u8 };

/// Walks a serialised map. A map that is cut off or lies about its lengths ends early.
pub const Iterator = struct {
    bytes: []const u8,
    count: usize,
    index: usize = 0,
    at: usize,

    pub fn init(bytes: []const u8) Iterator {
        const count: usize = if (bytes.len < 4) 0 else readLength(bytes, 0);
        const table_fits = count <= (bytes.len -| 4) / 8;
        return .{ .bytes = bytes, .count = if (table_fits) count else 0, .at = 4 +| count *| 8 };
    }

    pub fn next(it: *Iterator) ?Pair {
        if (it.index == it.count) return null;
        const name_len = readLength(it.bytes, 4 + it.index * 8);
        const value_len = readLength(it.bytes, 8 + it.index * 8);
        const end = it.at +| name_len +| value_len +| 2;
        if (end > it.bytes.len) return null;
        const value_at = it.at + name_len + 1;
        const pair: Pair = .{
            .name = it.bytes[it.at..][0..name_len],
            .value = it.bytes[value_at..][0..value_len],
        };
        it.at = end;
        it.index += 1;
        return pair;
    }
};

/// The value of the first header `name` (lower case, as Envoy keeps them).
pub fn first(bytes: []const u8, name: []const u8) ?[]const u8 {
    var it: Iterator = .init(bytes);
    while (it.next()) |pair| if (std.mem.eql(u8, pair.name, name)) return pair.value;
    return null;
}

/// Collects headers and writes them out; `overflow` tells that something did not fit.
pub const Writer = struct {
    const pairs_max = 24;

    pairs: [pairs_max]Pair = undefined,
    count: usize = 0,
    overflow: bool = false,

    pub fn add(w: *Writer, name: []const u8, value: []const u8) void {
        if (w.count == pairs_max) {
            w.overflow = true;
            return;
        }
        w.pairs[w.count] = .{ .name = name, .value = value };
        w.count += 1;
    }

    /// Like `add`, but an empty value is no header.
    pub fn addUnlessEmpty(w: *Writer, name: []const u8, value: []const u8) void {
        if (value.len > 0) w.add(name, value);
    }

    /// The serialised map in `buffer`, or null where it does not fit.
    pub fn serialise(w: *const Writer, buffer: []u8) ?[]const u8 {
        var size: usize = 4 + w.count * 8;
        for (w.pairs[0..w.count]) |pair| size += pair.name.len + pair.value.len + 2;
        if (w.overflow or size > buffer.len) return null;
        writeLength(buffer, 0, w.count);
        var text: Text = .{ .buffer = buffer, .len = 4 + w.count * 8 };
        for (w.pairs[0..w.count], 0..) |pair, index| {
            writeLength(buffer, 4 + index * 8, pair.name.len);
            writeLength(buffer, 8 + index * 8, pair.value.len);
            text.add(pair.name);
            text.add(&.{0});
            text.add(pair.value);
            text.add(&.{0});
        }
        return text.written();
    }
};

fn readLength(bytes: []const u8, at: usize) u32 {
    return std.mem.readInt(u32, bytes[at..][0..4], .little);
}

fn writeLength(bytes: []u8, at: usize, value: usize) void {
    std.mem.writeInt(u32, bytes[at..][0..4], @intCast(value), .little);
}

test "a map reads back as it was written" {
    var w: Writer = .{};
    w.add("a", "1");
    w.add("bc", "");
    w.addUnlessEmpty("d", "");
    var buffer: [64]u8 = undefined;
    var it: Iterator = .init(w.serialise(&buffer).?);
    try std.testing.expectEqualStrings("a", it.next().?.name);
    try std.testing.expectEqualStrings("bc", it.next().?.name);
    try std.testing.expectEqual(null, it.next());
}

test "a map that does not fit is not written at all" {
    var w: Writer = .{};
    w.add("name", "value");
    var buffer: [16]u8 = undefined;
    try std.testing.expectEqual(null, w.serialise(&buffer));
}

test "a map that is cut off or lies about its lengths ends early" {
    const lying = [_]u8{ 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 'a' };
    for (0..lying.len + 1) |len| {
        var it: Iterator = .init(lying[0..len]);
        try std.testing.expectEqual(null, it.next());
    }
}
