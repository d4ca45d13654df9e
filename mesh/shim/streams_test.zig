//! The table of guarded calls (streams.zig) tested.

const std = @import("std");
const streams = @import("streams.zig");

fn nothing(context: u32) streams.Stream {
    return .{
        .context = context,
        .plugin = null,
        .host = undefined,
        .template = undefined,
        .began_ms = 0,
        .call = .{ .body_bytes_max = 0 },
        .cache_seconds = 0,
    };
}

test "a place is given back" {
    const first = streams.take(&nothing(7)).?;
    try std.testing.expectEqual(first, streams.find(7));
    streams.release(first);
    try std.testing.expectEqual(null, streams.find(7));
    try std.testing.expectEqual(first, streams.take(&nothing(7)));
    streams.release(first);
}

test "when all places are taken there is none" {
    for (1..streams.streams_max + 1) |context| {
        try std.testing.expect(streams.take(&nothing(@intCast(context))) != null);
    }
    try std.testing.expectEqual(null, streams.take(&nothing(streams.streams_max + 1)));
    for (1..streams.streams_max + 1) |context| streams.release(streams.find(@intCast(context)).?);
    try std.testing.expectEqual(0, streams.all().len);
}
