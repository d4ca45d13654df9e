//! Reading the vectors, and headers as they write them.

const std = @import("std");
const shim = @import("shim");
const testing = std.testing;

/// The vectors of a file, and memory that lives as long as they do.
pub fn Vectors(comptime Vector: type) type {
    return struct {
        const Self = @This();
        const Document = struct {
            about: []const u8,
            document: []const []const u8 = &.{},
            vectors: []Vector,
        };

        parsed: std.json.Parsed(Document),

        pub fn of(comptime file: []const u8) !Self {
            const text = @embedFile(file);
            const parsed = try std.json.parseFromSlice(Document, testing.allocator, text, .{});
            return .{ .parsed = parsed };
        }

        pub fn memory(self: *Self) std.mem.Allocator {
            return self.parsed.arena.allocator();
        }
    };
}

/// Runs `check` for each vector of `file`; names those that fail.
pub fn run(
    comptime Vector: type,
    comptime file: []const u8,
    check: fn (Vector, std.mem.Allocator) anyerror!void,
) !void {
    var vectors: Vectors(Vector) = try .of(file);
    defer vectors.parsed.deinit();
    var failed = false;
    for (vectors.parsed.value.vectors) |vector| {
        check(vector, vectors.memory()) catch |err| {
            std.debug.print("{s}: {s}: {t}\n", .{ file, vector.name, err });
            failed = true;
        };
    }
    try testing.expect(!failed);
}

/// Characters of headers stand for single bytes (Latin-1).
fn latin1(text: []const u8, memory: std.mem.Allocator) ![]const u8 {
    var bytes: std.ArrayList(u8) = .empty;
    var view = (try std.unicode.Utf8View.init(text)).iterator();
    while (view.nextCodepoint()) |codepoint| try bytes.append(memory, @intCast(codepoint));
    return bytes.items;
}

pub fn mapOf(headers: []const [2][]const u8, memory: std.mem.Allocator) !shim.headers.Map {
    const pairs = try memory.alloc(shim.headers.Pair, headers.len);
    var size: usize = 4;
    for (pairs, headers) |*pair, header| {
        pair.* = .{ .name = header[0], .value = try latin1(header[1], memory) };
        size += 10 + header[0].len + header[1].len;
    }
    return shim.headers.Map.parse(try shim.headers.encode(pairs, try memory.alloc(u8, size)));
}

pub fn expectSame(
    expected: []const [2][]const u8,
    map: shim.headers.Map,
    memory: std.mem.Allocator,
) !void {
    var each = map.iterator();
    for (expected) |header| {
        const pair = each.next() orelse return error.HeaderMissing;
        try testing.expectEqualStrings(header[0], pair.name);
        try testing.expectEqualStrings(try latin1(header[1], memory), pair.value);
    }
    try testing.expectEqual(null, each.next());
}
