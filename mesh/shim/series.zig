//! What the shim counts, and how a series is called, so that its labels can be told from its name.
//!
//!     check=.=deny-pattern;.;phase=.=request;.;verdict=.=deny;.;…;.;meshward_verdicts_total
//!     └── labels, as Istio's extraStatTags take them out of a name ────┘└── what is left ─┘
//!
//! A series is defined when it is first needed and known by a small key from then on, in a table
//! that is bounded: nothing is allocated, and no caller can make the proxy's memory grow.
//! Source: istio/istio, tools/packaging/common/envoy_bootstrap.json (read in November 2026).

const std = @import("std");
const contract = @import("contract.zig");
const Config = @import("config.zig").Config;
const Text = @import("text.zig").Text;

pub const Metric = enum(u3) {
    verdicts,
    callout_milliseconds,
    decisions,
    held_bytes,
    cache_lookups,
    key_rests,
    uncounted,
    /// No metric: the beginning of the object for access logs (seen.zig).
    object,

    /// The others are counters.
    pub fn isHistogram(metric: Metric) bool {
        return metric == .callout_milliseconds or metric == .held_bytes;
    }
};

/// What is said in a label of its own: a check's verdict, or what became of a message; `failed` is
/// an answer that is no verdict. What the cache has of a call. Why a key rests.
pub const Word = enum(u3) { allow, mask, deny, failed, miss, hit, refused, throttled };

const Part = enum { item, mode, phase, word, reason };

/// Labels and name; what is to be filled in stands as its number in `Part`.
const templates: std.EnumArray(Metric, []const u8) = .init(.{
    .verdicts = label("check", .item) ++ label("mode", .mode) ++ label("phase", .phase) ++
        label("verdict", .word) ++ label("reason", .reason) ++ "meshward_verdicts_total",
    .callout_milliseconds = label("check", .item) ++ label("phase", .phase) ++
        "meshward_callout_milliseconds",
    .decisions = label("phase", .phase) ++ label("decision", .word) ++ label("reason", .reason) ++
        "meshward_decisions_total",
    .held_bytes = label("phase", .phase) ++ "meshward_held_bytes",
    .cache_lookups = label("result", .word) ++ "meshward_cache_lookups_total",
    .key_rests = label("host", .item) ++ label("cause", .word) ++ "meshward_key_rests_total",
    .uncounted = "meshward_uncounted_total",
    .object = member("check", .item) ++ "," ++ member("mode", .mode) ++ "," ++
        member("phase", .phase) ++ "," ++ member("verdict", .word) ++ "," ++
        member("reason", .reason),
});

fn label(comptime name: []const u8, comptime part: Part) []const u8 {
    return name ++ "=.=" ++ [_]u8{@backingInt(part)} ++ ";.;";
}

fn member(comptime name: []const u8, comptime part: Part) []const u8 {
    return "\"" ++ name ++ "\":\"" ++ [_]u8{@backingInt(part)} ++ "\"";
}

/// One series. What its metric has no label for stays zero.
pub const Key = packed struct(u32) {
    metric: Metric,
    word: Word = .allow,
    /// The plugin whose check or host it is, by its place.
    plugin: u6 = 0,
    /// The check or host, by its place in the plugin's configuration.
    item: u6 = 0,
    /// A `contract.Phase`.
    phase: u1 = 0,
    /// As `numberOf` gives it; 0: none.
    reason: u8 = 0,
    unused: u5 = 0,
};

/// One more than the reason's number, so that none can be 0.
pub fn numberOf(reason: contract.Reason) u8 {
    return @as(u8, @backingInt(reason)) + 1;
}

/// What the key's `item` is called, and how the check is configured.
pub const Names = struct { item: []const u8 = "", mode: []const u8 = "" };

/// Of a check; none where there is no such check.
pub fn namesOf(config: *const Config, check: usize) Names {
    if (check >= config.checks_count) return .{};
    return .{
        .item = config.checks()[check].name,
        .mode = @tagName(config.rules()[check].mode),
    };
}

/// Labels and name of the longest series.
pub const name_bytes_max = 512;

