//! Whole numbers in bytes. The library's `readInt` and `writeInt` go through `@bitCast` of an
//! array, which Zig 0.17 makes a loop over bytes for Wasm; here they are one load or store.

const std = @import("std");

pub fn read(comptime T: type, bytes: *const [@sizeOf(T)]u8, endian: std.lang.Endian) T {
    return std.mem.toNative(T, @as(*align(1) const T, @ptrCast(bytes)).*, endian);
}

pub fn write(comptime T: type, bytes: *[@sizeOf(T)]u8, value: T, endian: std.lang.Endian) void {
    @as(*align(1) T, @ptrCast(bytes)).* = std.mem.nativeTo(T, value, endian);
}

test "numbers stand in bytes as the library reads and writes them" {
    for ([_]std.lang.Endian{ .little, .big }) |endian| {
        const bytes = [_]u8{ 0x12, 0x34, 0x56, 0xf8, 0x9a };
        try std.testing.expectEqual(
            std.mem.readInt(u32, bytes[1..], endian),
            read(u32, bytes[1..], endian),
        );
        var written: [8]u8 = undefined;
        write(u64, &written, 0x0123456789abcdef, endian);
        try std.testing.expectEqual(0x0123456789abcdef, std.mem.readInt(u64, &written, endian));
    }
}
