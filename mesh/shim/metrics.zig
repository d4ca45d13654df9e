//! Counting what happens, in the host's metrics. A host that refuses changes no verdict.
//!
//!     callout, decided, held, cache, rested ─▶ series.Key ─▶ id, defined once ─▶ abi

const std = @import("std");
const abi = @import("abi.zig");
const contract = @import("contract.zig");
const series = @import("series.zig");
const streams = @import("streams.zig");
const Text = @import("text.zig").Text;
const Key = series.Key;
const Word = series.Word;
const Plugin = streams.Plugin;

/// Stands for the id of a series that the host would not define.
const refused = std.math.maxInt(u32);

var table: series.Table = .{};
// Large and used by one callback at a time, so not on the small stack.
var name_buffer: [series.name_bytes_max]u8 = undefined;

/// A check was asked, and `ms` later said this.
pub fn callout(
    plugin: *const Plugin,
    check: usize,
    phase: contract.Phase,
    verdict: Word,
    reason: u8,
    ms: u64,
) void {
    var key: Key = .{
        .metric = .callout_milliseconds,
        .plugin = streams.placeOf(plugin),
        .item = @intCast(check),
        .phase = @backingInt(phase),
    };
    note(key, ms);
    key.metric = .verdicts;
    key.word = verdict;
    key.reason = reason;
    note(key, 1);
}

/// What became of a message in this phase, and why.
pub fn decided(phase: contract.Phase, decision: Word, reason: u8) void {
    note(.{
        .metric = .decisions,
        .phase = @backingInt(phase),
        .word = decision,
        .reason = reason,
    }, 1);
}

/// So many bytes of a message were held until it was decided.
pub fn held(phase: contract.Phase, bytes: u64) void {
    note(.{ .metric = .held_bytes, .phase = @backingInt(phase) }, bytes);
}

/// Whether the cache had an allow for a call.
pub fn cache(hit: bool) void {
    note(.{ .metric = .cache_lookups, .word = if (hit) .hit else .miss }, 1);
}

/// The provider behind a host made one of its keys rest.
pub fn rested(plugin: *const Plugin, host: usize, cause: Word) void {
    note(.{
        .metric = .key_rests,
        .plugin = streams.placeOf(plugin),
        .item = @intCast(host),
        .word = cause,
    }, 1);
}

/// The plugins have changed, and with them what a key stands for.
pub fn forget() void {
    table.clear();
}

/// Adds `value` to the series, or records it where it is a histogram.
fn note(key: Key, value: u64) void {
    const found = table.find(key) orelse {
        return if (key.metric != .uncounted) note(.{ .metric = .uncounted }, 1);
    };
    const kind: abi.Metric = if (key.metric.isHistogram()) .histogram else .counter;
    if (found.is_new) {
        var name: Text = .{ .buffer = &name_buffer };
        series.tell(&name, key, namesOf(key));
        found.id.* = abi.define(kind, name.written()) catch refused;
    }
    if (found.id.* == refused) return;
    switch (kind) {
        .counter => abi.increment(found.id.*, value),
        .histogram => abi.record(found.id.*, value),
    }
}

fn namesOf(key: Key) series.Names {
    const plugin = streams.pluginAt(key.plugin) orelse return .{};
    if (key.metric == .key_rests) return .{ .item = plugin.config.hosts()[key.item].name };
    return series.namesOf(&plugin.config, key.item);
}