/// Adds what the key says, in the form of its metric.
pub noinline fn tell(text: *Text, key: Key, names: Names) void {
    const phase: contract.Phase = @fromBackingInt(key.phase);
    text.fill(templates.get(key.metric), &.{
        names.item,
        names.mode,
        @tagName(phase),
        @tagName(key.word),
        if (key.reason > 0) contract.reasons[key.reason - 1].code else "",
    });
}

/// A power of two, so that a hash becomes a place by a shift.
const places_log2 = 9;
const places_max = 1 << places_log2;
/// Far more than real configurations bring about; those beyond are `uncounted`, which always finds
/// a place. A table that is never full keeps its searches short and lets them end.
pub const series_max = places_max / 4 * 3;

/// The host's ids of the series that were met.
pub const Table = struct {
    /// Each key plus one; 0: a free place.
    keys: [places_max]u32 = @splat(0),
    ids: [places_max]u32 = undefined,
    count: usize = 0,

    pub const Found = struct { id: *u32, is_new: bool };

    /// The place of `key`'s id, taken now if it is new; null where there is none left for it.
    pub fn find(table: *Table, key: Key) ?Found {
        const wanted = @as(u32, @bitCast(key)) + 1;
        const golden = 0x9E37_79B1;
        var place: usize = (wanted *% golden) >> (32 - places_log2);
        while (table.keys[place] != wanted) : (place = (place + 1) % places_max) {
            if (table.keys[place] != 0) continue;
            const is_full = table.count >= series_max;
            if (is_full and key.metric != .uncounted) return null;
            table.count += 1;
            table.keys[place] = wanted;
            return .{ .id = &table.ids[place], .is_new = true };
        }
        return .{ .id = &table.ids[place], .is_new = false };
    }

    /// Places no longer say what they said: the plugins have changed.
    pub fn clear(table: *Table) void {
        table.keys = @splat(0);
        table.count = 0;
    }
};

const testing = std.testing;

fn keyOf(number: u32) Key {
    return @bitCast(number);
}

test "a series is called by its labels and its name" {
    var buffer: [name_bytes_max]u8 = undefined;
    var name: Text = .{ .buffer = &buffer };
    const key: Key = .{
        .metric = .verdicts,
        .phase = @backingInt(contract.Phase.response),
        .word = .failed,
        .reason = numberOf(.check_timeout),
    };
    tell(&name, key, .{ .item = "llm-guard", .mode = "monitor" });
    try testing.expectEqualStrings(
        "check=.=llm-guard;.;mode=.=monitor;.;phase=.=response;.;verdict=.=failed;.;" ++
            "reason=.=check.timeout;.;meshward_verdicts_total",
        name.written(),
    );
}

test "the longest names are not cut" {
    const longest: [255]u8 = @splat('n');
    for (std.enums.values(Metric)) |metric| {
        var buffer: [name_bytes_max]u8 = undefined;
        var name: Text = .{ .buffer = &buffer };
        const bytes: usize = if (metric == .key_rests) 255 else contract.name_bytes_max;
        const key: Key = .{ .metric = metric, .phase = 1, .word = .throttled };
        tell(&name, key, .{ .item = longest[0..bytes], .mode = "enforce" });
        try testing.expect(name.len + contract.name_bytes_max < buffer.len);
    }
}

test "a series is new once, and keeps its id" {
    var table: Table = .{};
    for (0..series_max) |number| {
        const found = table.find(keyOf(@intCast(number * 8))).?;
        try testing.expect(found.is_new);
        found.id.* = @intCast(number);
    }
    for (0..series_max) |number| {
        const found = table.find(keyOf(@intCast(number * 8))).?;
        try testing.expect(!found.is_new);
        try testing.expectEqual(number, found.id.*);
    }
}

test "a full table takes no more, and an emptied one does" {
    var table: Table = .{};
    for (0..series_max) |number| _ = table.find(keyOf(@intCast(number * 8)));
    try testing.expectEqual(null, table.find(keyOf(series_max * 8)));
    try testing.expect(table.find(.{ .metric = .uncounted }).?.is_new);
    try testing.expectEqual(null, table.find(keyOf(series_max * 8)));
    try testing.expect(table.find(keyOf(0)) != null);
    table.clear();
    try testing.expect(table.find(keyOf(series_max * 8)).?.is_new);
}
