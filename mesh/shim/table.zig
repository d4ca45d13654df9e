//! A hash table of fixed size: no allocation, no tombstones, full means full.
//!
//!     buckets[hash] ──▶ slot ──▶ slot ──▶ none        free ──▶ slot ──▶ …

const none = ~@as(u16, 0);

/// A table of at most `capacity` values by `u32` keys.
pub fn Table(comptime Value: type, comptime capacity: u16) type {
    return struct {
        const Self = @This();
        const Slot = struct { key: u32, next: u16, value: Value };

        buckets: [capacity]u16,
        slots: [capacity]Slot,
        free: u16,

        pub fn clear(table: *Self) void {
            @memset(&table.buckets, none);
            for (&table.slots, 1..) |*slot, after| slot.next = if (after < capacity) @intCast(after) else none;
            table.free = 0;
        }

        pub fn get(table: *Self, key: u32) ?*Value {
            var at = table.buckets[key % capacity];
            while (at != none) : (at = table.slots[at].next) {
                if (table.slots[at].key == key) return &table.slots[at].value;
            }
            return null;
        }

        /// Put `value` for a key that is not there; null where the table is full.
        pub fn put(table: *Self, key: u32, value: Value) ?*Value {
            const at = table.free;
            if (at == none) return null;
            table.free = table.slots[at].next;
            table.slots[at] = .{ .key = key, .next = table.buckets[key % capacity], .value = value };
            table.buckets[key % capacity] = at;
            return &table.slots[at].value;
        }

        pub fn remove(table: *Self, key: u32) void {
            var link = &table.buckets[key % capacity];
            while (link.* != none) : (link = &table.slots[link.*].next) {
                const at = link.*;
                if (table.slots[at].key != key) continue;
                link.* = table.slots[at].next;
                table.slots[at].next = table.free;
                table.free = at;
                return;
            }
        }
    };
}

test "what is put is found until it is removed, and a full table says so" {
    const std = @import("std");
    var table: Table(u8, 3) = undefined;
    table.clear();
    for ([_]u32{ 1, 4, 7 }, 0..) |key, value| try std.testing.expect(table.put(key, @intCast(value)) != null);
    try std.testing.expect(table.put(10, 9) == null);
    table.remove(4);
    try std.testing.expect(table.get(4) == null);
    try std.testing.expectEqual(2, table.get(7).?.*);
    try std.testing.expectEqual(9, table.put(10, 9).?.*);
    table.remove(99);
    try std.testing.expectEqual(0, table.get(1).?.*);
}
