//! The guarded calls under way, and the plugins whose they are. Fixed tables: what does not fit is
//! denied, never grown into.
//!
//!     context created ─▶ newborn ─▶ headers on a guarded host ─▶ Stream ─▶ context done
//!                                └▶ any other host: forgotten
//!
//! One Wasm machine may hold several plugins: a changed configuration comes as a new one, while
//! calls of the old one are still under way.

const std = @import("std");
const config = @import("config.zig");
const core = @import("core.zig");
const callout = @import("callout.zig");
const cache = @import("cache.zig");
const denial = @import("denial.zig");
const lease = @import("lease.zig");
const memory = @import("memory.zig");
const sha256 = @import("sha256.zig");
const sign = @import("sign.zig");
const Message = @import("message.zig").Message;
const Phase = @import("contract.zig").Phase;
const Seen = @import("seen.zig").Seen;
const Windows = @import("windows.zig").Windows;

/// Guarded calls that one worker carries at a time. Envoy keeps their bodies; the shim a place in
/// the table, what it remembers of the request, and what checks have sealed for later.
pub const streams_max = 1024;
/// Configurations that are alive in one machine at a time.
pub const plugins_max = 64;
/// Envoy tells a stream's headers right after its creation; this leaves room for others between.
const newborn_max = 64;

pub const Plugin = struct {
    /// The host's id for it.
    context: u32 = 0,
    is_configured: bool = false,
    config: config.Config = undefined,
    /// What the configuration's strings lie in.
    document: []u8 = "",
    /// Null: allows are not remembered.
    cache: ?*cache.Cache = null,
    broker: lease.State = undefined,
    /// Has taken up the signing secret, once for all signatures.
    signer: sha256.Mac = undefined,
    /// While a stream waits for its window, the host calls more often.
    is_ticking: bool = false,
    idle_tick_ms: u32 = 0,
    workload_buffer: [callout.workload_bytes_max]u8 = undefined,
    workload_bytes: usize = 0,

    pub fn workload(plugin: *const Plugin) []const u8 {
        return plugin.workload_buffer[0..plugin.workload_bytes];
    }
};

pub const Stream = struct {
    context: u32,
    /// Null once it is gone: what is then under way goes nowhere.
    plugin: ?*Plugin,
    host: *const config.Host,
    template: *const denial.Template,
    began_ms: u64,
    /// The key that the call went out with; told of by the provider's answer.
    key_id: u32 = 0,
    call: core.Call,
    message: Message = .{},
    /// Envoy has refused the body by itself, and its answer is being reworded.
    overflowed: bool = false,
    /// Neither request nor response is for any check.
    is_unchecked: bool = false,
    /// For how long an identical call may do without checks, as far as they have answered.
    cache_seconds: u32,
    /// What the cache knows the call by, and its epoch when it was asked. 0: it was not, none is set.
    identity: sign.Digest = undefined,
    cache_epoch: u32 = 0,
    /// The callout under way for each check that is `out`.
    tokens: [core.checks_max]u32 = undefined,
    /// What each check has sealed for its next callout of this call.
    states: ?*States = null,
    reply: ?*Reply = null,
    /// Null where there was no memory: then the call is guarded, and not seen.
    seen: ?*Seen = null,

    pub fn stateOf(stream: *const Stream, check: usize) []const u8 {
        return if (stream.states) |states| states[check] else "";
    }

    /// Puts a copy of `state` in the place of what the check sealed before.
    pub fn remember(stream: *Stream, check: usize, state: []const u8) error{OutOfMemory}!void {
        if (state.len == 0) return;
        const states = stream.states orelse try memory.allocator.create(States);
        if (stream.states == null) @memset(states, "");
        stream.states = states;
        const copy = try memory.allocator.dupe(u8, state);
        memory.allocator.free(states[check]);
        states[check] = copy;
    }
};

const States = [core.checks_max][]u8;

/// A response that is checked.
pub const Reply = struct {
    call: core.Call,
    tokens: [core.checks_max]u32 = undefined,
    /// Of its `content_type` and `content_encoding`.
    content: Message,
    /// Envoy holds body or headers until the shim lets them go.
    is_held: bool = false,
    /// It ended with trailers: without a body, nothing is left to put words into.
    has_trailers: bool = false,
    /// Its headers wait too, so that a denial can be an answer of its own.
    are_headers_held: bool = false,
    windows: Windows = .{},
    /// For each check: what its verdicts on windows that went on are to be told as.
    noted: [core.checks_max]Noted = @splat(.{}),
};

