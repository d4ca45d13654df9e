//! The requests that are held or were denied, and the plugins whose they are. Fixed tables: what
//! does not fit is denied, never grown into.
//!
//!     context created ─▶ newborn ─▶ headers on a guarded host ─▶ Stream ─▶ passed, or context done
//!                                └▶ any other host: forgotten
//!
//! One Wasm machine may hold several plugins: a changed configuration comes as a new one, while
//! requests of the old one are still under way.

const std = @import("std");
const config = @import("config.zig");
const core = @import("core.zig");
const callout = @import("callout.zig");
const denial = @import("denial.zig");
const Message = @import("message.zig").Message;

/// Requests that one worker holds at a time. Envoy keeps their bodies, the shim some 2 KB for each.
pub const streams_max = 1024;
/// Configurations that are alive in one machine at a time.
pub const plugins_max = 64;
/// Envoy tells a stream's headers right after its creation; this leaves room for others between.
const newborn_max = 64;

pub const Plugin = struct {
    /// The host's id for it; 0: this place is free.
    context: u32 = 0,
    is_configured: bool = false,
    config: config.Config = undefined,
    /// What the configuration's strings lie in. (Null, so that a free plugin is all zeros, and the
    /// table takes no room in the built file.)
    memory: ?[]u8 = null,
    workload_buffer: [callout.workload_bytes_max]u8 = undefined,
    workload_bytes: usize = 0,

    pub fn workload(plugin: *const Plugin) []const u8 {
        return plugin.workload_buffer[0..plugin.workload_bytes];
    }
};

pub const Stream = struct {
    context: u32,
    plugin: *const Plugin,
    host: *const config.Host,
    template: *const denial.Template,
    began_ms: u64,
    call: core.Call,
    message: Message,
    /// Envoy has refused the body by itself, and its answer is being reworded.
    overflowed: bool,
    /// The callout under way for each check that is `out`.
    tokens: [core.checks_max]u32,
};

const Newborn = struct { context: u32 = 0, plugin: u32 = 0 };

var plugins: [plugins_max]Plugin = @splat(.{});
/// No place from here on is taken.
var plugins_used: usize = 0;
var newborn: [newborn_max]Newborn = @splat(.{});
var newborn_next: usize = 0;
var slots: [streams_max]Stream = undefined;
/// Context of the stream in each slot, 0: free. Apart from them, so that a search stays in cache.
var contexts: [streams_max]u32 = @splat(0);
/// No slot from here on is taken.
var slots_used: usize = 0;

pub fn addPlugin(context: u32) ?*Plugin {
    if (findPlugin(context)) |plugin| return plugin;
    for (&plugins, 1..) |*plugin, used| {
        if (plugin.context != 0) continue;
        plugin.context = context;
        plugins_used = @max(plugins_used, used);
        return plugin;
    }
    return null;
}

pub fn findPlugin(context: u32) ?*Plugin {
    for (plugins[0..plugins_used]) |*plugin| {
        if (plugin.context == context) return plugin;
    }
    return null;
}

/// Forgets a plugin. Streams that it should have outlived can no longer be judged: they go nowhere.
pub fn removePlugin(plugin: *Plugin) void {
    for (slots[0..slots_used]) |*stream| {
        if (stream.plugin == plugin) stream.call.state = .denied;
    }
    plugin.* = .{};
}

pub fn born(context: u32, plugin: u32) void {
    newborn[newborn_next] = .{ .context = context, .plugin = plugin };
    newborn_next = (newborn_next + 1) % newborn_max;
}

/// The configured plugin of a stream whose headers have come.
pub fn pluginOf(context: u32) ?*Plugin {
    for (&newborn) |*each| {
        if (each.context != context) continue;
        each.context = 0;
        const plugin = findPlugin(each.plugin) orelse return null;
        return if (plugin.is_configured) plugin else null;
    }
    return null;
}

/// A place for a stream, its contents undefined but for the context; null when all are taken.
pub fn take(context: u32) ?*Stream {
    const index = std.mem.indexOfScalar(u32, &contexts, 0) orelse return null;
    contexts[index] = context;
    slots_used = @max(slots_used, index + 1);
    slots[index].context = context;
    return &slots[index];
}

pub fn find(context: u32) ?*Stream {
    const index = std.mem.indexOfScalar(u32, contexts[0..slots_used], context) orelse return null;
    return if (context == 0) null else &slots[index];
}

pub fn release(context: u32) void {
    if (context == 0) return;
    const index = std.mem.indexOfScalar(u32, contexts[0..slots_used], context) orelse return;
    contexts[index] = 0;
    while (slots_used > 0 and contexts[slots_used - 1] == 0) slots_used -= 1;
}

pub const Waiting = struct { stream: *Stream, check: usize };

/// Who waits for the answer `token`; nobody, if the stream is gone or decided.
pub fn waiting(token: u32) ?Waiting {
    for (contexts[0..slots_used], 0..) |context, index| {
        if (context == 0) continue;
        const stream = &slots[index];
        if (stream.call.state != .judging) continue;
        var out = stream.call.out.iterator(.{});
        while (out.next()) |check| {
            if (stream.tokens[check] == token) return .{ .stream = stream, .check = check };
        }
    }
    return null;
}

test "a place is given back" {
    defer release(7);
    const first = take(7).?;
    try std.testing.expectEqual(first, find(7));
    release(7);
    try std.testing.expectEqual(null, find(7));
    try std.testing.expectEqual(first, take(7));
}

test "when all places are taken there is none" {
    for (1..streams_max + 1) |context| try std.testing.expect(take(@intCast(context)) != null);
    try std.testing.expectEqual(null, take(streams_max + 1));
    for (1..streams_max + 1) |context| release(@intCast(context));
    try std.testing.expectEqual(0, slots_used);
}
