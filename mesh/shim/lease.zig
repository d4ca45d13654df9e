//! When keys are asked for, and who asks: one of the workers' machines for all of them.
//!
//!     record in the host's shared data ── next_ms in the future ─▶ wait
//!       │ due                            └ answered since ─▶ take over that answer
//!       └▶ asked (by compare-and-swap: one wins), due again 0.25 s, 0.5 s, 1 s, … later
//!             └▶ answered ─▶ due a refresh later
//!
//! So a failure needs no note, and whoever asks and then dies keeps nobody waiting.

const std = @import("std");
const memory = @import("memory.zig");
const sign = @import("sign.zig");

/// A plugin's part in it.
pub const State = struct {
    is_asking: bool,
    /// Of the callout under way, and what it is signed with.
    token: u32,
    signature: [sign.value_bytes_max]u8,
    signature_bytes: u8,
    /// What is known of the shared record, for a host that shares nothing.
    record: Record,
    /// `answered_ms` of the answer that was adopted.
    adopted_ms: u64,
    looked_ms: u64,
    /// Since when calls may wait for the first keys; 0: they may not.
    awaited_since_ms: u64,
    /// What all is shared under.
    name: []u8,
    /// The opened answer, and its part with the keys.
    document: ?[]u8,
    lines: []const u8,

    /// Field by field and not inlined: as a constant, it would bring an empty signature along.
    pub noinline fn begin(state: *State) void {
        state.is_asking = false;
        state.record = .{};
        state.adopted_ms = 0;
        state.looked_ms = 0;
        state.awaited_since_ms = 0;
        state.name = "";
        state.document = null;
        state.lines = "";
    }

    pub fn end(state: *State) void {
        state.forget();
        memory.allocator.free(state.name);
    }

    /// Leaves nothing of the keys in memory.
    pub fn forget(state: *State) void {
        const document = state.document orelse return;
        std.crypto.secureZero(u8, document);
        memory.allocator.free(document);
        state.document = null;
        state.lines = "";
    }
};

/// The first time between two tries; it doubles up to the refresh, or half a minute.
const retry_ms = 250;
const doublings_max = 7;
/// Further ahead is nothing set: the clock has gone back.
const ahead_ms_max = 2 * 86_400_000;

pub const Record = extern struct {
    /// Nobody asks before then.
    next_ms: u64 align(1) = 0,
    /// When the answer came that all hold or are about to take over; 0: there was none.
    answered_ms: u64 align(1) = 0,
    /// How often it was asked in vain.
    tries: u8 = 0,
    /// Behind the record stand the signature of the call for keys and its answer, as it came.
    signature_bytes: u8 = 0,

    pub fn isDue(record: *const Record, now_ms: u64) bool {
        return record.next_ms <= now_ms or record.next_ms > now_ms + ahead_ms_max;
    }

    /// `chance` is any number: sidecars that started together do not ask together for long.
    pub fn ask(record: *Record, now_ms: u64, refresh_seconds: u32, chance: u64) void {
        const tries: u5 = @intCast(@min(record.tries, doublings_max));
        record.tries = @as(u8, tries) + 1;
        const ms = @min(@as(u32, retry_ms) << tries, refresh_seconds * std.time.ms_per_s);
        record.next_ms = now_ms + sooner(ms, chance);
    }

    /// After an answer, until the next refresh.
    pub fn wait(record: *Record, refresh_seconds: u32, chance: u64) void {
        record.next_ms = record.answered_ms + sooner(refresh_seconds * std.time.ms_per_s, chance);
    }
};

/// Up to a tenth less.
fn sooner(ms: u32, chance: u64) u32 {
    return ms - @as(u32, @truncate(chance)) % (ms / 10 + 1);
}

const testing = std.testing;

test "a new record is due" {
    try testing.expect((Record{}).isDue(1));
}

fn answered(at_ms: u64, chance: u64) Record {
    var record: Record = .{ .answered_ms = at_ms };
    record.wait(60, chance);
    return record;
}

test "an answer is good for a refresh, less up to a tenth" {
    for (0..7000) |chance| {
        const record = answered(1000, chance);
        try testing.expect(!record.isDue(1000 + 54_000 - 1));
        try testing.expect(record.isDue(1000 + 60_000));
    }
}

test "the time between tries doubles, but never over a refresh or half a minute" {
    var record: Record = .{ .answered_ms = 9, .signature_bytes = 80 };
    for ([_]u64{ 250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000 }) |ms| {
        record.ask(1000, 30, 0);
        try testing.expect(!record.isDue(1000 + ms - 1));
        try testing.expect(record.isDue(1000 + ms));
    }
    for (0..300) |_| record.ask(1000, 86_400, 3200);
    try testing.expectEqual(1000 + 32_000 - 3200, record.next_ms);
    try testing.expectEqual(.{ 9, 80 }, .{ record.answered_ms, record.signature_bytes });
}

test "a clock that has gone back does not keep anybody from asking" {
    try testing.expect(answered(ahead_ms_max * 3, 0).isDue(1000));
}
