//! Keys of the key-broker, which is asked by one of the workers' machines for all of them.
//!
//!     tick ─▶ shared record (lease.zig) ─▶ wait
//!                ├─▶ an answer that this machine does not have ─▶ opened, adopted
//!                └─▶ due, and the lease won ─▶ call for keys ─▶ opened, adopted, shared as it came
//!
//! Shared is the sealed answer only, with the signature that it answers: opened keys are nowhere but
//! in the memory of the machines that use them. Whatever fails leaves the keys as they are.

const std = @import("std");
const abi = @import("abi.zig");
const asking = @import("asking.zig");
const callout = @import("callout.zig");
const config = @import("config.zig");
const contract = @import("contract.zig");
const headers = @import("headers.zig");
const lease = @import("lease.zig");
const log = @import("log.zig");
const memory = @import("memory.zig");
const seal = @import("seal.zig");
const sha256 = @import("sha256.zig");
const sign = @import("sign.zig");
const streams = @import("streams.zig");
const Text = @import("text.zig").Text;
const Plugin = streams.Plugin;

/// So soon after the start are the first keys asked for, and what others were given is looked for.
pub const tick_ms = 100;
/// With keys at hand, others' answers are looked for less often.
const look_ms = 1000;
const name_prefix = "meshward.keys";
/// Room for the headers of a call for keys: a token, two names, and what is always the same.
const encoded_bytes_max = 4096;

/// Looks for keys that other machines have been given already, when a plugin is loaded.
pub fn begin(plugin: *Plugin) error{OutOfMemory}!void {
    if (plugin.config.broker.cluster.len == 0) return;
    plugin.broker.name = try nameOf(plugin);
    _ = adoptShared(plugin, &load(&plugin.broker));
    plugin.idle_tick_ms = tick_ms;
    // Without ticks nothing would end the waiting.
    abi.tickEvery(tick_ms) catch return;
    if (plugin.broker.adopted_ms == 0) plugin.broker.awaited_since_ms = asking.nowMs();
}

/// Whether calls may wait for the first keys: as long as one call for them may take.
pub fn isAwaited(plugin: *const Plugin) bool {
    return plugin.broker.awaited_since_ms > 0;
}

/// Whether that waiting ends now: true once.
pub fn isAwaitingOver(plugin: *Plugin) bool {
    const state = &plugin.broker;
    const waited_ms = asking.nowMs() -% state.awaited_since_ms;
    // A clock that has gone back, or stands still at zero, ends it too.
    if (state.adopted_ms == 0 and waited_ms < plugin.config.broker.timeout_ms) return false;
    state.awaited_since_ms = 0;
    return true;
}

pub fn onTick(plugin: *Plugin) void {
    if (plugin.config.broker.cluster.len == 0) return;
    const state = &plugin.broker;
    const now = abi.nowNanoseconds();
    const now_ms = now / std.time.ns_per_ms;
    if (state.adopted_ms > 0 and now_ms -% state.looked_ms < look_ms) return;
    state.looked_ms = now_ms;
    const shared = load(state);
    const is_useful = adoptShared(plugin, &shared);
    if (state.is_asking or (is_useful and !shared.record.isDue(now_ms))) return;
    state.record = shared.record.*;
    state.record.ask(now_ms, plugin.config.broker.refresh_seconds, now);
    if (!store(state, shared.rest, "", shared.cas)) return;
    ask(plugin, now_ms) catch log.keysMissed("none");
}

/// Whether the answer `token` is one to a call for keys.
pub fn isAnswer(plugin: *const Plugin, token: u32) bool {
    return plugin.broker.is_asking and plugin.broker.token == token;
}

/// What does not open with the signature of the call is no answer, whatever its headers say.
pub fn onAnswer(plugin: *Plugin) void {
    const state = &plugin.broker;
    state.is_asking = false;
    const signature = state.signature[0..state.signature_bytes];
    const sealed = abi.read(.callout_body) catch "";
    if (!adopt(plugin, signature, sealed)) {
        const map = abi.pairs(.callout) catch headers.Map.empty;
        return log.keysMissed(map.first(":status"));
    }
    const now = abi.nowNanoseconds();
    state.adopted_ms = now / std.time.ns_per_ms;
    state.record = .{ .answered_ms = state.adopted_ms, .signature_bytes = state.signature_bytes };
    state.record.wait(plugin.config.broker.refresh_seconds, now);
    _ = store(state, signature, sealed, 0);
}

