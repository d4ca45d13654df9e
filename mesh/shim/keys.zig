//! Which of its host's keys a call gets, and which of them rest.
//!
//!     provider's answer     what becomes of the key
//!     ────────────────────  ───────────────────────────────────────────────────────────────────
//!     2xx                   works: whatever was held against it is forgotten
//!     401, 402, 403         refused: rests a minute, and each further time twice as long, up to
//!                           an hour
//!     429                   throttled: rests as long as `retry-after` says, else 10 s
//!     anything else         says nothing about the key
//!
//! A call that began before its key was put to rest says nothing new either: of a hundred calls
//! under way, the first to be refused counts. When all keys rest, the one is used whose rest ends
//! first: a key that may be refused is better than a call that must be.

const std = @import("std");
const text = @import("text.zig");

const refused_ms: u64 = 60 * std.time.ms_per_s;
const refused_ms_max: u64 = 60 * refused_ms;
const throttled_s: u64 = 10;
/// A provider that asks for more is asked again by then.
const throttled_s_max: u64 = 300;

pub const Chosen = struct {
    key: []const u8,
    /// Names the key for `told`, also when there are others by then. 0: the only one, which is used
    /// whatever is said of it.
    id: u32,
};

/// What a provider's answer says about the key.
pub const Opinion = enum {
    works,
    refused,
    throttled,

    /// Null where it says nothing.
    pub fn of(status: []const u8) ?Opinion {
        if (text.startsWith(status, "2")) return .works;
        if (text.eql(status, "429")) return .throttled;
        if (text.lineOf("401\n402\n403", status) != null) return .refused;
        return null;
    }
};

/// The keys of all hosts that have something held against them, each in the place that its id
/// names: of two at one place, the later one counts.
pub const Rests = struct {
    entries: [entries_max]Entry = @splat(.{}),

    const entries_max = 32;

    const Entry = struct {
        id: u32 = 0,
        /// How often it was refused on end.
        refusals: u8 = 0,
        from_ms: u64 = 0,
        until_ms: u64 = 0,
    };

    fn untilMs(rests: *const Rests, id: u32) u64 {
        return if (rests.has(id)) rests.entries[id % entries_max].until_ms else 0;
    }

    pub fn has(rests: *const Rests, id: u32) bool {
        return rests.entries[id % entries_max].id == id;
    }

    /// What the provider says about the key `id`, in answer to a call that began at `began_ms`.
    /// Whether it rests now, and did not before.
    pub fn told(
        rests: *Rests,
        id: u32,
        began_ms: u64,
        opinion: Opinion,
        retry_after: []const u8,
        now_ms: u64,
    ) bool {
        const entry = &rests.entries[id % entries_max];
        if (entry.id != id) entry.* = .{ .id = id };
        if (began_ms < entry.from_ms) return false;
        var ms: u64 = 0;
        switch (opinion) {
            .works => entry.refusals = 0,
            .refused => {
                ms = @min(refused_ms << @intCast(@min(entry.refusals, 6)), refused_ms_max);
                entry.refusals +|= 1;
            },
            .throttled => {
                const seconds = text.parse(retry_after) orelse throttled_s;
                ms = std.time.ms_per_s * @as(u64, @min(@max(seconds, 1), throttled_s_max));
            },
        }
        entry.from_ms = now_ms;
        entry.until_ms = now_ms + ms;
        return ms > 0;
    }
};

/// The key for a call to the host `name`: of `lines`, those are its keys that stand behind its name
/// and a space, or all where `name` is "".
pub fn choose(rests: *const Rests, lines: []const u8, name: []const u8, now_ms: u64) ?Chosen {
    var best: ?Chosen = null;
    var best_until_ms: u64 = std.math.maxInt(u64);
    var count: usize = 0;
    var rest: ?[]const u8 = lines;
    while (text.nextLine(&rest)) |line| {
        const key = if (name.len == 0) line else behind(line, name);
        if (key.len == 0) continue;
        count += 1;
        if (best_until_ms <= now_ms) continue;
        const id = std.hash.Fnv1a_32.hash(line);
        const until_ms = rests.untilMs(id);
        if (until_ms >= best_until_ms) continue;
        best = .{ .key = key, .id = id };
        best_until_ms = until_ms;
    }
    if (count == 1) best.?.id = 0;
    return best;
}

fn behind(line: []const u8, name: []const u8) []const u8 {
    const is_named = line.len > name.len and line[name.len] == ' ' and
        text.startsWith(line, name);
    return if (is_named) line[name.len + 1 ..] else "";
}

const testing = std.testing;
const minute_ms = 60_000;

const Player = struct {
    rests: Rests = .{},
    lines: []const u8,

    fn choose(player: *const Player, now_ms: u64) ?Chosen {
        return @import("keys.zig").choose(&player.rests, player.lines, "", now_ms);
    }

    fn expect(player: *const Player, expected: []const u8, now_ms: u64) !void {
        try testing.expectEqualStrings(expected, player.choose(now_ms).?.key);
    }

    fn tell(player: *Player, status: []const u8, retry_after: []const u8, now_ms: u64) bool {
        const id = player.choose(now_ms).?.id;
        const opinion = Opinion.of(status) orelse return false;
        return player.rests.told(id, now_ms, opinion, retry_after, now_ms);
    }
};

test "without keys there is none" {
    for ([_][]const u8{ "", "\n", "\n\n" }) |lines| {
        const player: Player = .{ .lines = lines };
        try testing.expectEqual(null, player.choose(0));
    }
}

