//! Calls that all checks have allowed, remembered for a while: an identical one may do without.
//!
//!     identity (SHA-256 of all that a check can judge by) ─▶ set of four places ─▶ until when
//!
//! An allow of a revision that is new to the plugin empties all: the policy has changed. A few
//! revisions are known at a time, since a policy may leave some calls to others (`select`), and
//! each of those has a revision of its own.

const std = @import("std");
const contract = @import("contract.zig");
const core = @import("core.zig");
const int = @import("int.zig");
const memory = @import("memory.zig");
const Digest = @import("sha256.zig").Digest;
const text = @import("text.zig");

const ways = 4;
const revisions_max = 4;

const Entry = struct { identity: Digest, until_ms: u64 };

const Revision = struct {
    buffer: [contract.revision_bytes_max]u8,
    bytes: usize,

    fn is(revision: *const Revision, value: []const u8) bool {
        return text.eql(revision.buffer[0..revision.bytes], value);
    }
};

pub const Cache = struct {
    sets: [][ways]Entry,
    /// Another one begins whenever all is emptied. An allow that was asked for in an earlier one is not
    /// remembered: it may be of the old policy.
    epoch: u32 = 0,
    revisions: [core.checks_max][revisions_max]Revision,
    next: [core.checks_max]u8,

    /// A cache with room for about `entries` allows.
    pub fn create(entries: usize) error{OutOfMemory}!*Cache {
        const cache = try memory.allocator.create(Cache);
        errdefer memory.allocator.destroy(cache);
        cache.sets = try memory.allocator.alloc([ways]Entry, (entries + ways - 1) / ways);
        cache.epoch = 0;
        cache.empty();
        for (&cache.revisions, &cache.next) |*known, *next| {
            for (known) |*revision| revision.bytes = 0;
            next.* = 0;
        }
        return cache;
    }

    pub fn destroy(cache: *Cache) void {
        memory.allocator.free(cache.sets);
        memory.allocator.destroy(cache);
    }

    pub fn has(cache: *const Cache, identity: *const Digest, now_ms: u64) bool {
        for (cache.setOf(identity)) |*entry| {
            if (entry.until_ms <= now_ms) continue;
            if (text.eql(&entry.identity, identity)) return true;
        }
        return false;
    }

    /// Remember an allow, in the place of the one that ends first.
    pub fn put(cache: *Cache, identity: *const Digest, until_ms: u64) void {
        const set = cache.setOf(identity);
        var oldest = &set[0];
        for (set) |*entry| {
            if (entry.until_ms < oldest.until_ms) oldest = entry;
        }
        oldest.* = .{ .identity = identity.*, .until_ms = until_ms };
    }

    /// `check` has answered by `revision`.
    pub fn learn(cache: *Cache, check: usize, revision: []const u8) void {
        for (&cache.revisions[check]) |*known| {
            if (known.is(revision)) return;
        }
        cache.empty();
        const place = &cache.revisions[check][cache.next[check]];
        cache.next[check] = (cache.next[check] + 1) % revisions_max;
        var written: text.Text = .{ .buffer = &place.buffer };
        written.add(revision);
        place.bytes = written.len;
    }

    fn empty(cache: *Cache) void {
        cache.epoch += 1;
        for (cache.sets) |*set| {
            for (set) |*entry| entry.until_ms = 0;
        }
    }

    fn setOf(cache: *const Cache, identity: *const Digest) *[ways]Entry {
        // A digest's bytes are as good as random.
        const number = int.read(u32, identity[0..4], .little);
        return &cache.sets[number % cache.sets.len];
    }
};

const testing = std.testing;

fn digest(first: u8, last: u8) Digest {
    var value: Digest = @splat(0);
    value[0] = first;
    value[31] = last;
    return value;
}

test "an allow is remembered for its time and no longer" {
    const cache: *Cache = try .create(16);
    defer cache.destroy();
    const one = digest(1, 1);
    cache.put(&one, 1000);
    try testing.expect(cache.has(&one, 999));
    try testing.expect(!cache.has(&one, 1000));
    try testing.expect(!cache.has(&digest(1, 2), 0));
}

test "where there is no room, the allow that ends first makes way" {
    const cache: *Cache = try .create(1);
    defer cache.destroy();
    for (1..6) |number| cache.put(&digest(0, @intCast(number)), number * 100);
    try testing.expect(!cache.has(&digest(0, 1), 0));
    for (2..6) |number| try testing.expect(cache.has(&digest(0, @intCast(number)), 0));
}

test "a revision that is new empties all, a known one nothing" {
    const cache: *Cache = try .create(16);
    defer cache.destroy();
    cache.learn(0, "r1");
    cache.learn(0, "r2");
    cache.put(&digest(1, 1), 1000);
    for ([_][]const u8{ "r1", "r2", "r1" }) |known| cache.learn(0, known);
    try testing.expect(cache.has(&digest(1, 1), 0));
    cache.learn(0, "r3");
    try testing.expect(!cache.has(&digest(1, 1), 0));
}