fn ask(plugin: *Plugin, now_ms: u64) !void {
    const broker = &plugin.config.broker;
    const state = &plugin.broker;
    const body = state.name[@min(state.name.len, name_prefix.len + 1)..];
    const lines = [_][]const u8{plugin.workload()};
    const at = now_ms / std.time.ms_per_s;
    const digest = sha256.hash(body);
    const signature =
        sign.over(&state.signature, &plugin.signer, contract.keys_purpose, &lines, &digest, at);
    state.signature_bytes = @intCast(signature.len);
    var authorization: [callout.bearer_bytes_max]u8 = undefined;
    var buffer: [encoded_bytes_max]u8 = undefined;
    var list: callout.List = undefined;
    list.begin();
    list.append(":method", "POST");
    list.append(":path", contract.keys_path);
    list.append(":authority", broker.authority);
    list.append(contract.header.contract, contract.version);
    list.append(contract.header.workload, plugin.workload());
    list.append(contract.header.signature, signature);
    list.append("authorization", callout.bearer(&authorization, broker.token));
    const encoded = try headers.encode(list.items(), &buffer);
    state.token = try abi.callOut(broker.cluster, encoded, body, broker.timeout_ms);
    state.is_asking = true;
}

/// What is shared under: the names of the hosts whose keys are the broker's, one on each line.
/// Plugins that ask for the same share what they are given.
fn nameOf(plugin: *const Plugin) error{OutOfMemory}![]u8 {
    var bytes: usize = name_prefix.len;
    for (plugin.config.hosts()) |*host| bytes += if (isAsked(host)) host.name.len + 1 else 0;
    var name: Text = .{ .buffer = try memory.allocator.alloc(u8, bytes) };
    name.add(name_prefix);
    for (plugin.config.hosts()) |*host| {
        if (!isAsked(host)) continue;
        name.add("\n");
        name.add(host.name);
    }
    return name.buffer;
}

fn isAsked(host: *const config.Host) bool {
    return host.credential.keys.len == 0;
}

/// Opens an answer and takes its keys over; false where it is none.
fn adopt(plugin: *Plugin, signature: []const u8, sealed: []const u8) bool {
    const state = &plugin.broker;
    if (sealed.len > contract.keys_bytes_max) return false;
    const kept = memory.allocator.dupe(u8, sealed) catch return false;
    const lines = seal.open(&plugin.signer, signature, kept) orelse {
        memory.allocator.free(kept);
        return false;
    };
    state.forget();
    state.document = kept;
    state.lines = lines;
    return true;
}

/// False where there is an answer that does not open: other plugins have other secrets.
fn adoptShared(plugin: *Plugin, shared: *const Loaded) bool {
    const state = &plugin.broker;
    const record = shared.record;
    if (record.answered_ms == state.adopted_ms) return true;
    if (record.signature_bytes > shared.rest.len) return false;
    const signature = shared.rest[0..record.signature_bytes];
    if (!adopt(plugin, signature, shared.rest[signature.len..])) return false;
    state.adopted_ms = record.answered_ms;
    return true;
}

/// Lasts as long as the callback.
const Loaded = struct { record: *const lease.Record, rest: []const u8, cas: u32 };

fn load(state: *lease.State) Loaded {
    var shared = abi.shared(state.name);
    if (shared.bytes.len == 0) {
        // A value that is there can be compared and swapped, from the first time on.
        _ = store(state, "", "", 0);
        shared = abi.shared(state.name);
    }
    const head = @sizeOf(lease.Record);
    if (shared.bytes.len < head) return .{ .record = &state.record, .rest = "", .cas = 0 };
    return .{
        .record = @ptrCast(shared.bytes),
        .rest = shared.bytes[head..],
        .cas = shared.cas,
    };
}

/// Shares the record, and what stands behind it. False where another machine was first.
fn store(state: *lease.State, signature: []const u8, sealed: []const u8, cas: u32) bool {
    const record = std.mem.asBytes(&state.record);
    const size = record.len + signature.len + sealed.len;
    const start = memory.allocate(size) orelse return true;
    var value: Text = .{ .buffer = start[0..size] };
    value.add(record);
    value.add(signature);
    value.add(sealed);
    return abi.setShared(state.name, value.written(), cas);
}