/// Of the last of so many windows.
pub const Noted = struct { note: core.Note = undefined, windows: u32 = 0 };

const Newborn = struct { context: u32 = 0, plugin: u32 = 0 };

var plugins: [plugins_max]?*Plugin = @splat(null);
/// No place from here on was ever taken.
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
    for (&plugins, 1..) |*place, used| {
        if (place.* != null) continue;
        const plugin = memory.allocator.create(Plugin) catch return null;
        plugin.* = .{ .context = context };
        plugin.broker.begin();
        place.* = plugin;
        plugins_used = @max(plugins_used, used);
        return plugin;
    }
    return null;
}

pub fn findPlugin(context: u32) ?*Plugin {
    for (plugins[0..plugins_used]) |each| {
        const plugin = each orelse continue;
        if (plugin.context == context) return plugin;
    }
    return null;
}

/// A plugin by its place in the table.
pub fn pluginAt(place: usize) ?*const Plugin {
    return plugins[place];
}

/// Its place; the first where it has none any more.
pub fn placeOf(plugin: *const Plugin) u6 {
    for (&plugins, 0..) |each, place| {
        if (each == plugin) return @intCast(place);
    }
    return 0;
}

pub fn removePlugin(plugin: *Plugin) void {
    unload(plugin);
    plugins[placeOf(plugin)] = null;
    memory.allocator.destroy(plugin);
}

/// Forgets a configuration. Streams that it should have outlived can no longer be judged: they go
/// nowhere.
pub fn unload(plugin: *Plugin) void {
    for (slots[0..slots_used]) |*stream| {
        if (stream.plugin != plugin) continue;
        stream.plugin = null;
        stream.call.state = .denied;
        if (stream.reply) |reply| reply.call.state = .denied;
    }
    plugin.broker.end();
    memory.allocator.free(plugin.document);
    if (plugin.cache) |allows| allows.destroy();
    plugin.* = .{ .context = plugin.context };
    plugin.broker.begin();
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

/// A place for a stream; null when all are taken.
pub fn take(stream: *const Stream) ?*Stream {
    const index = slotOf(0, contexts.len) orelse return null;
    contexts[index] = stream.context;
    slots_used = @max(slots_used, index + 1);
    slots[index] = stream.*;
    slots[index].seen = memory.allocator.create(Seen) catch null;
    // All zeros: to write `.{}` would be a copy of that in the built file.
    if (slots[index].seen) |seen| @memset(std.mem.asBytes(seen), 0);
    return &slots[index];
}

pub fn find(context: u32) ?*Stream {
    if (context == 0) return null;
    return &slots[slotOf(context, slots_used) orelse return null];
}

fn slotOf(context: u32, count: usize) ?usize {
    for (contexts[0..count], 0..) |each, index| {
        if (each == context) return index;
    }
    return null;
}

/// Gives its place back.
pub fn release(stream: *Stream) void {
    stream.message.forget();
    if (stream.states) |states| {
        for (states) |state| memory.allocator.free(state);
        memory.allocator.destroy(states);
    }
    if (stream.reply) |reply| {
        reply.content.forget();
        reply.windows.deinit();
        memory.allocator.destroy(reply);
    }
    if (stream.seen) |seen| memory.allocator.destroy(seen);
    stream.plugin = null;
    contexts[stream - &slots[0]] = 0;
    while (slots_used > 0 and contexts[slots_used - 1] == 0) slots_used -= 1;
}

/// All streams, for a look at each; those that are over have no plugin.
pub fn all() []Stream {
    return slots[0..slots_used];
}

pub const Waiting = struct { stream: *Stream, check: core.Index, phase: Phase };

/// Who waits for the answer `token`; nobody, if the stream is gone or decided.
pub fn waiting(token: u32) ?Waiting {
    for (contexts[0..slots_used], 0..) |context, index| {
        if (context == 0) continue;
        const stream = &slots[index];
        if (checkOf(&stream.call, &stream.tokens, token)) |check| {
            return .{ .stream = stream, .check = check, .phase = .request };
        }
        const reply = stream.reply orelse continue;
        if (checkOf(&reply.call, &reply.tokens, token)) |check| {
            return .{ .stream = stream, .check = check, .phase = .response };
        }
    }
    return null;
}

fn checkOf(call: *const core.Call, tokens: *const [core.checks_max]u32, token: u32) ?core.Index {
    if (call.state != .judging) return null;
    var out = call.out.iterator(.{});
    while (out.next()) |check| {
        if (tokens[check] == token) return @intCast(check);
    }
    return null;
}
