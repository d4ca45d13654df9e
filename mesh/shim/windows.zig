//! What is held back of a streamed response. Bytes move from left to right, and leave at `ready`:
//!
//!     provider ─▶ waiting ─▶ window ─▶ a check ─▶ the next check ─▶ … ─▶ ready ─▶ caller
//!                               ▲         │ keep
//!                               └─ kept ◀─┘   what a check keeps stands before its next window
//!
//! No clock, no host: reply.zig moves the bytes between Envoy and here.

const std = @import("std");
const contract = @import("contract.zig");
const core = @import("core.zig");
const memory = @import("memory.zig");

const Bytes = std.ArrayList(u8);
const allocator = memory.allocator;

pub const Error = error{ OutOfMemory, TooLarge };

pub const Windows = struct {
    /// Came in, and in no window yet.
    waiting: Bytes = .empty,
    /// When the first byte of `waiting` came.
    waiting_since_ms: u64 = 0,
    /// What is judged now; for the check that is asked, with its kept bytes in front.
    window: Bytes = .empty,
    is_presented: bool = false,
    is_open: bool = false,
    is_final: bool = false,
    /// Judged by all checks, and not yet with the caller.
    ready: Bytes = .empty,
    kept: [core.checks_max]Bytes = @splat(.empty),
    /// The number of each check's next window: one without new bytes is not shown to it.
    seqs: [core.checks_max]u32 = @splat(0),
    has_begun: bool = false,
    /// Nothing follows what is waiting.
    has_ended: bool = false,

    pub fn deinit(windows: *Windows) void {
        windows.waiting.deinit(allocator);
        windows.window.deinit(allocator);
        windows.ready.deinit(allocator);
        for (&windows.kept) |*bytes| bytes.deinit(allocator);
        windows.* = undefined;
    }

    /// Take over what came; at most `bytes_max` may wait.
    pub fn append(windows: *Windows, bytes: []const u8, bytes_max: usize, now_ms: u64) Error!void {
        if (windows.waiting.items.len == 0) windows.waiting_since_ms = now_ms;
        if (windows.waiting.items.len + bytes.len > bytes_max) return error.TooLarge;
        try windows.waiting.appendSlice(allocator, bytes);
    }

    /// Whether it is time for the next window. The first one is shown as soon as there is a byte.
    pub fn isDue(windows: *const Windows, bytes: usize, ms: u64, now_ms: u64) bool {
        if (windows.is_open or windows.is_final) return false;
        if (windows.has_ended) return true;
        const count = windows.waiting.items.len;
        if (count == 0) return false;
        // A clock that has gone back makes it due too, and nothing wait until it has caught up.
        return !windows.has_begun or count >= bytes or now_ms -% windows.waiting_since_ms >= ms;
    }

    /// Open a window over what is waiting.
    pub fn open(windows: *Windows) Error!void {
        const room = contract.window_bytes_max - windows.mostKept();
        const count = @min(windows.waiting.items.len, room);
        if (count == 0 and windows.waiting.items.len > 0) return error.TooLarge;
        windows.window.clearRetainingCapacity();
        try windows.window.appendSlice(allocator, windows.waiting.items[0..count]);
        const left = windows.waiting.items[count..];
        @memmove(windows.waiting.items[0..left.len], left);
        windows.waiting.shrinkRetainingCapacity(left.len);
        windows.is_final = windows.has_ended and windows.waiting.items.len == 0;
        windows.is_open = true;
        windows.has_begun = true;
        windows.is_presented = false;
    }

    /// Whether `check` has anything to judge: new bytes, or the end.
    pub fn concerns(windows: *const Windows) bool {
        return windows.is_final or windows.window.items.len > 0;
    }

    /// The window as `check` has to see it; the same bytes when it is asked once more.
    pub fn present(windows: *Windows, check: usize) Error![]const u8 {
        if (!windows.is_presented) {
            const kept = &windows.kept[check];
            if (kept.items.len + windows.window.items.len > contract.window_bytes_max) {
                return error.TooLarge;
            }
            try kept.appendSlice(allocator, windows.window.items);
            std.mem.swap(Bytes, kept, &windows.window);
            kept.clearAndFree(allocator);
            windows.is_presented = true;
        }
        return windows.window.items;
    }

    /// `check` lets the window go, but for the last `keep` bytes; in their place goes `masked`.
    pub fn settle(windows: *Windows, check: usize, keep: usize, masked: ?[]const u8) Error!void {
        const items = windows.window.items;
        const head = items.len - @min(keep, items.len);
        try windows.kept[check].appendSlice(allocator, items[head..]);
        windows.window.shrinkRetainingCapacity(head);
        if (masked) |bytes| {
            windows.window.clearRetainingCapacity();
            try windows.window.appendSlice(allocator, bytes);
        }
        windows.seqs[check] += 1;
        windows.is_presented = false;
    }

    /// No check is left for this window: what remains of it is ready.
    pub fn close(windows: *Windows) Error!void {
        try windows.ready.appendSlice(allocator, windows.window.items);
        windows.window.clearAndFree(allocator);
        windows.is_open = false;
    }

    /// What is ready has gone.
    pub fn released(windows: *Windows) void {
        windows.ready.clearAndFree(allocator);
    }

    /// Whether there is nothing in here that the caller has not got.
    pub fn isEmpty(windows: *const Windows) bool {
        return !windows.is_open and windows.waiting.items.len == 0 and
            windows.ready.items.len == 0 and windows.mostKept() == 0;
    }

    fn mostKept(windows: *const Windows) usize {
        var most: usize = 0;
        for (&windows.kept) |*bytes| most = @max(most, bytes.items.len);
        return most;
    }
};