test "the first key is used until it is refused, and again a minute later" {
    for ([_][]const u8{ "401", "402", "403" }) |status| {
        var player: Player = .{ .lines = "a\nb\nc" };
        try player.expect("a", 1000);
        try testing.expect(player.tell(status, "7", 1000));
        try player.expect("b", 1000);
        try player.expect("b", 1000 + minute_ms - 1);
        try player.expect("a", 1000 + minute_ms);
    }
}

test "each refusal on end doubles the rest, up to an hour; a call that works ends that" {
    var player: Player = .{ .lines = "a\nb" };
    var now: u64 = 1000;
    for ([_]u64{ 1, 2, 4, 8, 16, 32, 60, 60 }) |minutes| {
        try testing.expect(player.tell("401", "", now));
        now += minutes * minute_ms;
        try player.expect("b", now - 1);
        try player.expect("a", now);
    }
    try testing.expectEqual(false, player.tell("200", "", now));
    try testing.expect(player.tell("401", "", now));
    try player.expect("a", now + minute_ms);
}

test "a throttled key rests as long as the provider says, within bounds" {
    const said = [_][]const u8{ "3", "0", "301", "", "Thu, 01 Jan 2026 00:00:00 GMT", "-1" };
    for (said, [_]u64{ 3, 1, 300, 10, 10, 10 }) |retry_after, seconds| {
        var player: Player = .{ .lines = "a\nb" };
        try testing.expect(player.tell("429", retry_after, 1000));
        try player.expect("b", 1000 + seconds * 1000 - 1);
        try player.expect("a", 1000 + seconds * 1000);
    }
}

test "other answers say nothing about a key" {
    var player: Player = .{ .lines = "a\nb" };
    for ([_][]const u8{ "", "0", "100", "199", "300", "400", "404", "40", "500", "503" }) |status| {
        try testing.expectEqual(false, player.tell(status, "5", 1000));
        try player.expect("a", 1000);
    }
}

test "when all rest, the one is used whose rest ends first, and works again if it does" {
    var player: Player = .{ .lines = "a\nb\nc" };
    for ([_]u64{ 1000, 2000, 3000 }) |now| _ = player.tell("401", "", now);
    try player.expect("a", 4000);
    try testing.expectEqual(false, player.tell("200", "", 4000));
    try player.expect("a", 4200);
    try testing.expect(player.tell("401", "", 4300));
    try player.expect("b", 4400);
}

test "calls that began before the rest say nothing new" {
    var player: Player = .{ .lines = "a\nb" };
    const id = player.choose(1000).?.id;
    try testing.expect(player.rests.told(id, 1000, .refused, "", 1500));
    for (std.enums.values(Opinion)) |opinion| {
        try testing.expect(!player.rests.told(id, 1400, opinion, "100", 1600));
        try player.expect("b", 1500 + minute_ms - 1);
        try player.expect("a", 1500 + minute_ms);
    }
}

test "in a new set the keys that stay rest on" {
    var player: Player = .{ .lines = "a\nb" };
    _ = player.tell("401", "", 1000);
    player.lines = "new\na";
    try player.expect("new", 1000);
    player.lines = "a\nb";
    try player.expect("b", 1000);
}

test "the only key has no name, and so never rests" {
    const player: Player = .{ .lines = "a" };
    try testing.expectEqual(0, player.choose(1).?.id);
}

test "of two keys at one place, the later one counts" {
    var rests: Rests = .{};
    for ([_]u32{ 1, 1 + Rests.entries_max }) |id| _ = rests.told(id, 0, .refused, "", 1);
    try testing.expectEqual(0, rests.untilMs(1));
    try testing.expectEqual(1 + minute_ms, rests.untilMs(1 + Rests.entries_max));
    try testing.expectEqual(0, rests.untilMs(2));
}

test "of an answer's lines, those are a host's keys that begin with its name" {
    const answer = "0123456789ab\na.test one\na.test two\n*.b.test three\naa.test x\na.test";
    var rests: Rests = .{};
    const first = choose(&rests, answer, "a.test", 1).?;
    try testing.expectEqualStrings("one", first.key);
    _ = rests.told(first.id, 1, .refused, "", 1);
    try testing.expectEqualStrings("two", choose(&rests, answer, "a.test", 1).?.key);
    try testing.expectEqualStrings("three", choose(&rests, answer, "*.b.test", 1).?.key);
    for ([_][]const u8{ "b.test", "one", "0123456789ab", "a", "a.tes", "c" }) |name| {
        try testing.expectEqual(null, choose(&rests, answer, name, 1));
    }
}

test "by seed: there is always a key, and a resting one only if all rest" {
    var prng: std.Random.DefaultPrng = .init(1);
    const random = prng.random();
    var player: Player = .{ .lines = "a\nb" };
    var now: u64 = 1000;
    for (0..100_000) |_| {
        now += random.uintLessThan(u64, 20_000);
        const sets = [_][]const u8{ "d\na", "a\nb", "b\nc\na" };
        if (random.boolean()) player.lines = sets[random.uintLessThan(usize, sets.len)];
        const statuses = [_][]const u8{ "200", "401", "429", "500" };
        _ = player.tell(statuses[random.uintLessThan(usize, statuses.len)], "20", now);
        const chosen = player.choose(now).?;
        try testing.expect(player.rests.untilMs(chosen.id) <= now + refused_ms_max);
        if (player.rests.untilMs(chosen.id) <= now) continue;
        var rest: ?[]const u8 = player.lines;
        while (text.nextLine(&rest)) |key| {
            try testing.expect(player.rests.untilMs(std.hash.Fnv1a_32.hash(key)) > now);
        }
    }
}