const testing = std.testing;

fn expectShown(windows: *Windows, check: usize, expected: []const u8) !void {
    try testing.expectEqualStrings(expected, try windows.present(check));
    try testing.expectEqualStrings(expected, try windows.present(check));
}

test "what a check keeps stands before its next window, and is not lost at the end" {
    var windows: Windows = .{};
    defer windows.deinit();
    try windows.append("one two", 100, 0);
    try windows.open();
    try expectShown(&windows, 0, "one two");
    try windows.settle(0, 3, null);
    try windows.close();
    try testing.expectEqualStrings("one ", windows.ready.items);
    try windows.append(" three", 100, 0);
    windows.has_ended = true;
    try windows.open();
    try testing.expect(windows.is_final);
    try expectShown(&windows, 0, "two three");
    try windows.settle(0, 0, null);
    try windows.close();
    try testing.expectEqualStrings("one two three", windows.ready.items);
    windows.released();
    try testing.expect(windows.isEmpty());
}

test "each check keeps another end, and sees what the one before it made" {
    var windows: Windows = .{};
    defer windows.deinit();
    try windows.append("a secret", 100, 0);
    try windows.open();
    try expectShown(&windows, 0, "a secret");
    try windows.settle(0, 3, "a ***");
    try expectShown(&windows, 5, "a ***");
    try windows.settle(5, 4, null);
    try windows.close();
    try testing.expectEqualStrings("a", windows.ready.items);
    try windows.append("!", 100, 0);
    windows.has_ended = true;
    try windows.open();
    try expectShown(&windows, 0, "ret!");
    try windows.settle(0, 0, "#");
    try expectShown(&windows, 5, " ***#");
    try testing.expectEqual([2]u32{ 2, 1 }, [2]u32{ windows.seqs[0], windows.seqs[5] });
}

test "a window is due at once at first, later by bytes, by time or at the end" {
    var windows: Windows = .{};
    defer windows.deinit();
    try testing.expect(!windows.isDue(10, 200, 0));
    try windows.append("x", 100, 1000);
    try testing.expect(windows.isDue(10, 200, 1000));
    try windows.open();
    try testing.expect(!windows.isDue(10, 200, 9000));
    try windows.close();
    try windows.append("x", 100, 2000);
    try testing.expect(!windows.isDue(10, 200, 2199));
    try testing.expect(windows.isDue(10, 200, 2200));
    try testing.expect(windows.isDue(10, 200, 1999));
    try windows.append("123456789", 100, 2100);
    try testing.expect(windows.isDue(10, 200, 2100));
    try windows.open();
    try windows.close();
    windows.has_ended = true;
    try testing.expect(windows.isDue(10, 200, 2101));
}

test "no more waits than is allowed, and no window is larger than the contract's" {
    var windows: Windows = .{};
    defer windows.deinit();
    try windows.append("1234", 4, 0);
    try testing.expectError(error.TooLarge, windows.append("5", 4, 0));
    const large = try allocator.alloc(u8, contract.window_bytes_max);
    defer allocator.free(large);
    @memset(large, 'x');
    try windows.append(large, contract.window_bytes_max + 4, 0);
    try windows.open();
    try testing.expectEqual(contract.window_bytes_max, windows.window.items.len);
    try testing.expectEqual(4, windows.waiting.items.len);
    _ = try windows.present(0);
    try windows.settle(0, contract.window_bytes_max, null);
    try windows.close();
    try testing.expectError(error.TooLarge, windows.open());
}
